"""Noticing what other processes write, and a server that stands still: LISTEN, and a look once a second.

A server of which nothing is heard any more (a frozen machine, a network that swallows everything) breaks no connection.
What is asked of it would wait for as long as a statement may take.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from answerable.infra.database.postgres.connection import close, connect
from answerable.infra.pulse import Pulse
from answerable.settings import Settings

_log = structlog.get_logger(__name__)
LOOK_SECONDS = 1.0
TOUCH_EVERY = 5  # looks


class Watch:
    """Beats the pulse at each commit of another process, and says so by ``heard``.

    Calls ``silent`` where the server has not answered for ``storage.wait_seconds``.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        pulse: Pulse,
        touch: Callable[[], None],
        heard: Callable[[], None],
        silent: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._name = name
        self._pulse = pulse
        self._touch = touch
        self._heard = heard
        self._silent = silent
        self._task: asyncio.Task[None] | None = None
        self._connection: Any = None

    def start(self) -> None:
        """Watch from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="watch others")

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await close(self._connection)

    async def _run(self) -> None:
        looks = 0
        while True:
            if self._connection is None or self._connection.is_closed():
                self._pulse.beat()  # nobody can tell what was missed
                try:
                    self._connection = await connect(self._settings, {}, self._settings.storage.wait_seconds)
                    await self._connection.add_listener(self._settings.storage.schema, self._hear)
                    self._heard()
                    self._pulse.beat()  # what was written while it was being connected, nobody has told us
                except Exception as error:
                    _log.debug("cannot listen", error=repr(error))
                    if self._connection is not None:
                        self._connection.terminate()  # should it live, it would hear nothing
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            if looks % TOUCH_EVERY == 0:
                self._touch()
            if self._connection is not None and not self._connection.is_closed():
                await self._ask()

    async def _ask(self) -> None:
        loop, patience = asyncio.get_running_loop(), self._settings.storage.wait_seconds
        begun = loop.time()
        try:
            await self._connection.fetchval("SELECT 1", timeout=patience)
        except TimeoutError:
            self._connection.terminate()
            if loop.time() - begun < patience + LOOK_SECONDS:  # else it was this process that stood still
                _log.warning("the database does not answer: what waits for it is told so", seconds=patience)
                self._silent()
        except Exception as error:
            _log.debug("cannot listen", error=repr(error))

    def _hear(self, _connection: Any, _pid: int, _channel: str, news: str) -> None:
        name, *owners = news.split()
        if name != self._name:
            self._heard()
            self._pulse.beat(owners or None)
