"""Units of work on PostgreSQL: few round trips, in the order in which the units were told."""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from answerable.infra.bus import outbox
from answerable.infra.database.postgres.common_words import CommonWords
from answerable.infra.database.postgres.knowledge import Key, Knowledge
from answerable.infra.database.postgres.readers import Readers
from answerable.infra.database.postgres.sending import goes_along, send, send_at_once
from answerable.infra.database.postgres.statement import Counter, Statement, of_words, statement, storable
from answerable.infra.database.postgres.together import Together
from answerable.infra.pulse import ANYTHING
from answerable.kernel.actor import Actor
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Row
from answerable.messages.base import Command, Envelope, Event, Message
from answerable.settings import Settings


class Reading:
    """Statements that only read, one round trip each."""

    __slots__ = ("_common", "connection")

    def __init__(self, connection: Any, common: CommonWords) -> None:
        self.connection = connection
        self._common = common

    async def run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Run one statement and return its rows."""
        asked = statement(sql)
        if asked.searches:
            asked = of_words(sql, asked, values, await self._common.read(self.connection.fetch))
        rows: list[Row] = await self.connection.fetch(asked.text, *asked.arguments(values))
        return rows

    def append(self, message: dict[str, Any]) -> None:
        """Refuse: who reads says nothing."""
        raise RuntimeError("A query cannot publish.")


class Asking:
    """Statements that only read, each on whatever connection is free: the like of them, by key, together."""

    __slots__ = ("_common", "_readers", "_together")

    def __init__(self, readers: Readers, common: CommonWords) -> None:
        self._readers = readers
        self._together = Together(readers)
        self._common = common

    async def run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Run one statement and return its rows."""
        asked = statement(sql)
        if asked.by_key:
            return await self._together.ask(asked, asked.arguments(values))
        if asked.searches:
            asked = of_words(sql, asked, values, await self._common.read(self._fetch))
        return await self._fetch(asked.text, *asked.arguments(values))

    async def _fetch(self, text: str, *arguments: Any) -> list[Row]:
        async def fetch(connection: Any) -> list[Row]:
            rows: list[Row] = await connection.fetch(text, *arguments)
            return rows

        return await self._readers.use(fetch)

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
    * While ``trusting``, a row that is claimed (``ON CONFLICT DO NOTHING RETURNING 1``) is taken to be new, as nearly
      all are, and kept: where it is not, sending it raises, and the units have to run again without trust.

    Where ``begin`` is given, the transaction has not begun: it begins when the server is first asked for something.
    Where all was known and nothing but what ``goes_at_once`` is left at the end, it need not.

    ``foresees`` tells whether what will be known at its end can be relied on before: one that began knowing will most
    likely end so.

    ``background`` is there where it has kept people waiting for the desk's own units: since when, by the loop's clock,
    and how many seconds those were given.

    ``unit_wrote`` tells whether the present unit has changed anything in the database, ``wrote`` whether any has, and
    ``owners`` whose tables.
    """

    __slots__ = (
        "_apart",
        "_begin",
        "_counted",
        "_kept",
        "_messages",
        "_of_unit",
        "background",
        "connection",
        "foresees",
        "knowledge",
        "owners",
        "trusting",
        "unit_wrote",
        "wrote",
    )

    def __init__(
        self, connection: Any, knowledge: Knowledge | None = None, begin: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self.connection = connection
        self._begin = begin
        self.foresees = begin is not None
        self.knowledge = knowledge or Knowledge()
        self.trusting = False
        self.background: tuple[float, float] | None = None
        self.wrote = False
        self.owners: set[str] = set()
        self.unit_wrote = False
        self._apart: set[Statement] = set()  # statements that touch nothing of what is kept
        self._kept: dict[Statement, list[tuple[Any, ...]]] = {}
        self._messages: list[dict[str, Any]] = []
        self._counted: set[Key] = set()  # counters that moved since they were written
        self._of_unit: list[Statement | Key | None] = []  # what the present unit has kept; None is a message

    @property
    def begun(self) -> bool:
        """Tell whether the transaction has begun."""
        return self._begin is None

    @property
    def goes_at_once(self) -> bool:
        """Tell whether what is kept can be a transaction of one statement."""
        keeps = bool(self._kept or self._messages or self._counted)
        return keeps and not self.begun and all(goes_along(asked, len(many)) for asked, many in self._kept.items())

    async def open(self) -> None:
        """Begin the transaction, where it has not. Raises what ``begin`` does."""
        if self._begin is not None:
            begin, self._begin = self._begin, None
            await begin()

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
                self.knowledge.counters[kept] -= 1
            else:
                self._kept[kept].pop()
                if not self._kept[kept]:
                    del self._kept[kept]
        self._of_unit.clear()

    def forget_everything(self) -> None:
        """Forget what is kept and known, because the transaction went back to an earlier point."""
        self._kept.clear()
        self._messages.clear()
        self._counted.clear()
        self._of_unit.clear()
        self.knowledge.forget()

    async def run(self, sql: str, values: dict[str, Any]) -> list[Row]:
        """Run one statement now or, where nobody can tell the difference, later."""
        asked = statement(sql)
        if asked.searches:
            asked = of_words(sql, asked, values)
        arguments = asked.arguments(values)
        if asked.counter is not None:
            return await self._count(asked, asked.counter, arguments)
        if asked.table is None:
            return await self._read(asked, arguments)
        if asked not in self._apart:
            await self._send_before(asked)
        self.owners.add(asked.owner)
        self.knowledge.unlearn(asked.table)
        if asked.table != ANYTHING:
            if not asked.returns:
                self._keep(asked, arguments)
                return []
            if asked.claims is not None and self.trusting:
                if arguments in self._kept.get(asked, ()):
                    return []
                self._keep(asked, arguments)
                return [{asked.claims: 1}]
        await self.open()
        rows: list[Row] = await self.connection.fetch(asked.text, *storable(arguments))
        if rows or asked.table == ANYTHING:
            self.wrote = self.unit_wrote = True
        return rows

    async def _read(self, asked: Statement, arguments: tuple[Any, ...]) -> list[Row]:
        known = self.knowledge.answer(asked, arguments)
        if known is not None:
            return known
        await self._send_before(asked)
        await self.open()
        rows: list[Row] = await self.connection.fetch(asked.text, *arguments)
        self.knowledge.learn(asked, arguments, rows)
        return list(rows)

    async def _count(self, asked: Statement, counter: Counter, arguments: tuple[Any, ...]) -> list[Row]:
        key = (asked, arguments)
        if asked not in self._apart:
            await self._send_before(asked)
        last = self.knowledge.counters.get(key)
        if last is None:
            await self.open()
            last = await self.connection.fetchval(counter.read, *arguments)
            if last is None:
                return []
        self.knowledge.unlearn(str(asked.table), but=asked)
        self.knowledge.count(key, last + 1)
        if key not in self._counted:
            self._counted.add(key)
            self._apart.clear()
        self.owners.add(asked.owner)
        self._of_unit.append(key)
        return [{counter.column: last + 1}]

    def _keep(self, asked: Statement, arguments: tuple[Any, ...]) -> None:
        kept = self._kept.get(asked)
        if kept is None:
            kept = self._kept[asked] = []
            self._apart.clear()
        kept.append(arguments)
        self._of_unit.append(asked)

    def append(self, message: dict[str, Any]) -> None:
        """Keep a message for the outbox."""
        if not self._messages:
            self._apart.clear()
        self._messages.append(message)
        self._of_unit.append(None)
        self.knowledge.unlearn(outbox.TABLE)

    async def _send_before(self, asked: Statement) -> None:
        """Send what is kept and touches the same tables as a statement that comes now; the rest may still wait.

        What is kept of one kind names no table that another kind changes, so any of it may go before the others.
        """
        if asked.table == ANYTHING:
            await self.flush()
            return
        keeps = asked.returns is False or (asked.claims is not None and self.trusting)
        kinds = [
            kept
            for kept in self._kept
            if (kept.table in asked.names or (asked.table is not None and asked.table in kept.names))
            and not (keeps and kept is asked)
        ]
        counted = [key for key in self._counted if key[0].table in asked.names and key[0] is not asked]
        told = bool(self._messages) and outbox.TABLE in asked.names
        if kinds or counted or told:
            await self._send(kinds, counted, told)
        self._apart.add(asked)

    async def flush(self) -> None:
        """Send all that is kept."""
        await self._send(list(self._kept), list(self._counted), bool(self._messages))

    async def _send(self, kinds: Sequence[Statement], counted: Sequence[Key], told: bool) -> None:
        gone: set[Statement | Key | None] = {*kinds, *counted}
        messages: list[dict[str, Any]] = []
        if told:
            gone.add(None)
            messages, self._messages = self._messages, []
        if not gone:
            return
        if not gone.isdisjoint(self._of_unit):
            self.unit_wrote = True
            self._of_unit = [kept for kept in self._of_unit if kept not in gone]
        kept = {kind: self._kept.pop(kind) for kind in kinds}
        self._counted.difference_update(counted)
        self.wrote = True
        await self.open()
        await send(self.connection, kept, {key: self.knowledge.counters[key] for key in counted}, messages)

    async def go_at_once(self, ending: tuple[str, Sequence[Any]]) -> None:
        """Send all that is kept as a transaction of one statement; see ``sending.py``."""
        counters = {key: self.knowledge.counters[key] for key in self._counted}
        await send_at_once(self.connection, self._kept, counters, self._messages, ending)
        self.wrote = True

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
        way: Reading | Asking | Writing,
        ids: IdMaker,
        now: int,
        actor: Actor,
        settings: Settings,
        cause: Envelope | None = None,
    ) -> None:
        self._way: Reading | Asking | Writing = way
        self._ids = ids
        self._messages: deque[Message] = deque()
        self.now = now
        self.actor = actor
        self.cause = cause
        self.settings = settings

    def run(self, sql: str, /, **values: Any) -> Coroutine[Any, Any, list[Row]]:
        """Run one statement and return its rows."""
        return self._way.run(sql, values)

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Run one statement for the values of each row: they are kept, and sent together."""
        for values in rows:
            await self._way.run(sql, dict(values))

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
