"""The connection of a process that writes: its transactions, its place among other processes, its doubts.

A COMMIT whose answer is lost may have happened. Each transaction therefore leaves a mark, and who has lost an answer
looks for it on the next connection.

The mark also tells who wrote last. Where that was this process, what it knew then is so still, and need not be read
again.
"""

import asyncio
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from asyncpg import DivisionByZeroError

from answerable.infra.database.postgres.address import lock_key
from answerable.infra.database.postgres.connection import WRITING, close, connect, is_lost
from answerable.infra.database.postgres.knowledge import Knowledge
from answerable.infra.database.postgres.tx import Writing
from answerable.settings import Settings

KNOWN_SECONDS = 1.0  # somebody may write by hand, without leaving a mark
LAST = "last"  # the mark of whoever wrote last
_log = structlog.get_logger(__name__)


class Doubt(Exception):
    """Nobody can tell now whether a transaction was committed."""


class Overtaken(Exception):
    """Somebody else wrote since this process did: what it knew need not be so any more."""


class Writer:
    """The writing connection of this process, opened when it is needed. ``term`` ends with the connection."""

    def __init__(self, settings: Settings) -> None:
        schema = settings.storage.schema
        self._settings = settings
        self.name = uuid4().hex
        self._connection: Any = None
        self._leads = False
        self._term = 0
        self._mark = 0
        self._knowledge: Knowledge | None = None
        self._known_until = 0.0
        self._leader_key = lock_key(schema, "leader")
        lock = f"SELECT pg_advisory_xact_lock({lock_key(schema, 'writers')})"
        self._begin = f"BEGIN; {lock}"
        # Ends a transaction of one statement. Its snapshot may be older than the lock, but an update looks at the mark
        # that was committed last (READ COMMITTED): where that is not ours, it finds none, and nothing is written.
        self._ending = f"""known AS (UPDATE bus_writer SET mark = $1, at = now()
                WHERE name = '{LAST}' AND mark = $2 AND ({lock}) IS NOT NULL RETURNING 1),
            mine AS (INSERT INTO bus_writer (name, mark) VALUES ('{self.name}', $3)
                ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, at = now())
            SELECT 1 / COUNT(*) AS known, pg_notify(current_schema(), $4) FROM known"""

    @property
    def term(self) -> int:
        """Return the number of this process's leadership, 0 where it has none on a connection that lives."""
        holds = self._leads and self._connection is not None and not self._connection.is_closed()
        return self._term if holds else 0

    async def begin(self) -> Writing:
        """Return a transaction, which may begin later; once it has, nobody else writes to the schema until it ends.

        Raises ``Overtaken`` when it begins, or ends, and what was known from before is not so any more.
        """
        await self._connect()
        knowledge, self._knowledge = self._knowledge, None
        if knowledge is not None and asyncio.get_running_loop().time() < self._known_until:
            return Writing(self._connection, knowledge, self._begin_knowing)
        return await self.begin_now()

    async def _connect(self) -> None:
        if self._connection is None or self._connection.is_closed():
            await self.drop()
            self._connection = await connect(self._settings, WRITING)

    def follow(self, before: Writing, end: "asyncio.Future[bool]") -> Writing:
        """Return a transaction behind one that is being committed, and knows what will be known then.

        ``end`` tells whether that ended as foreseen. Raises ``Overtaken`` when it begins, and that did not.
        """
        return Writing(before.connection, before.knowledge.lasting(), partial(self._begin_after, end))

    async def _begin_after(self, end: "asyncio.Future[bool]") -> None:
        try:
            foreseen = await end
        except Exception:
            foreseen = False
        if not foreseen:
            raise Overtaken
        self._knowledge = None
        await self._begin_knowing()

    def take_back(self, work: Writing) -> None:
        """Take back a transaction that did not begin, and was not used: what it knows is so."""
        self._knowledge = work.knowledge

    async def _begin_knowing(self) -> None:
        mine = f"FROM bus_writer WHERE name = '{LAST}' AND mark = '{self.name}:{self._mark}'"
        try:
            await self._connection.execute(f"{self._begin}; SELECT 1 / COUNT(*) {mine}")
        except DivisionByZeroError:
            raise Overtaken from None

    async def begin_now(self) -> Writing:
        """Undo what there is of a transaction, and begin another that knows nothing."""
        await self._connect()
        self._knowledge = None
        if self._connection.is_in_transaction():
            await self._connection.execute("ROLLBACK")
        await self._connection.execute(self._begin)
        return Writing(self._connection)

    def forget(self) -> None:
        """Know nothing: another process has written."""
        self._knowledge = None

    async def commit(self, work: Writing) -> None:
        """End the transaction; return once it is durable. Where the answer is lost, find out what happened.

        Raises ``Overtaken`` where it had not begun, and was done on the ground of what is not so any more.
        """
        if not work.goes_at_once and not work.wrote:
            await work.open()  # what was said on the ground of what was known must still be so
            await self._connection.execute("ROLLBACK")
            return
        before = f"{self.name}:{self._mark}"
        self._mark += 1
        mark = f"{self._mark}"
        news = " ".join((self.name, *sorted(work.owners)))
        try:
            if work.goes_at_once:
                await work.go_at_once((self._ending, (f"{self.name}:{mark}", before, mark, news)))
            else:
                await self._connection.execute(
                    f"""INSERT INTO bus_writer (name, mark) VALUES
                        ('{self.name}', '{mark}'), ('{LAST}', '{self.name}:{mark}')
                    ON CONFLICT (name) DO UPDATE SET mark = excluded.mark, at = now();
                    SELECT pg_notify(current_schema(), '{news}');
                    COMMIT"""
                )
        except DivisionByZeroError:
            raise Overtaken from None
        except Exception as error:
            if not is_lost(error):
                raise
            try:
                committed = await self._was_committed(mark)
            except Exception as doubt:
                raise Doubt from doubt
            if not committed:
                raise
        else:
            self._knowledge = work.knowledge.lasting()
            self._known_until = asyncio.get_running_loop().time() + KNOWN_SECONDS

    async def _was_committed(self, mark: str) -> bool:
        """Look for the mark of a transaction whose end we did not hear of. Raises where nobody can tell."""
        async with asyncio.timeout(self._settings.storage.wait_seconds):
            pause = 0.05
            while True:
                await self.drop()
                try:
                    self._connection = await connect(self._settings, WRITING)
                    # The lost transaction holds the writers' lock until it has ended, one way or the other.
                    await self._connection.execute(self._begin)
                    found = await self._connection.fetchval("SELECT mark FROM bus_writer WHERE name = $1", self.name)
                    await self._connection.execute("ROLLBACK")
                except Exception as error:
                    if not is_lost(error):
                        raise
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 0.5)
                else:
                    _log.warning("answer to a commit was lost", committed=found == mark)
                    return bool(found == mark)

    async def claim(self) -> None:
        """Take the leader's lock where nobody has it."""
        if not self.term:
            self._leads = await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", self._leader_key)
            self._term += self._leads

    async def give_up(self, error: Exception) -> None:
        """Undo the transaction that met ``error``; keep the connection where that works."""
        if is_lost(error) or self._connection is None:
            await self.drop()
            return
        try:
            await self._connection.execute("ROLLBACK")
        except Exception:
            await self.drop()

    def hang_up(self) -> None:
        """Break the connection, whatever it is doing: the server stands still."""
        if self._connection is not None:
            self._connection.terminate()

    async def drop(self) -> None:
        """Hang up, whatever the connection was doing."""
        connection, self._connection, self._leads = self._connection, None, False
        self._knowledge = None
        if connection is not None and not connection.is_closed():
            connection.terminate()

    async def close(self) -> None:
        """Take the mark away and say goodbye."""
        connection, self._connection, self._leads = self._connection, None, False
        if connection is None or connection.is_closed():
            return
        try:
            await connection.execute("DELETE FROM bus_writer WHERE name = $1", self.name, timeout=1)
        except Exception as error:
            _log.debug("mark not taken away", error=repr(error))
        await close(connection)
