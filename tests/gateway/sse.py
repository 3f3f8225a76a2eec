"""A client of the live stream that speaks ASGI by hand: the test client of httpx waits for the end."""

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.patience import PATIENCE
from tests.people import TestPerson
from tests.world import World


@dataclass
class SseClient:
    """One request to ``/api/live``. ``status`` and ``headers`` are there once it is open."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    last_id: str | None = None
    comments: int = 0
    ended: bool = False
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    _text: str = ""
    _seen: list[tuple[str, str]] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> tuple[str, str]:
        """Return the next signal: its name and its data."""
        while not self._seen:
            assert not self.ended, "the stream has ended"
            await self._wait()
        return self._seen.pop(0)

    async def until(self, name: str) -> list[tuple[str, str]]:
        """Return the signals up to and without the first called ``name``."""
        found = []
        while (signal := await self.next())[0] != name:
            found.append(signal)
        return found

    async def until_end(self) -> list[tuple[str, str]]:
        """Return what comes before the server ends the stream."""
        while not self.ended:
            await self._wait()
        return self._seen

    async def until_comment(self) -> None:
        """Wait for the next heartbeat."""
        before = self.comments
        while self.comments == before:
            await self._wait()

    async def until_open(self) -> None:
        """Wait for the first words of the answer."""
        while "\n\n" not in self._text and not self._seen and not self.last_id and not self.ended:
            await self._wait()

    async def _wait(self) -> None:
        self._news.clear()
        async with asyncio.timeout(PATIENCE):
            await self._news.wait()

    async def receive(self) -> MutableMapping[str, Any]:
        """Give the server the request, and later the news that the client is gone."""
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take what the server sends; a client that does not read lets it wait."""
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            self._text += message.get("body", b"").decode()
            self._parse()
            self.ended = not message.get("more_body", False)
        self._news.set()

    def _parse(self) -> None:
        *blocks, self._text = self._text.split("\n\n")
        for block in blocks:
            lines = block.split("\n")
            self.comments += sum(line.startswith(":") for line in lines)
            fields = dict(line.split(": ", 1) for line in lines if line and not line.startswith(":"))
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                self._seen.append((fields["event"], fields["data"]))

    def leave(self) -> None:
        """Close the connection."""
        self._gone.set()


@asynccontextmanager
async def listening(
    world: World, person: TestPerson | None, last_id: str | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[SseClient]:
    """Open the stream as a person, and close it at the end."""
    client = SseClient()
    client.reads.set()
    sent = {**(person.headers if person else {}), **(headers or {}), **({"Last-Event-ID": last_id} if last_id else {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/live",
        "raw_path": b"/api/live",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("desk.test", 80),
    }
    task = asyncio.create_task(world.desk.app(scope, client.receive, client.send))
    task.add_done_callback(lambda _: client.finished.set())
    try:
        await client.until_open()
        yield client
    finally:
        client.leave()
        client.reads.set()
        async with asyncio.timeout(PATIENCE):
            await task
