"""Clearing away dead rows after words were erased."""

from answerable.infra.database.postgres.connection import close, connect
from answerable.settings import Settings

SECONDS = 600.0


async def scrub(settings: Settings) -> None:
    """Vacuum the tables of the schema, beside those who read and write."""
    connection = await connect(settings, {"statement_timeout": f"{SECONDS:.0f}s"}, SECONDS + 5)
    try:
        found = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = $1",
            settings.storage.schema,
        )
        for row in found:
            await connection.execute(f"VACUUM {row['name']}")
    finally:
        await close(connection)
