"""All that was said, from the first message on: the outbox of a desk in one piece, or the topics of services apart."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, TypeAlias

from answerable.infra.bus import outbox
from answerable.infra.bus.following import load_position, save_position
from answerable.kernel.actor import service
from answerable.kernel.tx import Database
from answerable.messages.base import Envelope

BATCH = 2000
LEAN_BATCH = 10_000
Place: TypeAlias = Any  # in a history: only the history that gave it knows what it means
Part: TypeAlias = tuple[Sequence[Envelope], Place, int]
Lean: TypeAlias = Any  # type, time and body, by their places
_READING = service("bus")


class History(Protocol):
    """What may be read from the beginning, as often as one likes. Raises ``Unavailable`` where that is not possible."""

    @property
    def lost(self) -> str:
        """Say what is known to be missing at the beginning, empty where nothing is; known once it was read."""
        ...

    async def end(self) -> tuple[Place, int]:
        """Return where it ends now, and how many messages come before that at most."""
        ...

    def read(self, after: Place = None, until: Place = None) -> AsyncIterator[Part]:
        """Read the messages between two places: from the beginning, and to the end as it is by then, where not named.

        Gives them in parts, each with the place behind it, and how many messages were read so far.
        """
        ...

    def read_lean(self, types: Sequence[str]) -> AsyncIterator[list[Lean]]:
        """Read the messages of some types from the beginning to the end, with only what a replay needs."""
        ...

    async def count_behind(self, group: str | None) -> int:
        """Return how many messages a follower of that group has yet to read; all of them for ``None``."""
        ...

    async def move_on(self, group: str, place: Place) -> None:
        """Note that a group need not read what is before ``place``, where that can be said."""
        ...

    async def close(self) -> None:
        """Let go of what was opened."""
        ...


class OutboxHistory:
    """The log of this process's database, which holds everything since the first day."""

    lost = ""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def end(self) -> tuple[Place, int]:
        """Return the position of the last message."""
        end = await self._db.read(_READING, outbox.last_position)
        return end, end

    async def read(self, after: Place = None, until: Place = None) -> AsyncIterator[Part]:
        """Read the messages between two positions."""
        position = after or 0
        while until is None or position < until:
            messages = await self._db.scan(_READING, outbox.load_after, position, BATCH)
            if until is not None:
                messages = [each for each in messages if each.position <= until]
            if not messages:
                return
            position = messages[-1].position
            yield messages, position, position

    async def read_lean(self, types: Sequence[str]) -> AsyncIterator[list[Lean]]:
        """Read the messages of some types, as the rows that they are."""
        position = 0
        while rows := await self._db.scan(_READING, outbox.load_lean_after, position, LEAN_BATCH, types):
            position = rows[-1]["position"]
            yield rows

    async def count_behind(self, group: str | None) -> int:
        """Return how many messages come behind the position of the group."""
        read = 0 if group is None else await self._db.read(_READING, load_position, group)
        return max(0, await self._db.read(_READING, outbox.last_position) - read)

    async def move_on(self, group: str, place: Place) -> None:
        """Move the position of the group on, never back."""

        async def move(tx: Any) -> None:
            if await load_position(tx, group) < place:
                await save_position(tx, group, place)

        await self._db.write(_READING, move)

    async def close(self) -> None:
        """Nothing was opened."""
