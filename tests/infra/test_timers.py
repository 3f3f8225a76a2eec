"""Timers beside messages: what was told before a deadline counts, however busy the bus is."""

import asyncio
import re
from itertools import pairwise
from typing import Any, cast

from answerable.infra.bus.local import LocalBus
from answerable.infra.timers import Timers
from answerable.kernel.actor import service
from answerable.kernel.manifest import Feature, Timer
from answerable.kernel.times import HOUR, SECOND
from answerable.kernel.tx import Database, Tx
from answerable.tickets import actions
from answerable.tickets.rules import Draft
from tests.people import make_person
from tests.world import START, World

DRAFT = Draft(title="Printer on fire", description="It burns, please help.", category="HARDWARE", priority="HIGH")


async def resolution_ended(world: World) -> bool:
    return any('"target":"RESOLUTION"' in sealed.body for sealed in await world.envelopes("SLA_FULFILLED"))


async def nothing_is_due(world: World) -> bool:
    earliest = await world.desk.timers.earliest()
    return earliest is None or earliest[0] > world.clock.now


async def test_a_ticket_resolved_in_time_is_not_late_because_the_message_was(world: World) -> None:
    una, abe = await make_person(world, "USER"), await make_person(world, "AGENT")
    ticket = await world.db.write(una.actor, actions.create_ticket, DRAFT)
    await world.settle()
    await world.db.write(abe.actor, actions.set_status, ticket.id, "IN_PROGRESS", None)
    await world.db.write(abe.actor, actions.add_comment, ticket.id, "On my way.", 0)
    due = START + 4 * HOUR
    await world.stage.advance_to(due - SECOND)
    for number in range(150):  # the bus has more to do than one batch
        await world.db.write(una.actor, actions.add_comment, ticket.id, f"And {number} more things.", 0)
    await world.db.write(abe.actor, actions.set_status, ticket.id, "RESOLVED", None)
    world.clock.now = due + SECOND  # the process stood still, or was killed, before it could say so
    await world.desk.bus.start()
    world.desk.timers.start()
    try:
        await world.until(lambda: resolution_ended(world))
        await world.until(lambda: nothing_is_due(world))
    finally:
        await world.desk.timers.stop()
        await world.desk.bus.stop()
    late = [sealed for sealed in await world.envelopes("SLA_BREACHED") if '"target":"RESOLUTION"' in sealed.body]
    assert late == []


async def test_while_the_desk_is_behind_only_those_are_told_of_whose_news_has_been_heard(world: World) -> None:
    """A ticket resolved in time is not late, and another one is, although the desk cannot keep up."""

    class Behind(LocalBus):
        async def catch_up(self, consumer: str, seconds: float) -> bool:
            return False

    una, abe = await make_person(world, "USER"), await make_person(world, "AGENT")
    solved, other = [await world.db.write(una.actor, actions.create_ticket, DRAFT) for _ in range(2)]
    await world.settle()
    for ticket in (solved, other):
        await world.db.write(abe.actor, actions.set_status, ticket.id, "IN_PROGRESS", None)
        await world.db.write(abe.actor, actions.add_comment, ticket.id, "On my way.", 0)
    due = START + 4 * HOUR
    await world.stage.advance_to(due - SECOND)
    await world.db.write(abe.actor, actions.set_status, solved.id, "RESOLVED", None)
    world.clock.now = due + SECOND
    timers = Timers(world.db, Behind(world.db, world.desk.features), world.desk.features)
    timers.start()
    try:
        await world.until(lambda: world.envelopes("SLA_BREACHED"))
    finally:
        await timers.stop()
    assert [sealed.key for sealed in await world.envelopes("SLA_BREACHED")] == [other.id]
    await world.settle()
    await world.advance(seconds=0)
    assert [sealed.key for sealed in await world.envelopes("SLA_BREACHED")] == [other.id]
    assert await resolution_ended(world)


