"""What strangers write to a desk's topics: it is set aside, whatever it is, and what comes behind it is done."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import MessageSizeTooLargeError

from answerable.infra.bus import inbox, wire
from answerable.kernel.actor import ANONYMOUS
from answerable.kernel.times import MINUTE
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from tests.infra.test_kafka import USERS, Desk, open_desk
from tests.kafka import Broker, records_in, send_raw
from tests.patience import PATIENCE
from tests.processes import eventually

pytestmark = pytest.mark.slow
Record = tuple[bytes, bytes, wire.Headers]


@pytest.fixture
async def desk(tmp_path: Path, broker: Broker) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "desk", broker) as opened:
        yield opened


def noise(length: int) -> str:
    """Return letters that nothing can compress."""
    return "".join(Random(7).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


def record(time: bytes = b"2026-03-02T09:00:00Z", **said: Any) -> Record:
    """Return a record that the watcher of the desk would do, but for what a test says of it."""
    fields: dict[str, Any] = {
        "id": "m", "type": "USER_REGISTERED", "topic": "answerable.users", "key": "x1", "sequence": 1, "time": 0,
        "actor": "", "actor_kind": "service", "cause": None, "depth": 0, "trace": None,
        "body": '{"userId":"x1","name":"1","email":"e","roles":[],"active":true}',
    }  # fmt: skip
    key, value, headers = wire.record_of(Envelope(**(fields | said)))
    return key, value, [(name, time if name == "ce_time" else text) for name, text in headers]


async def dead_letter_of(desk: Desk, broker: Broker) -> ConsumerRecord:
    (dead,) = await records_in(broker, f"{desk.prefix}.dead-letters")
    assert dict(dead.headers)["origin-topic"] == f"{desk.prefix}.users".encode()
    return dead


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (record(id=noise(9000)), "ce_id has 9,000 bytes, more than 1,000"),
        (record(key=noise(9000)), "the key has 9,000 bytes, more than 1,000"),
        (record(actor=noise(1001)), "ce_actor has 1,001 bytes, more than 1,000"),
        (record(id="a\0b"), "ce_id has a NUL in it"),
        (record(key="x\0001"), "the key has a NUL in it"),
        (record(b"9999-12-31T23:59:59-23:59"), "ce_time is '9999-12-31T23:59:59-23:59', not an instant"),
        (record(b"0001-01-01T00:00:00+23:59"), "ce_time is '0001-01-01T00:00:00+23:59', not an instant"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_what_no_database_takes_is_poison(desk: Desk, broker: Broker, sent: Record, reason: str) -> None:
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    await send_raw(broker, f"{desk.prefix}.users", *sent)
    await desk.say(*USERS)
    await bus.settle()
    assert await desk.everything_came_once_and_in_order()
    dead = await dead_letter_of(desk, broker)
    assert dict(dead.headers)["origin-error"] == reason.encode()
    assert (dead.key, dead.value, list(dead.headers)[: len(sent[2])]) == sent, "as it came"
    assert (await bus.lag())["watcher"] == 0


@pytest.mark.one_engine
@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_what_strangers_compress_is_done_as_anything_else(desk: Desk, broker: Broker, codec: str) -> None:
    bus = await desk.bus()
    await desk.say(*USERS)
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, compression_type=codec)
    await producer.start()
    try:
        key, value, headers = record()
        await producer.send_and_wait(f"{desk.prefix}.users", value, key=key, headers=headers)
    finally:
        await producer.stop()
    desk.numbers["x1"] += 1
    await desk.say(*USERS)
    await bus.settle()
    assert await desk.everything_came_once_and_in_order()
    assert await records_in(broker, f"{desk.prefix}.dead-letters") == []


@pytest.mark.one_engine
@pytest.mark.parametrize("codec", ["gzip", "zstd"])
async def test_a_few_bytes_that_are_many_when_they_are_unpacked_are_refused(
    desk: Desk, broker: Broker, codec: str
) -> None:
    await desk.bus()
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.address, compression_type=codec, max_request_size=50_000_000, max_batch_size=50_000_000
    )
    await producer.start()
    try:
        key, value, headers = record(body="{" + " " * 20_000_000 + "}")
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(f"{desk.prefix}.users", value, key=key, headers=headers)
    finally:
        await producer.stop()


@pytest.mark.parametrize(
    "name",
    ["9" * 30, "9" * 6000, "\\u0000é" * 1000, "x" + "é" * 400_000],
    ids=["a number beyond 64 bits", "a number of 6000 digits", "NULs", "too long to be quoted"],
)
async def test_what_no_consumer_can_do_is_parked_once(desk: Desk, broker: Broker, name: str) -> None:
    bus = await desk.bus()
    body = f'{{"userId":"x1","name":"{name}","email":"e","roles":[],"active":true}}'
    await send_raw(broker, f"{desk.prefix}.users", *record(body=body))
    await desk.say(*USERS)
    for _ in range(inbox.MAX_ATTEMPTS + 1):
        await bus.settle()
        desk.clock.ahead += MINUTE
    assert await desk.everything_came_once_and_in_order()
    (parked,) = await desk.db.read(ANONYMOUS, inbox.parked)
    assert (parked["message"], parked["key"], len(parked["error"]) <= 500) == ("m", "x1", True)
    assert (await dead_letter_of(desk, broker)).value == body.encode()
    assert (await bus.lag())["watcher"] == 0


@pytest.mark.parametrize("is_readable", [True, False], ids=["parked", "poison"])
async def test_a_record_as_large_as_brokers_take_is_cut_for_the_dead_letters(
    desk: Desk, broker: Broker, is_readable: bool
) -> None:
    """With its origin it would be larger than they take."""
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    begin, end = ('{"userId":"x1","name":"x","email":"', '","roles":[],"active":true}') if is_readable else ("{", "")
    sent = await send_the_largest(broker, f"{desk.prefix}.users", begin, end)
    await desk.say(*USERS)
    for _ in range(inbox.MAX_ATTEMPTS + 1):
        await bus.settle()
        desk.clock.ahead += MINUTE
    assert await desk.everything_came_once_and_in_order()
    dead = await dead_letter_of(desk, broker)
    assert dead.key == b"x1"
    assert sent[1].startswith(dead.value)
    size = sum(map(len, sent[:2])) + sum(len(name) + len(text) for name, text in sent[2])
    assert int(dict(dead.headers)["cut-from"]) == size
    assert dict(dead.headers)["ce_id"] == b"m"
    assert dict(dead.headers)["origin-offset"].isdigit()
    assert (await bus.lag())["watcher"] == 0
    assert bus.running


async def send_the_largest(broker: Broker, topic: str, begin: str, end: str) -> Record:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, max_request_size=2_000_000)
    await producer.start()
    try:
        for length in range(1_048_600, 1_047_000, -20):
            sent = record(body=begin + noise(length) + end)
            try:
                await producer.send_and_wait(topic, sent[1], key=sent[0], headers=sent[2])
            except MessageSizeTooLargeError:
                continue
            return sent
    finally:
        await producer.stop()
    raise AssertionError("the broker takes none of them")


@pytest.mark.one_engine
@pytest.mark.parametrize("ends_well", [True, False], ids=["committed", "aborted"])
async def test_what_marks_the_end_of_a_transaction_is_not_waited_for(
    desk: Desk, broker: Broker, ends_well: bool
) -> None:
    """A marker takes an offset, and nobody is ever given it."""
    bus = await desk.bus()
    follower = Notebook()
    following = bus.following(follower)
    key, value, headers = record(type="USER_TELEPORTED")
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=desk.prefix)
    await producer.start()
    try:
        for said in (USERS, ()):  # the second time, nobody is given anything
            await desk.say(*said)
            await bus.settle()
            await producer.begin_transaction()
            for partition in range(3):
                await producer.send(f"{desk.prefix}.users", value, key=key, headers=headers, partition=partition)
            await (producer.commit_transaction() if ends_well else producer.abort_transaction())
            await bus.settle()
            await eventually(lambda: all_behind(desk, 0))  # the markers themselves come a little later
            assert await bus.catch_up("watcher", PATIENCE)
            await following.settle()
        assert len(follower.heard) == len(USERS)
        await desk.bus()  # what the first member has committed holds for those that come after it
        await eventually(lambda: all_behind(desk, 0))
    finally:
        await producer.stop()
        await following.stop()


async def all_behind(desk: Desk, count: int) -> bool:
    return {(await bus.lag())["watcher"] for bus in desk.buses} == {count}


class Notebook:
    """A follower that notes what it hears."""

    name, types = "notebook", frozenset({"USER_REGISTERED"})

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def group(self) -> str:
        return "notebook"

    async def apply(self, messages: Sequence[Envelope]) -> None:
        self.heard += [message.id for message in messages]

    async def close(self) -> None:
        pass


@pytest.mark.one_engine
async def test_a_desk_comes_to_topics_whose_last_record_is_a_marker(desk: Desk, broker: Broker) -> None:
    """Whoever looks at the last records, to see whose topics these are, finds none there."""
    bus = await desk.bus(speaks=True)
    await desk.say(*USERS)
    await bus.settle()
    await bus.stop()
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=desk.prefix)
    await producer.start()
    key, value, headers = record(type="USER_TELEPORTED")
    await producer.begin_transaction()
    await producer.send(f"{desk.prefix}.users", value, key=key, headers=headers, partition=0)
    await producer.commit_transaction()
    await producer.stop()

    async def forget(tx: Tx) -> None:  # as when it was killed before it noted what it had sent
        await tx.run("DELETE FROM bus_offset")

    await desk.db.write(ANONYMOUS, forget)
    await desk.say(*USERS)
    await desk.bus(speaks=True)
    await eventually(desk.everything_came_once_and_in_order, 10)
