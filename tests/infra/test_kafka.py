"""The Kafka bus on a real broker: what the wire can do to messages, and what must hold all the same.

What holds on both buses is in ``test_bus.py``.
"""

import asyncio
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from answerable.infra.bus import inbox, outbox, wire
from answerable.infra.bus.kafka import KafkaBus, link
from answerable.infra.bus.local import LocalBus
from answerable.infra.bus.verify import verify_log
from answerable.infra.database import DeskDatabase, open_database
from answerable.infra.database.migrate import Migration, migrate, migrations_of
from answerable.infra.database.open import system_clock
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.infra.metrics import UNKNOWN
from answerable.infra.pruning import forget
from answerable.kernel.actor import ANONYMOUS, service
from answerable.kernel.manifest import Feature
from answerable.kernel.times import DAY, MINUTE
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from answerable.messages.users import UserRegistered
from tests.kafka import Broker, forget_offsets, forget_topics, own_broker, records_in, send_raw, settings_on
from tests.processes import eventually
from tests.world import settings_for

SEEN = Migration("test", "0001", "CREATE TABLE test_seen (place BIGINT PRIMARY KEY, key TEXT, number BIGINT);")


def said(user: str, number: int) -> UserRegistered:
    return UserRegistered(user_id=user, name=str(number), email=f"{user}@x.test", roles=["USER"], active=True)


class Clock:
    """The machine's time and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead


class Desk:
    """A database whose one feature notes what it hears; as many buses on it as a test wants."""

    def __init__(self, database: DeskDatabase, clock: Clock) -> None:
        self.db = database
        self.clock = clock
        self.fails_on: set[int] = set()
        self.buses: list[KafkaBus] = []
        self.numbers: Counter[str] = Counter()

    @property
    def prefix(self) -> str:
        return self.db.settings.bus.prefix

    async def see(self, tx: Tx, event: UserRegistered) -> None:
        if int(event.name) in self.fails_on:
            raise ValueError(f"cannot stand {event.name}")
        await tx.run(
            "INSERT INTO test_seen VALUES ((SELECT COALESCE(MAX(place), 0) + 1 FROM test_seen), :k, :n)",
            k=event.user_id,
            n=int(event.name),
        )

    async def bus(self, *, speaks: bool = False) -> KafkaBus:
        """Start another bus; it is one more member of the same group. One that ``speaks`` has the users' feature."""
        features = [Feature("watcher", consumers={UserRegistered: self.see}), *([Feature("users")] if speaks else [])]
        bus = KafkaBus(self.db.settings.bus, self.db, features)
        self.buses.append(bus)
        await bus.start()
        return bus

    async def say(self, *users: str) -> None:
        """Tell something of each of these users, numbered for each of them."""
        events = []
        for user in users:
            self.numbers[user] += 1
            events.append(said(user, self.numbers[user]))

        async def tell(tx: Tx) -> None:
            tx.publish(*events)

        await self.db.write(service("users"), tell)

    async def seen(self) -> dict[str, list[int]]:
        async def query(tx: Tx) -> dict[str, list[int]]:
            found: dict[str, list[int]] = defaultdict(list)
            for row in await tx.run("SELECT key, number FROM test_seen ORDER BY place"):
                found[row["key"]].append(row["number"])
            return found

        return await self.db.read(ANONYMOUS, query)

    def expected(self) -> dict[str, list[int]]:
        return {user: list(range(1, count + 1)) for user, count in self.numbers.items()}

    async def everything_came_once_and_in_order(self) -> bool:
        seen = await self.seen()
        for user, numbers in seen.items():
            assert numbers == list(range(1, len(numbers) + 1)), f"{user}: {numbers}"
        return seen == self.expected()

    async def position(self) -> int:
        return await self.db.read(ANONYMOUS, outbox.last_position)


@asynccontextmanager
async def open_desk(folder: Path, broker: Broker, **more: Any) -> AsyncIterator[Desk]:
    clock = Clock()
    database = open_database(settings_for(folder, **settings_on(broker, **more)), clock)
    migrate(database, [*migrations_of("bus", "answerable.infra.bus", database.engine), SEEN])
    desk = Desk(database, clock)
    try:
        yield desk
    finally:
        for bus in desk.buses:
            await bus.stop()
        await database.close()


