"""What is read cannot be done just now: it comes again, all of it and in order, and nobody else is blamed for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from answerable.infra.bus.kafka import KafkaBus
from answerable.infra.bus.kafka.following import TopicFollowing
from answerable.infra.bus.kafka.member import SILENCE_SECONDS
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.kernel.errors import Unavailable
from answerable.messages.base import Envelope
from answerable.messages.users import UserRegistered
from tests.infra.test_kafka import USERS, Desk, open_desk
from tests.kafka import Broker, own_broker
from tests.processes import eventually


@pytest.fixture
async def desk(tmp_path: Path, broker: Broker) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path / "desk", broker) as opened:
        yield opened


class Shelf:
    """A follower's far side, which can be closed for a while."""

    name = "shelf"
    types = frozenset({UserRegistered.TYPE})

    def __init__(self) -> None:
        self.is_open = True
        self.hides = False
        self.refusals = 0
        self.keys: set[str] = set()

    async def group(self) -> str:
        if self.hides:
            raise Unavailable("The shelf is nowhere.")
        return "shelf"

    async def apply(self, messages: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        if not self.is_open:
            self.refusals += 1
            raise Unavailable("The shelf is closed.")
        self.keys |= {each.key for each in messages}

    async def close(self) -> None:
        """Nothing was opened."""


def held(member: KafkaBus | TopicFollowing) -> int:
    """Return how many partitions a member reads."""
    return len((member._groups["watcher"] if isinstance(member, KafkaBus) else member).done)


async def share(*members: KafkaBus | TopicFollowing) -> None:
    """Wait until each of some members reads some of the three partitions."""

    async def shared() -> bool:
        return all(map(held, members)) and sum(map(held, members)) == 3

    await eventually(shared)


async def test_the_store_takes_nothing_while_partitions_change_hands(desk: Desk) -> None:
    buses = [await desk.bus(), await desk.bus()]
    await share(*buses)
    await desk.say(*USERS)
    assert isinstance(desk.db, SqliteDatabase)
    desk.db._writer.execute("PRAGMA query_only = ON")
    sends, goes = sorted(buses, key=lambda bus: bus._relay.term, reverse=True)

    async def all_is_sent() -> bool:
        return sends._relay.position == await desk.position()

    await eventually(all_is_sent)
    await goes.stop()
    desk.buses.remove(goes)
    await share(sends)

    async def reads_what_it_took_over() -> bool:
        return not sends._groups["watcher"]._resting.is_set()

    await eventually(reads_what_it_took_over)
    desk.db._writer.execute("PRAGMA query_only = OFF")
    await eventually(desk.everything_came_once_and_in_order)
    await sends.settle()
    assert await sends.lag() == {"relay": 0, "watcher": 0}


async def test_a_far_side_goes_away_just_as_a_follower_takes_partitions_over(desk: Desk) -> None:
    bus = await desk.bus()
    shelves = Shelf(), Shelf()
    followings = [bus.following(shelf) for shelf in shelves]
    for following in followings:
        following.start()
    try:
        await share(*followings)
        (goes, _), (of_who_goes, of_who_stays) = followings, shelves
        of_who_goes.is_open = False
        await desk.say(*USERS)
        await bus.settle()

        async def all_is_read() -> bool:
            return of_who_goes.refusals > 0 and len(of_who_stays.keys) > 0

        await eventually(all_is_read)
        of_who_stays.is_open = False
        await goes.stop()

        async def is_refused() -> bool:
            return of_who_stays.refusals > 0

        await eventually(is_refused)
        of_who_stays.is_open = True

        async def has_everything() -> bool:
            return of_who_stays.keys == set(USERS)

        await eventually(has_everything)
    finally:
        for following in followings:
            await following.stop()


@pytest.mark.slow
async def test_a_desk_that_starts_before_its_broker_does_not_wait_for_a_far_side(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.hides = True
    with own_broker(tmp_path / "kafka") as broker:
        broker.stop()
        async with open_desk(tmp_path / "desk", broker) as desk:
            bus = await desk.bus()
            following = bus.following(shelf)
            following.start()
            try:
                await eventually(lambda: _says_that_kafka_is_away(bus, shelf.name))
                await asyncio.to_thread(broker.start)
                await eventually(lambda: _runs(bus))
                shelf.hides = False
                await desk.say(*USERS)
                await bus.settle()
                await following.settle()
                assert shelf.keys == set(USERS)
            finally:
                await following.stop()


async def _says_that_kafka_is_away(bus: KafkaBus, part: str) -> bool:
    return part in bus._link._failing


async def _runs(bus: KafkaBus) -> bool:
    return bus.running


@pytest.mark.slow
async def test_who_rests_for_long_does_not_blame_the_brokers(desk: Desk) -> None:
    bus, shelf = await desk.bus(), Shelf()
    following = bus.following(shelf)
    following.start()
    try:
        await following.settle()
        shelf.is_open = False
        with capture_logs() as told:
            following._pause = 2.5 * SILENCE_SECONDS  # as after some attempts; of that, half at least
            await desk.say(*USERS)

            async def has_tried_twice() -> bool:
                return shelf.refusals >= 2

            await eventually(has_tried_twice)
            shelf.is_open = True
        assert [line["event"] for line in told] == ["shelf is away"]
    finally:
        await following.stop()
