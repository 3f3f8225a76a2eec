"""Bringing the write-ahead log into the file beside the commits, not inside one of them."""

import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import structlog

from answerable.infra.database.sqlite_connection import connect

ROWS = 5000  # changed rows after which the log is worth copying: some 15 MB of it
_log = structlog.get_logger(__name__)


class Checkpoints:
    """Copies the log while the writer goes on; see https://www.sqlite.org/wal.html, "Checkpointing".

    Left to itself, SQLite copies inside the commit that makes the log long, and everybody waits for it: a fifth of all
    time under a flood, once for 0.4 s. A copy beside the writer never reaches the end of the log. So the writer itself
    copies the short rest, and begins the log anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._connection: sqlite3.Connection | None = None
        self._copying: Future[None] | None = None
        self._copied_at = 0

    def committed(self, writer: sqlite3.Connection) -> None:
        """Look after the log, in the thread that has just committed; never raises."""
        if self._copying is None:
            if writer.total_changes - self._copied_at >= ROWS:
                self._copied_at = writer.total_changes
                self._copying = self._thread.submit(self._copy)
        elif self._copying.done():
            self._copying = None
            self._try(writer, "RESTART")

    def close(self) -> None:
        """Wait for a copy under way."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _copy(self) -> None:
        if self._connection is None:
            self._connection = connect(self._path)
        self._try(self._connection, "PASSIVE")

    @staticmethod
    def _try(connection: sqlite3.Connection, how: str) -> None:
        try:
            connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        except sqlite3.Error as error:  # a full disk, or a reader in the way: the log stays longer until the next time
            _log.debug("checkpoint put off", how=how, error=str(error))
