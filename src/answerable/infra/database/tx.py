"""The unit of work on SQLite: statements run at once, messages are written to the outbox at the end."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from answerable.infra.bus import outbox
from answerable.infra.database.search import WHOLE, forms_in, sqlite_query, words
from answerable.infra.database.sqlite_connection import Connection
from answerable.infra.database.sqlite_reading import can_be_read_for, patterns
from answerable.infra.database.sqlite_statement import Statement, statement
from answerable.infra.database.units import REST
from answerable.infra.stretch import Stretch
from answerable.kernel.actor import Actor
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Row, Tx
from answerable.messages.base import Command, Envelope, Event, Message
from answerable.settings import Settings

T = TypeVar("T")
AT_ONCE = 20  # rows that are written without a rest between


class SqliteTx:
    """One unit of work; see ``kernel.tx.Tx``. One with a ``stretch`` rests where that is over; others never suspend."""

    __slots__ = (
        "_connection",
        "_forms",
        "_ids",
        "_messages",
        "_owners",
        "_queries",
        "_stretch",
        "actor",
        "cause",
        "now",
        "settings",
    )

    def __init__(
        self,
        connection: Connection,
        ids: IdMaker,
        now: int,
        actor: Actor,
        settings: Settings,
        cause: Envelope | None = None,
        owners: set[str] | None = None,
        stretch: Stretch | None = None,
    ) -> None:
        """Note in ``owners`` whose tables are changed."""
        self._connection = connection
        self._owners = set() if owners is None else owners
        self._stretch = stretch
        self._ids = ids
        self._messages: list[Message] = []
        self._queries: dict[tuple[str, tuple[str, ...]], str] = {}
        self._forms: dict[tuple[str, str], list[str] | None] = {}
        self.now = now
        self.actor = actor
        self.cause = cause
        self.settings = settings

    async def run(self, sql: str, /, **values: Any) -> list[Row]:
        """Run one statement and return its rows."""
        rows = self.run_now(sql, values)
        if self._stretch is not None and self._stretch.is_over:
            await REST
        return rows

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Run one statement for the values of each row."""
        at_once = len(rows) if self._stretch is None else AT_ONCE
        for first in range(0, len(rows), at_once or 1):
            self.run_many_now(sql, rows[first : first + at_once])
            if self._stretch is not None and self._stretch.is_over:
                await REST

    def run_many_now(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Do so without a coroutine around it (for ``infra`` itself)."""
        asked = statement(sql)
        self._owners.add(asked.owner)
        self._connection.executemany(asked.text, map(asked.arguments, rows))

    def run_now(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Run one statement without a coroutine around it (for ``infra`` itself)."""
        asked = statement(sql)
        if asked.searches:
            asked = self._search(sql, asked, values)
        if asked.owner:
            self._owners.add(asked.owner)
        given = asked.arguments(values)
        rows = self._connection.execute(asked.text, given).fetchall()
        return rows if asked.then is None else self._connection.execute(asked.then, given).fetchall()

    def _search(self, sql: str, asked: Statement, values: dict[str, Any]) -> Statement:
        """Write what a person typed as the statement needs it; return that for as many words."""
        if asked.reads and (sought := words(values[asked.reads])) and can_be_read_for(sought):
            asked = statement(sql, len(sought))
            values |= patterns(asked.reads, sought)
            self._connection.query_of = self._query
        for name in asked.searches:
            whole = name.startswith(WHOLE)
            values[name] = sqlite_query(values[name], ()) if whole else self._query(values[name], asked.tables)
        return asked

    def _query(self, text: str, tables: tuple[str, ...]) -> str:
        known = self._queries.get((text, tables))
        if known is None:
            forms = forms_in(self._connection, text, tables, self._forms)
            known = self._queries[text, tables] = sqlite_query(text, forms)
        return known

    def new_id(self) -> str:
        """Make a UUIDv7 of this unit's time; later ones sort behind."""
        return self._ids.make(self.now)

    def publish(self, *events: Event) -> None:
        """Keep events for the outbox."""
        self._messages += events

    def send(self, *commands: Command) -> None:
        """Keep commands for the outbox."""
        self._messages += commands

    def flush(self) -> int:
        """Write the kept messages to the outbox; return how many there were."""
        count = len(self._messages)
        if count == 1:
            outbox.insert(self, self._messages[0])
        elif count:
            outbox.insert_many(self, self._messages)
        self._messages.clear()
        return count

    async def carry_out(self, verb: Callable[[Tx], Awaitable[T]]) -> T:
        """Run a unit, then write the messages that it leaves to the outbox, resting between some and the next."""
        result = await verb(self)
        kept, self._messages = self._messages, []
        for first in range(0, len(kept), AT_ONCE):
            self._messages = kept[first : first + AT_ONCE]
            self.flush()
            if self._stretch is not None and self._stretch.is_over:
                await REST
        return result
