"""Who follows the event stream from outside the database. What reads the stream for it is in ``following.py``."""

from collections.abc import Sequence
from typing import Protocol

from answerable.messages.base import Envelope


class Follower(Protocol):
    """A reader whose effect is not in the desk's database, so that no transaction can hold effect and inbox together.

    It gets every message of its types at least once, oldest first; after a crash or an error some come again. What it
    does must bear repeats, and messages of different topics in any order.
    """

    @property
    def name(self) -> str:
        """Return the name by which logs and figures know the follower."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """Return the types of the messages it wants."""
        ...

    async def group(self) -> str:
        """Return the name under which its position is kept; another far side has another one, and begins anew.

        Asked before the first message and after every failure. Raises ``Problem`` where the far side is away.
        """
        ...

    async def apply(self, messages: Sequence[Envelope]) -> None:
        """Take some messages; when this returns, their effect is durable.

        Raises ``Problem`` where that is not possible now; the same messages come again then.
        """
        ...

    async def close(self) -> None:
        """Let go of the far side."""
        ...
