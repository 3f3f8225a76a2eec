"""The bus port: what the rest of the house asks of a bus, whichever wire it uses."""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from answerable.infra.bus.follower import Follower
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service

Store: TypeAlias = DeskDatabase  # what a bus needs of a database: units in order, and a pulse
BUS = service("bus")
RELAY = "relay"  # its row of bus_offset tells how much of the outbox has left the house


class Follows(Protocol):
    """Reads the stream for a follower, for as long as it takes."""

    def start(self) -> None:
        """Follow in the background from now on."""
        ...

    async def stop(self) -> None:
        """Stop; what was not read is read after the next start."""
        ...

    async def settle(self) -> int:
        """Read until nothing is left; return how many messages were read. Raises ``Problem``."""
        ...


class Bus(Protocol):
    """Takes what was committed to the outbox to the consumers and listeners."""

    @property
    def running(self) -> bool:
        """Tell whether messages are on their way right now."""
        ...

    async def prepare(self) -> None:
        """Read what this database knows of the bus; nothing is delivered yet, nothing outside is asked."""
        ...

    async def start(self) -> None:
        """Deliver in the background from now on."""
        ...

    async def stop(self) -> None:
        """Stop delivering; what is left is delivered after the next start."""
        ...

    async def settle(self) -> int:
        """Deliver until nothing is left that could be done now; return how much there was to do.

        Raises ``Unavailable`` where that cannot be reached in time.
        """
        ...

    async def catch_up(self, consumer: str, seconds: float) -> bool:
        """Wait until ``consumer`` has done what was sent until now, for ``seconds`` at most; tell whether it has."""
        ...

    async def unheard(self, consumer: str, keys: Sequence[str]) -> set[str] | None:
        """Return those of ``keys`` about which messages are on their way to ``consumer``; ``None``: nobody can tell."""
        ...

    async def lag(self) -> dict[str, int]:
        """Return how many messages each consumer has not read yet."""
        ...

    def following(self, follower: Follower) -> Follows:
        """Return what reads for a follower: the log of this database, or the topics that hold everybody's."""
        ...
