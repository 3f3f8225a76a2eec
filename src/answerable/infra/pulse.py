"""A heartbeat that many may wait for: something was committed, look again."""

import asyncio


class Pulse:
    """Each waiter sees every beat since it last looked, as one."""

    def __init__(self) -> None:
        self._count = 0
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def count(self) -> int:
        """Return how many beats there were."""
        return self._count

    def beat(self) -> None:
        """Wake everybody who waits."""
        self._count += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def wait(self, seen: int, seconds: float | None = None) -> int:
        """Wait until there was a beat after ``seen``, or ``seconds`` passed; return the count now."""
        if self._count == seen:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait_for(waiter, seconds)
            except TimeoutError:
                pass
            finally:
                self._waiters.discard(waiter)
        return self._count
