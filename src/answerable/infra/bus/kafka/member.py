"""A member of a consumer group: what it reads is done before the offset says so.

Offsets are committed a little after the effect; what is read twice is dropped by the inbox. When partitions are taken
away, what is in hand is finished and committed first.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from answerable.infra.bus.kafka.link import (
    CONNECT_SECONDS,
    FETCH_BYTES,
    PARTITION_BYTES,
    PORTION,
    Backoff,
    Link,
    Sent,
    close,
    connect,
    fetch_together,
    machine_seconds,
    place_of,
)
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch
from answerable.messages import CATALOGUE

COMMIT_SECONDS = 1.0
LINGER_SECONDS = 0.008  # after a few records, so that the next fetch brings more of them
SOON_SECONDS = 0.1  # after the last record: others may wait to hear how far the group is
SESSION_MS = 6000  # the shortest that brokers take: how long a process that was killed holds its partitions
DRAIN_SECONDS = 8.0
SILENCE_SECONDS = 5.0  # the brokers answer a fetch within half a second, also where there is nothing
SURELY_SECONDS = 5.0  # an answer that comes so long after an offset was given says of it, too
JOIN_SECONDS = CONNECT_SECONDS + 20.0
LOOK_SECONDS = 1.0
Found: TypeAlias = dict[TopicPartition, list[ConsumerRecord]]
_log = structlog.get_logger(__name__)


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    """Reads some types for a consumer group, at most ``at_once`` records in hand.

    ``done`` are the next offsets to do, of the partitions that are ours now.
    """

    at_once = 50  # what a rebalance waits for, and what may be read twice

    def __init__(self, name: str, types: Iterable[str], link: Link, progress: Pulse) -> None:
        self.name = name
        self._link = link
        self._progress = progress
        names = sorted({CATALOGUE[type_].TOPIC for type_ in types})
        self._topics = {link.topic(topic): topic for topic in names}
        self._consumer: AIOKafkaConsumer | None = None
        self._committed: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._commit_failed = False
        self._resting = asyncio.Event()
        self._resting.set()
        self._new_partitions = False
        self._read_at = 0.0
        self.joined = False
        self.done: dict[TopicPartition, int] = {}

    # --- what others ask ---------------------------------------------------------------------------------------------

    @property
    def silent(self) -> bool:
        """Tell whether the brokers have not answered for a while."""
        consumer = self._consumer
        if consumer is None:
            return True  # not connected yet, or not any more
        try:
            heard = [consumer.last_poll_timestamp(tp) for tp in self.done]
        except AssertionError:  # partitions are changing hands
            return False
        if not self._resting.is_set():
            return False
        now = machine_seconds()
        self._read_at = min(self._read_at, now)  # the clock may have been set back: what it said before is no measure
        latest = max((moment / 1000 for moment in heard if moment is not None and moment <= now * 1000), default=0)
        return bool(now - max(latest, self._read_at) > SILENCE_SECONDS)

    def behind(self, sent: Mapping[TopicPartition, Sent]) -> int | None:
        """Return how many records wait, as the brokers last said; ``None`` where that is not known.

        ``sent`` are the last offsets that this process itself has been given. What the brokers have said well after
        that counts alone: a topic may have been deleted and made anew.
        """
        consumer = self._consumer
        if consumer is None or not self.joined or not (self.done or self.every):
            return None
        waiting = 0
        try:
            for tp, offset in self.done.items():
                end = consumer.highwater(tp)
                if end is None:
                    return None
                last = sent.get(tp)
                if last is not None and (consumer.last_poll_timestamp(tp) or 0) / 1000 < last.at + SURELY_SECONDS:
                    end = max(end, last.offset + 1)
                waiting += max(0, end - offset)
        except AssertionError:
            return None
        return waiting

    def has_done(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Tell whether everything before ``ends`` is done, as far as it is ours to do."""
        return self.joined and all(ends.get(tp, 0) <= offset for tp, offset in self.done.items())

    def finished(self, sent: Mapping[TopicPartition, Sent]) -> bool:
        """Tell whether nothing waits, in no partition of the topics: not here, and not elsewhere."""
        if self._consumer is None or self.behind(sent) != 0:
            return False
        return self.every == set(self.done)

    @property
    def every(self) -> set[TopicPartition]:
        """Return all partitions of the topics, whoever reads them."""
        consumer = self._consumer
        if consumer is None:
            return set()
        return {TopicPartition(topic, n) for topic in self._topics for n in consumer.partitions_for_topic(topic) or ()}

    async def behind_elsewhere(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Tell whether other members of the group have yet to do something before ``ends``, as far as they said."""
        consumer = self._consumer
        if consumer is None:
            return True
        for tp in set(ends) - set(self.done):
            if ends[tp] > (await consumer.committed(tp) or 0):
                return True
        return False

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read for ever; a client that failed is replaced."""
        backoff = Backoff()
        while True:
            try:
                await self._link.make_topics()
                await self._connect()
                backoff.reset()
                await self._read()
            except asyncio.CancelledError:
                await self._leave()
                raise
            except Exception as error:
                self._tell(error)
            await self._leave()
            await backoff.pause()

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, KafkaError | OSError | TimeoutError):
            _log.exception("consumer group failed", consumer=self.name)
        self._link.failed(self.name, error)

    async def _group(self) -> str:
        """Return the name of the group, without the prefix."""
        return self.name

    async def _prepare(self) -> None:
        """Learn what has to be known before partitions that are new here are read."""

    async def _before_reading(self, consumer: AIOKafkaConsumer) -> float:
        """Return how many seconds to wait for records at most."""
        return SOON_SECONDS if self._uncommitted() else LOOK_SECONDS

    async def _connect(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._link.options(),
            group_id=f"{self._link.settings.prefix}.{await self._group()}",
            auto_offset_reset="earliest",  # a new consumer begins with the first message
            enable_auto_commit=False,
            max_poll_records=self.at_once,
            fetch_max_wait_ms=1000,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_BYTES,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 3,
            rebalance_timeout_ms=10_000,
            consumer_timeout_ms=5000,  # how often the client looks around although nothing has happened
        )
        self._consumer, self._new_partitions, self._read_at = consumer, True, machine_seconds()
        consumer.subscribe(list(self._topics), listener=self)
        await connect(consumer.start, JOIN_SECONDS)
        fetch_together(consumer)

    async def _leave(self) -> None:
        consumer, self._consumer, self.joined = self._consumer, None, False
        if consumer is not None:
            if not self._link.away:
                await self._commit(consumer)
            await close(consumer.stop)
            await close(consumer._client.close)
        self.done.clear()
        self._progress.beat()

    async def _read(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        loop, stretch = asyncio.get_running_loop(), Stretch()
        while True:
            if self._new_partitions:
                await self._begin(consumer)
            longest = await self._before_reading(consumer)
            await stretch.pause()
            found = await consumer.getmany(timeout_ms=int(longest * 1000), max_records=PORTION)
            if any(tp not in self.done for tp in found):  # partitions changed hands while the client waited
                _put_back(consumer, found)
                continue
            went_well = True
            if found:
                self._resting.clear()
                try:
                    await find_more(consumer, found, self.at_once)
                    went_well = await self._take(consumer, found)
                finally:
                    self._read_at = machine_seconds()
                    self._resting.set()
                self._follow_the_client(consumer)
                self._progress.beat()
                if sum(map(len, found.values())) < self.at_once:
                    await asyncio.sleep(LINGER_SECONDS)
            else:
                self._follow_the_client(consumer)
            if self.silent:
                self._link.failed(self.name, TimeoutError("no answer"))
            elif went_well and not self._commit_failed:
                self._link.works(self.name)
            if not found or loop.time() - self._committed_at >= COMMIT_SECONDS:
                await self._commit(consumer)

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Learn where the partitions stand that are ours now, and which keys wait."""
        self._new_partitions = False
        await self._prepare()
        async with asyncio.timeout(CONNECT_SECONDS):
            for tp in consumer.assignment():
                if tp not in self.done:
                    self.done[tp] = self._committed[tp] = await consumer.position(tp)
        self.joined = not self._new_partitions
        self._progress.beat()

    def _listen_from_now_on(self) -> None:
        """Forgive the brokers that they have not answered until now: they were not asked."""
        self._read_at = machine_seconds()

    def _again(self, consumer: AIOKafkaConsumer, found: Found) -> None:
        """Read once more what was read."""
        for tp, records in found.items():
            if tp in self.done:
                consumer.seek(tp, records[0].offset)

    def _is_done(self, found: Found) -> None:
        """Note that what was read is done."""
        for tp, records in found.items():
            if tp in self.done:  # else it was taken away meanwhile
                self.done[tp] = records[-1].offset + 1

    def _follow_the_client(self, consumer: AIOKafkaConsumer) -> None:
        """Note what the client has passed over, and where it begins again. Nothing is in hand now."""
        for tp in self.done:
            if (place := place_of(consumer, tp)) is not None:
                self.done[tp] = place

    async def _take(self, consumer: AIOKafkaConsumer, found: Found) -> bool:
        """Do what was read and tell whether the brokers took part in it well."""
        raise NotImplementedError

    # --- offsets -----------------------------------------------------------------------------------------------------

    def _uncommitted(self) -> dict[TopicPartition, int]:
        return {tp: offset for tp, offset in self.done.items() if self._committed.get(tp) != offset}

    async def _commit(self, consumer: AIOKafkaConsumer) -> None:
        self._committed_at = asyncio.get_running_loop().time()
        moved = self._uncommitted()
        if not moved:
            self._commit_failed = False
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS / 2):
                await consumer.commit(moved)
        except (CommitFailedError, IllegalStateError):
            pass  # somebody else has them now, and reads again what we have done: the inbox knows it
        except (KafkaError, OSError, TimeoutError) as error:
            self._commit_failed = True  # no answer to a fetch says more until an offset is taken
            self._link.failed(self.name, error)
            _forget_shielded()
            return
        else:
            self._committed.update(moved)
        self._commit_failed = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Finish what is in hand, and say so, before somebody else goes on."""
        consumer = self._consumer
        if consumer is None or not revoked:
            return
        self.joined, self._read_at = False, machine_seconds()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._resting.wait()
        except TimeoutError:
            _log.warning("rebalance did not wait", consumer=self.name)
        await self._commit(consumer)
        for tp in revoked:
            self.done.pop(tp, None)
            self._committed.pop(tp, None)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take note; the reading loop learns the rest before it goes on."""
        self._new_partitions, self.joined, self._read_at = True, False, machine_seconds()


def _put_back(consumer: AIOKafkaConsumer, found: Found) -> None:
    """Let the client give again what it gave before anybody knew where these partitions stand.

    What could not be done of it would not come again, and nobody would know which keys wait behind others.
    """
    for tp, records in found.items():
        consumer.seek(tp, records[0].offset)


async def find_more(consumer: AIOKafkaConsumer, found: Found, at_once: int) -> None:
    """Add what else the client has read already, in portions, until ``at_once`` records are in hand."""
    stretch, count = Stretch(), sum(map(len, found.values()))
    while PORTION <= count < at_once:
        await stretch.pause()
        if consumer._subscription.reassignment_in_progress:
            return  # the client would wait for the end of it, and it for what is in hand
        more = await consumer.getmany(max_records=min(PORTION, at_once - count))
        if not more:
            return
        for tp, records in more.items():
            found.setdefault(tp, []).extend(records)
            count += len(records)


def _forget_shielded() -> None:
    """Let commits that the client shields from our patience end unheard: the loop would log each with its traceback."""
    for task in asyncio.all_tasks():
        if getattr(task.get_coro(), "__name__", "") == "_do_commit_offsets":
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
