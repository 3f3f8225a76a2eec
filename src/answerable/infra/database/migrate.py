"""Migrations: numbered ``.sql`` files per feature, checksummed, transactional, under a lock.

``0001_tickets.sql`` serves every engine; ``0002_search.sqlite.sql`` only the one it names. A database that holds a
migration this program does not know, or another text of one it knows, is refused. The engines apply them in
``sqlite_migrations.py`` and ``postgres/migrations.py``.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import TYPE_CHECKING

from answerable.kernel.errors import Invalid
from answerable.kernel.tx import Tx

if TYPE_CHECKING:
    from answerable.infra.database.port import DeskDatabase

LEDGER = """CREATE TABLE IF NOT EXISTS bus_migration (
    owner TEXT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name))"""


@dataclass(frozen=True)
class Migration:
    """One file: who owns it, its name and its text; a ``portable`` one serves every engine."""

    owner: str
    name: str
    sql: str
    portable: bool = True

    @cached_property
    def checksum(self) -> str:
        """Return what tells one text from another."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@cache
def migrations_of(owner: str, package: str, engine: str = "sqlite") -> tuple[Migration, ...]:
    """Read the migrations of a package for an engine, in order; they do not change while the process runs."""
    folder = resources.files(package) / "migrations"
    if not folder.is_dir():
        return ()
    found = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        stem, dot, suffix = file.name.removesuffix(".sql").partition(".")
        if file.name.endswith(".sql") and (not dot or suffix == engine):
            found.append(Migration(owner, stem, file.read_text(), portable=not dot))
    return tuple(found)


def migrate(database: "DeskDatabase", wanted: Sequence[Migration]) -> list[Migration]:
    """Bring the database up to date and return what was applied.

    Raises ``Invalid`` where the database is newer than this program or a migration's text has changed.
    """
    return database.migrate(wanted)


def pending_of(done: Iterable[tuple[str, str, str]], wanted: Sequence[Migration]) -> list[Migration]:
    """Return what is still to be applied, given (owner, name, checksum) of what was.

    Raises ``Invalid`` where the database is newer than this program or a migration's text has changed.
    """
    applied = {(owner, name): checksum for owner, name, checksum in done}
    known = {(m.owner, m.name): m for m in wanted}
    owners = {m.owner for m in wanted}
    for (owner, name), checksum in applied.items():
        if owner in owners and (owner, name) not in known:
            raise Invalid(f"The database is newer than this program (it has {owner}/{name}). Start a newer version.")
        if (owner, name) in known and known[owner, name].checksum != checksum:
            raise Invalid(f"The migration {owner}/{name} is not the one that made this database.")
    return [m for m in wanted if (m.owner, m.name) not in applied]


async def unapplied(tx: Tx, wanted: Sequence[Migration]) -> list[Migration]:
    """Return the migrations that the open database does not have."""
    rows = await tx.run("SELECT owner, name FROM bus_migration")
    done = {(row["owner"], row["name"]) for row in rows}
    return [m for m in wanted if (m.owner, m.name) not in done]
