"""A heartbeat that many may wait for: something was committed, look again."""

import asyncio
from collections.abc import Collection

ANYTHING = "*"  # whose tables a statement changes that does not say which


class Pulse:
    """Each waiter sees every beat since it last looked, as one."""

    def __init__(self) -> None:
        self._count = 0
        self._of_all = 0
        self._of: dict[str, int] = {}
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}  # by whose tables they wait for

    @property
    def count(self) -> int:
        """Return how many beats there were."""
        return self._count

    def last(self, owner: str) -> int:
        """Return the count at the last beat that may have changed what a feature owns; of any, where it has no name."""
        return max(self._of_all, self._of.get(owner, 0)) if owner else self._count

    def beat(self, owners: Collection[str] | None = None) -> None:
        """Wake everybody who waits for what changed: ``owners`` are the features whose tables did, if that is known."""
        self._count += 1
        if owners is None or ANYTHING in owners:
            self._of_all = self._count
            owners = [owner for owner in self._waiters if owner]
        for owner in owners:
            self._of[owner] = self._count
            self._wake(owner)
        self._wake("")

    def _wake(self, owner: str) -> None:
        for waiter in self._waiters.pop(owner, ()):
            ring(waiter)

    async def wait(self, seen: int, seconds: float | None = None, owner: str = "") -> int:
        """Wait until there was a beat after ``seen``, or ``seconds`` passed; return the count now.

        With an ``owner``, only a beat counts that may have changed what this feature owns.
        """
        if self.last(owner) <= seen:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.setdefault(owner, set()).add(waiter)
            # Not wait_for: on Python 3.11 it can swallow a cancellation that comes together with the beat.
            alarm = loop.call_later(seconds, ring, waiter) if seconds is not None else None
            try:
                await waiter
            finally:
                self._waiters.get(owner, set()).discard(waiter)
                if alarm is not None:
                    alarm.cancel()
        return self._count


def ring(waiter: asyncio.Future[None]) -> None:
    """Wake one who waits, unless that happened already."""
    if not waiter.done():
        waiter.set_result(None)
