"""How this program opens a SQLite file."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from answerable.infra.database.search import LATER, merge_text_indexes

CACHE_KB = 64_000
PATIENCE_MS = 5000
PAUSE_SECONDS = 0.1


class Connection(sqlite3.Connection):
    """A connection whose statements may leave it to ``query_of`` to write what a person typed as a query.

    It is given what was typed and the tables whose indexes are asked. Who runs such a statement sets it before.
    """

    query_of: Callable[[str, tuple[str, ...]], str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_function(LATER, 2, lambda typed, tables: self.query_of(typed, tuple(tables.split())))


def connect(path: Path, *, query_only: bool = False) -> Connection:
    """Open a file; every commit is on the disk when it returns, and nothing waits for a lock."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=1024, timeout=0, factory=Connection
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA busy_timeout = 0")
    with suppress(sqlite3.OperationalError):  # somebody else is switching the mode, or the file is read-only
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only forgotten
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    connection.execute("PRAGMA wal_autocheckpoint = 20000")  # bulk loads and commands; the desk: see checkpoints.py
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if query_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def scrub(path: Path) -> None:
    """Clear away what the file and its log still hold of deleted words.

    It takes its time: for a thread. Raises ``sqlite3.Error`` where others are busy.
    """
    connection = connect(path)
    try:
        connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
        merge_text_indexes(connection)
        _empty_log(connection)
    finally:
        connection.close()


def _empty_log(connection: sqlite3.Connection) -> None:
    """Empty the write-ahead log, without holding up anybody.

    While SQLite itself waits for readers of the log (a backup under way), it holds the lock of writers: so it does not
    wait, but is asked again. What can be copied without that lock is copied first.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    ends = time.monotonic() + PATIENCE_MS / 1000
    while True:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        if not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            return
        if time.monotonic() >= ends:
            raise sqlite3.OperationalError("the write-ahead log is in use")
        time.sleep(PAUSE_SECONDS)
