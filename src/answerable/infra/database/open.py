"""The switch: a database for a set of settings."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from answerable.infra.database.port import DeskDatabase
from answerable.infra.database.postgres.address import check_address, check_schema
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.infra.database.sqlite_transfer import SqliteStore
from answerable.kernel.errors import Invalid
from answerable.settings import Settings

if TYPE_CHECKING:
    from answerable.infra.database.postgres.transfer import PostgresStore

FILE = "answerable.sqlite"


def system_clock() -> int:
    """Return the time in UTC microseconds."""
    return time.time_ns() // 1000


def open_database(settings: Settings, clock: Callable[[], int] = system_clock) -> DeskDatabase:
    """Open the desk's database: PostgreSQL where ``storage.database`` names one, else SQLite in the data folder.

    Raises ``Invalid`` for an address that cannot be right.
    """
    if settings.storage.database:
        check_address(settings.storage.database)
        check_schema(settings.storage.schema)
        from answerable.infra.database.postgres.database import PostgresDatabase  # noqa: PLC0415  # only who needs it

        return PostgresDatabase(settings, clock)
    return open_sqlite(settings, clock)


def open_store(settings: Settings) -> "PostgresStore | SqliteStore":
    """Open the desk's database as a whole, to be moved."""
    if settings.storage.database:
        check_address(settings.storage.database)
        check_schema(settings.storage.schema)
        from answerable.infra.database.postgres.transfer import PostgresStore  # noqa: PLC0415  # only who needs it

        return PostgresStore(settings)
    return SqliteStore(Path(settings.storage.data_dir) / FILE)


def open_sqlite(settings: Settings, clock: Callable[[], int] = system_clock) -> SqliteDatabase:
    """Open the SQLite file of the data folder, made where it is missing, readable by its owner only.

    Raises ``Invalid`` where the data folder cannot be made or used.
    """
    folder = Path(settings.storage.data_dir)
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    except OSError as error:
        raise Invalid(f"storage.data_dir: {folder} cannot be used ({error.strerror}).") from error
    return SqliteDatabase(path, settings, clock)
