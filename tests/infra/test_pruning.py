"""What only protects against repeats is forgotten once it is old, and not before."""

from answerable.infra.bus.outbox import load_last
from answerable.kernel.actor import service
from answerable.tickets import actions
from answerable.tickets.rules import Draft
from tests.people import make_person
from tests.world import World

DRAFT = Draft(title="Printer on fire", description="It burns, please help.", category="HARDWARE", priority="LOW")


async def inbox_size(world: World) -> int:
    return int((await world.sql("SELECT COUNT(*) AS n FROM bus_inbox"))[0]["n"])


async def test_old_inbox_rows_go_and_new_ones_stay(world: World) -> None:
    una = await make_person(world, "USER")
    await world.db.write(una.actor, actions.create_ticket, DRAFT)
    await world.settle()
    assert await inbox_size(world) > 5
    await world.advance(days=6)
    recent = await world.db.write(una.actor, actions.create_ticket, DRAFT)
    await world.advance(days=2)
    kept = await world.sql(
        "SELECT DISTINCT o.key FROM bus_inbox i JOIN bus_outbox o ON o.id = i.message WHERE o.type = 'TICKET_CREATED'"
    )
    assert [row["key"] for row in kept] == [recent.id]
    log = await world.db.read(service("test"), load_last, 1000)
    assert len([sealed for sealed in log if sealed.type == "TICKET_CREATED"]) == 2, "the log itself stays"


async def test_a_message_that_is_not_read_yet_keeps_its_row(world: World) -> None:
    una = await make_person(world, "USER")
    await world.db.write(una.actor, actions.create_ticket, DRAFT)
    await world.settle()

    async def forget_offsets(tx: object) -> None:
        await tx.run("UPDATE bus_offset SET position = 0")  # type: ignore[attr-defined]

    before = await inbox_size(world)
    await world.db.write(service("test"), forget_offsets)
    world.clock.now += 30 * 86_400_000_000
    due = await world.desk.timers.earliest()
    while due is not None and due[1].name != "pruning":
        world.clock.now = max(world.clock.now, due[0])
        await due[1].run(world.db)
        due = await world.desk.timers.earliest()
    assert due is not None
    await due[1].run(world.db)
    assert await inbox_size(world) == before
