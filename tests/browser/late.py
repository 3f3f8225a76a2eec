"""Answers and live signals that come late: what stands between the browsers and a desk and holds them back.

Here the desk answers within milliseconds, elsewhere there is a network between: what people do meanwhile, and the
order in which things come, are other ones. ``DELAY_SEED=7 pytest tests/browser`` runs the same stories so. Each answer
waits for a time that the seed, the story, the address and how often that was asked give: the same seed holds the same
answer back as long, whatever else happens. All live signals of a page come on one stream, in their order.
"""

import asyncio
import os
import re
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

SEED = os.environ.get("DELAY_SEED", "")
LONGEST = 0.3  # seconds
LAST = 60  # times that a failure tells
_MOST = 1 << 20  # bytes that are held at once
_A_NAME = re.compile(r"/(?=[^/]*\d)[^/]{8,}")


class Delays:
    """How long each answer of one story waits."""

    def __init__(self, seed: str, story: str) -> None:
        self.seed = seed
        self.told: deque[str] = deque(maxlen=LAST)
        self._story = story
        self._asked: Counter[str] = Counter()

    def draw(self, asked: str) -> float:
        """Return how many seconds the next answer, or the next signal, of what was asked waits."""
        self._asked[asked] += 1
        seconds = Random(f"{self.seed} {self._story} {asked} {self._asked[asked]}").uniform(0, LONGEST)
        self.told.append(f"{seconds * 1000:4.0f} ms  {asked}")
        return seconds


_latest: Delays | None = None


def wanted() -> Delays | None:
    """Return the delays of the test that runs now, ``None`` where nobody asked for any."""
    global _latest
    if not SEED:
        return None
    _latest = Delays(SEED, os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0])
    return _latest


def told() -> str:
    """Say what was held back of late, and how to hold it back so again; empty where nothing was."""
    return "\n".join([f"DELAY_SEED={_latest.seed} holds back the same again.", *_latest.told]) if _latest else ""


@asynccontextmanager
async def held_back(address: str, delays: Delays | None) -> AsyncIterator[str]:
    """Give an address that leads to another one of this machine, and from where all answers come late."""
    if delays is None:
        yield address
        return
    port, lines = int(address.rpartition(":")[2]), set[asyncio.Task[None]]()

    async def take(browser: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        lines.add(line)
        line.add_done_callback(lines.discard)
        with suppress(OSError):  # either side may go at any time
            async with _closing(to):
                await _carry(browser, to, port, delays)

    server = await asyncio.start_server(take, "127.0.0.1", 0, limit=_MOST)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for line in lines:
            line.cancel()
        if lines:
            await asyncio.wait(set(lines))


@asynccontextmanager
async def _closing(side: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        side.close()
        with suppress(OSError):
            await side.wait_closed()


async def _carry(browser: asyncio.StreamReader, to: asyncio.StreamWriter, port: int, delays: Delays) -> None:
    """Carry what one connection says until either side ends it."""
    desk, ask = await asyncio.open_connection("127.0.0.1", port, limit=_MOST)
    connection = _Connection(delays)
    async with _closing(ask):
        ways = {
            asyncio.ensure_future(connection.carry_questions(browser, ask)),
            asyncio.ensure_future(connection.carry_answers(desk, to)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


def _short(path: str) -> str:
    """Return a path without what is made anew in each run: names of tickets and people, and what is asked of it."""
    path = path.partition("?")[0]
    return path if path.startswith("/static/") else _A_NAME.sub("/…", path)


class _Connection:
    """What is asked on a connection, one after the other, and what is answered."""

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self._asked = ""
        self._is_answered = True

    async def carry_questions(self, browser: asyncio.StreamReader, desk: asyncio.StreamWriter) -> None:
        while data := await browser.read(_MOST):
            if self._is_answered:
                method, path, *_ = data.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                self._asked, self._is_answered = f"{method} {_short(path)}", False
            desk.write(data)
            await desk.drain()

    async def carry_answers(self, desk: asyncio.StreamReader, browser: asyncio.StreamWriter) -> None:
        while data := await desk.read(_MOST):
            self._is_answered = True
            await asyncio.sleep(self._delays.draw(self._asked))
            with suppress(TimeoutError):  # what came meanwhile comes with it
                async with asyncio.timeout(0):
                    data += await desk.read(_MOST)
            browser.write(data)
            await browser.drain()
