"""Closed tickets keep their words for as long as their category says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from answerable.infra.bus.verify import verify_log
from answerable.kernel.times import DAY
from answerable.tickets import timers
from tests.tickets.desk import TicketDesk
from tests.world import START, TESTER, json_of, open_world


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[TicketDesk]:
    async with open_world(tmp_path / "office", ["users", "tickets"], auth__access_seconds=10**8) as world:
        yield await TicketDesk(world).hire()


async def test_words_go_when_their_time_is_over(office: TicketDesk) -> None:
    world = office.world
    old, other, open_ = await office.raised(), await office.raised(category="NETWORK"), await office.raised()
    for ticket in (old, other):
        await office.given(ticket)
        await office.said(office.abe, ticket, "The printer is out.")
        await office.moved(ticket, "IN_PROGRESS", "RESOLVED", "CLOSED")
    assert await world.db.read(TESTER, timers.next_ending) is None
    kept = await office.call(office.ada, "PUT", "/categories/HARDWARE/retention", json={"keepDays": 30})
    assert json_of(kept)[0] == {"category": "HARDWARE", "keepDays": 30}
    assert await world.db.read(TESTER, timers.next_ending) == START + 30 * DAY
    world.clock.now += 30 * DAY - 1
    assert await timers.empty(world.db) == 0
    world.clock.now += 1
    assert await timers.empty(world.db) == 1
    assert await world.db.read(TESTER, timers.next_ending) is None
    await world.settle()
    shown = {each["id"]: each["title"] for each in await office.read(office.max, "/tickets")}
    assert shown == {old["id"]: "Erased", other["id"]: "Printer on fire", open_["id"]: "Printer on fire"}
    comments = await office.read(office.max, f"/tickets/{old['id']}/comments")
    assert [each["comment"] for each in comments] == ["Erased"], "what staff said too"
    assert [each["id"] for each in await office.read(office.max, "/tickets?q=out")] == [other["id"]]
    acts = await office.read(office.ada, "/audit")
    assert {"RETENTION_CHANGED", "TICKETS_EMPTIED"} <= {each["act"] for each in acts}
    assert (await verify_log(world.db))[1] == []

    reopened = await office.put(office.max, f"/tickets/{old['id']}/reopen")
    await office.said(office.abe, reopened, "Out again.")
    await office.moved(reopened, "RESOLVED", "CLOSED")
    world.clock.now += 30 * DAY
    assert await timers.empty(world.db) == 1, "what was said since goes too, in its time"


async def test_who_sets_it_and_to_what(office: TicketDesk) -> None:
    for who, path, days, status in (
        (office.max, "/categories/HARDWARE/retention", 30, 403),
        (office.ada, "/categories/NOTHING/retention", 30, 400),
        (office.ada, "/categories/HARDWARE/retention", -1, 400),
        (office.ada, "/categories/HARDWARE/retention", 10**6, 400),
        (office.ada, "/categories/HARDWARE/retention", 0, 200),
    ):
        answer = await office.call(who, "PUT", path, json={"keepDays": days})
        assert answer.status_code == status, answer.text
    assert {each["keepDays"] for each in json_of(answer)} == {0}
