"""A desk in a test, its mirror, and what a reader of MongoDB sees in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from answerable.commands import build
from answerable.infra.bus.history import OutboxHistory
from answerable.kernel.times import iso
from answerable.mirror import rules
from answerable.mirror.queries import changes_of
from answerable.mirror.rules import COLLECTIONS, VERSIONS, Document, Key
from tests.journeys.desk import LASTING, Client
from tests.world import TESTER, World, open_world


class Glass(Client):
    """A desk and its mirror, which reads when the test lets it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        [self.following] = world.desk.make_followings()
        self.history = OutboxHistory(world.db)

    @cached_property
    def reader(self) -> "AsyncMongoClient[Document]":
        """A reader of the old system."""
        return AsyncMongoClient(self.world.desk.settings.mirror.url, tz_aware=True)

    @property
    def database(self) -> "AsyncDatabase[Document]":
        return self.reader.get_default_database()

    async def reflect(self) -> None:
        """Let everything happen, and the mirror show it."""
        await self.world.settle()
        await self.following.settle()

    async def again(self) -> None:
        """Begin anew with another follower, as after a restart."""
        await self.following.stop()
        [self.following] = self.world.desk.make_followings()

    async def forget_position(self) -> None:
        """Lose how far the mirror has read."""

        async def forget(tx: Any) -> None:
            await tx.run("DELETE FROM bus_offset WHERE consumer LIKE 'mirror%'")

        await self.world.db.write(TESTER, forget)
        await self.again()

    async def documents(self) -> dict[Key, Document]:
        """Read all four collections."""
        return {
            (name, document["_id"]): document for name in COLLECTIONS async for document in self.database[name].find({})
        }

    async def command(self, *words: str) -> Result:
        """Run a command beside the desk."""
        settings = self.world.desk.settings
        arguments = [*words, "--data-dir", settings.storage.data_dir, "--mirror", settings.mirror.url]
        secret = {"ANSWERABLE_STORAGE_SECRET": settings.storage.secret}
        return await asyncio.to_thread(CliRunner().invoke, build(), arguments, env=secret)

    async def close(self) -> None:
        await self.following.stop()
        if "reader" in self.__dict__:
            await self.reader.close()


@asynccontextmanager
async def open_glass(folder: Path, url: str, **settings: Any) -> AsyncIterator[Glass]:
    """Open a desk with a mirror at ``url``."""
    values = {**LASTING, "mirror__url": url, "mirror__timeout_seconds": 5.0, **settings}
    async with open_world(folder, **values) as world:
        glass = Glass(world)
        try:
            yield glass
        finally:
            await glass.close()


async def said(world: World) -> dict[Key, Document]:
    """Return what the event log of a desk says of the documents."""
    documents: dict[Key, Document] = {}
    rules.fold(documents, changes_of(await world.envelopes()))
    return documents


def as_json(document: Document) -> dict[str, Any]:
    """Write a document as the API writes the same thing, without what only the mirror has."""
    shown = {name: value for name, value in document.items() if name not in ("_id", VERSIONS)}
    return {name: written(value) for name, value in shown.items()}


def written(value: Any) -> Any:
    """Write a value of a document as the API does."""
    if not isinstance(value, datetime):
        return value
    return iso(int((value - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000))
