"""Moving a desk from one engine to another: a snapshot of every table, written once and compared row by row."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

Rows: TypeAlias = list[tuple[Any, ...]]
BATCH = 5000
# What belongs to an engine or a process, not to the desk.
NOT_OF_THE_DESK = frozenset({"bus_migration", "bus_writer"})
_WHOLE = 2**128


class Source(Protocol):
    """Where rows come from: one snapshot."""

    async def tables(self) -> dict[str, tuple[str, ...]]:
        """Return the desk's tables with their columns, in the order of their names."""
        ...

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        ...

    def rows(self, table: str, columns: Sequence[str]) -> AsyncIterator[Rows]:
        """Read a table in batches, in no particular order."""
        ...


class Target(Source, Protocol):
    """Where rows go: one transaction."""

    async def clear(self, tables: Sequence[str]) -> None:
        """Take away what the migrations put there."""
        ...

    async def put(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Write rows."""
        ...


class Store(Protocol):
    """A desk's database as a whole."""

    @property
    def place(self) -> str:
        """Return where it is, for people."""
        ...

    def snapshot(self, *, hold: bool = False) -> AbstractAsyncContextManager[Source]:
        """Read as of now; while others write on or, where ``hold`` says so, while they wait."""
        ...

    def filling(self) -> AbstractAsyncContextManager[Target]:
        """Write all or nothing."""
        ...

    async def went_on(self) -> bool:
        """Tell whether anybody has written since the last snapshot began."""
        ...


@dataclass(slots=True)
class Sum:
    """The number of rows of a table, and a checksum that does not depend on their order."""

    rows: int = 0
    checksum: int = 0

    def add(self, rows: Rows) -> None:
        """Count rows in."""
        self.rows += len(rows)
        for row in rows:
            digest = hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self.checksum = (self.checksum + int.from_bytes(digest, "big")) % _WHOLE


@dataclass
class Outcome:
    """What was found: the sums of both sides by table, and whether the source went on meanwhile."""

    source: dict[str, Sum] = field(default_factory=dict)
    target: dict[str, Sum] = field(default_factory=dict)
    went_on: bool = False

    @property
    def differences(self) -> list[str]:
        """Return a line per table that is not the same on both sides."""
        found = []
        for table in sorted({*self.source, *self.target}):
            ours, theirs = self.source.get(table, Sum()), self.target.get(table, Sum())
            if ours.rows != theirs.rows:
                found.append(f"{table}: {ours.rows} rows here, {theirs.rows} there")
            elif ours != theirs:
                found.append(f"{table}: {ours.rows} rows on both sides, but not the same")
        return found


Tell: TypeAlias = Callable[[str, int], None]


BEGUN = frozenset({"tickets_counter", "bus_rewriting"})  # their migrations write the first rows


async def filled_tables(store: Store) -> list[str]:
    """Return the tables of a desk that hold anything beyond what its migrations put there."""
    async with store.snapshot() as found:
        tables = await found.tables()
        return [table for table in tables if table not in BEGUN and await found.count(table)]


async def count_rows(store: Store) -> int:
    """Return how many rows a desk has."""
    async with store.snapshot() as found:
        return sum([await found.count(table) for table in await found.tables()])


async def copy(source: Store, target: Store, tell: Tell, *, hold: bool = False) -> Outcome:
    """Copy a desk into an empty one, then read both sums; ``tell`` hears of each table and its rows.

    With ``hold``, nobody can write to the source meanwhile.
    """
    outcome = Outcome()
    async with source.snapshot(hold=hold) as here:
        tables = await here.tables()
        async with target.filling() as there:
            await there.clear([*tables])
            for table, columns in tables.items():
                counted = outcome.source[table] = Sum()
                async for rows in here.rows(table, columns):
                    plain = _storable(rows)
                    counted.add(plain)
                    await there.put(table, columns, plain)
                    tell(f"copying {table}", len(rows))
        outcome.target = await _sums(target, tell, tables)
        if hold:
            return outcome
    outcome.went_on = await source.went_on()
    return outcome


async def compare(source: Store, target: Store, tell: Tell) -> Outcome:
    """Compare two desks, table by table."""
    async with source.snapshot() as here:
        tables = await here.tables()
    return Outcome(await _sums(source, tell, tables), await _sums(target, tell, tables))


async def _sums(store: Store, tell: Tell, tables: dict[str, tuple[str, ...]]) -> dict[str, Sum]:
    sums: dict[str, Sum] = {}
    async with store.snapshot() as found:
        for table, columns in tables.items():
            counted = sums[table] = Sum()
            async for rows in found.rows(table, columns):
                counted.add(_storable(rows))
                tell(f"checking {table}", len(rows))
    return sums


def _storable(rows: Rows) -> Rows:
    """Leave out NUL, which PostgreSQL's texts cannot hold."""
    return [
        tuple([value.replace("\0", "") if type(value) is str and "\0" in value else value for value in row])
        for row in rows
    ]
