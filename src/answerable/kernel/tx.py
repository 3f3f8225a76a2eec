"""One unit of work, as every feature sees it: the time, who asks, SQL, and the messages it sends."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

from answerable.kernel.actor import Actor
from answerable.messages.base import Command, Envelope, Event
from answerable.settings import Settings

Row: TypeAlias = Mapping[str, Any]
P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Tx(Protocol):
    """A unit of work: all of it happens, or none of it.

    ``now`` is the one clock of the unit, in UTC microseconds. ``cause`` is the message that made this unit happen,
    if one did. An action awaits nothing but :meth:`run`.
    """

    @property
    def now(self) -> int:
        """Return the time of the unit in UTC microseconds."""
        ...

    @property
    def actor(self) -> Actor:
        """Return who acts: a person, or the service whose consumer or timer runs."""
        ...

    @property
    def cause(self) -> Envelope | None:
        """Return the envelope of the message that is being consumed, ``None`` for requests and timers."""
        ...

    @property
    def settings(self) -> Settings:
        """Return the settings of this process."""
        ...

    async def run(self, sql: str, /, **values: Any) -> list[Row]:
        """Run one statement with ``:name`` values and return its rows.

        The SQL is the portable subset of SQLite and PostgreSQL; ``MATCHES(t.table, :q)`` asks the full-text
        index of a table whether it has this row, ``FOUND_IN(table, :q)`` for the numbers of all rows that it has,
        ``HAS(t.table(title, body), :q, edges.low, edges.high, edges.many)`` about few rows with numbers between two;
        all three of one person's rows with a last value that is their id (infra/database/search.py).
        """
        ...

    async def run_many(self, sql: str, rows: Sequence[Mapping[str, Any]], /) -> None:
        """Run one statement that returns nothing for the values of each row, in their order."""
        ...

    def new_id(self) -> str:
        """Make a UUIDv7 for a new row."""
        ...

    def publish(self, *events: Event) -> None:
        """Tell whom it concerns what happened, if and when this unit commits."""
        ...

    def send(self, *commands: Command) -> None:
        """Ask one feature to do something, if and when this unit commits."""
        ...


Verb: TypeAlias = Callable[Concatenate[Tx, P], Awaitable[T]]


class Database(Protocol):
    """Where units of work run."""

    @property
    def settings(self) -> Settings:
        """Return the settings of this process."""
        ...

    def clock(self) -> int:
        """Return the desk's time in UTC microseconds."""
        ...

    async def write(
        self, actor: Actor, verb: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``verb`` as one unit of work; return its result once it is durable.

        Raises what the verb raises (nothing is stored then), or ``Unavailable`` where the store cannot take it.
        """
        ...

    async def read(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query that reads by index; it may not write."""
        ...

    async def scan(
        self, actor: Actor, query: Callable[Concatenate[Tx, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query that may take long (search, report) away from the event loop, on one snapshot."""
        ...
