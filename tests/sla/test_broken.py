"""Broken promises and who held the ticket when: the same in the API, as a table and on the page."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from answerable.messages.tickets import TicketAssigned, TicketUnassigned
from answerable.sla.rules.holding import Holding, holder_at, holdings
from tests.forms import BROWSER
from tests.people import TestPerson, make_person
from tests.sla.stories import Story
from tests.world import World, json_of, open_world

API = "/api/sla/reports/breaches"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk", ("users", "assignment"), auth__access_seconds=10**6) as opened:
        yield opened


async def given(world: World, story: Story, agent: str | None) -> None:
    former, story.ref = story.ref.agent_id, replace(story.ref, agent_id=agent, status="ASSIGNED")
    if agent is None:
        await world.tell(TicketUnassigned(ticket=story.ref, former_agent_id=former or "", reason="away"))
    else:
        ref = story.ref
        await world.tell(TicketAssigned(ticket=ref, former_agent_id=former, assigned_by=None, automatic=True))


async def lived(world: World) -> tuple[TestPerson, TestPerson, TestPerson]:
    """A ticket goes from Abe to nobody to Bea, who answers late; another is solved in time."""
    mia = await make_person(world, "MANAGER")
    abe, bea = await make_person(world, "AGENT", name="Abe Agent"), await make_person(world, "AGENT", name="=Bea")
    story = await Story(world, "t1").raised()
    await world.advance(minutes=10)
    await given(world, story, abe.id)
    await world.advance(minutes=20)
    await given(world, story, None)
    await world.advance(minutes=20)
    await given(world, story, bea.id)
    await world.advance(minutes=20)
    await story.answered()
    quick = await Story(world, "t2").raised()
    await quick.becomes("RESOLVED")
    return mia, abe, bea


async def test_who_held_what_was_late_and_when(world: World) -> None:
    mia, abe, bea = await lived(world)
    answer = await world.http.get(API, headers=mia.headers)
    [row] = json_of(answer)
    assert answer.headers["x-total-count"] == "1"
    assert (row["ticketId"], row["target"], row["breachedAt"]) == ("t1", "FIRST_RESPONSE", "2026-03-02T10:00:00Z")
    assert (row["heldBy"], row["heldByName"], row["endedAt"]) == (bea.id, "=Bea", "2026-03-02T10:10:00Z")
    assert [(h["agentId"], h["begin"][11:16], h["end"][11:16]) for h in row["holders"]] == [
        (None, "09:00", "09:10"),
        (abe.id, "09:10", "09:30"),
        (None, "09:30", "09:50"),
        (bea.id, "09:50", "10:10"),
    ]
    table = (await world.http.get(f"{API}?format=csv", headers=mia.headers)).text.splitlines()
    assert table[0].split(",") == [*row]
    assert "'=Bea" in table[1], "a spreadsheet runs nothing that somebody typed as a name"
    assert "Abe Agent 2026-03-02T09:10:00Z/2026-03-02T09:30:00Z" in table[1]
    page = (await world.http.get("/reports/promise-breaches?from=", headers={**BROWSER, **mia.headers})).text
    assert re.findall(r'data-ticket="([^"]+)" data-target="([^"]+)"', page) == [("t1", "FIRST_RESPONSE")]
    assert page.count("Abe Agent") == 1
    assert page.count("=Bea") == 2


async def test_the_figures_are_those_of_the_attainment(world: World) -> None:
    mia, *_ = await lived(world)
    await Story(world, "t3", "CRITICAL").raised()
    await world.advance(hours=30)
    kept = json_of(await world.http.get("/api/sla/reports/attainment", headers=mia.headers))
    rows = json_of(await world.http.get(API, headers=mia.headers))
    for target in ("FIRST_RESPONSE", "RESOLUTION"):
        broken = next(r["broken"] for r in kept if r["by"] == "all" and r["target"] == target)
        assert broken == sum(row["target"] == target for row in rows) > 0
    page = (await world.http.get("/reports/promises?from=", headers={**BROWSER, **mia.headers})).text
    shown = re.findall(r'data-kept="(\d+)" data-broken="(\d+)" data-open="(\d+)"', page)
    by = ("all", "priority", "agent", "category")
    told = [(str(r["kept"]), str(r["broken"]), str(r["open"])) for r in kept if r["by"] in by]
    assert shown[: len(told)] == told
    assert "=Bea" in page
    times = json_of(await world.http.get("/api/sla/reports/times", headers=mia.headers))
    page = (await world.http.get("/reports/promise-times?from=", headers={**BROWSER, **mia.headers})).text
    found = [str(value) for row in times for value in list(row.values())[2:] if value is not None]
    assert re.findall(r'data-hours="([^"]+)"', page) == found


async def test_a_range_and_parts_of_a_long_list(world: World) -> None:
    mia, *_ = await lived(world)
    for number in range(4):
        await Story(world, f"m{number}", "CRITICAL").raised()
    await world.advance(hours=2)
    everything = [r["ticketId"] + r["target"] for r in json_of(await world.http.get(API, headers=mia.headers))]
    assert len(everything) == 9
    found, path = [], f"{API}?size=4"
    while path:
        answer = await world.http.get(path, headers=mia.headers)
        found += [row["ticketId"] + row["target"] for row in json_of(answer)]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert found == everything
    assert json_of(await world.http.get(f"{API}?to=2026-03-02T09:30:00Z&count=exact", headers=mia.headers))[0][
        "ticketId"
    ] == ("t1")
    for wrong in ("from=soon", "size=0", "cursor=x", "format=xml", "from=2026-03-02&to=2026-03-02"):
        assert (await world.http.get(f"{API}?{wrong}", headers=mia.headers)).status_code == 400
    page = await world.http.get("/reports/promise-breaches?from=2026-13-01", headers={**BROWSER, **mia.headers})
    assert (page.status_code, 'id="from-error"' in page.text) == (400, True)
    abe = await make_person(world, "AGENT")
    assert (await world.http.get(API, headers=abe.headers)).status_code == 403


def test_holdings_are_cut_to_the_promise() -> None:
    changes = [(1, "a", "A"), (5, "b", "B"), (5_0, "b", "B"), (60, None, None), (90, "c", "C")]
    assert holdings(changes, 10, 70) == [Holding("b", "B", 10, 60), Holding(None, None, 60, 70)]
    assert holdings([], 10, None) == [Holding(None, None, 10, None)]
    assert holdings(changes, 55, 58) == [Holding("b", "B", 55, 58)]
    held = holdings(changes, 10, None)
    assert [holder_at(held, at_).agent_id for at_ in (10, 60, 61, 95)] == ["b", "b", None, "c"]
