"""A real Kafka broker for tests: one for the whole run, or one of its own for a test that treats it badly."""

import fcntl
import os
import select
import shutil
import signal
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests import run
from tests.patience import PATIENCE

# Compiled quickly rather than well: a broker of the tests does not live long, and its start took half as long again.
os.environ.setdefault("KAFKA_JAVA", "-XX:TieredStopAtLevel=1")
SCRIPT = str(Path(__file__).parent.parent / "scripts" / "kafka")
MISSING = "Kafka tests need Java 17 or later and Maven, which are not here"


def can_run() -> bool:
    """Tell whether a broker can run here."""
    return all(shutil.which(program) for program in ("java", "mvn"))


def need_broker() -> None:
    """Skip the test where no broker can run; fail where everything must be tested."""
    if not can_run():
        (pytest.fail if os.environ.get("TESTS_INSIST") else pytest.skip)(MISSING)


class Broker:
    """A broker process whose data is in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = (folder / "address").read_text() if (folder / "address").exists() else self.start()

    @property
    def url(self) -> str:
        """Return what ``--bus`` is given."""
        return f"kafka://{self.address}"

    @property
    def pid(self) -> int:
        """Return the broker's process."""
        return int((self.folder / "pid").read_text())

    def start(self) -> str:
        """Start it (again), wait until it answers, return its address."""
        done = subprocess.run([SCRIPT, "start", str(self.folder)], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        address = done.stdout.split()[-1]
        (self.folder / "address").write_text(address)
        return address

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone: its port and its folder are free then."""
        pid = self.pid
        watching = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            select.select([watching], [], [], 10)
        finally:
            os.close(watching)

    def freeze(self) -> None:
        """Let it stand still, its connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it; its data may go."""
        subprocess.run([SCRIPT, "stop", str(self.folder)], check=True, capture_output=True, timeout=PATIENCE)


@contextmanager
def own_broker(folder: Path, properties: str = "", formatting: Sequence[str] = ()) -> Iterator[Broker]:
    """Run a broker for one test, with more properties and arguments for formatting (see ``scripts/kafka``)."""
    need_broker()
    folder.mkdir(parents=True, exist_ok=True)
    if properties:
        (folder / "extra.properties").write_text(properties)
    if formatting:
        (folder / "format").write_text("\n".join(formatting) + "\n")
    broker = Broker(folder)
    try:
        yield broker
    finally:
        with suppress(ProcessLookupError):
            broker.kill()


def shared_broker() -> Broker:
    """Return the broker of this run of the tests, started by whoever needs it first."""
    need_broker()
    folder = run.folder() / "kafka"
    folder.mkdir(exist_ok=True)
    with (folder / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Broker(folder)


def start_early() -> None:
    """Start the broker of this run before somebody waits for it."""
    if can_run():
        shared_broker()


def end_run(of: Path) -> None:
    """Stop the broker of a run, if it has one."""
    if (of / "kafka" / "pid").exists():
        with suppress(ProcessLookupError):
            os.kill(int((of / "kafka" / "pid").read_text()), signal.SIGKILL)


def settings_on(broker: Broker, **more: Any) -> dict[str, Any]:
    """Return the settings of a desk on this broker that no other desk has messages in common with."""
    return {"bus__url": broker.url, "bus__prefix": f"t-{uuid.uuid4().hex[:12]}", "bus__partitions": 3, **more}


async def send_raw(
    broker: Broker, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Put a record into a topic, whatever it is."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.address)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, key=key, headers=headers)
    finally:
        await producer.stop()


async def records_in(broker: Broker, topic: str) -> list[ConsumerRecord]:
    """Return all records of a topic, partition by partition."""
    async with raw_consumer(broker) as consumer:
        places = [TopicPartition(topic, n) for n in await consumer._client._wait_on_metadata(topic)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):  # none of our topics is old enough to have lost its beginning
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found


async def forget_offsets(broker: Broker, group: str, topics: list[str]) -> None:
    """Let a group that is not at work begin with the first record again."""
    async with raw_consumer(broker, group_id=group, enable_auto_commit=False) as consumer:
        consumer.subscribe(topics)
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=100)
        await consumer.commit(dict.fromkeys(consumer.assignment(), 0))


async def forget_topics(broker: Broker, prefix: str) -> None:
    """Delete the topics of a desk, with all that is in them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(f"{prefix}.")])
    finally:
        await admin.close()


@asynccontextmanager
async def raw_consumer(broker: Broker, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a consumer that is none of ours."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()
