"""PostgreSQL through asyncpg; the engine for many tickets, several processes, and machines that may fail."""

from answerable.infra.database.postgres.database import PostgresDatabase

__all__ = ["PostgresDatabase"]
