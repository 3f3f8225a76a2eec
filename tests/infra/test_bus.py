"""The bus: each message once and in order, what fails is tried again and set aside, the others go on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from answerable.infra.bus import inbox
from answerable.infra.bus.open import open_bus
from answerable.infra.bus.port import Bus
from answerable.infra.bus.verify import verify_log
from answerable.infra.database import DeskDatabase, open_database
from answerable.infra.database.migrate import Migration, migrate, migrations_of
from answerable.kernel.actor import ANONYMOUS, service
from answerable.kernel.manifest import Feature
from answerable.kernel.times import HOUR, MINUTE, SECOND
from answerable.kernel.tx import Tx
from answerable.messages.base import MAX_DEPTH
from answerable.messages.users import UserChanged, UserRegistered
from tests.kafka import settings_on
from tests.world import Clock, settings_for

SEEN = Migration("test", "0001", "CREATE TABLE test_seen (place BIGINT, consumer TEXT, name TEXT);")


def registered(user: str, name: str = "Una") -> UserRegistered:
    return UserRegistered(user_id=user, name=name, email=f"{user}@x.test", roles=["USER"], active=True)


class Flaky:
    """Consumers of a feature that notes what it sees, and fails on names that it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fails_on: set[str] = set()
        self.heard: list[str] = []

    async def see(self, tx: Tx, event: UserRegistered) -> None:
        await tx.run(
            "INSERT INTO test_seen VALUES ((SELECT COUNT(*) FROM test_seen), :consumer, :name)",
            consumer=self.name,
            name=event.name,
        )
        if event.name in self.fails_on:
            raise ValueError(f"cannot stand {event.name}")

    def feature(self) -> Feature:
        return Feature(
            self.name,
            consumers={UserRegistered: self.see},
            listeners={UserRegistered: lambda sealed, event: self.heard.append(event.name)},
        )


class Bench:
    """A database, a bus with two consumers, and a clock."""

    def __init__(self, database: DeskDatabase, clock: Clock) -> None:
        self.db = database
        self.clock = clock
        self.one, self.two = Flaky("one"), Flaky("two")
        self.bus = self.open(self.one.feature(), self.two.feature())

    def open(self, *features: Feature) -> Bus:
        return open_bus(self.db.settings, self.db, features)

    async def take(self, *features: Feature) -> Bus:
        """Go on with another bus, as after a restart; with ``features`` where they are given."""
        await self.bus.stop()
        self.bus = self.open(*(features or (self.one.feature(), self.two.feature())))
        await self.bus.prepare()
        return self.bus

    async def publish(self, *events: UserRegistered) -> None:
        async def tell(tx: Tx) -> None:
            tx.publish(*events)

        await self.db.write(service("users"), tell)
        await self.bus.settle()

    async def seen(self, consumer: str) -> list[str]:
        async def query(tx: Tx) -> list[str]:
            rows = await tx.run("SELECT name FROM test_seen WHERE consumer = :c ORDER BY place", c=consumer)
            return [row["name"] for row in rows]

        return await self.db.read(ANONYMOUS, query)

    async def wait(self, micros: int) -> None:
        self.clock.now += micros
        await self.bus.settle()


