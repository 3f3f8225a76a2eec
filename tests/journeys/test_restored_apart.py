"""Services apart, put back from backups of different moments: what one heard only after its backup comes again."""

from pathlib import Path

import pytest

from answerable.infra.database.open import system_clock
from answerable.tickets import actions
from tests.apart import ALL, ApartWorld, open_apart
from tests.commands.test_backup import DRAFT, SECRET, at_prompt, programs
from tests.kafka import Broker, settings_on
from tests.people import TestPerson, make_person
from tests.world import Clock

pytestmark = [pytest.mark.slow]
__all__ = ["programs"]


async def _raise(world: ApartWorld, una: TestPerson) -> str:
    ticket = await world.desk_of("tickets").database.write(una.actor, actions.create_ticket, DRAFT)
    await world.settle()
    return ticket.id


async def _sent(world: ApartWorld) -> bool:
    """Tell whether each service has noted that all it said has left it."""
    noted = await world.sql(
        """SELECT (SELECT COALESCE(MAX(position), 0) FROM bus_outbox) AS said,
            (SELECT COALESCE(MAX(position), 0) FROM bus_offset WHERE consumer = 'relay') AS sent"""
    )
    return all(row["said"] == row["sent"] for row in noted)


async def _clocks(world: ApartWorld, ticket: str) -> int:
    rows = await world.sql("SELECT COUNT(*) AS n FROM sla_clock WHERE ticket_id = :ticket", ticket=ticket)
    return int(rows[0]["n"])


async def test_what_was_said_between_the_backups_is_heard_after_the_restore(tmp_path: Path, broker: Broker) -> None:
    shared = settings_on(broker, storage__secret=SECRET)
    before, after = tmp_path / "before", tmp_path / "after"
    backups = {service: tmp_path / f"{service}.backup" for service in ALL}

    async def keep(service: str) -> None:
        made = await at_prompt(before / service, "backup", str(backups[service]), "--service", service)
        assert made.exit_code == 0, made.output

    async with open_apart(before, broker, Clock(system_clock()), **shared) as world:
        una, _ = await make_person(world, "USER"), await make_person(world, "AGENT")
        first = await _raise(world, una)
        await keep("assignment")
        second = await _raise(world, una)
        await world.until(lambda: _sent(world))
        assert await _clocks(world, first) == await _clocks(world, second) > 0
        for service in set(ALL) - {"assignment"}:
            await keep(service)
        now = world.clock.now

    for service in ALL:
        restored = await at_prompt(after / service, "restore", str(backups[service]), "--service", service)
        assert restored.exit_code == 0, restored.output
    async with open_apart(after, broker, Clock(now), **shared) as world:
        await world.settle()
        assert await _clocks(world, first) == await _clocks(world, second) > 0
        told = await world.sql("SELECT COUNT(*) AS n FROM notifications_notice WHERE type = 'TICKET_CREATED'")
        assert told[0]["n"] == 2, "who heard of it before its backup does not do it again"
