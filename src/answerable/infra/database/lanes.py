"""Whose turn it is at the writer: people before the bus and the timers (docs/decisions/0008)."""

import asyncio
import time
from collections import deque
from typing import Any

from answerable.infra.database.units import Unit
from answerable.infra.pulse import ring
from answerable.infra.stretch import Stretch

# How long the units of the bus and the timers may run before a commit where few people wait or nobody does; on a slow
# disk as long as a commit takes, or they would never be done. While many people wait, they get one part in twenty of
# the time: a flood of requests is answered first, and followed up all the same.
BACKGROUND_SECONDS, LONGEST_BACKGROUND_SECONDS = 0.004, 0.03
BACKGROUND_PARTS_WHILE_BUSY = 20
PEOPLE_SECONDS = 0.003  # who was just answered asks again within this time, or nobody does
QUIET_SECONDS = 0.25  # without a person who writes: then the work of the desk takes its time
MANY_PEOPLE = 8  # at once: fewer are no flood, though on a slow disk some wait at every commit


class Lanes:
    """The units that wait: those of people, and those of the desk itself."""

    def __init__(self) -> None:
        self.urgent: deque[Unit[Any]] = deque()
        self.background: deque[Unit[Any]] = deque()
        self.commit_seconds = 0.0  # of the last one that wrote
        self._background_at = 0.0
        self._answered_at = 0.0  # a person, the last time
        self._people_until = 0.0
        self._somebody: asyncio.Future[None] | None = None

    def __bool__(self) -> bool:
        """Tell whether anything waits."""
        return bool(self.urgent or self.background)

    def put(self, lane: "deque[Unit[Any]]", unit: "Unit[Any]") -> None:
        """Queue a unit."""
        lane.append(unit)
        if lane is self.urgent and self._somebody is not None and not self._somebody.done():
            self._somebody.set_result(None)

    def take_all(self) -> "list[Unit[Any]]":
        """Take everything out."""
        units = [*self.urgent, *self.background]
        self.urgent.clear()
        self.background.clear()
        return units

    async def somebody_comes(self) -> bool:
        """Wait for a person's unit or for the turn of the background; tell whether it is a person's.

        Those who were just answered mostly ask again at once. A commit of its own for the background in that gap would
        make all of them wait for it.
        """
        if self.urgent:
            return True
        wait = min(self._people_until, self._background_at) - time.perf_counter()
        if wait <= 0:
            return False
        loop = asyncio.get_running_loop()
        self._somebody = loop.create_future()
        alarm = loop.call_later(wait, ring, self._somebody)
        try:
            await self._somebody
        finally:
            alarm.cancel()
            self._somebody = None
        return bool(self.urgent)

    def answered_people(self, count: int) -> None:
        """Note that so many people were answered just now; of many, some ask again at once."""
        if count:
            self._answered_at = time.perf_counter()
        if count >= MANY_PEOPLE:
            self._people_until = self._answered_at + PEOPLE_SECONDS

    def people_keep_coming(self) -> bool:
        """Tell whether people were answered so lately that they will ask again."""
        return time.perf_counter() < self._people_until

    async def pause(self, stretch: Stretch) -> None:
        """Let requests go first in the middle of a unit of the background; people's units wait for the end of it."""
        if self.urgent:
            await stretch.pause_out_of_turn()
        else:
            await stretch.pause()

    def longest_background(self, *, people: bool) -> float:
        """Return how long the background may run before a commit of few people, or of nobody.

        The fewer commits, the less each unit costs: longest where nobody is in it, and nobody wrote just now.
        """
        if not people and time.perf_counter() - self._answered_at > QUIET_SECONDS:
            return LONGEST_BACKGROUND_SECONDS
        return max(BACKGROUND_SECONDS, min(self.commit_seconds, LONGEST_BACKGROUND_SECONDS))

    def may_be_cut_short(self, began: float) -> bool:
        """Tell whether the background has run for long enough to be worth a commit, now that somebody has come."""
        enough = min(self.commit_seconds, LONGEST_BACKGROUND_SECONDS) - BACKGROUND_SECONDS
        return time.perf_counter() - began > enough

    def background_must_wait(self, now: float) -> bool:
        """Tell whether the background had its part of the time."""
        return now < self._background_at

    def background_took(self, began: float, now: float, *, while_people_wait: bool) -> None:
        """Note how long the background ran; while people wait, it rests in proportion."""
        self._background_at = now + (now - began) * (BACKGROUND_PARTS_WHILE_BUSY - 1) if while_people_wait else now
