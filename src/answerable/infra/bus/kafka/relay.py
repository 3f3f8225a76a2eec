"""The relay: reads this desk's own outbox behind a stored position and sends it, in order, at least once.

Order survives every failure because nothing of a partition is sent before what came earlier is acknowledged: a round
holds one batch for each partition, and where any of them fails, the whole round is read again from the last position
that is known to be safe. What arrives twice is dropped by the inboxes.

Of several processes on one outbox, the leader sends. One that leads no more gives up what is under way: who leads now
sends it again, and whoever was first with a message has sent those before it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from answerable.infra.bus import outbox, wire
from answerable.infra.bus.kafka.link import (
    CONNECT_SECONDS,
    REQUEST_SECONDS,
    Backoff,
    Link,
    Sent,
    close,
    connect,
    machine_seconds,
)
from answerable.infra.bus.local import storing_offsets
from answerable.infra.bus.port import BUS, RELAY, Store
from answerable.infra.database.errors import StorageFault
from answerable.infra.metrics import RELAYED
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch
from answerable.messages.base import Envelope

ROUND = 100
BATCH_BYTES = 256_000  # well below what a broker takes at once (1 MB)
IDLE_SECONDS = 30.0
LINGER_SECONDS = 0.004  # after a small round, so that the next one is worth its round trip
FOLLOW_SECONDS = 0.3  # how long a process that does not send waits before it asks again whether it may
STORE_SECONDS = 0.1  # the position is stored this often at most; what is sent again is dropped
ACK_SECONDS = REQUEST_SECONDS * 2 + 5.0
_partition_of = DefaultPartitioner()


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, as every Kafka client reckons it (murmur2)."""
    chosen: int = _partition_of(key, range(partitions), range(partitions))
    return chosen


class Deposed(Exception):
    """Another process may lead by now, and send."""


