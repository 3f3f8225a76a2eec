"""Reports and dashboard over HTTP."""

import csv
import io
from typing import Any

import pytest

from answerable.kernel.paging import encode_cursor
from answerable.kernel.times import MINUTE, iso
from answerable.kernel.tx import Tx
from tests.people import TestPerson, make_person
from tests.reporting.tale import Tale, report
from tests.world import START, TESTER, World, json_of

REPORTS = (
    "reports/tickets-by-status",
    "reports/tickets-by-priority",
    "reports/avg-resolution-time",
    "reports/sla-breaches",
    "reports/agents",
    "reports/summary",
    "dashboard/summary",
)
STATUSES = ["CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "CANCELLED"]
CSV = {"Accept": "text/csv"}


async def busy_day(world: World, agent: str) -> None:
    """Five tickets: one waits in the queue, one is worked on, two are done (30 and 61 minutes), one is cancelled."""
    await Tale(world, "t-queue", "LOW").raised()
    late = await Tale(world, "t-late", "CRITICAL").raised()
    await late.promised(60)
    await late.assigned(agent)
    quick, slow, gone = [await Tale(world, f"t-{name}").raised() for name in ("quick", "slow", "gone")]
    await quick.assigned(agent)
    await slow.assigned(agent)
    await gone.cancelled()
    await world.advance(minutes=10)
    await late.commented(by_staff=True)
    await world.advance(minutes=20)
    await quick.resolved()
    await world.advance(minutes=30)
    await late.breached()
    await world.advance(minutes=1)
    await slow.resolved()
    await slow.closed()


async def test_an_empty_desk_has_zeros_and_no_times(desk: World, boss: TestPerson) -> None:
    assert await report(desk, boss, "reports/tickets-by-status") == [{"status": s, "count": 0} for s in STATUSES]
    assert await report(desk, boss, "reports/tickets-by-priority") == [
        {"priority": priority, "count": 0} for priority in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    ]
    assert await report(desk, boss, "reports/avg-resolution-time") == {
        "averageResolutionMinutes": None,
        "medianResolutionMinutes": None,
        "resolved": 0,
    }
    assert await report(desk, boss, "reports/sla-breaches") == []
    assert await report(desk, boss, "reports/agents") == []
    summary = await report(desk, boss, "reports/summary")
    assert summary.pop("averageResolutionMinutes") is None
    assert set(summary.values()) == {0}
    assert await report(desk, boss, "dashboard/summary") == {
        "totalTickets": 0,
        "openTickets": 0,
        "closedTickets": 0,
        "unassignedTickets": 0,
        "slaBreachedTickets": 0,
        "ticketsByStatus": dict.fromkeys(STATUSES, 0),
        "ticketsByPriority": dict.fromkeys(("LOW", "MEDIUM", "HIGH", "CRITICAL"), 0),
    }


async def test_a_busy_day_in_all_reports(desk: World, boss: TestPerson) -> None:
    abe = await make_person(desk, "AGENT", name="Abe")
    bea = await make_person(desk, "AGENT", name="bea")
    await busy_day(desk, abe.id)
    by_status = {row["status"]: row["count"] for row in await report(desk, boss, "reports/tickets-by-status")}
    assert by_status == dict(zip(STATUSES, (1, 1, 0, 0, 1, 1, 1), strict=True))
    assert await report(desk, boss, "reports/avg-resolution-time") == {
        "averageResolutionMinutes": 45.5,
        "medianResolutionMinutes": 45.5,
        "resolved": 2,
    }
    assert await report(desk, boss, "reports/sla-breaches") == [
        {
            "ticketId": "t-late",
            "slaDueAt": iso(START + 60 * MINUTE),
            "breachedAt": iso(START + 60 * MINUTE),
            "status": "ASSIGNED",
            "priority": "CRITICAL",
            "assignedTo": abe.id,
        }
    ]
    assert await report(desk, boss, "reports/summary") == {
        "totalTickets": 5,
        "open": 2,
        "unassigned": 1,
        "created": 1,
        "assigned": 1,
        "inProgress": 0,
        "waiting": 0,
        "resolved": 2,
        "closed": 1,
        "cancelled": 1,
        "slaBreached": 1,
        "averageResolutionMinutes": 45.5,
    }
    dashboard = await report(desk, boss, "dashboard/summary")
    assert dashboard["ticketsByStatus"] == by_status
    assert dashboard["ticketsByPriority"] == {"LOW": 1, "MEDIUM": 3, "HIGH": 0, "CRITICAL": 1}
    assert [dashboard[name] for name in ("openTickets", "closedTickets", "unassignedTickets")] == [2, 1, 1]
    assert await report(desk, boss, "reports/agents") == [
        {
            "agentId": abe.id,
            "name": "Abe",
            "open": 1,
            "resolved": 2,
            "medianFirstResponseMinutes": 30.0,
            "medianResolutionMinutes": 45.5,
            "breaches": 1,
        },
        {
            "agentId": bea.id,
            "name": "bea",
            "open": 0,
            "resolved": 0,
            "medianFirstResponseMinutes": None,
            "medianResolutionMinutes": None,
            "breaches": 0,
        },
    ]


async def test_old_clients_find_the_reports_where_they_were(desk: World, boss: TestPerson) -> None:
    for name in REPORTS:
        kept = await desk.http.get(f"/ticket-service/{name}", headers=boss.headers)
        assert kept.status_code == 200
        assert json_of(kept) == await report(desk, boss, name)


# --- who -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
async def test_reports_are_for_managers_and_administrators(desk: World, name: str) -> None:
    for role, status in {"USER": 403, "AGENT": 403, "MANAGER": 200, "ADMIN": 200}.items():
        person = await make_person(desk, role)
        assert (await desk.http.get(f"/api/{name}", headers=person.headers)).status_code == status
    assert (await desk.http.get(f"/api/{name}")).status_code == 401


# --- from, to ------------------------------------------------------------------------------------------------------


async def test_a_range_chooses_by_creation_from_inclusive_to_exclusive(desk: World, boss: TestPerson) -> None:
    abe = await make_person(desk, "AGENT", name="Abe")
    await busy_day(desk, abe.id)  # all raised at 09:00 on March 2
    await desk.advance(days=1)
    next_day = await Tale(desk, "t-next").raised()
    await next_day.assigned(abe.id)
    await next_day.breached()
    await desk.advance(minutes=12)
    await next_day.resolved()

    async def seen(**span: str) -> tuple[Any, ...]:
        summary = await report(desk, boss, "reports/summary", **span)
        dashboard = await report(desk, boss, "dashboard/summary", **span)
        times = await report(desk, boss, "reports/avg-resolution-time", **span)
        breaches = await report(desk, boss, "reports/sla-breaches", **span)
        agents = await report(desk, boss, "reports/agents", **span)
        assert dashboard["totalTickets"] == summary["totalTickets"]
        assert times["averageResolutionMinutes"] == summary["averageResolutionMinutes"]
        assert times["resolved"] == summary["resolved"] == agents[0]["resolved"]
        assert len(breaches) == summary["slaBreached"] == agents[0]["breaches"]
        return summary["totalTickets"], times["medianResolutionMinutes"], [row["ticketId"] for row in breaches]

    assert await seen() == (6, 30.0, ["t-next", "t-late"])
    assert await seen(**{"from": "2026-03-02"}) == (6, 30.0, ["t-next", "t-late"])
    assert await seen(to="2026-03-03") == (5, 45.5, ["t-late"])
    assert await seen(**{"from": "2026-03-02T09:00:00Z", "to": "2026-03-02T09:00:01Z"}) == (5, 45.5, ["t-late"])
    assert await seen(**{"from": "2026-03-02T09:00:00.000001Z"}) == (1, 12.0, ["t-next"])
    assert await seen(**{"from": "2026-03-02T08:00:00+01:00", "to": "2026-03-02T09:00:00Z"}) == (0, None, [])
    assert await seen(**{"from": "2026-03-03", "to": ""}) == (1, 12.0, ["t-next"])
    none = await report(desk, boss, "reports/tickets-by-status", **{"from": "2027-01-01"})
    assert none == [{"status": status, "count": 0} for status in STATUSES]


@pytest.mark.parametrize("name", REPORTS)
async def test_wrong_parameters_are_named(desk: World, boss: TestPerson, name: str) -> None:
    wrong = {
        "from=soon": "from: ",
        "to=2026-02-30": "to: ",
        "from=%00": "from: ",
        "from=2026-03-02&to=2026-03-02": "to: ",
        "format=xlsx": "format: ",
    }
    for query, field in wrong.items():
        answer = await desk.http.get(f"/api/{name}?{query}", headers=boss.headers)
        assert answer.status_code == 400, (query, answer.text)
        assert json_of(answer)["errors"][0].startswith(field)


# --- pages ---------------------------------------------------------------------------------------------------------


async def many_breaches(world: World, count: int) -> None:
    async def insert(tx: Tx) -> None:
        for number in range(count):
            await tx.run(
                """INSERT INTO reporting_ticket (ticket_id, status, priority, category, requester_id, agent_id,
                    created_at, sla_breached, breached_at, last_sequence)
                VALUES (:id, 'ASSIGNED', 'LOW', 'OTHER', 'una', NULL, :created, 1, :breached, 1)""",
                id=f"t-{number:05}",
                created=START,
                breached=START + number // 3,  # three at the same instant
            )
        await tx.run("INSERT INTO reporting_count VALUES ('ASSIGNED', 'LOW', 0, 1, :count, 0, 0, 0)", count=count)

    await world.db.write(TESTER, insert)


async def test_breaches_come_in_pages_newest_first(desk: World, boss: TestPerson) -> None:
    await many_breaches(desk, 23)
    newest_first = [f"t-{number:05}" for number in reversed(range(23))]
    url: str | None = "/api/reports/sla-breaches?size=5&from=2026-01-01"
    found, pages = [], 0
    while url:
        answer = await desk.http.get(url, headers=boss.headers)
        assert answer.headers["x-total-count"] == "23"
        found += [row["ticketId"] for row in json_of(answer)]
        pages += 1
        url = answer.links.get("next", {}).get("url")
    assert (found, pages) == (newest_first, 5)
    third = await report(desk, boss, "reports/sla-breaches", page="2", size="5")
    assert [row["ticketId"] for row in third] == newest_first[10:15]
    for query in ("size=0", "size=1001", "page=-1", "page=99999&size=1000", "cursor=x", "count=some", "size=many"):
        assert (await desk.http.get(f"/api/reports/sla-breaches?{query}", headers=boss.headers)).status_code == 400


async def test_a_cursor_of_another_list_or_made_up_is_refused(desk: World, boss: TestPerson) -> None:
    for cursor in (encode_cursor("breaches", "x", 5), encode_cursor("breaches", None, "t"), encode_cursor("a", 1, "t")):
        answer = await desk.http.get(f"/api/reports/sla-breaches?cursor={cursor}", headers=boss.headers)
        assert answer.status_code == 400
        assert json_of(answer)["errors"][0].startswith("cursor: ")


async def test_counts_of_many_breaches(desk: World, boss: TestPerson) -> None:
    await many_breaches(desk, 1003)

    async def total(query: str) -> str:
        answer = await desk.http.get(f"/api/reports/sla-breaches?size=1&{query}", headers=boss.headers)
        return str(answer.headers["x-total-count"])

    assert await total("") == "1003"  # a counter knows
    assert await total("from=2026-01-01") == "1000+"
    assert await total("from=2026-01-01&count=exact") == "1003"
    everything = await desk.http.get("/api/reports/sla-breaches", headers=boss.headers | CSV)
    rows = list(csv.DictReader(io.StringIO(everything.text)))
    assert [row["ticketId"] for row in rows] == [f"t-{number:05}" for number in reversed(range(1003))]
    part = await desk.http.get("/api/reports/sla-breaches?size=2", headers=boss.headers | CSV)
    assert len(part.text.splitlines()) == 3
    assert 'rel="next"' in part.headers["link"]


async def test_agents_come_in_pages_by_name(desk: World, boss: TestPerson) -> None:
    for name in ("Cleo", "abe", "Bea", "abe"):
        await make_person(desk, "AGENT", name=name)
    answer = await desk.http.get("/api/reports/agents?size=3", headers=boss.headers)
    assert [row["name"] for row in json_of(answer)] == ["abe", "abe", "Bea"]
    assert answer.headers["x-total-count"] == "4"
    rest = await desk.http.get(answer.links["next"]["url"], headers=boss.headers)
    assert [row["name"] for row in json_of(rest)] == ["Cleo"]
    assert "link" not in rest.headers


# --- CSV -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
async def test_every_report_is_a_table_too(desk: World, boss: TestPerson, name: str) -> None:
    abe = await make_person(desk, "AGENT", name="Abe")
    for happened in (False, True):
        if happened:
            await busy_day(desk, abe.id)
        by_header = await desk.http.get(f"/api/{name}", headers=boss.headers | CSV)
        by_query = await desk.http.get(f"/api/{name}?format=csv", headers=boss.headers)
        assert by_header.text == by_query.text
        assert by_header.headers["content-type"] == "text/csv; charset=utf-8"
        assert by_header.headers["content-disposition"].startswith('attachment; filename="')
        assert by_header.text.endswith("\r\n")
        header, *rows = list(csv.reader(io.StringIO(by_header.text, newline="")))
        content = await report(desk, boss, name)
        records = content if isinstance(content, list) else [content]
        flat = [list(_flat(record).items()) for record in records]
        assert [list(zip(header, row, strict=True)) for row in rows] == flat
        assert header


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells |= _flat(value, f"{prefix}{name}.")
        else:
            cells[prefix + name] = "" if value is None else str(value)
    return cells


@pytest.mark.parametrize(
    ("accept", "table"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, */*", True),
        ("text/csv, application/json", False),
        ("application/json;q=0.5, text/csv", True),
        ("text/html, */*;q=0.8", False),
        ("*/*", False),
        ("text/csv;q=0", False),
        ("text/csv;q=inf, ,;;q", True),
        ("text/csv;q=nan", False),
        ("", False),
    ],
)
async def test_the_accept_header_decides(desk: World, boss: TestPerson, accept: str, table: bool) -> None:
    answer = await desk.http.get("/api/reports/summary", headers=boss.headers | {"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv" if table else "application/json")
    assert "Accept" in answer.headers["vary"]
    forced = await desk.http.get("/api/reports/summary?format=json", headers=boss.headers | {"Accept": accept})
    assert forced.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("name", ["=1+1", "+49 30", "-2-1", "@SUM(A1)", '=HYPERLINK("http://x","y")'])
async def test_a_name_cannot_become_a_formula(desk: World, boss: TestPerson, name: str) -> None:
    await make_person(desk, "AGENT", name=name)
    answer = await desk.http.get("/api/reports/agents", headers=boss.headers | CSV)
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["name"] == "'" + name
    assert row["open"] == "0"


async def test_quotes_commas_and_letters_of_all_kinds_survive(desk: World, boss: TestPerson) -> None:
    name = 'Žofie "Zo", Ångström — 東京'
    await make_person(desk, "AGENT", name=name)
    answer = await desk.http.get("/api/reports/agents", headers=boss.headers | CSV)
    (row,) = csv.DictReader(io.StringIO(answer.content.decode(), newline=""))
    assert row["name"] == name
