"""Backups of a SQLite file, by SQLite's own online copy."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from answerable.infra.database.backup.container import sync_folder
from answerable.infra.database.backup.facts import EMPTY, SEAL, Facts
from answerable.infra.database.migrate import Migration
from answerable.infra.database.sqlite_migrations import apply
from answerable.infra.database.transfer import NOT_OF_THE_DESK
from answerable.kernel.errors import Conflict, Invalid

_PATIENCE = 30.0


def copy(source: Path, target: Path) -> Facts:
    """Copy the file of a desk, which may run, as it is at one moment; return what is in the copy."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(source, timeout=_PATIENCE)) as desk, closing(sqlite3.connect(target)) as made:
        desk.execute("PRAGMA query_only = ON")
        desk.execute("BEGIN")
        desk.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # the moment: writers go on, this reader stays
        desk.backup(made)
        desk.execute("ROLLBACK")
        made.execute("PRAGMA journal_mode = DELETE")
    return facts(target)


def facts(path: Path) -> Facts:
    """Return what is in a file. Raises ``Invalid`` for one that is damaged or not a desk."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            [(verdict,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
            if verdict != "ok" or connection.execute("PRAGMA foreign_key_check").fetchone():
                raise Invalid(f"The database in the backup is damaged ({verdict}).")
            named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            names = [name for (name,) in named if not name.startswith("sqlite") and "_fts" not in name]
            counted = {
                name: int(connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0])
                for name in names
                if name not in NOT_OF_THE_DESK
            }
            done = connection.execute("SELECT owner, name, checksum FROM bus_migration ORDER BY owner, name").fetchall()
            seal = connection.execute(SEAL).fetchone() or ("", "")
            return Facts(counted, [(o, n, c) for o, n, c in done], *seal)
    except sqlite3.DatabaseError as error:
        raise Invalid(f"The database in the backup is not one of a desk ({error}).") from error


def is_empty(path: Path) -> bool:
    """Tell whether nothing has ever happened in a file, or there is none; one that cannot be read is not empty."""
    if not path.exists():
        return True
    empty = False
    with _unless_damaged(), closing(sqlite3.connect(path, timeout=_PATIENCE)) as connection:
        begun = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'bus_outbox'").fetchone()
        empty = not begun or connection.execute(EMPTY).fetchone() is None
    return empty


def put(copied: Path, place: Path, wanted: Sequence[Migration], now: int, *, replace: bool) -> None:
    """Bring a copy up to date and make it the desk's file. Raises ``Conflict`` where one is that is not empty."""
    if not replace and not is_empty(place):
        raise Conflict(f"{place} is not empty. Name an empty folder, or put the backup in its place with --replace.")
    apply(copied, wanted, now)
    for leftover in ("-wal", "-shm"):
        copied.with_name(copied.name + leftover).unlink(missing_ok=True)
    if place.exists():
        # Its log must not be taken for the new file's; of a damaged file, nothing is worth keeping.
        with _unless_damaged(), closing(sqlite3.connect(place, timeout=_PATIENCE)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            old.execute("PRAGMA journal_mode = DELETE")
    for leftover in ("-wal", "-shm"):
        place.with_name(place.name + leftover).unlink(missing_ok=True)
    os.replace(copied, place)
    sync_folder(place.parent)


@contextmanager
def _unless_damaged() -> Iterator[None]:
    """Leave off where a file is damaged; one that others use is another matter."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            raise
