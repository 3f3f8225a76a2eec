"""The consumers and listeners of this process, behind whichever wire: rounds of messages, and what is tried again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import structlog

from answerable.infra.bus import inbox, outbox
from answerable.infra.bus.inbox import Inbox
from answerable.infra.bus.port import BUS, Store
from answerable.kernel.actor import service
from answerable.kernel.manifest import Feature, Listener
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope, Message

Unit: TypeAlias = Callable[[Tx], Awaitable[Any]]
Recovery: TypeAlias = Callable[[Tx, Exception], Awaitable[Any]]
_log = structlog.get_logger(__name__)


class Consumers:
    """Every feature that consumes has an inbox, under the feature's name."""

    def __init__(self, database: Store, features: Sequence[Feature]) -> None:
        self._db = database
        self.inboxes = {
            feature.name: Inbox(feature.name, {cls.TYPE: handler for cls, handler in feature.consumers.items()})
            for feature in features
            if feature.consumers
        }
        self._actors = {name: service(name) for name in self.inboxes}
        self.heard: set[type[Message]] = {cls for feature in features for cls in feature.listeners}
        self._listeners: dict[str, list[Listener]] = {}
        for feature in features:
            for cls, listener in feature.listeners.items():
                self._listeners.setdefault(cls.TYPE, []).append(listener)
        self._retrying = asyncio.Lock()
        self.next_retry: int | None = None

    async def load_waiting(self) -> None:
        """Read which keys wait behind a message that could not be done."""
        for consumer, key in await self._db.read(BUS, inbox.waiting_keys):
            if consumer in self.inboxes:
                self.inboxes[consumer].blocked.add(key)

    def round(self, term: int | None = None) -> "Round":
        """Begin a round of deliveries; one with a ``term`` is for the leader of that term only."""
        return Round(self._db, self.inboxes, self._actors, term)

    def tell(self, message: Envelope) -> None:
        """Let the listeners hear a message that is durable; what they raise is logged."""
        for listener in self._listeners.get(message.type, ()):
            try:
                listener(message, outbox.open_envelope(message))
            except Exception:
                _log.exception("listener failed", type=message.type, id=message.id)

    async def retry_due(self, term: int | None = None) -> int:
        """Do again what is due, with a ``term`` as its leader only; return how many messages that was."""
        async with self._retrying:  # two at once would only do each other's work
            self.next_retry = await self._db.read(BUS, inbox.next_retry)
            if self.next_retry is None or self.next_retry > self._db.clock():
                return 0
            done = 0
            for consumer, message, attempts in await self._db.read(BUS, inbox.due):
                if (box := self.inboxes.get(consumer)) is not None:
                    recovery = _postponing_again(box, message, attempts)
                    await self._db.deliver(self._actors[consumer], _retrying(box, message), message, recovery, term)
                    done += 1
            self.next_retry = await self._db.read(BUS, inbox.next_retry)
            return done

    def seconds_to_retry(self, longest: float) -> float:
        """Return how long nothing has to be tried again, ``longest`` at most."""
        if self.next_retry is None:
            return longest
        return min(longest, max(0.01, (self.next_retry - self._db.clock()) / SECOND))


class Round:
    """Deliveries that become durable together or in part; whoever reads the log goes on when all of them are.

    Where the store fails in the middle, the later messages of a key that was hit do nothing: they come again with the
    one before them, in order.
    """

    def __init__(
        self, database: Store, inboxes: dict[str, Inbox], actors: dict[str, Any], term: int | None = None
    ) -> None:
        self._db = database
        self._term = term
        self._inboxes = inboxes
        self._actors = actors
        self._latest: dict[tuple[str, str], asyncio.Future[Any]] = {}
        self._broken: set[tuple[str, str]] = set()
        self.units: list[asyncio.Future[Any]] = []

    def add(self, consumer: str, message: Envelope) -> None:
        """Queue one delivery. Raises ``StorageFault`` where the database is closed."""
        box, lane = self._inboxes[consumer], (consumer, message.key)
        before = self._latest.get(lane)
        unit = self._receiving(box, message) if before is None else self._receiving_behind(before, lane, box, message)
        self._latest[lane] = done = self._db.deliver(
            self._actors[consumer], unit, message, lambda tx, error: box.postpone(tx, message, error), self._term
        )
        self.units.append(done)

    def also(self, unit: Unit) -> None:
        """Queue a unit of the bus itself behind the others; where the store failed one of them, it does nothing."""
        before = tuple(self.units)

        async def behind(tx: Tx) -> None:
            if not any(one.done() and one.exception() is not None for one in before):
                await unit(tx)

        self.units.append(self._db.deliver(BUS, behind, term=self._term))

    async def done(self) -> None:
        """Wait until all of it is durable. Raises the first failure."""
        for unit in self.units:  # one commit holds many of them, so few are waited for
            if not unit.done():
                await asyncio.wait((unit,))
        # All are looked at, though one is raised: asyncio fills the log with failures that nobody has seen.
        failures = [error for unit in self.units if (error := unit.exception()) is not None]
        if failures:
            raise failures[0]

    @staticmethod
    def _receiving(box: Inbox, message: Envelope) -> Unit:
        return lambda tx: box.receive(tx, message)

    def _receiving_behind(
        self, before: "asyncio.Future[Any]", lane: tuple[str, str], box: Inbox, message: Envelope
    ) -> Unit:
        async def receive(tx: Tx) -> None:
            if lane in self._broken or (before.done() and before.exception() is not None):
                self._broken.add(lane)
            else:
                await box.receive(tx, message)

        return receive


def _retrying(box: Inbox, message: Envelope) -> Unit:
    return lambda tx: box.retry(tx, message)


def _postponing_again(box: Inbox, message: Envelope, attempts: int) -> Recovery:
    return lambda tx, error: box.postpone_again(tx, message, attempts, error)
