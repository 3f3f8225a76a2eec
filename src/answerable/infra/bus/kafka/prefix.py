"""A prefix is of one desk: who comes to Kafka for the first time looks whether another one is there already.

Two desks under one prefix would be in the same consumer groups: each would be given a part of the other's messages,
and those would never reach whom they were for. What a desk itself has said before (it was killed before it noted that)
is in its outbox, so the last record of each partition tells whose topics they are.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from answerable.infra.bus import outbox
from answerable.infra.bus.kafka.link import CONNECT_SECONDS, Link, assign_all, close, connect
from answerable.infra.bus.port import BUS, Store
from answerable.messages import CATALOGUE
from answerable.messages.base import Command

LOOK_AGAIN_SECONDS = 30.0
WAIT_MS = 500
LAST = 10  # offsets that are looked at; those of strangers' transactions may be of no record
_ID = "ce_id"


class PrefixTaken(KafkaError):  # type: ignore[misc]  # the client has no types
    """The topics hold messages of another desk."""


class PrefixCheck:
    """Looks at the topics that only this desk's features write to."""

    def __init__(
        self, database: Store, link: Link, features: Iterable[str], has_sent: Callable[[], Coroutine[Any, Any, bool]]
    ) -> None:
        """Take the names of the features, and what tells whether this desk has been on Kafka before."""
        self._db = database
        self._link = link
        self._has_sent = has_sent
        self._taken = False
        self._look_at = 0.0
        spoken = {
            cls.TOPIC
            for cls in CATALOGUE.values()
            if not issubclass(cls, Command) and cls.__module__.rpartition(".")[2] in set(features)
        }
        self._topics = [link.topic(name) for name in sorted(spoken)]

    async def check(self) -> None:
        """Raise ``PrefixTaken`` where another desk is there, and what the client raises where nobody can tell."""
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._taken = bool(self._topics) and not await self._has_sent() and await self._is_anothers()
            self._look_at = now + LOOK_AGAIN_SECONDS if self._taken else 0.0
        if self._taken:
            raise PrefixTaken(
                f"the topics of the prefix {self._link.settings.prefix} hold messages of another desk; "
                "set bus.prefix to one that no other desk has, or delete them where that desk is gone"
            )

    async def _is_anothers(self) -> bool:
        ids = await self._last_ids()
        ours = [await self._db.read(BUS, outbox.load_one, each) for each in ids]
        return bool(ids) and not any(ours)

    async def _last_ids(self) -> list[str]:
        """Return the id of the last message in each partition that has any; in no group, and moving no offset."""
        consumer = AIOKafkaConsumer(**self._link.options(), group_id=None, auto_offset_reset="earliest")
        try:
            await connect(consumer.start)
            async with asyncio.timeout(CONNECT_SECONDS):
                places = await assign_all(consumer, self._topics)
                begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
                left = {tp for tp in places if begins[tp] < ends[tp]}
                for tp in left:
                    consumer.seek(tp, max(begins[tp], ends[tp] - LAST))
                last: dict[TopicPartition, ConsumerRecord] = {}
                while left:
                    read = await consumer.getmany(*left, timeout_ms=WAIT_MS)
                    last |= {tp: records[-1] for tp, records in read.items()}
                    left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
                return [
                    value.decode("utf-8", "replace")
                    for record in last.values()
                    for name, value in record.headers
                    if name == _ID and value is not None
                ]
        finally:
            await close(consumer.stop)
