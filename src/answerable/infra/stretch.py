"""Long work on the event loop, done in stretches: between two of them, people are served."""

import asyncio
import time

STRETCH_SECONDS = 0.0005  # how long a request may have to wait for work of the desk's own


class Stretch:
    """Work since the last pause."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.perf_counter() + STRETCH_SECONDS

    async def pause(self) -> bool:
        """Let others go first where this stretch was long enough; tell whether it was."""
        if time.perf_counter() < self._until:
            return False
        await asyncio.sleep(0)
        self._until = time.perf_counter() + STRETCH_SECONDS
        return True