@pytest.fixture(params=["local", pytest.param("kafka", marks=pytest.mark.slow)])
async def bench(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    clock = Clock()
    given: dict[str, Any] = (
        settings_on(request.getfixturevalue("broker"), bus__partitions=1) if request.param == "kafka" else {}
    )
    database = open_database(settings_for(tmp_path, **given), clock)
    migrate(database, [*migrations_of("bus", "answerable.infra.bus", database.engine), SEEN])
    bench = Bench(database, clock)
    await bench.bus.prepare()
    await bench.bus.settle()  # from now on listeners hear what is new
    yield bench
    await bench.bus.stop()
    await database.close()


async def test_every_consumer_gets_each_message_once_in_order(bench: Bench) -> None:
    await bench.publish(registered("u1", "Una"), registered("u2", "Otto"))
    await bench.publish(registered("u3", "Pia"))
    assert await bench.seen("one") == await bench.seen("two") == bench.one.heard == ["Una", "Otto", "Pia"]


async def test_a_consumer_that_forgot_its_place_repeats_nothing(bench: Bench) -> None:
    await bench.publish(registered("u1"), registered("u2"))
    await bench.bus.stop()

    async def forget(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_offset")

    await bench.db.write(ANONYMOUS, forget)
    again = await bench.take()
    assert await again.settle() > 0
    assert await bench.seen("one") == ["Una", "Una"]
    if not bench.db.settings.bus.servers:  # over Kafka, what is sent again is heard again
        assert bench.one.heard == ["Una", "Una"], "listeners hear only what is new"


async def test_what_fails_is_tried_again_and_its_key_waits_while_others_go_on(bench: Bench) -> None:
    bench.one.fails_on = {"Bad"}
    await bench.publish(registered("u1", "Bad"), registered("u1", "Later"), registered("u2", "Other"))
    assert await bench.seen("one") == ["Other"], "the effect of a failed try is undone, its key waits"
    assert await bench.seen("two") == ["Bad", "Later", "Other"]
    bench.one.fails_on = set()
    await bench.wait(SECOND // 10)
    assert await bench.seen("one") == ["Other"], "it backs off first"
    await bench.wait(SECOND // 5)
    assert await bench.seen("one") == ["Other", "Bad", "Later"]
    assert await bench.db.read(ANONYMOUS, inbox.next_retry) is None


async def test_what_always_fails_is_parked_and_can_be_retried(bench: Bench) -> None:
    bench.one.fails_on = {"Bad"}
    await bench.publish(registered("u1", "Bad"), registered("u1", "Later"))
    for _ in range(inbox.MAX_ATTEMPTS + 1):
        await bench.wait(MINUTE)
    parked = await bench.db.read(ANONYMOUS, inbox.parked)
    assert [(row["consumer"], row["type"], row["attempts"]) for row in parked] == [("one", "USER_REGISTERED", 8)]
    assert "cannot stand Bad" in parked[0]["error"]
    assert await bench.seen("one") == ["Later"], "once it is set aside, its key goes on"
    bench.one.fails_on = set()
    assert await bench.db.write(ANONYMOUS, inbox.unpark, parked[0]["message"]) == 1
    await bench.bus.settle()
    assert await bench.seen("one") == ["Later", "Bad"]
    assert await bench.db.read(ANONYMOUS, inbox.parked) == []


async def test_a_wrong_statement_in_a_consumer_is_parked_like_any_other_error(bench: Bench) -> None:
    async def wrong(tx: Tx, event: UserRegistered) -> None:
        await tx.run("SELECT nonsense FROM nowhere")

    bus = await bench.take(Feature("wrong", consumers={UserRegistered: wrong}), bench.two.feature())

    async def tell(tx: Tx) -> None:
        tx.publish(registered("u1"))

    await bench.db.write(service("users"), tell)
    for _ in range(inbox.MAX_ATTEMPTS + 1):
        await bus.settle()
        bench.clock.now += MINUTE
    assert await bench.seen("two") == ["Una"], "the others go on"
    assert [row["consumer"] for row in await bench.db.read(ANONYMOUS, inbox.parked)] == ["wrong"]


async def test_what_waits_does_not_wait_for_a_clock_that_was_set_back(bench: Bench) -> None:
    """The machine's clock was an hour ahead for a while."""
    bench.clock.now += HOUR
    bench.one.fails_on = {"Una"}
    await bench.publish(registered("u1"), registered("u1", "Abe"))
    bench.one.fails_on = set()
    await bench.wait(-HOUR)
    assert await bench.seen("one") == ["Una", "Abe"]


async def test_retries_survive_a_restart(bench: Bench) -> None:
    bench.one.fails_on = {"Bad"}
    await bench.publish(registered("u1", "Bad"))
    again = await bench.take()
    await bench.publish(registered("u1", "Later"))
    bench.one.fails_on = set()
    bench.clock.now += MINUTE
    await again.settle()
    assert await bench.seen("one") == ["Bad", "Later"]


async def test_a_chain_of_messages_ends(bench: Bench) -> None:
    async def echo(tx: Tx, event: UserRegistered) -> None:
        tx.publish(event)

    bus = await bench.take(Feature("echo", consumers={UserRegistered: echo}))

    async def tell(tx: Tx) -> None:
        tx.publish(registered("u1"))

    await bench.db.write(service("users"), tell)
    await bus.settle()
    checked, differences = await verify_log(bench.db)
    assert (checked, differences) == (MAX_DEPTH + 1, [])
    for _ in range(inbox.MAX_ATTEMPTS + 1):
        bench.clock.now += MINUTE
        await bus.settle()
    assert len(await bench.db.read(ANONYMOUS, inbox.parked)) == 1


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM bus_outbox WHERE position = 2", "numbered 1 to 3"),
        ("UPDATE bus_outbox SET sequence = 9 WHERE position = 3", "numbered 1 to 9"),
        ("UPDATE bus_outbox SET body = '{\"userId\": 5}' WHERE position = 1", "cannot be read"),
        ("UPDATE bus_outbox SET body = replace(body, 'u1', 'u9') WHERE position = 1", "filed under u1"),
        ("UPDATE bus_outbox SET cause = 'nobody' WHERE position = 3", "cause nobody is missing"),
        ("INSERT INTO bus_inbox VALUES ('one', 'a-message-of-nobody')", "not in the log"),
        ("UPDATE bus_offset SET position = 99", "behind the end"),
    ],
)
async def test_damage_to_the_log_is_found(bench: Bench, damage: str, words: str) -> None:
    await bench.publish(registered("u1"), registered("u1"), registered("u1"))
    assert await verify_log(bench.db) == (3, [])

    async def harm(tx: Tx) -> None:
        await tx.run(damage)

    if bench.db.settings.bus.servers and words in ("not in the log", "cause nobody is missing"):
        pytest.skip("over Kafka, another service may have sent it")
    await bench.db.write(ANONYMOUS, harm)
    _, differences = await verify_log(bench.db)
    assert any(words in line for line in differences), differences


async def test_one_message_type_in_the_log_that_nobody_wants_is_passed_over(bench: Bench) -> None:
    async def tell(tx: Tx) -> None:
        tx.publish(UserChanged(user_id="u1", name="U", email="u@x.test", roles=[], active=True, changed=[]))

    await bench.db.write(service("users"), tell)
    await bench.publish(registered("u2", "Otto"))
    assert await bench.seen("one") == ["Otto"]
    assert {"one": 0, "two": 0}.items() <= (await bench.bus.lag()).items()
    assert not any((await bench.bus.lag()).values())
