"""What the mirror does because something happened: it follows the event stream."""

import asyncio
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from answerable.kernel.errors import Conflict
from answerable.messages.base import Envelope
from answerable.mirror.queries import changes_in
from answerable.mirror.rules import NAME, TYPES, Document, Key, fold, group_of

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB

LOOK_SECONDS = 5.0  # how long it may write before it looks again whether the database is still its own
_log = structlog.get_logger(__name__)


class MirrorFollower:
    """Keeps a MongoDB database current; see ``infra.bus.follower.Follower``."""

    name = NAME
    types = TYPES

    def __init__(self, store: "MongoDB") -> None:
        self._store = store
        self._group = ""
        self._look_at = math.inf

    async def group(self) -> str:
        """Return the name of the position: it belongs to one filling of one database, so an empty one is filled."""
        self._group = group_of(await self._store.generation())
        self._look_at = asyncio.get_running_loop().time() + LOOK_SECONDS
        return self._group

    async def apply(self, messages: Sequence[Envelope]) -> None:
        """Write what some messages say, each document once.

        Raises ``Conflict`` where another desk has taken the database over, or it is filled anew.
        """
        await self._look()
        documents: dict[Key, Document] = {}
        for number, sealed in enumerate(messages):
            changes = changes_in(sealed)
            if changes is None:
                _log.error(
                    "mirror passed over an unreadable message", type=sealed.type, id=sealed.id, origin=sealed.origin
                )
            fold(documents, changes or ())
            if number % 50 == 49:
                await asyncio.sleep(0)  # people first, also while an hour is caught up
        await self._store.apply(documents)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._look_at:
            return
        found = await self._store.find_generation()
        if found is None or group_of(found) != self._group:
            raise Conflict(f"{self._store.where} was emptied or swapped.")
        self._look_at = now + LOOK_SECONDS

    async def close(self) -> None:
        """Close the connections."""
        await self._store.close()
