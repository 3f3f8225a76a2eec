"""A schema in PostgreSQL as something to move from or to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from answerable.infra.database.postgres.address import lock_key
from answerable.infra.database.postgres.connection import close, connect, is_lost
from answerable.infra.database.transfer import BATCH, NOT_OF_THE_DESK, Rows, Target
from answerable.kernel.errors import Invalid
from answerable.settings import Settings, without_password

_PATIENT = {"statement_timeout": "0", "lock_timeout": "60s", "idle_in_transaction_session_timeout": "0"}
_MARKS = "SELECT name, mark FROM bus_writer ORDER BY name"


class PostgresStore:
    """The schema of a desk."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._schema = settings.storage.schema
        self._marks: list[tuple[str, str]] = []

    @property
    def place(self) -> str:
        """Return the address without its password, and the schema."""
        return f"{without_password(self._settings.storage.database)} (schema {self._schema})"

    @property
    def exists(self) -> bool:
        """Tell whether there is a desk, as far as the address tells."""
        return True

    @asynccontextmanager
    async def snapshot(self, *, hold: bool = False) -> AsyncIterator["_Part"]:
        """Read as of now."""
        async with self._connected() as connection:
            if hold:  # who writes takes this lock first
                await connection.execute(f"SELECT pg_advisory_lock({lock_key(self._schema, 'writers')})")
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                self._marks = [tuple(row) for row in await connection.fetch(_MARKS)]
                yield _Part(connection, self._schema)

    @asynccontextmanager
    async def filling(self) -> AsyncIterator[Target]:
        """Write all or nothing."""
        async with self._connected() as connection:
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({lock_key(self._schema, 'writers')})")
                yield _Part(connection, self._schema)
            await connection.execute("ANALYZE")  # without figures the planner guesses

    async def went_on(self) -> bool:
        """Tell whether anybody has written since the last snapshot began."""
        async with self._connected() as connection:
            return [tuple(row) for row in await connection.fetch(_MARKS)] != self._marks

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        try:
            connection = await connect(self._settings, _PATIENT, None)
        except Exception as error:
            if not is_lost(error):
                raise
            raise Invalid(f"{self.place}: cannot be reached ({str(error) or 'it does not answer'}).") from None
        try:
            yield connection
        finally:
            await close(connection)


class _Part:
    """One transaction."""

    def __init__(self, connection: Any, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    async def tables(self) -> dict[str, tuple[str, ...]]:
        """Return the desk's tables with their columns."""
        rows = await self._connection.fetch(
            """SELECT c.table_name, c.column_name FROM information_schema.columns c
            JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
            WHERE c.table_schema = $1 AND t.table_type = 'BASE TABLE'""",
            self._schema,
        )
        found: dict[str, list[str]] = {}
        for table, column in rows:
            if not table.endswith("_words") and table not in NOT_OF_THE_DESK:
                found.setdefault(table, []).append(column)
        return {table: tuple(sorted(found[table])) for table in sorted(found)}

    async def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(await self._connection.fetchval(f"SELECT COUNT(*) FROM {table}"))

    async def rows(self, table: str, columns: Sequence[str]) -> AsyncIterator[Rows]:
        """Read a table in batches."""
        cursor = await self._connection.cursor(f"SELECT {', '.join(columns)} FROM {table}")
        while rows := await cursor.fetch(BATCH):
            yield [tuple(row) for row in rows]

    async def clear(self, tables: Sequence[str]) -> None:
        """Take away what the migrations put there."""
        for table in tables:
            await self._connection.execute(f"DELETE FROM {table}")

    async def put(self, table: str, columns: Sequence[str], rows: Rows) -> None:
        """Write rows."""
        await self._connection.copy_records_to_table(
            table, records=rows, columns=list(columns), schema_name=self._schema
        )
