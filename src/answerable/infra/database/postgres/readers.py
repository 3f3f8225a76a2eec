"""The connections that read: a few, opened when they are needed, given to who waits longest."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asyncpg import ReadOnlySQLTransactionError

from answerable.infra.database.postgres.connection import close, is_lost

T = TypeVar("T")
CALM_SECONDS = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5


async def roll_back(connection: Any) -> None:
    """End whatever transaction is open, as who gives up may leave one: in a scan, but also where a read was cut off.

    A statement is prepared in a transaction of its own, which lasts until the next one is sent: a scan that came next
    would not get the snapshot it asks for. A connection that does not answer is not used again.
    """
    if connection.is_closed():
        return
    try:
        async with asyncio.timeout(CALM_SECONDS):
            await connection.execute("ROLLBACK")
    except Exception:
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise


class Readers:
    """A pool of at most ``size`` connections that cost nothing to take and to give back.

    Nothing is reset between two uses (a round trip): readers cannot write, and leave no state.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], size: int, patience: float) -> None:
        """Open connections by ``connect``; wait ``patience`` seconds for one, and for a server that is away."""
        self._connect = connect
        self._size = size
        self._patience = patience
        self._open = 0
        self._free: list[Any] = []
        self._used: set[Any] = set()
        self._waiting: deque[asyncio.Future[Any]] = deque()

    async def use(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run ``work`` on a connection; where that is lost, again on another, as long as patience lasts."""
        give_up = asyncio.get_running_loop().time() + self._patience
        pause = FIRST_PAUSE
        while True:
            connection = None
            try:
                connection = await self._take()
                self._used.add(connection)
                return await work(connection)
            except asyncio.CancelledError:
                if connection is not None:
                    await roll_back(connection)
                raise
            except Exception as error:
                if not is_lost(error) or isinstance(error, ReadOnlySQLTransactionError):
                    raise
                if connection is not None:
                    connection.terminate()
                if asyncio.get_running_loop().time() + pause > give_up:
                    raise
            finally:
                if connection is not None:
                    self._used.discard(connection)
                    self._give(connection)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _take(self) -> Any:
        """Take a connection. Raises ``TimeoutError`` where none is free in time, or what ``connect`` raises."""
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open >= self._size:
            connection = await self._wait()
            if connection is not None:
                return connection
        else:
            self._open += 1
        try:
            return await self._connect()
        except BaseException:
            self._make_room()
            raise

    async def _wait(self) -> Any:
        """Wait for one's turn: a connection, or ``None`` for the right to open one."""
        turn: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                return await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was our turn, and we are gone
                self._give(turn.result())
            raise

    def _give(self, connection: Any) -> None:
        """Hand a connection to who waits longest; a broken one makes room for another."""
        if connection is None or connection.is_closed():
            self._make_room()
            return
        turn = self._next_turn()
        if turn is None:
            self._free.append(connection)
        else:
            turn.set_result(connection)

    def _make_room(self) -> None:
        turn = self._next_turn()
        if turn is None:
            self._open -= 1
        else:
            turn.set_result(None)

    def _next_turn(self) -> "asyncio.Future[Any] | None":
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None

    def hang_up(self) -> None:
        """Break all connections, whatever they are doing: the server stands still."""
        for connection in (*self._free, *self._used):
            connection.terminate()

    async def close(self) -> None:
        """Close what is open."""
        while self._free:
            await close(self._free.pop())
            self._open -= 1
