"""Units of work on PostgreSQL: few round trips, in the order in which the units were told."""

from collections import deque
from typing import Any, TypeAlias

from answerable.infra.bus import outbox
from answerable.infra.database.postgres.statement import ANYTHING, Counter, Statement, statement
from answerable.kernel.actor import Actor
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Row
from answerable.messages.base import Command, Envelope, Event, Message
from answerable.settings import Settings

_Key: TypeAlias = tuple[Statement, tuple[Any, ...]]
FEW = 3  # rows that are as well sent one by one
_TYPES: dict[Statement, str] = {}


class Reading:
    """Statements that only read, one round trip each."""

    __slots__ = ("connection",)

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Run one statement and return its rows."""
        asked = statement(sql)
        rows: list[Row] = await self.connection.fetch(asked.text, *asked.arguments(values))
        return rows

    def append(self, message: dict[str, Any]) -> None:
        """Refuse: who reads says nothing."""
        raise RuntimeError("A query cannot publish.")


class Writing:
    """One open transaction, in which units run one after the other.

    * A change that returns nothing is kept and sent later, together with its like: at the latest before a statement
      that names the same table, so that nobody can tell the difference.
    * A counter is read once; its numbers are taken here, and the last one is written when the rest is sent.
    * What was read once is known until something writes to a table that it names. Other transactions cannot write
      meanwhile (see ``database.py``).

    ``unit_wrote`` tells whether the present unit has changed anything in the database, ``wrote`` whether any has.
    """

    __slots__ = (
        "_counted",
        "_counters",
        "_kept",
        "_kept_names",
        "_kept_tables",
        "_known",
        "_messages",
        "_of_unit",
        "connection",
        "unit_wrote",
        "wrote",
    )

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.wrote = False
        self.unit_wrote = False
        self._kept: dict[Statement, list[tuple[Any, ...]]] = {}
        self._kept_names: set[str] = set()
        self._kept_tables: set[str] = set()
        self._messages: list[dict[str, Any]] = []
        self._counters: dict[_Key, int] = {}
        self._counted: dict[_Key, int] = {}  # those that moved since they were written
        self._of_unit: list[Statement | _Key | None] = []  # what the present unit has kept; None is a message
        self._known: dict[Statement, dict[tuple[Any, ...], list[Row]]] = {}

    def begin_unit(self) -> None:
        """Begin a unit: what it keeps can be forgotten apart from what others kept."""
        self.unit_wrote = False
        self._of_unit.clear()

    def forget_unit(self) -> None:
        """Forget what the present unit kept. What it wrote stays: see ``unit_wrote``."""
        for kept in reversed(self._of_unit):
            if kept is None:
                self._messages.pop()
            elif isinstance(kept, tuple):
                self._counters[kept] -= 1
            else:
                self._kept[kept].pop()
        self._of_unit.clear()

    def forget_everything(self) -> None:
        """Forget what is kept and known, because the transaction went back to an earlier point."""
        self._kept.clear()
        self._kept_names.clear()
        self._kept_tables.clear()
        self._messages.clear()
        self._counters.clear()
        self._counted.clear()
        self._of_unit.clear()
        self._known.clear()

    async def run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Run one statement now or, where nobody can tell the difference, later."""
        asked = statement(sql)
        arguments = asked.arguments(values)
        if asked.counter is not None:
            return await self._count(asked, asked.counter, arguments)
        if asked.table is None:
            return await self._read(asked, arguments)
        if asked.table == ANYTHING or any(counter.table in asked.names for counter, _ in self._counted):
            await self.flush()
        self._unlearn(asked.table)
        if not asked.returns and asked.table != ANYTHING:
            await self._keep(asked, arguments)
            return []
        if self._concerns_kept(asked):
            await self.flush()
        rows: list[Row] = await self.connection.fetch(asked.text, *arguments)
        if rows or asked.table == ANYTHING:
            self.wrote = self.unit_wrote = True
        return rows

    async def _read(self, asked: Statement, arguments: tuple[Any, ...]) -> list[Row]:
        answers = self._known.get(asked)
        if answers is not None and (known := answers.get(arguments)) is not None:
            return list(known)
        if not self._kept_tables.isdisjoint(asked.names):
            await self.flush()
        rows: list[Row] = await self.connection.fetch(asked.text, *arguments)
        self._known.setdefault(asked, {})[arguments] = rows
        return list(rows)

    async def _count(self, asked: Statement, counter: Counter, arguments: tuple[Any, ...]) -> list[Row]:
        key = (asked, arguments)
        last = self._counters.get(key)
        if last is None:
            if self._concerns_kept(asked):
                await self.flush()
            last = await self.connection.fetchval(counter.read, *arguments)
            if last is None:
                return []
        self._unlearn(str(asked.table), but=key)
        self._counters[key] = self._counted[key] = last + 1
        self._kept_tables.add(str(asked.table))
        self._kept_names |= asked.names
        self._of_unit.append(key)
        return [{counter.column: last + 1}]

    def _unlearn(self, table: str, but: "_Key | None" = None) -> None:
        for key in [key for key in self._counters if key != but and table in (key[0].table, ANYTHING)]:
            if key not in self._counted:
                del self._counters[key]
        for asked in [asked for asked in self._known if table == ANYTHING or table in asked.names]:
            del self._known[asked]

    def _concerns_kept(self, asked: Statement) -> bool:
        return asked.table in self._kept_names or not self._kept_tables.isdisjoint(asked.names)

    async def _keep(self, asked: Statement, arguments: tuple[Any, ...]) -> None:
        others = [kept for kept in self._kept if kept is not asked]
        if any(asked.table in kept.names or kept.table in asked.names for kept in others) or (
            self._messages and outbox.TABLE in asked.names
        ):
            await self.flush()
        alike = self._kept.get(asked)
        if alike is None:
            alike = self._kept[asked] = []
            self._kept_names |= asked.names
            self._kept_tables.add(str(asked.table))
        alike.append(arguments)
        self._of_unit.append(asked)

    def append(self, message: dict[str, Any]) -> None:
        """Keep a message for the outbox."""
        self._messages.append(message)
        self._of_unit.append(None)
        self._kept_tables.add(outbox.TABLE)
        self._kept_names.add(outbox.TABLE)
        self._unlearn(outbox.TABLE)

    async def flush(self) -> None:
        """Send what is kept: one round trip for each kind."""
        if self._of_unit:
            self.unit_wrote = True
            self._of_unit.clear()
        kept, messages, counted = self._kept, self._messages, self._counted
        self._kept, self._messages, self._counted = {}, [], {}
        self._kept_names, self._kept_tables = set(), set()
        for asked, many in kept.items():
            if many:
                self.wrote = True
                await self._send(asked, many)
        for key in counted:
            self.wrote = True
            counter: Any = key[0].counter
            await self.connection.execute(counter.write, *key[1], self._counters[key])
        if messages:
            self.wrote = True
            columns = [[message[name] for message in messages] for name in outbox.WRITTEN]
            await self.connection.fetch(outbox.INSERT_MANY, *columns)

    async def _send(self, asked: Statement, many: list[tuple[Any, ...]]) -> None:
        if asked.inserts is None or len(many) < FEW:
            await self.connection.executemany(asked.text, many)
            return
        types = _TYPES.get(asked)
        if types is None:
            prepared = await self.connection.prepare(asked.text)
            types = _TYPES[asked] = ", ".join(
                f"${place}::{kind.name}[]" for place, kind in enumerate(prepared.get_parameters(), 1)
            )
        await self.connection.execute(
            f"{asked.inserts} SELECT * FROM unnest({types})", *map(list, zip(*many, strict=True))
        )

    async def check(self) -> None:
        """Check what is otherwise checked at COMMIT, where rows may have come in another order than their references.

        Raises what PostgreSQL raises for a row that refers to none.
        """
        if self.unit_wrote:
            await self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


class PostgresTx:
    """One unit of work; see ``kernel.tx.Tx``."""

    __slots__ = ("_ids", "_messages", "_way", "actor", "cause", "now", "settings")

    def __init__(
        self,
        way: Reading | Writing,
        ids: IdMaker,
        now: int,
        actor: Actor,
        settings: Settings,
        cause: Envelope | None = None,
    ) -> None:
        self._way = way
        self._ids = ids
        self._messages: deque[Message] = deque()
        self.now = now
        self.actor = actor
        self.cause = cause
        self.settings = settings

    async def run(self, sql: str, /, **values: Any) -> list[Row]:
        """Run one statement and return its rows."""
        return await self._way.run(sql, values)

    def new_id(self) -> str:
        """Make a UUIDv7 of this unit's time; later ones sort behind."""
        return self._ids.make(self.now)

    def publish(self, *events: Event) -> None:
        """Keep events for the outbox."""
        self._messages += events

    def send(self, *commands: Command) -> None:
        """Keep commands for the outbox."""
        self._messages += commands

    def flush(self) -> None:
        """Hand the kept messages over, in their order."""
        while self._messages:
            self._way.append(outbox.values_of(self, self._messages.popleft()))
