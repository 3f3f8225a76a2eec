"""A MongoDB that takes a write, but cannot say that it is safe: its other members are away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from struct import pack, unpack
from urllib.parse import urlsplit

import bson
import pytest

from answerable.kernel.errors import Conflict, Unavailable
from answerable.mirror import rules
from answerable.mirror.rules import Document, Key
from answerable.mirror.store.mongodb import MongoDB
from tests.patience import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.one_engine]
NOT_SAFE = {"code": 64, "codeName": "WriteConcernTimeout", "errmsg": "waiting for replication timed out"}
HEAD = 16  # bytes: length, request, answer to, kind


class Members:
    """A way to the server; while its members are ``away``, answers to writes say so, as those of a replica set do."""

    def __init__(self) -> None:
        self.away = False

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the server's answers to the client."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(HEAD)
                size, *names = unpack("<iiii", head)
                flags, body = unpack("<I", await reader.readexactly(4))[0], await reader.readexactly(size - HEAD - 4)
                found = bson.decode(body[1:])
                if self.away and "n" in found:
                    body = b"\0" + bson.encode(found | {"writeConcernError": NOT_SAFE})
                writer.write(pack("<iiii", HEAD + 4 + len(body), *names) + pack("<I", flags) + body)
                await writer.drain()


@asynccontextmanager
async def members(url: str) -> AsyncIterator[tuple[Members, str]]:
    """Stand between a client and the server at ``url``."""
    there = urlsplit(url)
    between, ways = Members(), set[asyncio.Task[None]]()

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection(there.hostname, there.port)
        answering = asyncio.ensure_future(between.answer(answers, writer))
        with suppress(ConnectionError):
            while asked := await reader.read(1 << 16):
                questions.write(asked)
        questions.close()
        await answering
        writer.close()

    def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ways.add(asyncio.ensure_future(ask(reader, writer)))

    listening = await asyncio.start_server(come, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield between, there._replace(netloc=f"127.0.0.1:{port}").geturl()
    finally:
        listening.close()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*ways)


def person(version: int) -> dict[Key, Document]:
    documents: dict[Key, Document] = {}
    rules.fold(documents, [rules.Change("users", "una", "person", version, {"name": f"Una {version}"})])
    return documents


async def test_what_may_not_be_safe_is_not_taken_for_written(url: str) -> None:
    async with members(url) as (between, address):
        store = MongoDB(address, 30.0, "desk")
        await store.generation()
        for version in (1, 2):  # one that is new, and one that changes
            between.away = True
            with pytest.raises(Unavailable) as refused:
                await store.apply(person(version))
            assert not isinstance(refused.value, Conflict)
            assert refused.value.message == f"{store.where} cannot say that what it wrote is safe (error 64)."
            with pytest.raises(Unavailable):
                await store.generation()  # whoever follows asks for it before it writes again
            between.away = False
            await store.generation()
            await store.apply(person(version))
            assert (await store.read_some("users", ["una"]))["una"]["name"] == f"Una {version}"
        await store.close()