@pytest.fixture
async def desk(tmp_path: Path, broker: Broker) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "desk", broker) as opened:
        yield opened


USERS = [f"u{number}" for number in range(12)]


async def test_messages_are_cloud_events_in_topics_with_the_set_number_of_partitions(
    desk: Desk, broker: Broker
) -> None:
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    records = await records_in(broker, f"{desk.prefix}.users")
    assert {record.partition for record in records} == {0, 1, 2}
    assert sorted(record.key.decode() for record in records) == sorted(USERS)
    sent = {sealed.id: sealed for sealed in await desk.db.read(ANONYMOUS, outbox.load_last, 100)}
    for record in records:
        message = wire.message_of("answerable.users", record.key, record.value, record.headers, "")
        kept = sent[message.id]
        assert (message.sequence, message.time, message.body) == (kept.sequence, kept.time, kept.body)
    assert await bus.lag() == {"relay": 0, "watcher": 0}


async def test_lost_offsets_let_everything_come_again_and_nothing_happens_twice(desk: Desk, broker: Broker) -> None:
    bus = await desk.bus()
    await desk.say(*USERS, *USERS)
    await bus.settle()
    await bus.stop()
    await forget_offsets(broker, f"{desk.prefix}.watcher", [f"{desk.prefix}.users"])
    again = await desk.bus()
    await desk.say(*USERS)
    await again.settle()
    assert await desk.everything_came_once_and_in_order()


@pytest.mark.slow
async def test_partitions_change_hands_under_load(desk: Desk) -> None:
    await desk.bus()
    talking = True

    async def talk() -> None:
        while talking:
            await desk.say(*USERS)
            await asyncio.sleep(0.005)

    task = asyncio.create_task(talk())
    try:
        for _ in range(2):
            first = desk.buses[0]
            second = await desk.bus()
            await eventually(lambda: _shared(first, second))  # noqa: B023
            await eventually(lambda: _hears_more(desk, 200))
            await first.stop()
            desk.buses.remove(first)
            await eventually(lambda: _has_all(second))  # noqa: B023
    finally:
        talking = False
        await task
    await eventually(desk.everything_came_once_and_in_order)
    assert sum(desk.numbers.values()) > 400, "there was a load"


async def _shared(*buses: KafkaBus) -> bool:
    held = [set(bus._groups["watcher"].done) for bus in buses]
    return all(held) and not set.intersection(*held) and len(set.union(*held)) == 3


async def _has_all(bus: KafkaBus) -> bool:
    return len(bus._groups["watcher"].done) == 3


async def _hears_more(desk: Desk, count: int, before: dict[int, int] = {}) -> bool:  # noqa: B006
    total = sum(len(numbers) for numbers in (await desk.seen()).values())
    return total >= before.setdefault(id(desk), total) + count


POISON: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = [
    (b"u1", b"\x00\xff\x17", []),
    (None, None, [("ce_type", b"USER_REGISTERED")]),
    (b"u1", b"{broken", wire.record_of(Envelope(
        id="m", type="USER_REGISTERED", topic="answerable.users", key="u1", sequence=1, time=0, actor="", depth=0,
        actor_kind="service", cause=None, trace=None, body="{}"))[2]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "headers"), POISON)
