"""What listeners hear: every process reads all of it, from now on, and says to nobody how far it is."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from answerable.infra.bus import wire
from answerable.infra.bus.consumers import Consumers
from answerable.infra.bus.kafka.link import (
    CONNECT_SECONDS,
    FETCH_BYTES,
    PARTITION_BYTES,
    PORTION,
    Backoff,
    Link,
    close,
    connect,
    fetch_together,
    place_of,
)
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch

LOOK_SECONDS = 5.0
PART = "listeners"


class Hearing:
    """Reads for the listeners. ``heard`` are the next offsets; they outlive a connection, so nothing is missed."""

    def __init__(self, consumers: Consumers, link: Link, progress: Pulse) -> None:
        self._consumers = consumers
        self._link = link
        self._progress = progress
        self._types = {cls.TYPE for cls in consumers.heard}
        self._topics = {link.topic(cls.TOPIC): cls.TOPIC for cls in consumers.heard}
        self.heard: dict[TopicPartition, int] = {}
        self.joined = not self._topics

    def has_heard(self, ends: dict[TopicPartition, int]) -> bool:
        """Tell whether everything before ``ends`` was told."""
        return self.joined and all(ends.get(tp, 0) <= offset for tp, offset in self.heard.items())

    async def run(self) -> None:
        """Listen for ever; a client that failed is replaced and goes on where the one before it was."""
        backoff = Backoff()
        while self._topics:
            consumer: AIOKafkaConsumer | None = None
            try:
                await self._link.make_topics()
                consumer = AIOKafkaConsumer(
                    **self._link.options(),
                    group_id=None,
                    auto_offset_reset="latest",
                    max_poll_records=PORTION,
                    fetch_max_wait_ms=1000,
                    fetch_max_bytes=FETCH_BYTES,
                    max_partition_fetch_bytes=PARTITION_BYTES,
                    consumer_timeout_ms=5000,
                )
                await self._find_places(consumer)
                self._link.works(PART)
                backoff.reset()
                await self._listen(consumer)
            except (KafkaError, OSError, TimeoutError) as error:
                self._link.failed(PART, error)
            finally:
                self.joined = False
                if consumer is not None:
                    await close(consumer.stop)
                    await close(consumer._client.close)
            await backoff.pause()

    async def _find_places(self, consumer: AIOKafkaConsumer) -> None:
        await connect(consumer.start)
        fetch_together(consumer)
        async with asyncio.timeout(CONNECT_SECONDS):
            places = []
            for topic in self._topics:
                found = await consumer._client._wait_on_metadata(topic)
                places += [TopicPartition(topic, number) for number in sorted(found)]
            consumer.assign(places)
            for place in places:
                if place in self.heard:
                    consumer.seek(place, self.heard[place])
            for place in places:
                self.heard[place] = await consumer.position(place)
        self.joined = True
        self._progress.beat()

    async def _listen(self, consumer: AIOKafkaConsumer) -> None:
        stretch = Stretch()
        while True:
            await stretch.pause()
            found = await consumer.getmany(timeout_ms=int(LOOK_SECONDS * 1000))
            for place, records in found.items():
                for record in records:
                    await stretch.pause()
                    self._tell(record)
                self.heard[place] = records[-1].offset + 1
            for place in self.heard:
                self.heard[place] = place_of(consumer, place) or self.heard[place]
            if found:
                self._progress.beat()

    def _tell(self, record: ConsumerRecord) -> None:
        if wire.type_of(record.headers) not in self._types:
            return
        try:
            topic = self._topics[record.topic]
            message = wire.message_of(topic, record.key, record.value, record.headers, "")
        except wire.Poison:
            return  # the consumers, who must do something about it, put it aside
        self._consumers.tell(message)
