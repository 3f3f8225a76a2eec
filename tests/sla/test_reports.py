"""Reports of promises: each figure defined once, as a table and as JSON, in the office's time and on the wall."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from answerable.kernel.paging import page_request
from answerable.kernel.span import Span
from answerable.kernel.times import DAY
from answerable.kernel.tx import Tx
from answerable.sla.actions.terms import change_terms
from answerable.sla.queries.broken import BROKEN
from answerable.sla.rules import edits
from answerable.sla.rules.figures import middle, ninth_tenth, week_of
from answerable.sla.rules.toml import read_toml
from answerable.sla.store import reports
from answerable.sla.store.kept import list_stops
from tests.people import TestPerson, make_person
from tests.sla.stories import START, Story, clock_of
from tests.world import TESTER, World, json_of, open_world

DESK = (Path(__file__).parent / "desk.toml").read_text()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk", auth__access_seconds=10**6) as opened:
        await opened.db.write(TESTER, change_terms, edits.all_new(read_toml(DESK.encode())))
        yield opened


async def lived(world: World) -> TestPerson:
    """Live through a week: one promise kept after a pause over the holiday, one broken, one given up, one open."""
    kept = await Story(world, "t1").raised()
    await world.advance(minutes=30)
    await kept.answered()
    await kept.becomes("WAITING")
    await world.advance(hours=47)  # to Wednesday, half past nine in Berlin
    await kept.becomes("IN_PROGRESS")
    await world.advance(hours=1)
    await kept.becomes("RESOLVED")
    broken = await Story(world, "t2", "CRITICAL").raised()
    broken.ref = msgspec.structs.replace(broken.ref, agent_id="abe")
    await world.advance(hours=5)
    await broken.becomes("RESOLVED")
    await (await Story(world, "t3").raised()).becomes("CANCELLED")
    await Story(world, "t4").raised()
    return await make_person(world, "MANAGER")


async def test_attainment_of_each_target_and_group(world: World) -> None:
    mia = await lived(world)
    rows = json_of(await world.http.get("/api/sla/reports/attainment", headers=mia.headers))
    found = {(r["by"], r["name"], r["target"]): (r["kept"], r["broken"], r["open"], r["attainment"]) for r in rows}
    assert found["all", "", "RESOLUTION"] == (1, 1, 1, 0.5)
    assert found["all", "", "FIRST_RESPONSE"] == (1, 1, 1, 0.5)
    assert found["priority", "CRITICAL", "RESOLUTION"] == (0, 1, 0, 0.0)
    assert found["priority", "HIGH", "RESOLUTION"] == (1, 0, 1, 1.0)
    assert found["agent", "abe", "RESOLUTION"] == (0, 1, 0, 0.0)
    assert found["week", "2026-W10", "RESOLUTION"] == (1, 1, 1, 0.5)
    span = "?from=2026-03-02T09:00:00Z&to=2026-03-02T09:00:01Z"
    [first, *_] = json_of(await world.http.get(f"/api/sla/reports/attainment{span}", headers=mia.headers))
    assert (first["kept"], first["broken"], first["open"]) == (1, 0, 0)
    table = await world.http.get("/api/sla/reports/attainment?format=csv", headers=mia.headers)
    assert table.text.splitlines()[:2] == [
        "by,name,target,kept,broken,open,attainment",
        "all,,FIRST_RESPONSE,1,1,1,0.5",
    ]
    assert len(table.text.splitlines()) == len(rows) + 1
    draft = {"text": DESK}
    answer = json_of(await world.http.post("/api/sla/backtest", headers=mia.headers, json=draft))
    current = {(c["by"], c["name"], c["target"]): c["current"] for c in answer["comparisons"]}
    assert {key: (c["kept"], c["broken"], c["open"], c["attainment"]) for key, c in current.items()} == found
    assert (answer["changedTotal"], answer["tickets"]) == (0, 4), "a draft that says what holds changes nothing"


async def test_times_in_business_and_calendar_hours(world: World) -> None:
    mia = await lived(world)
    rows = json_of(await world.http.get("/api/sla/reports/times", headers=mia.headers))
    assert {row.pop("target"): tuple(row.values()) for row in rows} == {
        "FIRST_RESPONSE": (2, 2.25, 4.0, 2.75, 5.0),
        "NEXT_RESPONSE": (0, None, None, None, None),
        "RESOLUTION": (2, 2.75, 4.0, 26.75, 48.5),
    }
    table = await world.http.get("/api/sla/reports/times", headers=mia.headers | {"Accept": "text/csv"})
    assert table.text.splitlines()[3] == "RESOLUTION,2,2.75,4.0,26.75,48.5"
    paused, broken = [await clock_of(world, "RESOLUTION", ticket_id=ticket) for ticket in ("t1", "t2")]
    assert {row["clock_id"] for row in await world.db.read(TESTER, list_stops, paused.id, paused.id)} == {paused.id}
    assert await world.db.read(TESTER, list_stops, broken.id, broken.id) == [], "nor any pause before the first"


async def test_what_is_taken_out_as_a_table_is_in_the_audit_log(world: World) -> None:
    mia, ada = await lived(world), await make_person(world, "ADMIN")
    for name in ("attainment", "times", "breaches", "breaches?size=1", "attainment?from=soon"):
        await world.http.get(f"/api/sla/reports/{name}", headers=mia.headers)
        await world.http.get(f"/api/sla/reports/{name}", headers=mia.headers | {"Accept": "text/csv"})
    await world.settle()
    found = json_of(await world.http.get("/api/audit?act=REPORT_EXPORTED", headers=ada.headers))
    assert [(act["named"].rpartition("/")[2], act["actorId"]) for act in reversed(found)] == [
        (name, mia.id) for name in ("attainment", "times", "breaches", "breaches")
    ]


async def test_what_cannot_be_asked(world: World) -> None:
    mia = await make_person(world, "MANAGER")
    for query in ("from=soon", "to=2026-02-30", "from=2026-03-02&to=2026-03-02", "format=xml"):
        for name in ("attainment", "times"):
            assert (await world.http.get(f"/api/sla/reports/{name}?{query}", headers=mia.headers)).status_code == 400
    wrong = {"text": DESK.replace('zone = "Europe/Berlin"', 'zone = "Berlin"')}
    answer = await world.http.post("/api/sla/backtest", headers=mia.headers, json=wrong)
    assert (answer.status_code, json_of(answer)["errors"][0][:6]) == (400, "line 4")


def test_what_figures_mean() -> None:
    assert (middle([]), middle([3]), middle([1, 2]), middle([1, 2, 9])) == (None, 3, 1.5, 2)
    assert (ninth_tenth([]), ninth_tenth([7]), ninth_tenth(range(1, 11)), ninth_tenth(range(1, 12))) == (None, 7, 9, 10)
    assert (week_of(START), week_of(0)) == ("2026-W10", "1970-W01")


@pytest.mark.one_engine
async def test_broken_promises_are_read_in_their_own_order_however_many_tickets_were_raised(world: World) -> None:
    """Of a hundred thousand tickets few are late: to begin with the tickets took 200 ms, with the promises 2.

    Of a span with few tickets, all that was broken later was gone through: 600 ms, where by way of the tickets it is 3.
    """

    async def plans_with(tickets: int) -> list[str]:
        plans: list[str] = []

        async def read(tx: Tx) -> None:
            class Explained:
                now = tx.now

                async def run(self, sql: str, **values: Any) -> list[Any]:
                    if "c.breached_at" in sql:
                        plans.extend(row["detail"] for row in await tx.run(f"EXPLAIN QUERY PLAN {sql}", **values))
                    return [{"number": tickets}]

            explained, span = cast(Tx, Explained()), Span(START, START + 30 * DAY)
            part = page_request(page=0, size=50, cursor=None, count=None, sort=BROKEN)
            await reports.list_broken(explained, span, part)
            await reports.count_broken(explained, span, exact=False)

        await world.db.read(TESTER, read)
        return plans

    plans = await plans_with(reports.FEW + 1)
    assert sum("sla_clock_broken" in step for step in plans) == 2
    assert not any("sla_ticket_raised" in step or "TEMP B-TREE" in step for step in plans)
    plans = await plans_with(reports.FEW)
    assert sum("sla_ticket_raised" in step for step in plans) == 2
    assert not any("sla_clock_broken" in step for step in plans)
