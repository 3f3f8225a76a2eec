"""Long work on the event loop, done in stretches: between two of them, people are served.

Whatever works in stretches works in turns: however many there are (a relay, the groups of six features, a writer),
the loop looks after requests behind each stretch, not behind one stretch of everybody.
"""

import asyncio
import os
import time
from collections import deque
from weakref import WeakKeyDictionary

STRETCH_SECONDS = 0.00025  # how long a request may have to wait for work of the desk's own


class Courtesy:
    """Lets go first who was just answered, where they share a core with the desk.

    Linux wakes whoever gets an answer over the loopback on the core of who answers, for most then wait. The desk works
    on, and they would stand in line behind it for up to a tick of the kernel (4 ms), however idle another core is.
    """

    __slots__ = ("_owed",)

    def __init__(self) -> None:
        self._owed = 0

    def answered(self) -> None:
        """Note that somebody is answered."""
        self._owed = 2  # an answer may leave behind the stretch that is next

    def give_way(self) -> None:
        """Before a stretch of work: give the core to who was answered. It costs nothing where nobody was."""
        if self._owed:
            self._owed -= 1
            os.sched_yield()


COURTESY = Courtesy()  # a process has one loop


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
                await asyncio.sleep(0)
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
                self._loop.call_soon(self._give)
                return
        self._next = False


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
        if not self.is_over:
            return False
        await self._line.wait()
        COURTESY.give_way()
        self._until = time.perf_counter() + STRETCH_SECONDS
        return True

    async def pause_out_of_turn(self) -> None:
        """Let requests go first, but nobody who works in turns: for work that somebody waits for."""
        await asyncio.sleep(0)
        COURTESY.give_way()
        self._until = time.perf_counter() + STRETCH_SECONDS