async def test_while_a_crowd_is_in_hand_what_was_told_meanwhile_is_heard_first(world: World) -> None:
    """What comes due meanwhile is claimed with what was due before."""
    heard: list[int] = []
    ran: list[int] = []

    class Bus(LocalBus):
        async def catch_up(self, consumer: str, seconds: float) -> bool:
            heard.append(len(ran))
            return await super().catch_up(consumer, seconds)

    async def due(_: Tx) -> int | None:
        return START if len(ran) < 9 else None

    async def run(_: Database) -> int:
        world.clock.now += SECOND // 10
        ran.append(1)
        return 1

    world.clock.now = START
    timers = Timers(world.db, Bus(world.db, []), [], Timer("crowd", due, run))
    timers.start()
    try:
        await world.until(lambda: _many(ran, 9))
    finally:
        await timers.stop()
    assert heard[0] == 0
    assert [more - one for one, more in pairwise(heard[1:])] == [3, 3], "again after a quarter of a second"


async def _many(ran: list[int], count: int) -> bool:
    return len(ran) >= count


async def test_a_timer_wakes_when_a_commit_brings_something_due(world: World) -> None:
    una = await make_person(world, "USER")
    await world.desk.bus.start()
    world.desk.timers.start()
    try:
        ticket = await world.db.write(una.actor, actions.create_ticket, DRAFT)
        await world.until(lambda: world.envelopes("SLA_STARTED"))
        world.clock.now = ticket.created_at + HOUR  # the first answer is due
        await world.db.write(una.actor, actions.add_comment, ticket.id, "Is anybody there?", 0)
        await world.until(lambda: world.envelopes("SLA_BREACHED"))
    finally:
        await world.desk.timers.stop()
        await world.desk.bus.stop()
    assert len(await world.envelopes("SLA_BREACHED")) == 1


async def test_while_commits_go_on_and_on_a_timer_that_finds_nothing_looks_rarely(world: World) -> None:
    looks = 0

    async def due(_: Tx) -> None:
        nonlocal looks
        looks += 1

    async def run(_: Database) -> bool:
        raise AssertionError("nothing was due")

    una = await make_person(world, "USER")
    timers = Timers(world.db, world.desk.bus, [], Timer("patient", due, run))
    timers.start()
    try:
        loop = asyncio.get_running_loop()
        end = loop.time() + 0.5
        while loop.time() < end:
            await world.db.write(una.actor, actions.create_ticket, DRAFT)
            await asyncio.sleep(0.001)
    finally:
        await timers.stop()
    assert 2 <= looks <= 9  # each commit brought one before, fifty times a second at most


async def test_a_commit_wakes_only_the_timers_whose_tables_it_may_have_changed(world: World) -> None:
    looks = 0

    async def due(_: Tx) -> None:
        nonlocal looks
        looks += 1

    async def run(_: Database) -> int:
        raise AssertionError("nothing was due")

    una = await make_person(world, "USER")
    timers = Timers(world.db, world.desk.bus, [Feature(name="users", timers=(Timer("patient", due, run),))])
    timers.start()
    try:
        await world.until(lambda: _many([1] * looks, 1))
        for _ in range(20):
            await world.db.write(una.actor, actions.create_ticket, DRAFT)
            await asyncio.sleep(0.001)
        assert looks == 1, "no ticket says when a timer of the people is due"
        await make_person(world, "USER")
        await world.until(lambda: _many([1] * looks, 2))
    finally:
        await timers.stop()


class _Noting:
    """A unit of work that notes what it is asked."""

    def __init__(self, tx: Tx, asked: list[str]) -> None:
        self._tx, self._asked = tx, asked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def run(self, sql: str, /, **values: Any) -> list[Any]:
        self._asked.append(sql)
        return await self._tx.run(sql, **values)


async def test_when_a_timer_is_due_is_read_from_the_tables_of_its_feature(world: World) -> None:
    """A commit that changes no table of a feature does not wake its timers."""
    tables = re.compile(r"(?:FROM|JOIN)\s+([a-z]+)_\w+", re.IGNORECASE)
    seen = 0
    for feature in world.desk.features:
        for timer in feature.timers:
            asked: list[str] = []

            async def due(tx: Tx, timer: Timer = timer, asked: list[str] = asked) -> int | None:
                return await timer.due(cast(Tx, _Noting(tx, asked)))

            await world.db.read(service("test"), due)
            owners = {owner for sql in asked for owner in tables.findall(sql)}
            assert owners == {feature.name}, timer.name
            seen += 1
    assert seen > 10
