"""Timers: each sleeps until its next due instant, and is asked again after every commit that may have moved that."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import structlog

from answerable.infra.bus.port import Bus
from answerable.infra.database.errors import StorageFault
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.manifest import Feature, Timer
from answerable.kernel.times import SECOND

LONGEST_SLEEP = 60.0
CATCH_UP_SECONDS = 0.5  # a breach is found within a second, messages or not
CAUGHT_UP_SECONDS = 0.25  # how long that counts: while a crowd is in hand, more comes due, and more is told
START_SECONDS = 30.0  # what an earlier process left is delivered first
FOLLOW_SECONDS = 0.5
# Commits may come by the thousand, and a look is a read for each timer. While they go on and on, each look that finds
# nothing waits twice as long for the next.
BETWEEN_LOOKS, LONGEST_BETWEEN_LOOKS = 0.02, 0.3
_ASKING = service("timer")
_log = structlog.get_logger(__name__)


class Timers:
    """Runs the timers of the features of this process."""

    def __init__(self, database: DeskDatabase, bus: Bus, features: Sequence[Feature], *own: Timer) -> None:
        """Take the timers of ``features`` and those of the infrastructure itself."""
        self._db = database
        self._bus = bus
        self._owners = {timer.name: feature.name for feature in features for timer in feature.timers}
        self._timers = [*(timer for feature in features for timer in feature.timers), *own]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Run every timer in the background."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(timer), name=f"timer {timer.name}") for timer in self._timers]

    async def stop(self) -> None:
        """Stop all timers; what they were doing is undone or durable."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def earliest(self) -> tuple[int, Timer] | None:
        """Return the timer that is due first, and when; for scripts that set the clock."""
        found = [(due, timer) for timer in self._timers if (due := await self._db.read(_ASKING, timer.due)) is not None]
        return min(found, key=lambda pair: pair[0], default=None)

    async def _spare(self, timer: Timer) -> int:
        """Run a timer although its feature is behind: what it has not heard all about is left until it has."""
        if timer.spare is None:
            return await timer.run(self._db)
        return await timer.spare(self._db, partial(self._bus.unheard, self._owners.get(timer.name, "")))

    async def _run(self, timer: Timer) -> None:
        pause, led, caught_up, pulse = 0.1, 0, 0, self._db.pulse
        owner = self._owners.get(timer.name, "")
        between = BETWEEN_LOOKS
        while True:
            seen = pulse.count
            try:
                if (term := await self._db.lead()) != led:
                    led, caught_up = term, 0
                    if term:  # what a process before this one had in hand counts first
                        await self._bus.catch_up(owner, START_SECONDS)
                        continue
                if not term and not timer.shared:  # another process runs them
                    await pulse.wait(seen, FOLLOW_SECONDS)
                    continue
                due = await self._db.read(_ASKING, timer.due)
                wait = LONGEST_SLEEP if due is None else (due - self._db.clock()) / SECOND
                if wait <= 0:
                    # What was told before this instant counts before it: a ticket resolved in time is not late.
                    # Once for all that was due by then, not for each batch of it; but what comes due while a crowd
                    # is in hand is claimed with it.
                    told, now = True, self._db.clock()
                    if due is None or due > caught_up or not 0 <= now - caught_up <= CAUGHT_UP_SECONDS * SECOND:
                        told = await self._bus.catch_up(owner, CATCH_UP_SECONDS)
                        if not (told or term):  # who leads, or will, delivers first
                            await pulse.wait(seen, FOLLOW_SECONDS)
                            continue
                        caught_up = now if told else 0
                    done = await (timer.run(self._db) if told else self._spare(timer))
                    await asyncio.sleep(0 if done else 0.2)
                    pause, between = 0.1, BETWEEN_LOOKS
                    continue
            except StorageFault:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            except Exception:
                _log.exception("timer failed", timer=timer.name)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
                continue
            seen = await pulse.wait(seen, min(wait, LONGEST_SLEEP), owner)  # it asks of its feature's tables alone
            await asyncio.sleep(between if due is None else min(between, max(0.0, (due - self._db.clock()) / SECOND)))
            between = BETWEEN_LOOKS if pulse.last(owner) <= seen else min(between * 2, LONGEST_BETWEEN_LOOKS)
