"""SQLite with one writer and natural group commit.

Units of work run one after the other on the event loop, and one that fails takes nothing of the others with it; only
COMMIT (the wait for the disk) runs in a thread. Units that arrive meanwhile share the next commit, and every caller is
answered after the commit that holds its work. Measured against a writer thread, aiosqlite and ORMs in
``docs/decisions/0002-sqlite.md``.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from answerable.infra.database.checkpoints import Checkpoints
from answerable.infra.database.errors import StorageFault, is_fault
from answerable.infra.database.lanes import MANY_PEOPLE, Lanes
from answerable.infra.database.migrate import Migration
from answerable.infra.database.search import SqliteTextIndexes
from answerable.infra.database.sqlite_connection import Connection, connect, scrub
from answerable.infra.database.sqlite_migrations import apply
from answerable.infra.database.sqlite_scans import Scans
from answerable.infra.database.tx import SqliteTx
from answerable.infra.database.units import Spoilt, Unit, recovering, run_in_stretches, run_without_suspending
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch
from answerable.kernel.actor import Actor
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from answerable.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

LOCK_SECONDS = 5.0
BATCH = 256
_log = structlog.get_logger(__name__)


class SqliteDatabase:
    """A desk's SQLite file; see ``kernel.tx.Database``."""

    engine = "sqlite"

    def __init__(self, path: Path, settings: Settings, clock: Callable[[], int]) -> None:
        self.path = path
        self.settings = settings
        self.clock = clock
        self.pulse = Pulse()
        self._ids = IdMaker()
        self._text_indexes = SqliteTextIndexes()
        self._writer = connect(self.path)
        self._reader = connect(self.path, query_only=True)
        self._committer = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._checkpoints = Checkpoints(self.path)
        self._scans = Scans(self.path)
        self._lanes = Lanes()
        self._pump: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._owners: set[str] = set()  # whose tables the present transaction changes
        self._bulk_units = self._bulk_every = 0
        self._faulty = self._closed = False

    # --- reading -----------------------------------------------------------------------------------------------

    async def read(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query inline: an indexed read takes less time than handing it to a thread."""
        connection = self._writer if self._bulk_every else self._reader
        try:
            return await query(SqliteTx(connection, self._ids, self.clock(), actor, self.settings), *args, **kwargs)
        except sqlite3.Error as error:
            if is_fault(error):
                raise self._fault(error) from error
            raise

    async def scan(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query in a thread, on one snapshot."""
        if self._bulk_every:
            return await self.read(actor, query, *args, **kwargs)
        now = self.clock()

        def work(connection: Connection) -> T:
            tx = SqliteTx(connection, self._ids, now, actor, self.settings)
            return run_without_suspending(query(tx, *args, **kwargs))

        try:
            return await self._scans.on_snapshot(work)
        except sqlite3.Error as error:
            if is_fault(error):
                raise self._fault(error) from error
            raise

    # --- writing -----------------------------------------------------------------------------------------------

    async def write(
        self, actor: Actor, verb: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``verb`` as one unit of work and return its result after the commit that holds it.

        What people ask for goes before what services do by themselves.
        """
        lane = self._lanes.background if actor.kind == "service" else self._lanes.urgent
        self._submit(lane, unit := Unit(actor, lambda tx: verb(tx, *args, **kwargs)))
        return await unit.done

    def deliver(
        self,
        actor: Actor,
        verb: Callable[[Tx], Awaitable[T]],
        cause: Envelope | None = None,
        recover: Callable[[Tx, Exception], Awaitable[T]] | None = None,
        term: int | None = None,
    ) -> "asyncio.Future[T]":
        """Queue a unit of the bus: in order, and behind the requests of people when time is short.

        Where ``verb`` raises, its work is undone and ``recover`` runs in its place, in the same unit.
        """
        unit = Unit(actor, verb, cause, recover)
        self._submit(self._lanes.background, unit)
        return unit.done

    def _submit(self, lane: "deque[Unit[Any]]", unit: "Unit[Any]") -> None:
        if self._closed:
            raise StorageFault("the desk is stopping")
        if self._bulk_every:
            self._run_in_bulk(unit)
            return
        self._lanes.put(lane, unit)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._commit_all(), name="group commit")

    async def _commit_all(self) -> None:
        while self._lanes:
            batch: list[tuple[Unit[Any], Any]] = []
            people = min(len(self._lanes.urgent), BATCH) if await self._lanes.somebody_comes() else 0
            try:
                await self._begin()
                wrote = await self._run_batch(batch)
                if wrote:
                    self._text_indexes.take_up_new_rows(self._writer)
                await self._commit(in_thread=wrote)
            except Exception as error:
                self._roll_back()
                self._refuse(batch, self._fault(error))
                continue
            if self._faulty:
                self._faulty = False
                _log.info("storage recovered")
            for unit, result in batch:
                unit.answer(result)
            self._lanes.answered_people(people)
            self.pulse.beat(self._owners)
            self._owners.clear()

    def _refuse(self, batch: list[tuple[Unit[Any], Any]], fault: StorageFault) -> None:
        units = [unit for unit, _ in batch]
        if not units:  # not even BEGIN worked: tell everybody who waits
            units = self._lanes.take_all()
        for unit in units:
            unit.refuse(fault)

    async def _begin(self) -> None:
        give_up = time.monotonic() + LOCK_SECONDS
        pause = 0.001
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)

    async def _run_batch(self, batch: list[tuple[Unit[Any], Any]]) -> bool:
        """Run what waits, without a savepoint for each unit: most units that fail do so before they write anything.

        Where one fails later, what it wrote cannot be told from the others' work: all of it is undone, and done again
        with savepoints. Returns whether anything was written.
        """
        changes = self._writer.total_changes
        ran: list[Unit[Any]] = []
        self._writer.execute("SAVEPOINT batch")
        try:
            urgent = min(len(self._lanes.urgent), BATCH)
            for _ in range(urgent):
                ran.append(self._lanes.urgent.popleft())
                self._try_unit(ran[-1], batch)
            if self._lanes.background:
                people = urgent >= MANY_PEOPLE or self._lanes.people_keep_coming()
                await self._follow_up(ran, batch, people_wait=people)
        except Spoilt:
            batch.clear()
            self._undo("batch", ran, batch)
            for unit in ran:
                self._run_unit(unit, batch)
        return self._writer.total_changes != changes

    async def _follow_up(self, ran: list[Unit[Any]], batch: list[tuple[Unit[Any], Any]], *, people_wait: bool) -> None:
        """Run units of the bus and the timers while there is time, in stretches between which people can read."""
        began = time.perf_counter()
        if people_wait and self._lanes.background_must_wait(began):
            return
        if people_wait:
            ran.append(self._lanes.background.popleft())
            self._try_unit(ran[-1], batch)
        else:
            longest, stretch = self._lanes.longest_background(people=bool(ran)), Stretch(began if ran else 0.0)
            for done in range(BATCH):
                if await stretch.pause() and done and self._lanes.urgent and self._lanes.may_be_cut_short(began):
                    break
                ran.append(self._lanes.background.popleft())
                await self._try_in_stretches(ran[-1], batch, stretch)
                if not self._lanes.background or time.perf_counter() - began > longest:
                    break
        self._lanes.background_took(began, time.perf_counter(), while_people_wait=people_wait)

    def _try_unit(self, unit: Unit[Any], batch: list[tuple[Unit[Any], Any]]) -> None:
        if unit.done.cancelled():
            return
        changes = self._writer.total_changes
        try:
            batch.append((unit, self._work(unit, unit.verb)))
        except Exception as error:
            self._take_failure(unit, error, changes)

    async def _try_in_stretches(self, unit: Unit[Any], batch: list[tuple[Unit[Any], Any]], stretch: Stretch) -> None:
        """Run a unit with pauses, in which people can read: nobody else sees what is not committed yet."""
        if unit.done.cancelled():
            return
        changes, pause = self._writer.total_changes, partial(self._lanes.pause, stretch)
        tx = self._tx(unit, stretch)
        try:
            batch.append((unit, await run_in_stretches(tx.carry_out(unit.verb), pause)))
        except Exception as error:
            self._take_failure(unit, error, changes)

    def _take_failure(self, unit: Unit[Any], error: Exception, changes: int) -> None:
        if unit.recover is not None or is_fault(error) or self._writer.total_changes != changes:
            raise Spoilt from error
        unit.done.set_exception(error)

    def _run_unit(self, unit: Unit[Any], batch: list[tuple[Unit[Any], Any]]) -> None:
        """Run a unit in a savepoint of its own."""
        if unit.done.done():
            return
        self._writer.execute("SAVEPOINT unit")
        try:
            result = self._work(unit, unit.verb)
        except Exception as error:
            self._undo("unit", [unit], batch)
            if unit.recover is None or is_fault(error):
                self._writer.execute("RELEASE unit")
                unit.done.set_exception(self._fault(error) if is_fault(error) else error)
                return
            result = self._work(unit, partial(recovering, unit.recover, error))
        self._writer.execute("RELEASE unit")
        batch.append((unit, result))

    def _tx(self, unit: Unit[Any], *rest: Stretch) -> SqliteTx:
        who = unit.actor, self.settings, unit.cause, self._owners
        return SqliteTx(self._writer, self._ids, self.clock(), *who, *rest)

    def _work(self, unit: Unit[T], verb: Callable[[Tx], Awaitable[T]]) -> T:
        result = run_without_suspending(verb(tx := self._tx(unit)))
        tx.flush()
        return result

    def _undo(self, savepoint: str, units: list[Unit[Any]], batch: list[tuple[Unit[Any], Any]]) -> None:
        if not self._writer.in_transaction:  # the engine undid everything (disk full): all of the batch is lost
            batch += [(unit, None) for unit in units]
            raise StorageFault("the engine undid the transaction")
        self._writer.execute(f"ROLLBACK TO {savepoint}")

    async def _commit(self, *, in_thread: bool) -> None:
        if in_thread:
            await asyncio.get_running_loop().run_in_executor(self._committer, self._commit_now)
        else:
            self._writer.execute("COMMIT")

    def _commit_now(self) -> None:
        began = time.perf_counter()
        self._writer.execute("COMMIT")
        self._lanes.commit_seconds = time.perf_counter() - began
        self._checkpoints.committed(self._writer)

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")

    def _fault(self, error: Exception) -> StorageFault:
        if not self._faulty:
            _log.error("storage fault", error=str(error), path=str(self.path))
        self._faulty = True
        return StorageFault(str(error))

    # --- many units, few commits ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def bulk(self, every: int = 2000) -> AsyncIterator[None]:
        """Commit only after ``every`` units and at the end, for loads that start over if they are cut off.

        Nothing else may write meanwhile from this process; reads see what is not yet committed. A consumer that fails
        ends the load with its error.
        """
        await self._begin()
        self._bulk_every, self._bulk_units = every, 0
        try:
            yield
        except BaseException:
            self._bulk_every = 0
            self._roll_back()
            raise
        self._bulk_every = 0
        self._text_indexes.take_up_new_rows(self._writer)
        self._writer.execute("COMMIT")
        self.pulse.beat()

    def _run_in_bulk(self, unit: Unit[Any]) -> None:
        if unit.recover is not None:  # a consumer: what it cannot do ends the whole load, so nothing is kept apart
            unit.done.set_result(self._work(unit, unit.verb))
        else:
            batch: list[tuple[Unit[Any], Any]] = []
            self._run_unit(unit, batch)
            for _, result in batch:
                unit.done.set_result(result)
        self._bulk_units += 1
        if self._bulk_units % self._bulk_every == 0:
            self._text_indexes.take_up_new_rows(self._writer)
            self._writer.execute("COMMIT")
            self._writer.execute("BEGIN IMMEDIATE")

    # --- life ----------------------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """Return where the file is."""
        return str(self.path)

    def migrate(self, wanted: Sequence[Migration]) -> list[Migration]:
        """Bring the file up to date and return what was applied."""
        return apply(self.path, wanted, self.clock())

    async def scrub(self) -> None:
        """Merge the text indexes and empty the write-ahead log, in a thread. Raises ``StorageFault`` to try later."""
        try:
            await self._scans.beside(partial(scrub, self.path))
        except sqlite3.Error as error:
            raise StorageFault(str(error)) from error

    async def lead(self) -> int:
        """Lead: one process serves a file."""
        return 1

    def watch_others(self) -> None:
        """Beat the pulse when another process (a command beside the server) has written, within 250 ms."""
        self._watch = asyncio.get_running_loop().create_task(self._watch_others(), name="watch others")

    async def _watch_others(self) -> None:
        seen = None
        while True:
            await asyncio.sleep(0.25)
            if self._pump is not None and not self._pump.done():
                continue  # the writer's connection is busy
            with suppress(sqlite3.Error):
                version = self._writer.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self.pulse.beat()

    async def close(self) -> None:
        """Finish what waits, then close the file."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        if self._pump is not None:
            with suppress(Exception):
                await self._pump
        self._committer.shutdown()
        self._scans.close()
        self._checkpoints.close()
        for connection in (self._reader, self._writer):
            connection.close()
