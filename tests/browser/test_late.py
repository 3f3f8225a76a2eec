"""Answers that are held back: as long each time as the seed says, and nothing else changes."""

import asyncio
from typing import Any

import httpx

from tests.apart import serving_app
from tests.browser.late import LONGEST, Delays, held_back
from tests.patience import PATIENCE

LONG = b"a long answer " * 100_000
SIGNALS = (b"first ", b"second ", b"third ")


class Desk:
    """Answers with what was sent, at length, with one signal after the other, or not at all."""

    def __init__(self) -> None:
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        if scope["path"] == "/stay":
            self.asked.set()
            assert (await receive())["type"] == "http.disconnect"
            return self.left.set()
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if scope["path"] == "/signals":
            for signal in SIGNALS:
                await send({"type": "http.response.body", "body": signal, "more_body": True})
                await asyncio.sleep(LONGEST / 3)  # the next one happens later
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": LONG if scope["path"] == "/long" else body})


def order(delays: Delays) -> list[float]:
    return [delays.draw(asked) for asked in ("GET /a", "GET /b", "GET /a", "GET /api/live", "GET /api/live")]


def test_the_same_seed_holds_the_same_answer_back_as_long_whatever_else_is_asked() -> None:
    one, again, other = Delays("7", "a story"), Delays("7", "a story"), Delays("8", "a story")
    times = order(one)
    for _ in range(20):
        again.draw("GET /something-else")
    assert order(again) == times
    assert len(set(times)) == len(times), "each is another one"
    assert set(order(other)).isdisjoint(times)
    assert set(order(Delays("7", "another story"))).isdisjoint(times)
    assert all(0 <= seconds <= LONGEST for seconds in times)


async def test_answers_come_late_and_whole_and_overtake_each_other() -> None:
    delays, came = Delays("1", "a story"), []
    waits = {f"/{number}": Delays("1", "a story").draw(f"POST /{number}") for number in range(8)}
    async with (
        serving_app(Desk()) as address,
        held_back(address, delays) as late,
        httpx.AsyncClient(base_url=late, timeout=PATIENCE) as client,
    ):

        async def ask(path: str) -> None:
            began = asyncio.get_running_loop().time()
            answer = await client.post(path, content=path)
            assert answer.text == path
            assert asyncio.get_running_loop().time() - began >= waits[path] - 0.01, "it waited, as the loop counts"
            came.append(path)

        await asyncio.gather(*map(ask, waits))
        assert sorted(came) == sorted(waits)
        assert came != list(waits), "they come in another order than they were asked for"
        assert (await client.get("/long")).content == LONG
        async with client.stream("GET", "/signals") as stream:
            assert await stream.aread() == b"".join(SIGNALS), "in their order"
    assert sum("GET /signals" in line for line in delays.told) >= 2, "signals are held back one by one"


async def test_what_ends_the_desk_or_the_browser_ends_the_connection() -> None:
    desk = Desk()
    async with serving_app(desk) as address, held_back(address, Delays("1", "a story")) as late:
        host, _, port = late.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /0 HTTP/1.1\r\nHost: desk\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read()).startswith(b"HTTP/1.1 200"), "the whole answer, and then the end"
        writer.close()
        await writer.wait_closed()
        _, left = await asyncio.open_connection(host, int(port))
        left.write(b"GET /stay HTTP/1.1\r\nHost: desk\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            await desk.asked.wait()
            left.close()
            await desk.left.wait()  # the desk hears of it
