"""PostgreSQL with one writer at a time and natural group commit, over any number of processes.

A transaction begins by taking the schema's writer lock, so that units of work are as serial as on SQLite, whatever
process runs them. Each process runs all units that wait in one transaction, and answers them after its COMMIT. Reads
take no lock and run beside. See ``docs/decisions/0010-postgresql.md``.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from answerable.infra.database.errors import StorageFault
from answerable.infra.database.migrate import Migration
from answerable.infra.database.postgres.common_words import CommonWords
from answerable.infra.database.postgres.connection import (
    READING,
    connect,
    is_fault,
)
from answerable.infra.database.postgres.faults import Faults
from answerable.infra.database.postgres.migrations import apply
from answerable.infra.database.postgres.pump import Pump
from answerable.infra.database.postgres.readers import Readers, roll_back
from answerable.infra.database.postgres.runner import Runner
from answerable.infra.database.postgres.scrub import scrub
from answerable.infra.database.postgres.tx import Asking, PostgresTx, Reading, Writing
from answerable.infra.database.postgres.watch import Watch
from answerable.infra.database.postgres.writer import Writer
from answerable.infra.database.units import Unit
from answerable.infra.pulse import Pulse
from answerable.kernel.actor import Actor, service
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from answerable.settings import Settings, without_password

P = ParamSpec("P")
T = TypeVar("T")

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
        self._faults = Faults(self.place)
        self._readers = Readers(partial(connect, settings, READING), settings.storage.connections, self._patience)
        self._common = CommonWords()
        self._asking = Asking(self._readers, self._common)
        self._writer = Writer(settings)
        self._runner = Runner(self._writer, self._ids, clock, settings)
        self._watch = Watch(settings, self._writer.name, self.pulse, self._touch, self._writer.forget, self._hang_up)
        self._pump = Pump(self._writer, self._runner, self.pulse, self._faults, self._patience)
        self._bulk: Writing | None = None
        self._bulk_every = self._bulk_units = 0
        self._turn = asyncio.Lock()  # of the transaction in which a bulk load also reads
        self._next_claim = 0.0
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
            raise self._faults.met(error) from error

    async def scan(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query on one snapshot."""
        if self._bulk is not None:
            return await self._read_in_bulk(actor, query, *args, **kwargs)

        async def work(connection: Any) -> T:
            tx = PostgresTx(Reading(connection, self._common), self._ids, self.clock(), actor, self.settings)
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
            raise self._faults.met(error) from error

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
        self._pump.put(unit)
        return unit.done

    # --- many units, few commits ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def bulk(self, every: int = 2000) -> AsyncIterator[None]:
        """Commit only after ``every`` units and at the end; nobody else can write meanwhile.

        Reads see what is not yet committed. A consumer that fails ends the load with its error.
        """
        await self._pump.finish()
        self._bulk_every, self._bulk_units = every, 0
        self._bulk, self._pump.instead = await self._begin_bulk(), self._run_in_bulk
        try:
            yield
        except BaseException:
            self._bulk = self._pump.instead = None
            await self._writer.drop()
            raise
        work, self._bulk, self._pump.instead = self._bulk, None, None
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
            raise self._faults.met(error) from error
        return work

    async def _run_in_bulk(self) -> None:
        async with self._turn:
            assert self._bulk is not None
            work, turns = self._bulk, self._pump.turns
            while lane := turns.urgent or turns.background:
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

    def _touch(self) -> None:
        """Use the writing connection, so that the server sees that this process is alive."""
        if not self._closed:
            touched = self._submit(Unit(_PROCESS, _nothing))
            touched.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _hang_up(self) -> None:
        """Break all connections to a server that stands still: who waits is told, and another may take its place."""
        self._readers.hang_up()
        self._writer.hang_up()

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
        with suppress(Exception):
            await self._pump.finish()
        await self._readers.close()
        await self._writer.close()


async def _nothing(_: Tx) -> None:
    pass
