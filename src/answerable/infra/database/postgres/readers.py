"""The connections that read: a few, opened when they are needed, given to who waits longest."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from answerable.infra.database.postgres.connection import close


class Readers:
    """A pool of at most ``size`` connections that cost nothing to take and to give back.

    Nothing is reset between two uses (a round trip): readers cannot write, and leave no state.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._open = 0
        self._free: list[Any] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self, seconds: float) -> Any:
        """Take a connection. Raises ``TimeoutError`` where none is free for ``seconds``, or what ``connect`` raises."""
        while True:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
                self._open -= 1
            if self._open < self._size:
                break
            await self._wait(seconds)
        self._open += 1
        try:
            return await self._connect()
        except BaseException:
            self._open -= 1
            self._wake()
            raise

    async def _wait(self, seconds: float) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._wake()  # it was our turn, and we are gone
            raise

    def give(self, connection: Any) -> None:
        """Give a connection back; a broken one makes room for another."""
        if connection.is_closed():
            self._open -= 1
        else:
            self._free.append(connection)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        """Close what is open."""
        while self._free:
            await close(self._free.pop())
            self._open -= 1
