"""A wire to PostgreSQL that can be cut at a chosen moment, or swallow everything."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self


class Wire:
    """Carries bytes between the desk and its database, and stops where it is told to."""

    def __init__(self, url: str) -> None:
        head, _, rest = url.partition("127.0.0.1:")
        port, _, name = rest.partition("/")
        self._head, self._port, self._name = head, int(port), name
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._word, self._moment, self._for_good = b"", "", False
        self._down = False
        self._last_word = b""
        self._flows = asyncio.Event()
        self._flows.set()
        self.cuts = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"{self._head}127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{self._name}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        assert self._server is not None
        self.cut()
        self._flows.set()
        self._server.close()

    def cut_at(self, word: bytes, moment: str, *, for_good: bool = False) -> None:
        """Cut when the desk says ``word``: ``before`` the server hears it, or ``after`` it has answered."""
        self._word, self._moment, self._for_good = word, moment, for_good

    def cut(self) -> None:
        """Cut everything, and let nobody in."""
        self._down = True
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Take what is sent, from new ones too, and bring nothing over."""
        self._flows.clear()

    def freeze_at(self, word: bytes) -> None:
        """Take what is sent, and bring nothing over, once the desk says ``word``."""
        self._last_word = word

    def mend(self) -> None:
        """Let people in again, and bring over what was taken."""
        self._down = False
        self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._down:
            writer.transport.abort()
            return
        there_reader, there = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, there}
        answered = asyncio.Event()
        back = asyncio.ensure_future(self._bring_back(there_reader, writer, answered))
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if self._last_word and self._last_word in data:
                    self._last_word = b""
                    self.freeze()
                await self._flows.wait()
                if self._word and self._word in data:
                    self._word = b""
                    self.cuts += 1
                    if self._moment == "after":
                        back.cancel()
                        there.write(data)
                        with suppress(TimeoutError):
                            await asyncio.wait_for(there_reader.read(65536), 2)
                    self._down = self._for_good
                    break
                there.write(data)
        back.cancel()
        for end in (writer, there):
            end.transport.abort()
            self._writers.discard(end)

    async def _bring_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: asyncio.Event) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
        writer.transport.abort()