async def test_poison_goes_to_the_dead_letters_with_its_origin_and_the_others_go_on(
    desk: Desk, broker: Broker, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    await send_raw(broker, f"{desk.prefix}.users", key, value if key or value else b"", headers)
    await desk.say(*USERS)
    await bus.settle()
    assert await desk.everything_came_once_and_in_order()
    (dead,) = await records_in(broker, f"{desk.prefix}.dead-letters")
    told = dict(dead.headers)
    assert (dead.key, dead.value or b"") == (key, value or b"")
    assert headers == list(dead.headers)[: len(headers)], "as it came"
    assert told["origin-topic"] == f"{desk.prefix}.users".encode()
    assert told["origin-consumer"] == b"watcher"
    assert told["origin-partition"].isdigit()
    assert told["origin-offset"].isdigit()
    assert told["origin-error"]
    assert (await bus.lag())["watcher"] == 0


async def test_a_type_of_a_newer_version_is_passed_over_and_counted(desk: Desk, broker: Broker) -> None:
    bus = await desk.bus()
    await desk.say("u1")
    await bus.settle()
    (record,) = await records_in(broker, f"{desk.prefix}.users")
    newer = [(name, b"USER_TELEPORTED" if name == "ce_type" else value) for name, value in record.headers]
    before = UNKNOWN.labels("watcher")._value.get()
    await send_raw(broker, f"{desk.prefix}.users", b"u1", b'{"where":"Mars"}', newer)
    await desk.say("u1")
    await bus.settle()
    assert UNKNOWN.labels("watcher")._value.get() == before + 1
    assert await records_in(broker, f"{desk.prefix}.dead-letters") == []
    assert await desk.everything_came_once_and_in_order()


async def test_what_is_parked_is_among_the_dead_letters_and_can_be_retried(desk: Desk, broker: Broker) -> None:
    bus = await desk.bus()
    desk.fails_on = {1}
    await desk.say("u1")
    for _ in range(inbox.MAX_ATTEMPTS + 1):
        await bus.settle()
        desk.clock.ahead += MINUTE
    (parked,) = await desk.db.read(ANONYMOUS, inbox.parked)
    assert (parked["type"], parked["topic"], parked["key"]) == ("USER_REGISTERED", "answerable.users", "u1")
    (dead,) = await records_in(broker, f"{desk.prefix}.dead-letters")
    told = dict(dead.headers)
    assert (told["ce_id"].decode(), told["origin-consumer"]) == (parked["message"], b"watcher")
    assert told["origin-topic"] == f"{desk.prefix}.users".encode()
    assert told["origin-offset"] == b"0"
    assert b"cannot stand 1" in told["origin-error"]

    async def forget_outbox(tx: Tx) -> None:  # as where another service has sent it
        await tx.run("DELETE FROM bus_outbox")

    await desk.db.write(ANONYMOUS, forget_outbox)
    desk.fails_on = set()
    assert await desk.db.write(ANONYMOUS, inbox.unpark, parked["message"]) == 1
    await bus.settle()
    assert await desk.seen() == {"u1": [1]}
    assert await desk.db.read(ANONYMOUS, inbox.parked) == []
    assert len(await records_in(broker, f"{desk.prefix}.dead-letters")) == 1


async def test_a_producer_that_the_broker_refuses_for_good_is_replaced(desk: Desk) -> None:
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    refused = bus._relay._producer
    assert refused is not None
    for place in list(bus._relay.sent):  # the broker finds a gap in what this producer sends: it is fatal for it
        refused._txn_manager.increment_sequence_number(place, 7)
    await desk.say(*USERS)
    await eventually(desk.everything_came_once_and_in_order)
    assert bus._relay._producer is not refused
    await eventually(lambda: _runs(bus))


async def _runs(bus: KafkaBus) -> bool:
    return bus.running


async def test_a_store_that_takes_nothing_for_a_while(desk: Desk) -> None:
    await desk.say(*USERS, *USERS)
    assert isinstance(desk.db, SqliteDatabase)
    desk.db._writer.execute("PRAGMA query_only = ON")
    bus = await desk.bus()
    await eventually(lambda: _has_sent(bus, 2 * len(USERS)))
    await eventually(lambda: _reads(bus))
    assert await desk.seen() == {}
    desk.db._writer.execute("PRAGMA query_only = OFF")
    await desk.say(*USERS)
    await eventually(desk.everything_came_once_and_in_order)
    await bus.settle()
    assert await bus.lag() == {"relay": 0, "watcher": 0}


async def test_the_other_partitions_are_not_asked_for_while_what_came_from_one_is_in_hand(desk: Desk) -> None:
    await desk.say(*["u1"] * 60)  # more than is taken at once
    assert isinstance(desk.db, SqliteDatabase)
    desk.db._writer.execute("PRAGMA query_only = ON")  # so that it stays in hand
    bus = await desk.bus()
    await eventually(lambda: _holds_more(bus))
    consumer = bus._groups["watcher"]._consumer
    assert consumer is not None
    (held,) = consumer._fetcher._records.values()
    held._created -= 1.0  # in hand for a second: the client itself would have lost its patience
    asked, *_ = consumer._fetcher._get_actions_per_node(consumer._subscription.subscription.assignment)
    assert asked == [], "what comes for u1 would have to wait until something comes for others, or for a second"
    desk.db._writer.execute("PRAGMA query_only = OFF")
    await eventually(desk.everything_came_once_and_in_order)


async def _holds_more(bus: KafkaBus) -> bool:
    consumer = bus._groups["watcher"]._consumer
    if consumer is None or not await _reads(bus):
        return False
    return bool(consumer._fetcher._records) and not consumer._fetcher._in_flight


async def _has_sent(bus: KafkaBus, count: int) -> bool:
    return bus._relay.total >= count


async def _reads(bus: KafkaBus) -> bool:
    return not bus._groups["watcher"]._resting.is_set()


async def test_a_message_is_sent_even_where_one_batch_cannot_hold_the_round(desk: Desk, broker: Broker) -> None:
    bus = await desk.bus()

    async def tell(tx: Tx) -> None:
        for number in range(1, 41):
            tx.publish(UserRegistered(user_id="u1", name=str(number), email="x" * 20_000, roles=[], active=True))

    await desk.db.write(service("users"), tell)
    desk.numbers["u1"] = 40
    await bus.settle()
    assert await desk.everything_came_once_and_in_order()


async def test_a_desk_that_moves_to_kafka_goes_on_where_it_was(tmp_path: Path, broker: Broker) -> None:
    async with open_desk(tmp_path / "desk", broker) as desk:
        local = LocalBus(desk.db, [Feature("watcher", consumers={UserRegistered: desk.see})])
        await desk.say(*USERS)
        await local.settle()
        await desk.say("u1")
        bus = await desk.bus()
        await bus.settle()
        assert await desk.everything_came_once_and_in_order()
        assert len(await records_in(broker, f"{desk.prefix}.users")) == 1, "what was done is not sent again"
        assert (await verify_log(desk.db))[1] == []


async def test_what_the_topics_have_forgotten_the_inbox_may_forget(desk: Desk) -> None:
    bus = await desk.bus()
    await desk.say("u1")
    await bus.settle()
    desk.clock.ahead = 8 * DAY
    assert await desk.db.write(ANONYMOUS, forget) == 0, "a topic may keep it a day longer than it should"
    desk.clock.ahead = 10 * DAY
    assert await desk.db.write(ANONYMOUS, forget) == 1


# --- a broker that fails --------------------------------------------------------------------------------------------


async def talk_while(desk: Desk, trouble: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Talk without a pause while something happens."""
    happening = asyncio.create_task(trouble())
    while not happening.done():
        await desk.say(*USERS)
        await asyncio.sleep(0.02)
    await happening


def lines_about(text: str, word: str) -> Sequence[str]:
    return [line for line in text.splitlines() if word in line]


@pytest.mark.slow
async def test_a_broker_that_is_killed_and_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with own_broker(tmp_path / "kafka") as broker:
        async with open_desk(tmp_path / "desk", broker) as desk:
            bus = await desk.bus()
            await desk.say(*USERS)
            await bus.settle()

            async def trouble() -> None:
                await eventually(lambda: _hears_more_than(desk, 3 * len(USERS)))
                broker.kill()
                await eventually(lambda: _stands_still(bus))
                before = await desk.position()
                await eventually(lambda: _is_behind(desk, before))
                await asyncio.to_thread(broker.start)
                await eventually(lambda: _runs(bus))

            await talk_while(desk, trouble)
            await eventually(desk.everything_came_once_and_in_order)
            output = capsys.readouterr().out
            assert 1 <= len(lines_about(output, "kafka is away")) <= 6, output
            assert lines_about(output, "kafka is back")
            assert not lines_about(output, "Traceback"), output


async def _is_behind(desk: Desk, position: int) -> bool:
    return await desk.position() > position + 5 * len(USERS)  # people go on meanwhile


async def _stands_still(bus: KafkaBus) -> bool:
    return not bus.running


async def _hears_more_than(desk: Desk, count: int) -> bool:
    return sum(len(numbers) for numbers in (await desk.seen()).values()) > count


@pytest.mark.slow
async def test_a_broker_that_stands_still_for_a_while(tmp_path: Path) -> None:
    with own_broker(tmp_path / "kafka") as broker:
        async with open_desk(tmp_path / "desk", broker) as desk:
            bus = await desk.bus()
            await desk.say(*USERS)
            await bus.settle()

            async def trouble() -> None:
                broker.freeze()
                await eventually(lambda: _stands_still(bus))
                broker.thaw()
                await eventually(lambda: _runs(bus))

            await talk_while(desk, trouble)
            await eventually(desk.everything_came_once_and_in_order)


@pytest.mark.slow
async def test_a_desk_that_starts_before_its_broker(tmp_path: Path) -> None:
    with own_broker(tmp_path / "kafka") as broker:
        broker.stop()
        async with open_desk(tmp_path / "desk", broker) as desk:
            bus = await desk.bus()
            await desk.say(*USERS)
            await eventually(lambda: _stands_still(bus))
            await asyncio.to_thread(broker.start)
            await eventually(desk.everything_came_once_and_in_order)
            await eventually(lambda: _runs(bus))


@pytest.mark.slow
async def test_topics_that_are_deleted_under_a_desk_are_made_again(
    desk: Desk, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a broker that comes back with an empty disk: what is said from then on arrives, without a restart."""
    monkeypatch.setattr(link, "METADATA_SECONDS", 1.0)  # of the half minute that finding them takes at most
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    await forget_topics(broker, desk.prefix)
    await eventually(lambda: _stands_still(bus))
    await desk.say(*USERS)
    await eventually(desk.everything_came_once_and_in_order)
    await eventually(lambda: _runs(bus))
    assert {record.partition for record in await records_in(broker, f"{desk.prefix}.users")} == {0, 1, 2}


@pytest.mark.slow
async def test_nobody_waits_for_what_was_in_topics_that_are_gone(
    desk: Desk, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets begin anew, and in some partitions nothing new is said."""
    monkeypatch.setattr(link, "METADATA_SECONDS", 1.0)
    bus = await desk.bus()
    await desk.say(*USERS)
    await bus.settle()
    await forget_topics(broker, desk.prefix)
    await desk.say("u1")
    await eventually(lambda: bus.catch_up("watcher", 0.1))
    assert await desk.everything_came_once_and_in_order(), "who has caught up has done what was sent"
    assert (await bus.lag())["watcher"] == 0


async def test_two_desks_do_not_share_a_prefix(
    desk: Desk, broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second one would be given messages of the first, which would reach nobody there."""
    first = await desk.bus(speaks=True)
    await desk.say(*USERS)
    await first.settle()
    async with open_desk(tmp_path / "another", broker, bus__prefix=desk.prefix) as other:
        bus = await other.bus(speaks=True)
        await other.say("somebody")
        told = ""

        async def is_told() -> bool:
            nonlocal told
            told += capsys.readouterr().out
            return "kafka is away" in told

        await eventually(is_told)
        assert f"the prefix {desk.prefix} hold messages of another desk; set bus.prefix" in told
        await desk.say(*USERS)
        await first.settle()
        await eventually(desk.everything_came_once_and_in_order)
        assert not bus.running
        assert await other.seen() == {}
        assert (await bus.lag())["relay"] == 1, "it waits in the outbox"


async def test_who_was_killed_before_it_noted_what_it_had_sent_knows_its_own(desk: Desk) -> None:
    bus = await desk.bus(speaks=True)
    await desk.say(*USERS)
    await bus.settle()
    await bus.stop()

    async def forget_relay(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_offset")

    await desk.db.write(service("test"), forget_relay)
    again = await desk.bus(speaks=True)
    await desk.say(*USERS)
    await again.settle()
    assert await desk.everything_came_once_and_in_order()


def test_a_desk_in_one_piece_loads_no_client_of_others() -> None:
    clients = ["aiokafka", "asyncpg", "aiohttp"]
    code = f"import sys, answerable.commands.serve; print([name for name in {clients} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
