"""The way to the brokers: how to connect, whether it works, and how long to wait where it does not."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from random import SystemRandom
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from answerable.infra.bus.wire import topic_on
from answerable.infra.database.open import system_clock
from answerable.kernel.errors import Invalid
from answerable.kernel.times import DAY, SECOND
from answerable.messages import CATALOGUE
from answerable.settings import Bus as BusSettings

CONNECT_SECONDS = 10.0
CLOSE_SECONDS, CANCELLATIONS = 2.0, 2
REQUEST_SECONDS = 10.0
METADATA_SECONDS = 30.0  # within which a topic that was made anew, or has more partitions, is found
# What one answer of a broker holds at most: it is copied and looked through while requests wait. A greater message
# comes all the same, alone.
FETCH_BYTES, PARTITION_BYTES = 1_000_000, 256_000
PORTION = 10  # records that the client reads without letting anybody between
HOLD_SECONDS = 60.0  # for which what was fetched may wait to be taken; longer than anybody works at one portion
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0
_random = SystemRandom()
_log = structlog.get_logger(__name__)
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it repeats itself; the link says once what is wrong


class Link:
    """Connects the parts of a bus, and says once when Kafka goes away and once when it is back."""

    def __init__(self, settings: BusSettings) -> None:
        """Read the certificates. Raises ``Invalid`` where they cannot be read."""
        self.settings = settings
        self._tls = _tls(settings)
        self._failing: set[str] = set()
        self._topics_made = False
        self.check: Callable[[], Awaitable[None]] | None = None  # of what is in the topics, before anybody uses them
        self._making = asyncio.Lock()

    @property
    def away(self) -> bool:
        """Tell whether some part cannot work right now."""
        return bool(self._failing)

    @property
    def dead_letters(self) -> str:
        """Return the topic of what could not be done."""
        return f"{self.settings.prefix}.dead-letters"

    def topic(self, name: str) -> str:
        """Return what a topic of the catalogue is called on the brokers."""
        return topic_on(self.settings.prefix, name)

    def options(self) -> dict[str, Any]:
        """Return what every client of the brokers is told."""
        signs_in = bool(self.settings.mechanism)
        protocol = ("SASL_" if signs_in else "") + ("SSL" if self._tls else "PLAINTEXT")
        given: dict[str, Any] = {
            "bootstrap_servers": self.settings.servers,
            "security_protocol": protocol,
            "ssl_context": self._tls,
            "request_timeout_ms": int(REQUEST_SECONDS * 1000),
            "retry_backoff_ms": 250,
            "metadata_max_age_ms": int(METADATA_SECONDS * 1000),
        }
        if signs_in:
            given |= {
                "sasl_mechanism": self.settings.mechanism,
                "sasl_plain_username": self.settings.username,
                "sasl_plain_password": self.settings.password,
            }
        return given

    def failed(self, part: str, error: BaseException) -> None:
        """Note that a part cannot work; the first one to say so is logged."""
        if not self._failing:
            _log.error("kafka is away", part=part, error=repr(error), brokers=",".join(self.settings.servers))
        self._failing.add(part)
        self._topics_made = False  # a broker that comes back may be another one, or have lost them

    def works(self, part: str) -> None:
        """Note that a part works."""
        if part in self._failing:
            self._failing.discard(part)
            if not self._failing:
                _log.info("kafka is back")

    async def make_topics(self) -> None:
        """Make the topics of the catalogue where they are missing; look once, and again after something has failed.

        Raises what ``check`` does, and ``KafkaError`` or ``OSError`` where it cannot be done now.
        """
        async with self._making:
            if not self._topics_made:
                await connect(self._make_topics)
                if self.check is not None:
                    await self.check()
                self._topics_made = True

    async def _make_topics(self) -> None:
        names = [self.topic(topic) for topic in sorted({cls.TOPIC for cls in CATALOGUE.values()})]
        keeping = {
            "retention.ms": str(self.settings.retention_days * DAY // 1000),
            "segment.ms": str(DAY // 1000),  # what is past its time goes within a day
            # Brokers unpack what others compress, and refuse what is too large then: a few bytes could be gigabytes.
            "compression.type": "uncompressed",
        }
        admin = AIOKafkaAdminClient(**self.options())
        try:
            await admin.start()
            existing = set(await admin.list_topics())
            wanted = [
                NewTopic(
                    name=name,
                    num_partitions=self.settings.partitions,
                    replication_factor=self.settings.replication,
                    topic_configs=keeping,
                )
                for name in [*names, self.dead_letters]
                if name not in existing
            ]
            if wanted:
                answer = await admin.create_topics(wanted)
                for name, code, *message in answer.topic_errors:
                    kind = for_code(code)
                    if code and kind is not TopicAlreadyExistsError:
                        raise kind(f"{name} cannot be made: {' '.join(map(str, message))}")
        finally:
            await close(admin.close)


def _tls(settings: BusSettings) -> ssl.SSLContext | None:
    if settings.security != "tls":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"bus.ca_file: {settings.ca_file} cannot be used ({error}).") from error


async def connect(starting: Callable[[], Awaitable[Any]], seconds: float = CONNECT_SECONDS) -> None:
    """Start a client. Raises ``TimeoutError`` after ``seconds``.

    A client that is cut off while it connects leaves a socket open, so it is given a moment to finish first.
    """
    task = asyncio.ensure_future(starting())
    try:
        async with asyncio.timeout(seconds):
            await asyncio.shield(task)
    except BaseException:
        await _wait_a_moment(task)
        raise


async def _wait_a_moment(task: "asyncio.Future[Any]") -> None:
    """Wait for a client to finish, then cancel it; one that does not end even so is left behind.

    The client swallows a cancellation now and then, where it waits for one that it made itself, and goes on to wait for
    brokers that will never answer. Whoever waits for that reads nothing any more.
    """
    for _ in range(1 + CANCELLATIONS):
        await asyncio.wait({task}, timeout=CLOSE_SECONDS)
        if task.done():
            break
        task.cancel()
    task.add_done_callback(_forget)


def _forget(task: "asyncio.Future[Any]") -> None:
    """Look at how a client ended, so that asyncio does not write it into the log."""
    if not task.cancelled():
        task.exception()


async def close(closing: Callable[[], Awaitable[Any]]) -> None:
    """Close a client, politely for a short while; what it says about it is of no use any more."""
    await _wait_a_moment(asyncio.ensure_future(closing()))


def fetch_together(consumer: AIOKafkaConsumer) -> None:
    """Let a client that has started fetch from a broker only when all that came from it has been taken.

    Where some has not been after a tenth of a second, the client would fetch the other partitions meanwhile. If there
    is nothing in them, the broker keeps that question for as long as it may, and nothing of the slow partition is
    fetched before it answers: who was busy for 0.1 s would hear nothing for a second more.
    """
    consumer._fetcher._prefetch_backoff = HOLD_SECONDS  # there is no option for it


async def assign_all(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    """Let a client that is in no group read all partitions of some topics; return them."""
    places = [
        TopicPartition(topic, number) for topic in topics for number in await consumer._client._wait_on_metadata(topic)
    ]
    consumer.assign(places)
    return places


def place_of(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """Return the offset behind all that a client has given of a partition; ``None`` where it does not know.

    That is not always the one behind the last record: markers of transactions have offsets, and are given to nobody.
    In a topic that was deleted and made anew, it is before the last record.
    """
    subscription = consumer._subscription.subscription
    assignment = None if subscription is None else subscription.assignment
    state = None if assignment is None else assignment.state_value(place)
    return int(state.position) if state is not None and state.has_valid_position else None


class Sent(NamedTuple):
    """The last offset that brokers have given of a partition, and when: in seconds of the machine's clock."""

    offset: int
    at: float


def machine_seconds() -> float:
    """Return the machine's time, whatever the desk's is: the client stamps what it is told with it."""
    return system_clock() / SECOND


class Backoff:
    """Pauses that double up to ``LONGEST_PAUSE``, each a little different, so that not everybody comes at once."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._next = FIRST_PAUSE

    async def pause(self) -> None:
        """Wait."""
        seconds = self._next * _random.uniform(0.5, 1.5)
        self._next = min(self._next * 2, LONGEST_PAUSE)
        await asyncio.sleep(seconds)
