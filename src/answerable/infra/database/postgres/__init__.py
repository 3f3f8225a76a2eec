"""PostgreSQL through asyncpg; the engine for many tickets, several processes, and machines that may fail."""
