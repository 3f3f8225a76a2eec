"""The port: what the bus, the timers and the commands need of a desk's database beyond units of work."""

from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar

from answerable.infra.pulse import Pulse
from answerable.kernel.actor import Actor
from answerable.kernel.tx import Database, Tx
from answerable.messages.base import Envelope

if TYPE_CHECKING:
    from answerable.infra.database.migrate import Migration

T = TypeVar("T")


class DeskDatabase(Database, Protocol):
    """A database of the desk, whichever engine it is. Units of work are serial, over all processes."""

    pulse: Pulse

    @property
    def engine(self) -> str:
        """Return which engine it is: ``sqlite`` or ``postgres``."""
        ...

    @property
    def place(self) -> str:
        """Return where it is, for people; never with a password."""
        ...

    def deliver(
        self,
        actor: Actor,
        verb: Callable[[Tx], Awaitable[T]],
        cause: Envelope | None = None,
        recover: Callable[[Tx, Exception], Awaitable[T]] | None = None,
        term: int | None = None,
    ) -> "Future[T]":
        """Queue a unit of the bus: in order, and behind the requests of people when time is short.

        Where ``verb`` raises, its work is undone and ``recover`` runs in its place, in the same unit. One with a
        ``term`` is refused (``StorageFault``) where this process does not lead in that term (any more).
        """
        ...

    async def lead(self) -> int:
        """Be the one process that delivers messages and runs timers, where no other is.

        Returns 0 while another is; otherwise a number that is another one whenever somebody else may have been between.
        """
        ...

    def bulk(self, every: int = 2000) -> AbstractAsyncContextManager[None]:
        """Commit only after ``every`` units and at the end, for loads that start over if they are cut off."""
        ...

    async def scrub(self) -> None:
        """Clear away what the engine still holds of rows that were changed or deleted, as far as it can."""
        ...

    def watch_others(self) -> None:
        """Beat the pulse when another process has written."""
        ...

    def migrate(self, wanted: "Sequence[Migration]") -> "list[Migration]":
        """Bring the tables up to date and return what was applied; see ``migrate.migrate``."""
        ...

    async def close(self) -> None:
        """Finish what waits, then let go of the database."""
        ...
