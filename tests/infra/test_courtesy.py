"""Who was just answered goes first on the core that they share with the desk, and the desk's own work behind them."""

import asyncio
import os
import time

import pytest

from answerable.infra.stretch import STRETCH_SECONDS, Stretch
from tests.infra.test_web_wire import HEAD, answers, serving
from tests.patience import PATIENCE

pytestmark = pytest.mark.one_engine
PER_ANSWER = 2


@pytest.fixture
def yields(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the instants at which the desk gave its core away; it does so all the same."""
    given: list[float] = []
    give = os.sched_yield

    def note() -> None:
        given.append(time.perf_counter())
        give()

    monkeypatch.setattr(os, "sched_yield", note)
    return given


async def work(stretches: int) -> None:
    """Work so many stretches long."""
    line = Stretch()
    for _ in range(stretches):
        until = time.perf_counter() + STRETCH_SECONDS
        while time.perf_counter() < until:
            pass
        await line.pause()


async def test_who_is_answered_while_the_desk_works_goes_first(yields: list[float]) -> None:
    async with serving(asyncio.Event()) as port, asyncio.timeout(PATIENCE):
        await work(2 * PER_ANSWER)  # whoever was answered before
        yields.clear()
        await work(100)
        assert not yields, "nobody was answered, and the desk gives nothing away"
        asked = 0
        working = asyncio.ensure_future(work(400))
        while not working.done():
            await answers(port, HEAD % (b"/", b"Connection: close\r\n"), pieces=5)
            asked += 1
        assert yields, "they stood in line behind the desk's own work"
        assert len(yields) <= PER_ANSWER * asked
        given = len(yields)
        await work(100)
        assert len(yields) <= given + PER_ANSWER, "for each answer, not for ever"
