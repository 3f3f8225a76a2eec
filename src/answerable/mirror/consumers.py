"""What the mirror does because something happened: it follows the event stream."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from answerable.infra.bus.outbox import open_envelope
from answerable.messages.base import Envelope
from answerable.mirror.rules import NAME, TYPES, Document, Key, changes_of, fold, group_of

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB


class MirrorFollower:
    """Keeps a MongoDB database current; see ``infra.bus.follower.Follower``."""

    name = NAME
    types = TYPES

    def __init__(self, store: "MongoDB") -> None:
        self._store = store

    async def group(self) -> str:
        """Return the name of the position: it belongs to one filling of one database, so an empty one is filled."""
        return group_of(await self._store.generation())

    async def apply(self, messages: Sequence[Envelope]) -> None:
        """Write what some messages say, each document once."""
        documents: dict[Key, Document] = {}
        for number, sealed in enumerate(messages):
            fold(documents, changes_of(sealed, open_envelope(sealed)))
            if number % 50 == 49:
                await asyncio.sleep(0)  # people first, also while an hour is caught up
        await self._store.apply(documents)

    async def close(self) -> None:
        """Close the connections."""
        await self._store.close()
