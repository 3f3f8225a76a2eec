"""Long work on the event loop, done in stretches: between two of them, people are served.

Whatever works in stretches works in turns: however many there are (a relay, the groups of six features, a writer),
the loop looks after requests behind each stretch, not behind one stretch of everybody.
"""

import asyncio
import time
from collections import deque
from weakref import WeakKeyDictionary

from answerable.infra.pace import PACE

STRETCH_SECONDS = 0.00025  # how long a request may have to wait for work of the desk's own
LONGEST_SECONDS = 0.001  # of a stretch: it did not work longer, but waited for something


class _Line:
    """Those who wait for their turn: each round of the loop lets one of them go."""

    __slots__ = ("_loop", "_next", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next = False  # somebody has the next round, or it will be given to who waits longest

    @property
    def is_taken(self) -> bool:
        return self._next

    async def wait(self) -> None:
        if not self._next:  # nobody else wants it
            self._next = True
            try:
                await asyncio.sleep(PACE.rest(time.perf_counter()))
            finally:
                self._give()
            return
        turn = self._loop.create_future()
        self._waiting.append(turn)
        await turn

    def _give(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # else whoever it was has been cancelled
                turn.set_result(None)
                self._give_later(PACE.rest(time.perf_counter()))
                return
        self._next = False

    def _give_later(self, seconds: float) -> None:
        if seconds:
            self._loop.call_later(seconds, self._give)
        else:
            self._loop.call_soon(self._give)


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = WeakKeyDictionary()


def has_next_round(loop: asyncio.AbstractEventLoop) -> bool:
    """Tell whether the next round of a loop belongs to somebody who works in stretches."""
    line = _lines.get(loop)
    return line is not None and line.is_taken


class Stretch:
    """Work since the last pause: it begins with one, but for work that has begun already, ``since`` then."""

    __slots__ = ("_line", "_until")

    def __init__(self, since: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        line = _lines.get(loop)
        if line is None:
            line = _lines[loop] = _Line(loop)
        self._line = line
        self._until = since + STRETCH_SECONDS

    @property
    def is_over(self) -> bool:
        """Tell whether this stretch was long enough."""
        return time.perf_counter() >= self._until

    async def pause(self) -> bool:
        """Let others go first where this stretch was long enough; tell whether it was."""
        now = time.perf_counter()
        if now < self._until:
            return False
        PACE.worked(now, min(now - self._until + STRETCH_SECONDS, LONGEST_SECONDS))
        await self._line.wait()
        self._until = time.perf_counter() + STRETCH_SECONDS
        return True

    async def pause_out_of_turn(self) -> None:
        """Let requests go first, but nobody who works in turns: for work that somebody waits for."""
        await asyncio.sleep(0)
        self._until = time.perf_counter() + STRETCH_SECONDS
