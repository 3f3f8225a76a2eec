"""Back-tests in a process of their own: nobody who is at work waits for one, and what it took is given back.

The process gets what it needs on its standard input, settings with their secrets among it, and answers with JSON:
``python -m answerable.sla.queries.apart``.
"""

import asyncio
import os
import resource
import sys
from contextlib import suppress

import msgspec

from answerable.infra.bus.open import open_history
from answerable.infra.database import open_database
from answerable.infra.logging import only_errors
from answerable.kernel.errors import Conflict, Unavailable
from answerable.kernel.span import Span
from answerable.kernel.words import N_
from answerable.settings import Settings
from answerable.sla.queries.backtest import BacktestView, backtest
from answerable.sla.rules.replay import TYPES
from answerable.sla.rules.toml import read_toml

LONGEST_SECONDS = 300.0
MOST_MEMORY = 2 * 1024**3
KINDLY = 10  # how much the process yields to those that people wait for
BUSY = N_("Another back-test is running. Please try again when it is done; it takes a minute at most for most desks.")
TOO_LONG = N_("The back-test took too long and was ended. Please choose a shorter range.")
FAILED = N_("The back-test could not be finished. Please try again.")


class Order(msgspec.Struct, frozen=True):
    """What to replay: under which draft, the tickets raised in which range, and what time it is."""

    settings: Settings
    text: str
    start: int | None
    end: int | None
    now: int


class Backtests:
    """Runs back-tests, one at a time."""

    def __init__(self, longest: float = LONGEST_SECONDS) -> None:
        """Take how many seconds one may take."""
        self._longest = longest
        self._running = False

    async def run(self, settings: Settings, text: str, span: Span, now: int) -> BacktestView:
        """Replay the real history under a draft. Raises ``Conflict`` while another one runs.

        Raises ``Invalid`` for a bad draft, before anything runs, and ``Unavailable`` where it cannot be finished.
        """
        if self._running:
            raise Conflict(BUSY)
        self._running = True
        try:
            await asyncio.to_thread(read_toml, text.encode("utf-8", "replace"))
            order = msgspec.json.encode(Order(settings, text, span.start, span.end, now))
            return msgspec.json.decode(await self._apart(order), type=BacktestView)
        finally:
            self._running = False

    async def _apart(self, order: bytes) -> bytes:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, stdin=pipe, stdout=pipe)
        try:
            answer, _ = await asyncio.wait_for(process.communicate(order), self._longest)
        except TimeoutError:
            raise Unavailable(TOO_LONG) from None
        finally:
            with suppress(ProcessLookupError):  # it has ended, but where this was cut off
                process.kill()
            await process.wait()
        if process.returncode:
            raise Unavailable(FAILED)
        return answer


async def _replay(order: Order) -> BacktestView:
    database = open_database(order.settings, lambda: order.now)
    history = open_history(order.settings, database, TYPES)
    try:
        draft = read_toml(order.text.encode("utf-8", "replace"))
        return await backtest(database, history, draft, Span(order.start, order.end))
    finally:
        await history.close()
        await database.close()


def bound_memory() -> None:
    """Let this process end where a draft wants more memory than a replay needs, rather than the desk or the machine."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MOST_MEMORY if hard == resource.RLIM_INFINITY else min(MOST_MEMORY, hard)
    with suppress(ValueError, OSError):  # a system that does not know this
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def main() -> None:
    """Answer the order on the standard input."""
    only_errors()
    os.nice(KINDLY)
    bound_memory()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_replay(order))))


if __name__ == "__main__":
    main()
