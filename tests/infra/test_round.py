"""A round of deliveries that fails as a whole, such as on a full disk."""

import asyncio
import gc
import sqlite3
import time
from typing import Any

import pytest

from answerable.infra.bus import outbox
from answerable.infra.bus.consumers import Round
from answerable.infra.bus.open import open_bus
from answerable.infra.database.errors import StorageFault
from answerable.kernel.manifest import Feature
from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct
from answerable.messages.notifications import NotificationsRead
from tests.world import TESTER, World

pytestmark = pytest.mark.one_engine


async def test_every_failure_of_a_round_is_looked_at(world: World) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def write(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_retry")

    async with world.nothing_can_be_written():
        failing = Round(world.db, {}, {})
        for _ in range(3):
            failing.also(write)
        with pytest.raises(StorageFault):
            await failing.done()
        del failing
        gc.collect()
        await asyncio.sleep(0)
    assert complaints == []


async def test_a_message_that_the_store_failed_comes_again_though_those_behind_it_are_stored(world: World) -> None:
    """The disk is full for a moment: how far the log is read must not be stored over what was not done."""
    done: list[str] = []
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    troubles = [full, full]  # once among the others, once alone

    async def note(_: Tx, command: RecordAct) -> None:
        if command.about == "first" and troubles:
            raise troubles.pop()
        done.append(command.about)

    await world.tell(RecordAct(act="A", about="first"), RecordAct(act="A", about="second"))
    bus = open_bus(world.db.settings, world.db, [Feature("another", consumers={RecordAct: note})])
    with pytest.raises(StorageFault):
        await bus.settle()
    await bus.settle()
    assert sorted(set(done)) == ["first", "second"]
    assert await world.sql("SELECT COUNT(*) AS n FROM bus_inbox WHERE consumer = 'another'") == await world.sql(
        "SELECT 2 AS n"
    )


async def test_who_asks_again_how_far_a_consumer_is_looks_only_at_what_is_new(world: World) -> None:
    """A timer asks each time it is due, also while the desk is far behind with what its feature does not listen to."""

    async def note(_: Tx, command: RecordAct) -> None:
        pass

    async def publish(tx: Tx) -> None:
        tx.publish(*[NotificationsRead(user_id="u", notification_ids=[])] * 5000)

    bus = open_bus(world.db.settings, world.db, [Feature("another", consumers={RecordAct: note})])
    await bus.settle()
    await world.db.write(TESTER, publish)
    await bus.start()  # and nothing is delivered before this test waits for something
    begun = time.thread_time()
    assert await bus.catch_up("another", 0)
    first = time.thread_time() - begun
    for _ in range(200):
        assert await bus.catch_up("another", 0)
    again = time.thread_time() - begun - first
    await bus.stop()
    assert again < 5 * first, (first, again)


async def test_a_flood_of_messages_is_taken_up_between_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for the loop waits for one stretch of the desk's own work, not for a round of a hundred messages."""
    monkeypatch.setattr("answerable.infra.stretch.STRETCH_SECONDS", -1.0)  # each message is a stretch
    messages = 100

    async def publish(tx: Tx) -> None:
        tx.send(*[RecordAct(act="A", about=f"{number}") for number in range(messages)])

    bus = open_bus(world.db.settings, world.db, [])
    await bus.prepare()
    await world.db.write(TESTER, publish)
    rounds = 0
    delivering = asyncio.ensure_future(bus.settle())
    while not delivering.done():
        rounds += 1
        await asyncio.sleep(0)
    assert await delivering >= messages
    assert rounds >= messages


async def test_the_log_is_read_between_requests(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answerable.infra.stretch.STRETCH_SECONDS", -1.0)

    async def publish(tx: Tx) -> None:
        tx.send(*[RecordAct(act="A", about=f"{number}") for number in range(500)])

    before = await world.db.read(TESTER, outbox.last_position)
    await world.db.write(TESTER, publish)
    rounds = 0
    reading = asyncio.ensure_future(outbox.read_after(world.db, TESTER, before, 300))
    while not reading.done():
        rounds += 1
        await asyncio.sleep(0)
    assert [message.position for message in await reading] == list(range(before + 1, before + 301))
    assert rounds >= 300 / outbox.PAGE
