"""A desk of six processes with its own broker and its own database, and all the ways in which it can be hurt."""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from aiokafka.errors import KafkaError

from answerable.infra.bus import wire
from answerable.services import features_of
from tests import engines
from tests.cluster import Cluster, EagerService, services_apart
from tests.faults.schedule import KAFKA, POSTGRES, SERVICES, Fault, service_of
from tests.kafka import Broker, forget_offsets, own_broker

T = TypeVar("T")
RESTARTS = 60
# A broker that was killed is let in again after two seconds, and not after the usual nine.
QUICK_AGAIN = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500\n"
LONGEST_RESET = 40.0


class Place:
    """Where everything runs. What is stopped is started again by ``befall`` itself, also where the test ends early."""

    def __init__(self, cluster: Cluster, broker: Broker, postgres: engines.Cluster | None) -> None:
        self.cluster = cluster
        self.broker = broker
        self.postgres = postgres
        self.happened: list[str] = []
        self._hands = ThreadPoolExecutor(12)
        self._turns = {name: asyncio.Lock() for name in (*SERVICES, KAFKA, POSTGRES)}
        self._ending = False

    async def befall(self, fault: Fault) -> None:
        """Let a trouble happen and pass; waits for an earlier one of the same target that takes longer than planned."""
        loop = asyncio.get_running_loop()
        for target in sorted(fault.befalls):
            await self._turns[target].acquire()
        begun = loop.time()
        try:
            await getattr(self, f"_{fault.kind.replace(' ', '_')}")(fault)
            self.happened.append(f"{fault}, took {loop.time() - begun:.2f} s")
        except Exception as error:
            self.happened.append(f"{fault}: {error!r}")
            raise
        finally:
            for target in fault.befalls:
                self._turns[target].release()

    async def by_hand(self, work: Callable[[], T]) -> T:
        """Do something that waits in a thread; ``end`` waits for it."""
        return await asyncio.get_running_loop().run_in_executor(self._hands, work)

    def end(self) -> None:
        """Let nothing go on in the background, and nothing stand still."""
        self._ending = True
        self._hands.shutdown(wait=True, cancel_futures=True)

    # --- what can happen ---------------------------------------------------------------------------------------------

    async def _kill(self, fault: Fault) -> None:
        if fault.target == KAFKA:
            await self._without_kafka(fault)
        elif fault.target == POSTGRES:
            await self._without_postgres(fault, self._kill_postmaster)
        else:
            self.cluster.running[fault.target].kill()
            await asyncio.sleep(fault.lasts)
            await self.by_hand(lambda: self._start_again(fault.target))

    async def _away(self, fault: Fault) -> None:
        await self._without_kafka(fault)

    async def _power_cut(self, fault: Fault) -> None:
        await self._without_postgres(fault, self._stop_postgres)

    async def _pause(self, fault: Fault) -> None:
        with frozen(self._processes_of(fault.target)):
            await asyncio.sleep(fault.lasts)

    _delay = _pause  # what a service should hear meanwhile, it hears late, and maybe a second time

    async def _disk_full(self, fault: Fault) -> None:
        with full_disk(self.cluster.running[fault.target].process.pid):
            await asyncio.sleep(fault.lasts)

    async def _repeat(self, fault: Fault) -> None:
        """Let a consumer read everything again: what it had read is forgotten while it is down."""
        service = service_of(fault.target)
        self.cluster.running[service].kill()
        try:
            prefix = self.cluster.settings["bus__prefix"]
            (feature,) = [each for each in features_of([service]) if each.name == fault.target]
            topics = sorted({wire.topic_on(prefix, message.TOPIC) for message in feature.consumers})
            async with asyncio.timeout(LONGEST_RESET):
                await self._forget(f"{prefix}.{fault.target}", topics)
        finally:
            await self.by_hand(lambda: self._start_again(service))

    async def _forget(self, group: str, topics: list[str]) -> None:
        """Forget what a group has read; the broker may have a trouble of its own meanwhile, which breaks the client."""
        async with asyncio.timeout(60):
            while True:
                try:
                    return await forget_offsets(self.broker, group, topics)
                except KafkaError:
                    await asyncio.sleep(0.5)

    # --- how ---------------------------------------------------------------------------------------------------------

    def _start_again(self, service: str) -> None:
        """Start a service as a supervisor does: again and again, for it may need what is away itself."""
        for _ in range(RESTARTS):
            if self._ending:
                return
            with suppress(AssertionError):  # it said why in its log, and ended
                self.cluster.restart(service)
                return
        raise AssertionError(f"{service} does not start any more")

    async def _without_kafka(self, fault: Fault) -> None:
        self.broker.kill()
        try:
            await asyncio.sleep(fault.lasts)
        finally:
            await self.by_hand(self.broker.start)

    async def _without_postgres(self, fault: Fault, end: Callable[[], None]) -> None:
        await self.by_hand(end)
        try:
            await asyncio.sleep(fault.lasts)
        finally:
            await self.by_hand(self._start_postgres)

    def _start_postgres(self) -> None:
        assert self.postgres is not None
        for _ in range(RESTARTS):
            try:
                self.postgres.start(port=self.postgres.port)
                return
            except AssertionError as error:  # processes of the one that was killed are still there
                last = error
        raise last

    def _stop_postgres(self) -> None:
        assert self.postgres is not None
        self.postgres.stop("immediate")

    def _kill_postmaster(self) -> None:
        assert self.postgres is not None
        os.kill(postmaster(self.postgres), signal.SIGKILL)

    def _processes_of(self, target: str) -> list[int]:
        if target == KAFKA:
            return [self.broker.pid]
        if target == POSTGRES:
            assert self.postgres is not None
            first = postmaster(self.postgres)
            return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
        return [self.cluster.running[target].process.pid]


def postmaster(postgres: engines.Cluster) -> int:
    """Return the first process of a PostgreSQL cluster."""
    return int((postgres.folder / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Let processes of ours stand still."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """Let a process write no byte to any file."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


@asynccontextmanager
async def open_place(folder: Path, engine: str) -> AsyncIterator[Place]:
    """Run everything for the time of a test, on SQLite or on a PostgreSQL that waits for its disk."""
    with ExitStack() as stack:
        values = {"ANSWERABLE_STORAGE_CONNECTIONS": "3"}
        postgres = stack.enter_context(engines.cluster("fsync=on")) if engine == POSTGRES else None
        if postgres is not None:
            values["ANSWERABLE_DATABASE"] = postgres.url
        broker = stack.enter_context(own_broker(folder / "kafka", QUICK_AGAIN))
        cluster = stack.enter_context(services_apart(folder, broker, EagerService, **values))
        place = Place(cluster, broker, postgres)
        stack.callback(place.end)
        yield place
