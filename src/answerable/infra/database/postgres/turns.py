"""Whose turn it is in the next transaction: people before the bus and the timers (docs/decisions/0008)."""

import asyncio
from collections import deque
from typing import Any

from answerable.infra.database.units import Unit
from answerable.infra.pulse import ring

BATCH = 256
# How much of the time units of the bus and timers may take while people wait, and for how long they may go on before
# a commit while nobody does. What they may take is given to them in pieces of some length: a transaction in which they
# read is not one statement any more, and takes the people in it half as long again.
BACKGROUND_SHARE_WHILE_BUSY = 0.05
BACKGROUND_PIECE = 0.01
LONGEST_DEBT = 0.04  # what the end of a transaction took longer counts as well; but there is a turn each second
BACKGROUND_SECONDS = 0.02
BACKGROUND_SECONDS_AFTER_PEOPLE = 0.004  # in the first transaction without them: they may only be slow to come back
# Who was just answered often asks again at once: so long, for each of them, the next transaction waits for people
# before it begins with background units alone.
RETURN_SECONDS, LONGEST_RETURN = 0.0003, 0.005
# People who ask again as soon as they are answered would soon all wait for the same transaction, and server and process
# would take turns in being idle. So a transaction takes up half of those who are under way, and the process reads what
# the other half asks while the server stores it. Where fewer are back, it looks again after some rounds of the loop.
SMALLEST_HALF = 8
ROUNDS = 4


class Turns:
    """The units that wait: those of people (``urgent``), and those of the desk itself."""

    def __init__(self) -> None:
        self.urgent: deque[Unit[Any]] = deque()
        self.background: deque[Unit[Any]] = deque()
        self._answered = 0  # people in the last transaction
        self._under_way = 0  # they, and those who waited when they were answered
        self._after_people = False
        self._since = self._due = 0.0  # when background units last had their turn, and what they may take of people's
        self._arrival: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self.urgent or self.background)

    def lane_of(self, unit: "Unit[Any]") -> "deque[Unit[Any]]":
        """Return where a unit waits."""
        return self.background if unit.actor.kind == "service" else self.urgent

    def put(self, unit: "Unit[Any]") -> None:
        """Queue a unit."""
        lane = self.lane_of(unit)
        lane.append(unit)
        if lane is self.urgent and self._arrival is not None:
            ring(self._arrival)

    def take_old(self, since: float) -> "list[Unit[Any]]":
        """Take out what waits since before an instant of the loop's clock."""
        old = [unit for lane in (self.urgent, self.background) for unit in lane if unit.since < since]
        for unit in old:
            self.lane_of(unit).remove(unit)
        return old

    async def somebody_comes(self, end: "asyncio.Future[Any]") -> None:
        """Wait for a person's unit, or for ``end``."""
        if not self.urgent and not end.done():
            self._arrival = arrival = asyncio.get_running_loop().create_future()
            end.add_done_callback(lambda _: ring(arrival))
            await arrival
            self._arrival = None

    def may_go(self, here: int) -> bool:
        """Tell whether the ``here`` who are taken up may go without others, and without the background."""
        if self.background and self._owed(asyncio.get_running_loop().time()) >= BACKGROUND_PIECE:
            return False
        return 2 * here >= here + len(self.urgent) + self._answered

    def _owed(self, now: float) -> float:
        return self._due + (now - self._since) * BACKGROUND_SHARE_WHILE_BUSY

    async def let_people_return(self, here: int = 0) -> None:
        """Give those who were just answered the time to ask again, where too few of them have by now.

        ``here`` is how many have, and are taken up.
        """
        self._under_way = here + len(self.urgent) + self._answered
        for _ in range(ROUNDS):
            if 2 * (here + len(self.urgent)) >= self._under_way:
                return
            await asyncio.sleep(0)
        if here or self.urgent:
            return
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        alarm = loop.call_later(min(self._answered * RETURN_SECONDS, LONGEST_RETURN), ring, self._arrival)
        await self._arrival
        alarm.cancel()
        self._arrival = None

    def people_now(self, here: int = 0) -> int:
        """Return how many units of people the next transaction takes up, besides those who are ``here``."""
        half = (max(here + len(self.urgent), self._under_way) + 1) // 2
        return max(0, min(len(self.urgent), max(half, SMALLEST_HALF) - here, BATCH))

    def took_up(self, people: int) -> None:
        """Note how many people's units a transaction has taken up."""
        self._answered, self._after_people = people, people > 0

    def background_took(self, given: float, took: float) -> None:
        """Note that the background, which was given some seconds, kept people waiting longer, until a commit."""
        self._due = max(-LONGEST_DEBT, self._due - max(0.0, took - given))

    def background_seconds(self, now: float, here: int = 0) -> float:
        """Return how long the background may run in a transaction from ``now``, by the loop's clock.

        ``here`` people are in it already.
        """
        self._due, self._since = self._owed(now), now
        if not self.urgent and not here:
            self._due = 0.0  # what people left in a quiet moment they do not owe later
            return BACKGROUND_SECONDS_AFTER_PEOPLE if self._after_people else BACKGROUND_SECONDS
        if self._due < BACKGROUND_PIECE:
            return 0.0
        due, self._due = min(self._due, BACKGROUND_SECONDS), 0.0
        return due