class Relay:
    """Sends the outbox while this process leads.

    ``position`` is what the brokers have acknowledged (of what another process sends, what it has noted), ``sent`` the
    last offsets they gave, ``total`` how many messages this process has sent, ``term`` its leadership, 0 for none.
    """

    def __init__(
        self, database: Store, link: Link, progress: Pulse, noted: Callable[[], Coroutine[Any, Any, int]]
    ) -> None:
        """Take what reads up to where the outbox is noted as sent."""
        self._db = database
        self._noted = noted
        self.term = 0
        self._link = link
        self._progress = progress
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._stored = 0
        self._stored_at = 0.0
        self._rewound = 0
        self.position = 0
        self.total = 0
        self.sent: dict[TopicPartition, Sent] = {}

    def begin_behind(self, position: int) -> None:
        """Send what is behind ``position``, also where more was sent already."""
        self.position = self._stored = position
        self._rewound += 1

    async def run(self) -> None:
        """Send for ever; a producer that failed is replaced."""
        backoff = Backoff()
        try:
            while True:
                seen = self._db.pulse.count
                try:
                    busy = await self.step()
                except Deposed:
                    await self._drop_producer()
                except StorageFault:
                    await backoff.pause()
                except Exception as error:
                    self._link.failed(RELAY, error)
                    await self._drop_producer()
                    await backoff.pause()
                else:
                    backoff.reset()
                    if not self.term:
                        await asyncio.sleep(FOLLOW_SECONDS)
                    elif not busy:
                        await self._db.pulse.wait(seen, self._idle_seconds())
                    elif busy < ROUND:
                        await asyncio.sleep(LINGER_SECONDS)
        finally:
            with suppress(Exception):
                await self._store_position()
            await self._drop_producer()

    def _idle_seconds(self) -> float:
        return STORE_SECONDS if self._stored != self.position else IDLE_SECONDS

    async def step(self) -> int:
        """Send one round and return how many messages it held; store the position where it is time to.

        Sends nothing where another process leads. Raises ``Deposed`` where that has changed meanwhile.
        """
        if not await self._leads():
            return 0
        loop = asyncio.get_running_loop()
        rewound = self._rewound
        messages = await outbox.read_after(self._db, BUS, self.position, ROUND)
        if self._rewound != rewound:
            return len(messages)  # of another place
        if messages:
            await self.send(messages)
        elif self._producer is None:
            await self._ready_producer()  # be ready, and know early where nobody answers
        if self._stored != self.position and loop.time() - self._stored_at >= STORE_SECONDS:
            self._stored_at = loop.time()
            await self._store_position()
        return len(messages)

    async def _leads(self) -> bool:
        term = await self._db.lead()
        if term != self.term:  # somebody else may have sent since we last did
            if self.term:
                self.term = 0
                await self._drop_producer()
                self._link.works(RELAY)  # it is another's work now
            self.begin_behind(await self._noted())
            self.term = term
        elif not term:
            self.position = self._stored = await self._noted()
            self._progress.beat()
        return bool(term)

    async def send(self, messages: Sequence[Envelope]) -> None:
        """Send messages, as many as fit into one batch for each partition, and wait until they are safe."""
        rewound = self._rewound
        producer = await self._ready_producer()
        batches: dict[TopicPartition, Any] = {}
        end = self.position
        stretch = Stretch()
        for message in messages:
            await stretch.pause()
            topic = self._link.topic(message.topic)
            key, value, headers = wire.record_of(message)
            there = TopicPartition(topic, partition_of(key, await _partitions(producer, topic)))
            batch = batches.get(there)
            if batch is None:
                batch = batches[there] = producer.create_batch()
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break  # full: this message and those behind it are the next round
            end = message.position
        acknowledged = await self._while_leading(
            asyncio.gather(*(_deliver(producer, batch, tp) for tp, batch in batches.items()))
        )
        for record, batch in zip(acknowledged, batches.values(), strict=True):
            last = record.offset + batch.record_count() - 1
            self.sent[TopicPartition(record.topic, record.partition)] = Sent(last, machine_seconds())
        self._link.works(RELAY)
        count = sum(batch.record_count() for batch in batches.values())
        self.total += count
        RELAYED.inc(count)
        if self._rewound == rewound:
            self.position = end
        self._progress.beat()

    async def _while_leading(self, sending: "asyncio.Future[list[Any]]") -> list[Any]:
        """Wait for what is being sent. Raises ``TimeoutError`` and, where another leads by then, ``Deposed``."""
        sending.add_done_callback(lambda sent: sent.cancelled() or sent.exception())  # nobody may wait any more by then
        try:
            async with asyncio.timeout(ACK_SECONDS):
                while not (await asyncio.wait([sending], timeout=FOLLOW_SECONDS))[0]:
                    if self.term and await self._db.lead() != self.term:
                        raise Deposed
            return sending.result()
        finally:
            sending.cancel()

    async def set_aside(
        self, key: bytes | None, value: bytes | None, headers: wire.Headers, origin: wire.Headers
    ) -> None:
        """Send a record to the dead letters, with where it comes from, and wait until it is safe.

        With that it may be larger than the brokers take, though they took it once: then its beginning must do.
        """
        try:
            await self._send_one(key, value, [*headers, *origin])
        except MessageSizeTooLargeError:
            key, value, headers = wire.shortened(key, value, headers)
            await self._send_one(key, value, [*headers, *origin])

    async def _send_one(self, key: bytes | None, value: bytes | None, headers: wire.Headers) -> None:
        producer = await self._ready_producer()
        try:
            async with asyncio.timeout(ACK_SECONDS):
                # A value of null and no key is no record for the client; an empty value says as much.
                told = value if key or value else b""
                await producer.send_and_wait(self._link.dead_letters, told, key=key, headers=headers)
        except Exception:
            if not self.term:  # nobody else here would notice that this producer is of no use any more
                await self._drop_producer()
            raise

    async def _ready_producer(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                await self._link.make_topics()
                made = AIOKafkaProducer(
                    **self._link.options(), acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
                )
                try:
                    await connect(made.start)
                except BaseException:
                    await close(made.stop)
                    await close(made.client.close)
                    raise
                self._producer = made
                self._link.works(RELAY)
            return self._producer

    async def _drop_producer(self) -> None:
        dropped, self._producer = self._producer, None
        if dropped is not None:
            await close(dropped.stop)
            await close(dropped.client.close)

    async def _store_position(self) -> None:
        position = self.position
        if self._stored != position and self.term:
            await self._db.deliver(BUS, storing_offsets({RELAY: position}), term=self.term)
            self._stored = position


async def _deliver(producer: AIOKafkaProducer, batch: Any, there: TopicPartition) -> Any:
    return await (await producer.send_batch(batch, there.topic, partition=there.partition))


async def _partitions(producer: AIOKafkaProducer, topic: str) -> int:
    found = producer.client.cluster.partitions_for_topic(topic)
    if not found:
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await producer.partitions_for(topic)
    return len(found)
