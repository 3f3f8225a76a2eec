"""A program that is told of events: a real HTTP server on this machine, as well or badly behaved as a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.patience import PATIENCE


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """Return the CloudEvent in it."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    def fits(self, secret: str) -> bool:
        """Tell whether the signature is right, as the library of the standard sees it."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


@dataclass
class Receiver:
    """What came, and what is answered: a status, or ``hang`` (nothing, ever), ``endless`` (a body without end)."""

    port: int = 0
    answers: list[Any] = field(default_factory=list)  # used up one by one; then 204
    received: list[Received] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    opened: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Received(first.split(" ")[1], headers, body))
            self.news.set()
            answer = self.answers.pop(0) if self.answers else 204
            if answer == "hang":
                await reader.read()
            elif answer == "endless":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            elif answer == 302:
                writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/else\r\n\r\n" % self.port)
            else:
                words = b"told \x1b[31mred\x1b[0m and more" + b"." * 2000
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (answer, len(words), words))
            await writer.drain()
        except (OSError, EOFError, asyncio.IncompleteReadError):
            pass
        finally:
            self.opened.discard(writer)
            writer.close()

    async def until(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.received) < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def receiving(*answers: Any) -> AsyncIterator[Receiver]:
    """Listen on a free port of this machine."""
    receiver = Receiver(answers=list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for writer in list(receiver.opened):
            writer.close()
