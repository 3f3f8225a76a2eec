"""One feature as a consumer group: each message is done once, in the feature's own database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from answerable.infra.bus import wire
from answerable.infra.bus.consumers import Consumers
from answerable.infra.bus.kafka.link import Link
from answerable.infra.bus.kafka.member import LOOK_SECONDS, Found, Member
from answerable.infra.database.errors import StorageFault
from answerable.infra.metrics import UNKNOWN
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch
from answerable.messages import CATALOGUE

Bury: TypeAlias = Callable[[str, ConsumerRecord, Exception], Awaitable[None]]


class Group(Member):
    """Reads for one consumer of this process's features."""

    def __init__(self, name: str, consumers: Consumers, link: Link, progress: Pulse, bury: Bury) -> None:
        self._handled = consumers.inboxes[name].handlers
        super().__init__(name, self._handled, link, progress)
        self._consumers = consumers
        self._bury = bury

    async def _prepare(self) -> None:
        await self._consumers.load_waiting()

    async def _take(self, consumer: AIOKafkaConsumer, found: Found) -> bool:
        """Do what was read and say that it went well; where it did not, everything is read again after a pause."""
        round_ = self._consumers.round()
        poison: list[tuple[ConsumerRecord, wire.Poison]] = []
        stretch = Stretch()
        try:
            for tp, records in found.items():
                for record in records:
                    await stretch.pause()
                    try:
                        self._sort(round_, self._topics[tp.topic], record)
                    except wire.Poison as error:
                        poison.append((record, error))
            if round_.units:
                await round_.done()
            for record, reason in poison:
                await self._bury(self.name, record, reason)
        except (StorageFault, KafkaError, OSError, TimeoutError) as error:
            if not isinstance(error, StorageFault):
                self._link.failed(self.name, error)
            await asyncio.sleep(LOOK_SECONDS)
            self._again(consumer, found)
            return False
        self._is_done(found)
        return True

    def _sort(self, round_: Any, topic: str, record: ConsumerRecord) -> None:
        type_ = wire.type_of(record.headers)
        if type_ in CATALOGUE and type_ not in self._handled:
            return
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        message = wire.message_of(topic, record.key, record.value, record.headers, origin)
        if message.type in self._handled:
            round_.add(self.name, message)
        else:
            UNKNOWN.labels(self.name).inc()
