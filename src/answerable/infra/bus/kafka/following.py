"""A follower as a consumer group: what it took is durable elsewhere before the offset says so.

While its far side is away, its partitions are paused: it stays a member, nothing is read and no offset moves.
"""

import asyncio
import random
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from answerable.infra import metrics
from answerable.infra.bus import wire
from answerable.infra.bus.follower import Follower
from answerable.infra.bus.following import FIRST_PAUSE, LONGEST_PAUSE
from answerable.infra.bus.kafka.link import Link
from answerable.infra.bus.kafka.member import LOOK_SECONDS, Found, Member
from answerable.infra.pulse import Pulse
from answerable.kernel.errors import Problem, Unavailable
from answerable.messages.base import Envelope

SETTLE_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class AnotherFarSide(Exception):
    """The follower's far side was swapped: it has another group, which begins anew."""


class TopicFollowing(Member):
    """One follower's way through the topics, as a member of the group that it names itself."""

    at_once = 500

    def __init__(self, follower: Follower, link: Link, progress: Pulse) -> None:
        super().__init__(follower.name, follower.types, link, progress)
        self._follower = follower
        self._joined_as = ""
        self._pause = FIRST_PAUSE
        self._rests_until: float | None = None
        self._away = False
        self._task: asyncio.Task[None] | None = None
        self.total = 0

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Follow in the background from now on."""
        self._task = asyncio.get_running_loop().create_task(self.run(), name=f"following {self.name}")

    async def stop(self) -> None:
        """Stop; what was not read is read after the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._follower.close()

    async def settle(self) -> int:
        """Read until nothing is left; return how many messages were taken.

        Raises ``Unavailable`` after ``SETTLE_SECONDS``.
        """
        already = self.total
        if self._task is None:
            self.start()
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    if self.joined and (ends := await self._ends()) and self.has_done(ends):
                        return self.total - already
                    await self._progress.wait(self._progress.count, LOOK_SECONDS)
        except TimeoutError as error:
            raise Unavailable(f"{self.name} could not read everything in time.", retry_after=5) from error

    @property
    def silent(self) -> bool:
        """Tell whether the brokers have not answered for a while; of who rests, nothing is asked."""
        return self._rests_until is None and super().silent

    # --- what a member does differently --------------------------------------------------------------------------

    async def _group(self) -> str:
        self._rests_until = None
        self._joined_as = await self._follower.group()
        return self._joined_as

    def _tell(self, error: Exception) -> None:
        if isinstance(error, Problem):
            self._is_away(error)
            self._link.works(self.name)  # who comes as far as the far side has been at the brokers
        elif not isinstance(error, AnotherFarSide):
            super()._tell(error)
        if not self.joined:
            metrics.LAG.labels(self.name).set(1)  # at least: nobody knows

    async def _before_reading(self, consumer: AIOKafkaConsumer) -> float:
        if self._rests_until is None:
            behind = self.behind({})
            if behind is not None:
                metrics.LAG.labels(self.name).set(behind)
            if behind == 0:
                self._is_back()
            return await super()._before_reading(consumer)
        with suppress(KafkaError, TimeoutError):  # what is paused is not fetched, so the brokers must be asked
            ends = await self._ends()
            metrics.LAG.labels(self.name).set(sum(max(0, end - self.done.get(tp, end)) for tp, end in ends.items()))
        left = self._rests_until - asyncio.get_running_loop().time()
        if left > 0:
            return min(LOOK_SECONDS, left)
        await self._try_again(consumer)
        return 0.0

    async def _try_again(self, consumer: AIOKafkaConsumer) -> None:
        """Go on where the far side is there. Raises ``AnotherFarSide`` where it is another one."""
        try:
            group = await self._follower.group()
        except Exception as error:
            self._rest(consumer, error)
            return
        if group != self._joined_as:
            raise AnotherFarSide
        self._rests_until = None
        self._listen_from_now_on()
        consumer.resume(*consumer.paused())

    async def _take(self, consumer: AIOKafkaConsumer, found: Found) -> bool:
        if self._rests_until is not None:  # was on its way when the pause began
            self._again(consumer, found)
            return True
        messages = [
            message for records in found.values() for record in records if (message := self._message_of(record))
        ]
        try:
            if messages:
                await self._follower.apply(messages)
        except Exception as error:
            self._again(consumer, found)
            self._rest(consumer, error)
            return True
        self._is_done(found)
        self.total += len(messages)
        if messages:
            self._pause = FIRST_PAUSE
            self._is_back()
        return True

    def _message_of(self, record: ConsumerRecord) -> Envelope | None:
        """Read a record of a wanted type. One that cannot be read is put aside by the consumers, not by followers."""
        if wire.type_of(record.headers) not in self._follower.types:
            return None
        origin = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            return wire.message_of(self._topics[record.topic], record.key, record.value, record.headers, origin)
        except wire.Poison as error:
            _log.error(f"{self.name} passed over an unreadable record", origin=origin, error=str(error))
            return None

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take note; what comes while the far side is away waits too."""
        await super().on_partitions_assigned(assigned)
        if self._rests_until is not None and self._consumer is not None:
            self._consumer.pause(*assigned)

    # --- the far side --------------------------------------------------------------------------------------------

    def _rest(self, consumer: AIOKafkaConsumer, error: Exception) -> None:
        self._is_away(error)
        consumer.pause(*consumer.assignment())
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 -- jitter, no secret
        self._rests_until = asyncio.get_running_loop().time() + pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _is_away(self, error: Exception) -> None:
        """Write one line when the trouble begins; a problem of ours also with its trace."""
        if self._away:
            return
        self._away = True
        if isinstance(error, Problem):
            _log.warning(f"{self.name} is away", reason=error.message)
        else:
            _log.error(f"{self.name} failed", exc_info=error)

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            _log.info(f"{self.name} is back", behind=self.behind({}))

    async def _ends(self) -> dict[TopicPartition, int]:
        consumer = self._consumer
        if consumer is None or not self.done:
            return {}
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(self.done))
        return ends
