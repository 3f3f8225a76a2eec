"""A SQLite desk as something to move from or to."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from answerable.infra.database.search import SqliteTextIndexes
from answerable.infra.database.transfer import BATCH, NOT_OF_THE_DESK, Rows, Target
from answerable.kernel.errors import Invalid


class SqliteStore:
    """The file of a desk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version: int | None = None
        self._watcher: sqlite3.Connection | None = None

    @property
    def place(self) -> str:
        """Return where the file is."""
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Tell whether there is a desk."""
        return self.path.exists()

    def check_references(self) -> None:
        """Raise ``Invalid`` where a row refers to one that does not exist, which a copy could not do."""
        connection = self._connect()
        try:
            _check_references(connection)
        finally:
            connection.close()

    @asynccontextmanager
    async def snapshot(self, *, hold: bool = False) -> AsyncIterator["_Part"]:
        """Read as of now."""
        if self._watcher is None:
            self._watcher = self._connect()
        connection = self._connect()
        try:
            self._version = self._watcher.execute("PRAGMA data_version").fetchone()[0]
            connection.execute("BEGIN IMMEDIATE" if hold else "BEGIN")
            connection.execute("SELECT 1 FROM bus_outbox LIMIT 1").fetchone()  # a snapshot begins with its first read
            yield _Part(connection)
            connection.execute("ROLLBACK")
        finally:
            connection.close()

    @asynccontextmanager
    async def filling(self) -> AsyncIterator[Target]:
        """Write all or nothing."""
        connection = self._connect()
        try:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("BEGIN IMMEDIATE")
            yield _Part(connection)
            SqliteTextIndexes().take_up_new_rows(connection)
            _check_references(connection)
            connection.execute("COMMIT")
            connection.execute("ANALYZE")
        finally:
            connection.close()

    async def went_on(self) -> bool:
        """Tell whether anybody has written since the last snapshot began."""
        assert self._watcher is not None
        return bool(self._watcher.execute("PRAGMA data_version").fetchone()[0] != self._version)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        connection.execute("PRAGMA synchronous = FULL")
        return connection


class _Part:
    """One transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def tables(self) -> dict[str, tuple[str, ...]]:
        """Return the desk's tables with their columns."""
        found = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        )
        names = [name for (name,) in found if "_fts" not in name and name not in NOT_OF_THE_DESK]
        return {
            name: tuple(sorted(row[1] for row in self._connection.execute(_COLUMNS.format(name)))) for name in names
        }

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(self._connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncIterator[Rows]:
        """Read a table in batches."""
        found = self._connection.execute(f"SELECT {', '.join(columns)} FROM {table}")
        while rows := found.fetchmany(BATCH):
            yield rows

    async def clear(self, tables: Sequence[str]) -> None:
        """Take away what the migrations put there."""
        for table in tables:
            self._connection.execute(f"DELETE FROM {table}")

    async def put(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Write rows."""
        places = ", ".join("?" * len(columns))
        self._connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


_COLUMNS = "PRAGMA table_info({})"


def _check_references(connection: sqlite3.Connection) -> None:
    wrong = connection.execute("PRAGMA foreign_key_check").fetchall()
    if wrong:
        table, row, parent, number = wrong[0]
        count = f"{len(wrong)} rows refer to rows that do not exist; the first" if len(wrong) > 1 else "A row"
        raise Invalid(f"{count} is in {table}: {_named(connection, table, row, number)} is not in {parent}.")


def _named(connection: sqlite3.Connection, table: str, row: int | None, number: int) -> str:
    """Return what names a row, and what it refers to."""
    if row is None:  # the table is kept by its key, and SQLite does not say which
        return "what it refers to"
    keys = [name for _, name, _, _, _, place in connection.execute(_COLUMNS.format(table)) if place]
    refers = [each[3] for each in connection.execute(f"PRAGMA foreign_key_list({table})") if each[0] == number]
    values = connection.execute(f"SELECT {', '.join(keys + refers)} FROM {table} WHERE rowid = ?", (row,)).fetchone()
    said = [f"{name} {value!r}" for name, value in zip(keys + refers, values, strict=True)]
    return f"the row with {', '.join(said[: len(keys)])} refers to {', '.join(said[len(keys) :])}, which"
