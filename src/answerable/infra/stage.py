"""A desk on stage: its clock is set by a script, its timers run at their instants, its messages arrive at once."""

from answerable.infra.bus.port import Bus
from answerable.infra.database.port import DeskDatabase
from answerable.infra.timers import Timers

MAX_IDLE_RUNS = 3


class StageClock:
    """The time of the play, in UTC microseconds."""

    def __init__(self, now: int = 0) -> None:
        self.now = now

    def __call__(self) -> int:
        """Return the time."""
        return self.now


class Stage:
    """The parts of a desk that a replay, a demo or a test moves by hand."""

    def __init__(self, database: DeskDatabase, bus: Bus, timers: Timers, clock: StageClock) -> None:
        self.database = database
        self.bus = bus
        self.timers = timers
        self.clock = clock

    def set_time(self, now: int) -> None:
        """Set the clock without running timers."""
        self.clock.now = now

    async def settle(self) -> None:
        """Let every message arrive."""
        await self.bus.settle()

    async def advance_to(self, until: int) -> None:
        """Move the clock on to ``until``, stopping at each instant at which a timer is due."""
        idle = 0
        while (found := await self.timers.earliest()) is not None and found[0] <= until:
            due, timer = found
            self.clock.now = max(self.clock.now, due)
            done = await timer.run(self.database)
            await self.settle()
            idle = 0 if done else idle + 1
            if idle > MAX_IDLE_RUNS:
                raise RuntimeError(f"the timer {timer.name} is due but does nothing")
        self.clock.now = max(self.clock.now, until)
