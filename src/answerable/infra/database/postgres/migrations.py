"""Migrations on PostgreSQL: the portable files in its words, under a lock, in one transaction."""

import asyncio
import re
import threading
from collections.abc import Sequence

import asyncpg

from answerable.infra.database.migrate import LEDGER, Migration, pending_of
from answerable.infra.database.postgres.address import check_schema, lock_key
from answerable.infra.database.postgres.connection import close, connect, is_lost
from answerable.kernel.errors import Invalid
from answerable.settings import Settings, without_password

# SQLite's words and PostgreSQL's for the same thing. Texts sort by their bytes on both; a row may come before the one
# it refers to, for kept statements are sent by their kind, and the end of the transaction is where it must be right.
_WORDS = (
    (re.compile(r"\bINTEGER PRIMARY KEY\b"), "BIGINT PRIMARY KEY"),
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
    (re.compile(r"\b(REFERENCES \w+ \(\w+\))"), r"\1 DEFERRABLE INITIALLY DEFERRED"),
)


def translate(script: str) -> str:
    """Write a portable migration for PostgreSQL."""
    for pattern, words in _WORDS:
        script = pattern.sub(words, script)
    return script


def apply(settings: Settings, wanted: Sequence[Migration], now: int) -> list[Migration]:
    """Bring the schema up to date and return what was applied; made where it is missing.

    Raises ``Invalid`` where the server cannot be reached, or the schema is not one for this program.
    """
    outcome: list[Migration] = []
    failure: list[BaseException] = []

    def work() -> None:
        try:
            outcome.extend(asyncio.run(_apply(settings, wanted, now)))
        except BaseException as error:
            failure.append(error)

    # A desk is put together before its loop has anything to do, and sometimes without one.
    thread = threading.Thread(target=work, name="migrations")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome


async def _apply(settings: Settings, wanted: Sequence[Migration], now: int) -> list[Migration]:
    schema = check_schema(settings.storage.schema)
    connection = await _connect(settings)
    try:
        await connection.execute(f"SELECT pg_advisory_lock({lock_key(schema, 'migrations')})")
        async with connection.transaction():
            if not await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema):
                await connection.execute(f"CREATE SCHEMA {schema}")
            if not await connection.fetchval("SELECT to_regclass($1)::text", f"{schema}.bus_migration"):
                await connection.execute(translate(LEDGER))
            done = await connection.fetch("SELECT owner, name, checksum FROM bus_migration")
            pending = pending_of([tuple(row) for row in done], wanted)
            for migration in pending:
                await connection.execute(translate(migration.sql) if migration.portable else migration.sql)
                await connection.execute(
                    "INSERT INTO bus_migration (owner, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
                    migration.owner,
                    migration.name,
                    migration.checksum,
                    now,
                )
        return pending
    except asyncpg.PostgresError as error:
        place = without_password(settings.storage.database)
        raise Invalid(f"{place}: the database cannot be brought up to date ({error}).") from error
    finally:
        await close(connection)


async def _connect(settings: Settings) -> asyncpg.Connection:
    give_up = asyncio.get_running_loop().time() + settings.storage.wait_seconds
    while True:
        try:
            return await connect(settings, {"statement_timeout": "0", "lock_timeout": "60s"}, None)
        except Exception as error:
            if not is_lost(error):
                raise
            if asyncio.get_running_loop().time() > give_up:
                place = without_password(settings.storage.database)
                raise Invalid(f"{place}: cannot be reached ({str(error) or 'it does not answer'}).") from None
        await asyncio.sleep(0.1)
