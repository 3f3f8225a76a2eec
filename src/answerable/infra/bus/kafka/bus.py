"""The bus over Kafka, put together: one relay, a group for each consumer, one pair of ears, and what is tried again."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from answerable.infra.bus import inbox, outbox, wire
from answerable.infra.bus.consumers import Consumers
from answerable.infra.bus.follower import Follower
from answerable.infra.bus.kafka.following import TopicFollowing
from answerable.infra.bus.kafka.group import Group
from answerable.infra.bus.kafka.hearing import Hearing
from answerable.infra.bus.kafka.link import Backoff, Link, close, connect
from answerable.infra.bus.kafka.prefix import PrefixCheck
from answerable.infra.bus.kafka.relay import FOLLOW_SECONDS, Relay
from answerable.infra.bus.local import load_offsets, storing_offsets
from answerable.infra.bus.port import BUS, RELAY, Store
from answerable.infra.database.errors import StorageFault
from answerable.infra.metrics import DEAD
from answerable.infra.pulse import Pulse
from answerable.kernel.errors import Unavailable
from answerable.kernel.manifest import Feature
from answerable.settings import Bus as BusSettings

SETTLE_SECONDS = 60.0
IDLE_SECONDS = 30.0
LOOK_SECONDS = 0.05
MAX_REASON = 500
_log = structlog.get_logger(__name__)


class KafkaBus:
    """Takes what was committed to the outbox to Kafka, and what comes from there to consumers and listeners."""

    def __init__(self, settings: BusSettings, database: Store, features: Sequence[Feature]) -> None:
        """Put the parts together. Raises ``Invalid`` where the certificates cannot be read."""
        self._db = database
        self._link = Link(settings)
        self._progress = Pulse()
        self._consumers = Consumers(database, features)
        self._relay = Relay(database, self._link, self._progress, self._noted)
        self._groups = {
            name: Group(name, self._consumers, self._link, self._progress, self._bury)
            for name in self._consumers.inboxes
        }
        self._link.check = PrefixCheck(database, self._link, [f.name for f in features], self._has_sent).check
        self._hearing = Hearing(self._consumers, self._link, self._progress)
        self._asking: AIOKafkaConsumer | None = None
        self._making = asyncio.Lock()
        self._copying = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def running(self) -> bool:
        """Tell whether messages are on their way: everything is at work and the brokers answer."""
        at_work = bool(self._tasks) and not any(task.done() for task in self._tasks)
        return at_work and not self._link.away and not any(group.silent for group in self._groups.values())

    async def prepare(self) -> None:
        """Read how far the relay is, and which keys wait. Kafka is not asked.

        A desk that has run without Kafka goes on where the slowest of its consumers was.
        """
        self._relay.begin_behind(await self._noted())
        await self._consumers.load_waiting()

    async def _noted(self) -> int:
        stored = await self._db.read(BUS, load_offsets)
        before = min((stored.get(name, 0) for name in self._consumers.inboxes), default=0)
        return stored.get(RELAY, before)

    async def _has_sent(self) -> bool:
        return RELAY in await self._db.read(BUS, load_offsets)

    async def start(self) -> None:
        """Begin to work in the background; where Kafka is away, try until it is there."""
        await self.prepare()
        self._begin()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        parts: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = [
            ("relay", self._relay.run),
            ("retries", self._retry),
            ("listeners", self._hearing.run if self._consumers.heard else _rest),
            *((f"group {name}", group.run) for name, group in self._groups.items()),
        ]
        self._tasks = [loop.create_task(work(), name=f"kafka {name}") for name, work in parts]

    async def stop(self) -> None:
        """Stop reading and sending; what is in hand is finished or comes again."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            with suppress(StorageFault):
                await self._note_finished()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        asking, self._asking = self._asking, None
        if asking is not None:
            await close(asking.stop)

    async def _note_finished(self) -> None:
        """Where everything is done, say so as the local bus would: the desk may go on without Kafka."""
        end = await self._db.read(BUS, outbox.last_position)
        sent = self._relay.sent
        if (
            self._relay.term
            and self._relay.position == end
            and all(group.finished(sent) for group in self._groups.values())
        ):
            await self._db.deliver(BUS, storing_offsets(dict.fromkeys(self._groups, end)), term=self._relay.term)

    def following(self, follower: Follower) -> TopicFollowing:
        """Return what reads the topics for a follower."""
        return TopicFollowing(follower, self._link, self._progress)

    # --- how far -------------------------------------------------------------------------------------------------

    async def lag(self) -> dict[str, int]:
        """Return how many records wait for each consumer, as Kafka last said, and how many have yet to be sent.

        A consumer that has no partitions yet counts as one behind: nobody knows.
        """
        sent = self._relay.position if self._relay.term else await self._noted()
        unsent = await self._db.read(BUS, outbox.last_position) - sent
        known = {name: group.behind(self._relay.sent) for name, group in self._groups.items()}
        return {RELAY: max(0, unsent), **{name: 1 if waiting is None else waiting for name, waiting in known.items()}}

    async def catch_up(self, consumer: str, seconds: float) -> bool:
        """Wait until ``consumer`` has done what was sent until now, for ``seconds`` at most; tell whether it has.

        A process that does not send asks how far the one that does has noted that it is, and the brokers for the rest.
        """
        group = self._groups.get(consumer)
        if group is None or not self._tasks:
            return True
        end = await self._db.read(BUS, outbox.last_position)
        with suppress(TimeoutError, KafkaError, OSError):
            async with asyncio.timeout(seconds):
                if sends := self._relay.term > 0:
                    while self._relay.position < end or group.behind(self._relay.sent) != 0:
                        await self._progress.wait(self._progress.count, LOOK_SECONDS)
                else:
                    while await self._noted() < end or not group.every:
                        await self._progress.wait(self._progress.count, LOOK_SECONDS)
                if not sends or group.every != set(group.done):  # other processes have, or had it until a moment ago
                    ends = await self._ends(group.every)
                    while not group.has_done(ends) or await group.behind_elsewhere(ends):
                        await self._progress.wait(self._progress.count, LOOK_SECONDS)
            return True
        return False

    async def settle(self) -> int:
        """Work until the outbox is sent, everything in the topics is done and nothing is due to be tried again.

        Raises ``Unavailable`` after ``SETTLE_SECONDS``.
        """
        already, retried = self._relay.total, 0
        if not self._tasks:
            await self.start()
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    position = await self._db.read(BUS, outbox.last_position)
                    await self._until(lambda goal=position: self._relay.position >= goal)  # type: ignore[misc]
                    await self._until(self._everybody_is_there)
                    ends = await self._ends(self._ours())
                    await self._until(lambda goal=ends: self._has_done(goal))  # type: ignore[misc]
                    again = await self._retry_now()
                    retried += again
                    if not again and await self._db.read(BUS, outbox.last_position) == position:
                        return self._relay.total - already + retried
        except TimeoutError as error:
            raise Unavailable("Messages did not arrive in time.", retry_after=5) from error

    async def _retry_now(self) -> int:
        """Try again what is due, where this process leads; return how many messages that was."""
        term = await self._db.lead()
        return await self._consumers.retry_due(term) + await self._copy_parked() if term else 0

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            await self._progress.wait(self._progress.count, LOOK_SECONDS)

    def _everybody_is_there(self) -> bool:
        return self._hearing.joined and all(group.joined for group in self._groups.values())

    def _has_done(self, ends: dict[TopicPartition, int]) -> bool:
        return self._hearing.has_heard(ends) and all(group.has_done(ends) for group in self._groups.values())

    def _ours(self) -> set[TopicPartition]:
        return {tp for group in self._groups.values() for tp in group.done} | set(self._hearing.heard)

    async def unheard(self, consumer: str, keys: Sequence[str]) -> set[str] | None:
        """Return ``None``: what is on its way may be in another service's outbox, or with the brokers."""
        return None

    async def _ends(self, places: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Ask the brokers where partitions end, over a connection on which no fetch waits."""
        async with self._making:  # two timers may ask at once
            if self._asking is None:
                asking = AIOKafkaConsumer(**self._link.options(), group_id=None)
                try:
                    await connect(asking.start)
                except BaseException:
                    await close(asking.stop)
                    raise
                self._asking = asking
        found: dict[TopicPartition, int] = await self._asking.end_offsets(list(places))
        return found

    # --- what is tried again, and what is set aside ------------------------------------------------------------------

    async def _retry(self) -> None:
        backoff = Backoff()
        while True:
            seen = self._db.pulse.count
            try:
                busy = await self._retry_now()
                backoff.reset()
            except (StorageFault, KafkaError, OSError, TimeoutError):
                await backoff.pause()
            except Exception:
                _log.exception("retry failed")
                await backoff.pause()
            else:
                if not busy:
                    longest = self._consumers.seconds_to_retry(IDLE_SECONDS) if self._relay.term else FOLLOW_SECONDS
                    await self._db.pulse.wait(seen, longest)

    async def _copy_parked(self) -> int:
        """Copy what was parked to the dead letters; the row in the database stays, to be retried."""
        async with self._copying:
            copied = await self._db.read(BUS, inbox.uncopied)
            for consumer, message, error in copied:
                key, value, headers = wire.record_of(message)
                topic, _, place = (message.origin or f"{self._link.topic(message.topic)}//").partition("/")
                partition, _, offset = place.partition("/")
                origin = _origin(consumer, topic, partition, offset, error)
                await self._relay.set_aside(key, value, headers, origin)
                await self._db.deliver(BUS, _noting(consumer, message.id))
                DEAD.labels(consumer).inc()
            return len(copied)

    async def _bury(self, consumer: str, record: ConsumerRecord, error: Exception) -> None:
        """Send a record that cannot be read to the dead letters, as it came."""
        _log.error(
            "unreadable record",
            consumer=consumer,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=str(error),
        )
        headers = [(name, value if value is not None else b"") for name, value in record.headers]
        origin = _origin(consumer, record.topic, str(record.partition), str(record.offset), str(error))
        await self._relay.set_aside(record.key, record.value, headers, origin)
        DEAD.labels(consumer).inc()


def _origin(consumer: str, topic: str, partition: str, offset: str, error: str) -> wire.Headers:
    told = {"topic": topic, "partition": partition, "offset": offset, "consumer": consumer, "error": error[:MAX_REASON]}
    return [(f"origin-{name}", value.encode("utf-8", "replace")) for name, value in told.items()]


def _noting(consumer: str, message_id: str) -> Any:
    return lambda tx: inbox.note_copied(tx, consumer, message_id)


async def _rest() -> None:
    await asyncio.get_running_loop().create_future()
