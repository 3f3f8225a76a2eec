"""Several processes behind one address: a parent holds the sockets, starts the workers and starts them again."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from socket import socket

import structlog

PATIENCE = 10.0  # seconds in which a worker must have stopped, before it is killed
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
SHORT_LIFE = 5.0  # a worker that ends sooner is started again more slowly
_log = structlog.get_logger(__name__)


def stop_signals() -> list[signal.Signals]:
    """Return the signals that stop a server in good order: SIGHUP too (its terminal was closed), unless under nohup."""
    left_alone = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGTERM, signal.SIGINT, *([] if left_alone else [signal.SIGHUP])]


class Workers:
    """Workers of one server. Each has a socket of its own on the shared port, so that the system spreads connections.

    The sockets are the parent's: what connects while a worker is started again waits for it.
    """

    def __init__(
        self, sockets: Sequence[socket], arguments: Sequence[str], environment: Mapping[str, str | None]
    ) -> None:
        """Take what to run: ``arguments`` of this program, and what its environment has else, or not (``None``)."""
        self._sockets = sockets
        self._arguments = arguments
        changed = {**os.environ, **environment}
        self._environment = {name: value for name, value in changed.items() if value is not None}
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        # Held open for as long as this process lives: workers end when it closes, however the parent ended.
        self._lifeline, self._held = os.pipe()

    async def run(self) -> None:
        """Run until a signal comes; all workers have ended then."""
        loop = asyncio.get_running_loop()
        for number in stop_signals():
            loop.add_signal_handler(number, self._stopping.set)
        keeping = [asyncio.create_task(self._keep(place)) for place in range(len(self._sockets))]
        await self._stopping.wait()
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.terminate()
        _, late = await asyncio.wait(keeping, timeout=PATIENCE)
        for process in self._running.values() if late else ():
            with suppress(ProcessLookupError):
                process.kill()
        await asyncio.gather(*keeping)
        os.close(self._held)
        os.close(self._lifeline)

    async def _keep(self, place: int) -> None:
        """Start a worker, and start it again whenever it ends."""
        loop = asyncio.get_running_loop()
        pause, times = FIRST_PAUSE, 0
        while not self._stopping.is_set():
            begun = loop.time()
            process = self._running[place] = await self._start(place, speaks=place == 0 and times == 0)
            code = await process.wait()
            times += 1
            if self._stopping.is_set():
                return
            pause = FIRST_PAUSE if loop.time() - begun > SHORT_LIFE else min(pause * 2, LONGEST_PAUSE)
            _log.error("worker ended, starting another", worker=place + 1, code=code)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _start(self, place: int, *, speaks: bool) -> asyncio.subprocess.Process:
        listening = self._sockets[place].fileno()
        worker = ("--worker", "1" if speaks else "0", str(listening), str(self._lifeline))
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "answerable", "serve", *self._arguments, *worker),
            env=self._environment,
            pass_fds=(listening, self._lifeline),
        )
