"""PostgreSQL with one writer at a time and natural group commit, over any number of processes.

A transaction begins by taking the schema's writer lock, so that units of work are as serial as on SQLite, whatever
process runs them. Each process runs all units that wait in one transaction, and answers them after its COMMIT. Reads
take no lock and run beside. See ``docs/decisions/0010-postgresql.md``.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from asyncpg import IntegrityConstraintViolationError

from answerable.infra.database.errors import OutcomeUnknown, StorageFault
from answerable.infra.database.migrate import Migration
from answerable.infra.database.postgres.connection import (
    READING,
    connect,
    is_fault,
    is_lost,
)
from answerable.infra.database.postgres.migrations import apply
from answerable.infra.database.postgres.readers import Readers, roll_back
from answerable.infra.database.postgres.runner import Runner
from answerable.infra.database.postgres.scrub import scrub
from answerable.infra.database.postgres.statement import ANYTHING
from answerable.infra.database.postgres.together import Together
from answerable.infra.database.postgres.turns import BATCH, Turns
from answerable.infra.database.postgres.tx import Asking, PostgresTx, Reading, Writing
from answerable.infra.database.postgres.watch import Watch
from answerable.infra.database.postgres.writer import Doubt, Overtaken, Writer
from answerable.infra.database.units import Spoilt, Unit
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch
from answerable.kernel.actor import Actor, service
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from answerable.settings import Settings, without_password

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
DISTRUST_SECONDS = 0.5  # after a batch that had to run again: messages that come twice come many at a time
TRIES = 5  # of a unit whose transaction met others, before it is refused
LEAD_EVERY = 0.25  # how often a process that does not lead asks whether it may
_PROCESS = service("process")
_log = structlog.get_logger(__name__)


class PostgresDatabase:
    """A desk's schema in a PostgreSQL database; see ``kernel.tx.Database``. Nothing is opened before it is used."""

    engine = "postgres"

    def __init__(self, settings: Settings, clock: Callable[[], int]) -> None:
        self.settings = settings
        self.clock = clock
        self.pulse = Pulse()
        self._ids = IdMaker()
        self._patience = settings.storage.wait_seconds
        self._readers = Readers(partial(connect, settings, READING), settings.storage.connections, self._patience)
        self._asking = Asking(self._readers, Together(self._readers))
        self._writer = Writer(settings)
        self._runner = Runner(self._writer, self._ids, clock, settings)
        self._watch = Watch(settings, self._writer.name, self.pulse, self._touch, self._writer.forget)
        self._turns = Turns()
        self._pump: asyncio.Task[None] | None = None
        self._bulk: Writing | None = None
        self._bulk_every = self._bulk_units = 0
        self._turn = asyncio.Lock()  # of the transaction in which a bulk load also reads
        self._next_claim = 0.0
        self._trusting_from = 0.0
        self._faulty = False
        self._closed = False

    @property
    def place(self) -> str:
        """Return the address without its password, and the schema."""
        return f"{without_password(self.settings.storage.database)} (schema {self.settings.storage.schema})"

    def migrate(self, wanted: Sequence[Migration]) -> list[Migration]:
        """Bring the schema up to date and return what was applied."""
        return apply(self.settings, wanted, self.clock())

    # --- reading -----------------------------------------------------------------------------------------------

    async def read(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query on a connection that cannot write; each of its statements sees what is committed by then."""
        if self._bulk is not None:
            return await self._read_in_bulk(actor, query, *args, **kwargs)

        tx = PostgresTx(self._asking, self._ids, self.clock(), actor, self.settings)
        try:
            return await query(tx, *args, **kwargs)
        except Exception as error:
            if not is_fault(error):
                raise
            raise self._fault(error) from error

    async def scan(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query on one snapshot."""
        if self._bulk is not None:
            return await self._read_in_bulk(actor, query, *args, **kwargs)

        async def work(connection: Any) -> T:
            tx = PostgresTx(Reading(connection), self._ids, self.clock(), actor, self.settings)
            try:  # who gives up may do so before BEGIN has answered, and still have begun
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return await query(tx, *args, **kwargs)
            finally:
                await roll_back(connection)

        return await self._reading(work)

    async def _reading(self, work: Callable[[Any], Awaitable[T]]) -> T:
        try:
            return await self._readers.use(work)
        except Exception as error:
            if not is_fault(error):
                raise
            raise self._fault(error) from error

    # --- writing -----------------------------------------------------------------------------------------------

    async def write(
        self, actor: Actor, verb: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``verb`` as one unit of work and return its result after the commit that holds it.

        What people ask for goes before what services do by themselves. ``verb`` may run more than once.
        """
        return await self._submit(Unit(actor, lambda tx: verb(tx, *args, **kwargs)))

    def deliver(
        self,
        actor: Actor,
        verb: Callable[[Tx], Awaitable[T]],
        cause: Envelope | None = None,
        recover: Callable[[Tx, Exception], Awaitable[T]] | None = None,
        term: int | None = None,
    ) -> "asyncio.Future[T]":
        """Queue a unit of the bus: in order, behind the requests of people; with a ``term``, for its leader only."""
        return self._submit(Unit(actor, verb, cause, recover, term=term))

    def _submit(self, unit: "Unit[T]") -> "asyncio.Future[T]":
        if self._closed:
            raise StorageFault("the desk is stopping")
        self._turns.put(unit)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._work_off(), name="group commit")
        return unit.done

    async def _work_off(self) -> None:
        pause = FIRST_PAUSE
        while self._turns:
            batch: list[Unit[Any]] = []
            await self._turns.let_people_return()
            try:
                await (self._run_batch(batch) if self._bulk is None else self._run_in_bulk(self._bulk))
                pause = FIRST_PAUSE
            except Exception as error:
                await self._writer.give_up(error)
                self._put_back(batch, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_batch(self, batch: "list[Unit[Any]]") -> None:
        """Run what waits in one transaction, and answer it. ``batch`` tells what was taken up, whatever happens."""
        work = await self._writer.begin()
        loop = asyncio.get_running_loop()
        work.trusting = loop.time() >= self._trusting_from
        try:
            try:
                results = await self._run_lightly(work, batch)
                await self._runner.commit(work)
            except Overtaken:
                work = await self._writer.begin_now()
                results = [each for unit in batch for each in await self._runner.run(work, unit)]
                await self._runner.commit(work)
        except (Spoilt, IntegrityConstraintViolationError):
            self._trusting_from = loop.time() + DISTRUST_SECONDS
            work = await self._writer.begin_now()
            results = await self._runner.run_carefully(work, batch)
            await self._writer.commit(work)
        if self._faulty:
            self._faulty = False
            _log.info("storage recovered")
        for unit, result in results:
            unit.answer(result)
        if work.wrote:
            self.pulse.beat(None if ANYTHING in work.owners else work.owners)

    async def _run_lightly(self, work: Writing, batch: "list[Unit[Any]]") -> "list[tuple[Unit[Any], Any]]":
        """Run units without savepoints. Raises ``Spoilt`` where one leaves something that must be undone."""
        loop, turns = asyncio.get_running_loop(), self._turns
        begun, busy = loop.time(), bool(turns.urgent)
        long = turns.background_seconds(begun)
        results: list[tuple[Unit[Any], Any]] = []
        stretch = Stretch(time.perf_counter())
        for _ in range(min(len(turns.background), BATCH) if long else 0):
            await stretch.pause()  # what is known or kept asks the server for nothing: reads would wait for all of it
            if loop.time() - begun > long or (turns.urgent and not busy):
                break
            results += await self._runner.run(work, self._take(turns.background, batch))
        for _ in range(turns.people_now()):
            results += await self._runner.run(work, self._take(turns.urgent, batch))
        turns.took_up(sum(unit.actor.kind == "person" for unit in batch))
        return results

    @staticmethod
    def _take(lane: "deque[Unit[Any]]", batch: "list[Unit[Any]]") -> "Unit[Any]":
        batch.append(lane.popleft())
        return batch[-1]

    def _put_back(self, batch: "list[Unit[Any]]", error: Exception) -> None:
        """Let units wait for a better moment, but no longer than patience lasts; a bug ends what it met."""
        fault = self._fault(error)
        for unit in reversed(batch):
            if unit.done.done():
                continue
            if isinstance(error, Doubt) or (not is_lost(error) and unit.tries >= TRIES):
                unit.refuse(fault)
                continue
            unit.tries += 1
            self._turns.lane_of(unit).appendleft(unit)
        too_old = asyncio.get_running_loop().time() - self._patience
        for unit in self._turns.take_old(too_old):
            unit.refuse(fault)

    def _fault(self, error: BaseException) -> StorageFault:
        if isinstance(error, StorageFault):
            return error
        if not self._faulty:
            _log.error("storage fault", error=f"{type(error).__name__}: {error}", place=self.place)
        self._faulty = True
        return OutcomeUnknown(str(error)) if isinstance(error, Doubt) else StorageFault(str(error))

    # --- many units, few commits ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def bulk(self, every: int = 2000) -> AsyncIterator[None]:
        """Commit only after ``every`` units and at the end; nobody else can write meanwhile.

        Reads see what is not yet committed. A consumer that fails ends the load with its error.
        """
        if self._pump is not None:
            await self._pump
        self._bulk_every, self._bulk_units = every, 0
        self._bulk = await self._begin_bulk()
        try:
            yield
        except BaseException:
            self._bulk = None
            await self._writer.drop()
            raise
        work, self._bulk = self._bulk, None
        await work.flush()
        await self._writer.commit(work)
        self.pulse.beat()

    async def _begin_bulk(self) -> Writing:
        try:
            work = await self._writer.begin_now()
            await work.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        except Exception as error:
            if not is_fault(error):
                raise
            raise self._fault(error) from error
        return work

    async def _run_in_bulk(self, work: Writing) -> None:
        async with self._turn:
            while lane := self._turns.urgent or self._turns.background:
                unit = lane.popleft()
                try:
                    for done, result in await self._run_unit_in_bulk(work, unit):
                        done.answer(result)
                except Exception as error:
                    unit.refuse(error)
                self._bulk_units += 1
                if self._bulk_units % self._bulk_every == 0:
                    await work.flush()
                    await self._writer.commit(work)
                    self._bulk = work = await self._begin_bulk()

    async def _run_unit_in_bulk(self, work: Writing, unit: "Unit[Any]") -> "list[tuple[Unit[Any], Any]]":
        if unit.recover is None and unit.actor.kind == "person":
            await work.flush()
            return await self._runner.run_carefully(work, [unit])
        work.begin_unit()  # what a service cannot do ends the whole load, so nothing has to be kept apart
        return [(unit, await self._runner.do(work, unit, unit.verb))]

    async def _read_in_bulk(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._turn:
            assert self._bulk is not None
            tx = PostgresTx(self._bulk, self._ids, self.clock(), actor, self.settings)
            return await query(tx, *args, **kwargs)

    # --- beside other processes ----------------------------------------------------------------------------------

    async def lead(self) -> int:
        """Lead where no other process does: the leader holds a lock of its writing connection."""
        if self._bulk is not None:
            return 1
        now = asyncio.get_running_loop().time()
        if not self._writer.term and now >= self._next_claim:
            self._next_claim = now + LEAD_EVERY
            await self._submit(Unit(_PROCESS, self._claim))
        return self._writer.term

    async def _claim(self, _: Tx) -> None:
        await self._writer.claim()

    async def _touch(self) -> None:
        """Use the writing connection, so that the server sees that this process is alive."""
        with suppress(Exception):
            await self._submit(Unit(_PROCESS, _nothing))

    async def scrub(self) -> None:
        """Let the server take dead rows out of its tables. Raises ``StorageFault`` to try later."""
        try:
            await scrub(self.settings)
        except Exception as error:
            raise StorageFault(str(error)) from error

    def watch_others(self) -> None:
        """Beat the pulse when another process has written: at its notification, or by looking once a second."""
        self._watch.start()

    async def close(self) -> None:
        """Finish what waits, then hang up."""
        if self._closed:
            return
        self._closed = True
        await self._watch.stop()
        if self._pump is not None:
            with suppress(Exception):
                await self._pump
        await self._readers.close()
        await self._writer.close()


async def _nothing(_: Tx) -> None:
    pass
