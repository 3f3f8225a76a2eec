"""The topics as a history: read from their beginning by somebody who is in no group and moves no offset."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError

from answerable.infra.bus import wire
from answerable.infra.bus.history import BATCH, Lean, Part, Place
from answerable.infra.bus.kafka.link import Link, assign_all, close, connect, place_of
from answerable.kernel.errors import Unavailable
from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope
from answerable.settings import Bus as BusSettings

WAIT_MS = 500
QUIET_SECONDS = 30.0  # in which nothing comes, before brokers are taken to be away


class TopicsHistory:
    """What the topics of some types still hold.

    Keys count from 1 in each topic. Where a topic does not begin at offset 0, or a key not with 1, something was said
    that is not there: it is older than what the topics keep, or older than the desk's move to Kafka.
    """

    def __init__(self, settings: BusSettings, types: Iterable[str]) -> None:
        """Take what is read. Raises ``Invalid`` where the certificates cannot be read."""
        self._link = Link(settings)
        self._types = frozenset(types)
        names = sorted({CATALOGUE[type_].TOPIC for type_ in self._types})
        self._topics = {self._link.topic(name): name for name in names}
        self._consumer: AIOKafkaConsumer | None = None
        self._onlookers: dict[str, AIOKafkaConsumer] = {}
        self._firsts: dict[TopicPartition, int] = {}
        self._begun: set[tuple[str, bytes | None]] = set()
        self._torn: set[tuple[str, bytes | None]] = set()

    @property
    def lost(self) -> str:
        """Say what the topics do not hold any more, or never held."""
        told = []
        if forgotten := {tp: first for tp, first in self._firsts.items() if first > 0}:
            topics = ", ".join(sorted({tp.topic for tp in forgotten}))
            told.append(f"the first {sum(forgotten.values()):,} records of {topics} are gone (bus.retention_days)")
        if self._torn:
            told.append(f"what was said first of {len(self._torn):,} keys is not in the topics")
        return "; ".join(told)

    async def end(self) -> tuple[Place, int]:
        """Return the next offset of each partition."""
        async with self._opened() as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
        return ends, sum(end - self._firsts[tp] for tp, end in ends.items())

    async def read(self, after: Place = None, until: Place = None) -> AsyncIterator[Part]:
        """Read what lies between two sets of offsets."""
        begin: dict[TopicPartition, int] = after or dict(self._firsts)
        end: dict[TopicPartition, int] = until or (await self.end())[0]
        begin = {tp: begin.get(tp, 0) for tp in end}
        place, count = dict(begin), 0
        async with self._opened() as consumer:
            for tp, offset in begin.items():
                consumer.seek(tp, offset)
            silence = _Silence()
            while left := [tp for tp in end if place[tp] < end[tp]]:
                found = await consumer.getmany(*left, timeout_ms=WAIT_MS, max_records=BATCH)
                messages = [
                    message
                    for tp, records in found.items()
                    for record in records
                    if record.offset < end[tp] and (message := self._message_of(record))
                ]
                before = dict(place)
                for tp in left:  # also where records were deleted while we read
                    place[tp] = min(end[tp], _reached(consumer, tp, place[tp]))
                silence.lasts() if place == before else silence.ends()
                count += sum(len(records) for records in found.values())
                if found:
                    yield messages, dict(place), count
                    silence.ends()  # whoever took them may have needed long

    def _message_of(self, record: ConsumerRecord) -> Envelope | None:
        try:
            message = wire.message_of(self._topics[record.topic], record.key, record.value, record.headers, "")
        except wire.Poison:
            return None  # the consumers have put it aside
        about = (record.topic, record.key)
        if about not in self._begun:
            self._begun.add(about)
            if message.sequence > 1:
                self._torn.add(about)
        return message if message.type in self._types else None

    async def read_lean(self, types: Sequence[str]) -> AsyncIterator[list[Lean]]:
        """Read the messages of some types, of those that it was made for."""
        async for messages, _, _ in self.read():
            yield [(each.type, each.time, each.body) for each in messages if each.type in types]

    async def count_behind(self, group: str | None) -> int:
        """Return how many records come behind the offsets that the group has committed."""
        ends, size = await self.end()
        if group is None:
            return size
        behind = 0
        async with _telling(self._link):
            onlooker = await self._onlooker_of(group)
            async with asyncio.timeout(QUIET_SECONDS):  # the client would ask for ever
                for tp, end in ends.items():
                    behind += max(0, end - max(await onlooker.committed(tp) or 0, self._firsts[tp]))
        return behind

    async def _onlooker_of(self, group: str) -> AIOKafkaConsumer:
        """Return who may ask for a group's offsets, and is no member of it: it subscribes to nothing."""
        if group not in self._onlookers:
            told = {**self._link.options(), "group_id": f"{self._link.settings.prefix}.{group}"}
            onlooker = AIOKafkaConsumer(**told, enable_auto_commit=False)
            try:
                await connect(onlooker.start)
            except BaseException:
                await close(onlooker.stop)
                raise
            self._onlookers[group] = onlooker
        return self._onlookers[group]

    async def move_on(self, group: str, place: Place) -> None:
        """Leave the offsets to the group, which may be at work: what it reads again is harmless."""

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[AIOKafkaConsumer]:
        async with _telling(self._link):
            if self._consumer is None:
                consumer = AIOKafkaConsumer(**self._link.options(), group_id=None, auto_offset_reset="earliest")
                try:
                    await connect(consumer.start)
                    async with asyncio.timeout(QUIET_SECONDS):
                        places = await assign_all(consumer, self._topics)
                        self._firsts = await consumer.beginning_offsets(places)
                except BaseException:
                    await close(consumer.stop)
                    raise
                self._consumer = consumer
            yield self._consumer

    async def close(self) -> None:
        """Hang up."""
        opened = [*self._onlookers.values(), *([self._consumer] if self._consumer else [])]
        self._consumer, self._onlookers = None, {}
        for consumer in opened:
            await close(consumer.stop)


class _Silence:
    """How long brokers have given nothing. The client hides from who reads that they are gone, and asks for ever."""

    def __init__(self) -> None:
        self.ends()

    def ends(self) -> None:
        """Note that something came."""
        self._over_at = asyncio.get_running_loop().time() + QUIET_SECONDS

    def lasts(self) -> None:
        """Note that nothing came. Raises ``TimeoutError`` where nothing has for ``QUIET_SECONDS``."""
        if asyncio.get_running_loop().time() >= self._over_at:
            raise TimeoutError


def _reached(consumer: AIOKafkaConsumer, tp: TopicPartition, before: int) -> int:
    place = place_of(consumer, tp)
    return before if place is None else place


@asynccontextmanager
async def _telling(link: Link) -> AsyncIterator[None]:
    try:
        yield
    except UnknownTopicOrPartitionError as error:
        prefix = link.settings.prefix
        raise Unavailable(f"Kafka has no topics of a desk called {prefix} yet (bus.prefix).", retry_after=5) from error
    except (KafkaError, OSError, TimeoutError) as error:
        where = ",".join(link.settings.servers)
        why = "it does not answer" if isinstance(error, TimeoutError | KafkaTimeoutError) else type(error).__name__
        raise Unavailable(f"Kafka at {where} cannot be read now ({why}).", retry_after=5) from error
