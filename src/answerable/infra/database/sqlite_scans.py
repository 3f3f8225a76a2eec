"""Long reads on SQLite: in threads, each with a connection of its own."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from answerable.infra.database.sqlite_connection import Connection, connect

T = TypeVar("T")


class Scans:
    """The threads that read a file for long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._per_thread = threading.local()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="scan")
        self._connections: list[Connection] = []

    async def on_snapshot(self, read: Callable[[Connection], T]) -> T:
        """Read in a thread, on one snapshot."""

        def work() -> T:
            connection: Connection | None = getattr(self._per_thread, "connection", None)
            if connection is None:
                connection = self._per_thread.connection = connect(self._path, query_only=True)
                self._connections.append(connection)
            connection.execute("BEGIN")
            try:
                return read(connection)
            finally:
                connection.execute("ROLLBACK")

        return await self.beside(work)

    async def beside(self, work: Callable[[], T]) -> T:
        """Do something else in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Wait for what is under way, then close the connections."""
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()
