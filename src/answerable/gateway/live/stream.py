"""One open stream: what waits to be sent to one client, and how it goes out as server-sent events."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from answerable.gateway.rules import REFRESH, Signal
from answerable.kernel.actor import Actor
from answerable.kernel.times import SECOND

LONGEST_QUEUE = 256
RETRY_MS = 3000  # when a browser that lost the stream comes back
LAST_WORDS_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Line:
    """What a stream needs to know of the hub: how to name a place, where it is now, the time, and the heartbeat."""

    seal: Callable[[int], str]
    newest: Callable[[], int]
    clock: Callable[[], int]
    heartbeat_seconds: float


class Stream:
    """The signals that one client has yet to hear. ``expires_at`` is the end of its token in microseconds."""

    def __init__(self, actor: Actor, expires_at: int, line: Line, session_id: str = "") -> None:
        self.actor = actor
        self.session_id = session_id
        self.expires_at = expires_at
        self.ended = asyncio.Event()
        self._line = line
        self._pending: dict[Signal, int] = {}
        self._wake = asyncio.Event()

    def put(self, place: int, signals: Iterable[Signal]) -> None:
        """Queue signals of one place. One that waits already is not queued twice; too many become ``refresh``."""
        for signal in signals:
            self._pending.pop(signal, None)  # goes to the end, so that ids only grow
            self._pending[signal] = place
        if len(self._pending) > LONGEST_QUEUE:
            self._pending = {REFRESH: place}
        self._wake.set()

    def end(self) -> None:
        """Let the stream end at once, also while the client does not read."""
        self.ended.set()

    async def write(self, send: Callable[[bytes], Any]) -> None:
        """Send what waits, a heartbeat where nothing does, until the token ends."""
        await send(f"retry: {RETRY_MS}\n{'' if self._pending else self._mark()}\n".encode())
        while (left := self.expires_at - self._line.clock()) > 0:
            pause = min(self._line.heartbeat_seconds, max(left / SECOND, 0.01))
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            if self._line.clock() < self.expires_at:
                await send(self._take())

    def _take(self) -> bytes:
        """Return what waits as one chunk of whole events, or a heartbeat that moves the client's id along."""
        self._wake.clear()
        if not self._pending:
            return f": still here\n{self._mark()}\n".encode()
        waiting, self._pending = list(self._pending.items()), {}
        following = [place for _, place in waiting[1:]]
        # Only the last signal of a place names it: who is cut off between two of them is told both again.
        return "".join(
            _frame(signal, "" if place == later else self._mark(place))
            for (signal, place), later in zip(waiting, [*following, None], strict=True)
        ).encode()

    def _mark(self, place: int | None = None) -> str:
        return f"id: {self._line.seal(self._line.newest() if place is None else place)}\n"


def _frame(signal: Signal, mark: str) -> str:
    data = {"ticket": signal.ticket_id} if signal.ticket_id is not None else {}
    return f"{mark}event: {signal.name}\ndata: {msgspec.json.encode(data).decode()}\n\n"


class StreamResponse(Response[bytes]):
    """A stream as an answer; ``on_end`` is called however it ends."""

    def __init__(self, stream: Stream, on_end: Callable[[Stream], None]) -> None:
        super().__init__(
            b"",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            media_type="text/event-stream",
        )
        self.stream = stream
        self.on_end = on_end

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """Return the answer as the framework sends it."""
        return _StreamBody(self.stream, self.on_end, self.headers)


class _StreamBody(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, stream: Stream, on_end: Callable[[Stream], None], headers: dict[str, Any]) -> None:
        super().__init__(headers=headers, media_type="text/event-stream")
        self._stream = stream
        self._on_end = on_end

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Send until the client goes, the stream is ended or its token expires."""

        async def send_chunk(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        try:
            await self.start_response(send)
            tasks = [
                asyncio.create_task(work)
                for work in (self._stream.write(send_chunk), self._stream.ended.wait(), _until_gone(receive))
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._on_end(self._stream)
        with suppress(TimeoutError):  # a client that does not read cannot hold the desk up
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
