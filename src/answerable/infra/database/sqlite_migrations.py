"""Migrations on SQLite: statement by statement, in one transaction that nobody else can begin."""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from answerable.infra.database.migrate import LEDGER, Migration, pending_of
from answerable.kernel.errors import Invalid


def apply(path: Path, wanted: Sequence[Migration], now: int) -> list[Migration]:
    """Bring a file up to date and return what was applied. Raises ``Invalid`` where that cannot be done."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    try:
        return _apply(connection, wanted, now)
    except sqlite3.OperationalError as error:
        raise Invalid(f"{path}: the database cannot be brought up to date ({error}).") from error
    finally:
        connection.close()


def _apply(connection: sqlite3.Connection, wanted: Sequence[Migration], now: int) -> list[Migration]:
    ledger = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bus_migration'").fetchone()
    if ledger and not _pending(connection, wanted):
        return []
    _begin(connection)
    try:
        connection.execute(LEDGER)
        pending = _pending(connection, wanted)
        for migration in pending:
            for statement in _statements(migration.sql):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO bus_migration VALUES (?, ?, ?, ?)",
                (migration.owner, migration.name, migration.checksum, now),
            )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return pending


def _begin(connection: sqlite3.Connection) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)


def _pending(connection: sqlite3.Connection, wanted: Sequence[Migration]) -> list[Migration]:
    return pending_of(connection.execute("SELECT owner, name, checksum FROM bus_migration").fetchall(), wanted)


def _statements(script: str) -> list[str]:
    statements, current = [], ""
    for part in script.split(";"):  # a trigger's body holds semicolons too: ask the engine what is whole
        current += part + ";"
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return [statement for statement in statements if _says_something(statement)]


def _says_something(statement: str) -> bool:
    lines = [line.strip() for line in statement.splitlines()]
    return any(line and line != ";" and not line.startswith("--") for line in lines)
