"""The services apart: each group with a database of its own, and nothing between them but Kafka."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from answerable.infra.bus import inbox
from answerable.infra.bus.verify import verify_log
from answerable.kernel.times import MINUTE
from answerable.tickets import actions
from answerable.tickets.rules import Draft
from tests.kafka import Broker, settings_on
from tests.people import make_person
from tests.world import TESTER, World, open_world

pytestmark = pytest.mark.slow
APART = {
    "desk": ("users", "tickets"),
    "assignment": ("assignment",),
    "notifications": ("notifications",),
    "reporting": ("reporting", "gateway"),
}
DRAFT = Draft(title="Printer on fire", description="It burns, please help.", category="HARDWARE", priority="HIGH")


async def settle(worlds: dict[str, World]) -> None:
    """Let everything arrive everywhere: until nobody has anything new to say."""
    before: list[int] = []
    while True:
        said = [(await w.sql("SELECT COUNT(*) AS n FROM bus_outbox"))[0]["n"] for w in worlds.values()]
        if said == before:
            return
        before = said
        for world in worlds.values():
            await world.settle()


async def test_a_ticket_finds_its_agent_across_four_databases(tmp_path: Path, broker: Broker) -> None:
    shared = settings_on(broker, auth__access_seconds=10**8)
    async with AsyncExitStack() as stack:
        worlds = {
            name: await stack.enter_async_context(open_world(tmp_path / name, services, **shared))
            for name, services in APART.items()
        }
        for world in worlds.values():
            await world.desk.bus.start()
        desk = worlds["desk"]
        una, abe = await make_person(desk, "USER", name="Una"), await make_person(desk, "AGENT", name="Abe")
        await settle(worlds)
        ticket = await desk.db.write(una.actor, actions.create_ticket, DRAFT)
        await settle(worlds)
        (row,) = await desk.sql("SELECT status, agent_id FROM tickets_ticket WHERE id = :id", id=ticket.id)
        assert (row["status"], row["agent_id"]) == ("ASSIGNED", abe.id)
        await desk.db.write(abe.actor, actions.set_status, ticket.id, "IN_PROGRESS", None)
        await settle(worlds)
        told = await worlds["notifications"].sql("SELECT user_id, type FROM notifications_notice ORDER BY created_at")
        assert sorted((notice["user_id"] == una.id, notice["type"]) for notice in told) == [
            (False, "TICKET_ASSIGNED"),
            (True, "STATUS_CHANGED"),
            (True, "TICKET_ASSIGNED"),
            (True, "TICKET_CREATED"),
        ]
        for name, world in worlds.items():
            assert (await verify_log(world.db))[1] == [], name
            assert await world.desk.audit() == [], name
            assert await world.sql("SELECT * FROM bus_retry") == [], name

        # What another service said is kept here until it can be done: its sender's outbox is not ours to read.
        other = worlds["notifications"]

        async def take_away(tx: object) -> None:
            await tx.run("ALTER TABLE notifications_notice RENAME TO notifications_away")  # type: ignore[attr-defined]

        async def give_back(tx: object) -> None:
            await tx.run("ALTER TABLE notifications_away RENAME TO notifications_notice")  # type: ignore[attr-defined]

        await other.db.write(TESTER, take_away)
        await desk.db.write(abe.actor, actions.set_status, ticket.id, "WAITING", None)
        for _ in range(inbox.MAX_ATTEMPTS + 1):
            await settle(worlds)
            other.clock.now += MINUTE
        (parked,) = await other.db.read(TESTER, inbox.parked)
        assert (parked["type"], parked["consumer"]) == ("STATUS_CHANGED", "notifications")
        await other.db.write(TESTER, give_back)
        assert await other.db.write(TESTER, inbox.unpark, None) == 1
        await settle(worlds)
        assert len(await other.sql("SELECT 1 FROM notifications_notice")) == 5
