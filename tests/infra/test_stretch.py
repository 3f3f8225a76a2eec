"""Long work on the loop takes turns, so that requests wait for one stretch of it, however much there is."""

import asyncio

import pytest

from answerable.infra.stretch import Stretch

pytestmark = pytest.mark.one_engine


@pytest.fixture(autouse=True)
def each_step_is_a_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answerable.infra.stretch.STRETCH_SECONDS", -1.0)


async def test_of_many_who_work_at_once_one_has_each_round_of_the_loop_and_all_get_on() -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        stretch = Stretch()
        for _ in range(20):
            await stretch.pause()
            done.append(name)

    working = [asyncio.ensure_future(work(name)) for name in "abcdef"]
    while not all(one.done() for one in working):
        before = len(done)
        await asyncio.sleep(0)  # as a request would
        assert len(done) - before <= 1
    for behind in range(20):
        assert set(done[behind * 6 : behind * 6 + 6]) == set("abcdef"), "nobody goes twice before all went once"


async def test_who_gives_up_in_the_line_holds_up_nobody() -> None:
    done: list[str] = []

    async def work(name: str) -> None:
        stretch = Stretch()
        for _ in range(5):
            await stretch.pause()
            done.append(name)

    working = {name: asyncio.ensure_future(work(name)) for name in "abcd"}
    for name in "abc":
        await asyncio.sleep(0)
        working[name].cancel()
    await asyncio.wait(working.values())
    assert done.count("d") == 5
    await work("e")
    assert done.count("e") == 5
