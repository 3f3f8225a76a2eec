"""Migrations: numbered ``.sql`` files per feature, checksummed, transactional, under a lock.

``0001_tickets.sql`` serves every engine; ``0002_search.sqlite.sql`` only the one it names. A database that holds a
migration this program does not know, or another text of one it knows, is refused.
"""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from answerable.infra.database.sqlite import SqliteDatabase
from answerable.kernel.errors import Invalid
from answerable.kernel.tx import Tx

_LEDGER = """CREATE TABLE IF NOT EXISTS bus_migration (
    owner TEXT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name))"""


@dataclass(frozen=True)
class Migration:
    """One file: who owns it, its name and its text."""

    owner: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return what tells one text from another."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(owner: str, package: str, engine: str = "sqlite") -> list[Migration]:
    """Read the migrations of a package for an engine, in order."""
    folder = resources.files(package) / "migrations"
    if not folder.is_dir():
        return []
    found = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        stem, dot, suffix = file.name.removesuffix(".sql").partition(".")
        if file.name.endswith(".sql") and (not dot or suffix == engine):
            found.append(Migration(owner, stem, file.read_text()))
    return found


def migrate(database: SqliteDatabase, wanted: Sequence[Migration]) -> list[Migration]:
    """Bring the database up to date and return what was applied.

    Raises ``Invalid`` where the database is newer than this program or a migration's text has changed.
    """
    connection = sqlite3.connect(database.path, isolation_level=None, timeout=30)
    try:
        return _migrate(connection, wanted, database.clock())
    except sqlite3.OperationalError as error:
        raise Invalid(f"{database.path}: the database cannot be brought up to date ({error}).") from error
    finally:
        connection.close()


def _migrate(connection: sqlite3.Connection, wanted: Sequence[Migration], now: int) -> list[Migration]:
    ledger = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bus_migration'").fetchone()
    if ledger and not _pending(connection, wanted):
        return []
    _begin(connection)
    try:
        connection.execute(_LEDGER)
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
    rows = connection.execute("SELECT owner, name, checksum FROM bus_migration").fetchall()
    done = {(owner, name): checksum for owner, name, checksum in rows}
    known = {(m.owner, m.name): m for m in wanted}
    owners = {m.owner for m in wanted}
    for (owner, name), checksum in done.items():
        if owner in owners and (owner, name) not in known:
            raise Invalid(f"The database is newer than this program (it has {owner}/{name}). Start a newer version.")
        if (owner, name) in known and known[owner, name].checksum != checksum:
            raise Invalid(f"The migration {owner}/{name} is not the one that made this database.")
    return [m for m in wanted if (m.owner, m.name) not in done]


async def unapplied(tx: Tx, wanted: Sequence[Migration]) -> list[Migration]:
    """Return the migrations that the open database does not have."""
    rows = await tx.run("SELECT owner, name FROM bus_migration")
    done = {(row["owner"], row["name"]) for row in rows}
    return [m for m in wanted if (m.owner, m.name) not in done]


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
