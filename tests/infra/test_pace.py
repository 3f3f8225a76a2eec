"""While people ask, the desk's own work rests in between, where it is much; else it goes on as fast as it can."""

import asyncio
import time

import pytest

from answerable.infra import stretch
from answerable.infra.pace import ASKED_SECONDS, AT_ONCE, MANY_CHANGES, PIECE_SECONDS, REST, Pace
from answerable.infra.stretch import STRETCH_SECONDS, Stretch
from answerable.infra.web import wire
from tests.infra.test_web_wire import HEAD, answers, serving
from tests.patience import PATIENCE

pytestmark = pytest.mark.one_engine
FULL = pytest.approx(1)


class Day:
    """A desk that works all the time, and whatever people do meanwhile, by a clock of its own."""

    def __init__(self) -> None:
        self.pace, self.now, self.worked = Pace(), 1000.0, 0.0

    def goes_on(self, seconds: float, asks: float = 0.0, changes: float = 0.0) -> float:
        """Work for so long, with so many who ask and change something in a second; return the share of work."""
        begun, worked, ask, change = self.now, self.worked, self.now, self.now
        while self.now - begun < seconds:
            while asks and ask <= self.now:
                ask += 1 / asks
                self.pace.asked(self.now, to_change=False)
            while changes and change <= self.now:
                change += 1 / changes
                self.pace.asked(self.now, to_change=True)
            self.now += STRETCH_SECONDS
            self.worked += STRETCH_SECONDS
            self.pace.worked(self.now, STRETCH_SECONDS)
            self.now += self.pace.rest(self.now)
        return (self.worked - worked) / (self.now - begun)


def test_who_asks_leaves_the_desk_its_part_of_the_time() -> None:
    day = Day()
    assert day.goes_on(5, asks=100) == pytest.approx(1 / (1 + REST), abs=0.02)
    assert day.goes_on(1) >= 1 - ASKED_SECONDS, "nobody asks any more"
    assert day.goes_on(5, asks=20, changes=MANY_CHANGES / 4) == pytest.approx(1 / (1 + REST), abs=0.02)


def test_nobody_asks_and_the_work_goes_on_at_full_speed() -> None:
    day = Day()
    assert day.goes_on(3) == FULL
    assert day.goes_on(3, asks=2) > 0.85, "who asks now and then is waited for a moment only"


def test_where_people_change_much_what_follows_keeps_up() -> None:
    day = Day()
    day.goes_on(1, asks=100, changes=200)
    assert day.goes_on(5, asks=100, changes=200) == FULL
    day.goes_on(3, asks=100)
    assert day.goes_on(5, asks=100) < 0.6, "they have stopped"


def test_what_follows_from_one_request_is_done_at_once() -> None:
    day = Day()
    for _ in range(20):
        assert day.goes_on(AT_ONCE / 2, asks=100) == FULL
        day.now += AT_ONCE * 2  # nothing to do


async def test_long_work_gets_on_while_people_ask_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Pace()
    monkeypatch.setattr(stretch, "PACE", fresh)
    monkeypatch.setattr(wire, "PACE", fresh)
    monkeypatch.setattr("answerable.infra.pace.AT_ONCE", 0.0)  # on a machine that others keep busy nothing is much

    async def catch_up() -> None:
        line = Stretch()
        for _ in range(400):
            until = time.perf_counter() + STRETCH_SECONDS
            while time.perf_counter() < until:
                pass
            await line.pause()

    async def ask(port: int, working: "asyncio.Future[None]") -> None:
        while not working.done():
            await answers(port, HEAD % (b"/", b"Connection: close\r\n"), pieces=5)

    await catch_up()
    assert fresh.rested == 0, "nobody asks"
    async with serving(asyncio.Event()) as port:
        working = asyncio.ensure_future(catch_up())
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(working, ask(port, working))
    assert fresh.rested > PIECE_SECONDS
