"""Dashboard and reports as pages: they say what the API says, in every range."""

import csv
import io
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from answerable.kernel.span import days_between
from answerable.kernel.times import HOUR, parse_iso
from answerable.reporting.pages.catalogue import CATALOGUE, Report
from answerable.reporting.pages.showing import api_text
from answerable.reporting.rules import edges_of
from tests.forms import BROWSER, Browser
from tests.people import PASSWORD, TestPerson, make_person
from tests.reporting.tale import Tale
from tests.reporting.test_api import busy_day
from tests.world import World, json_of

CELL = re.compile(r'data-name="([^"]+)" data-value="([^"]*)"')
BERLIN = ZoneInfo("Europe/Berlin")


async def two_days(desk: World) -> None:
    """A busy day, and a quiet one after it, on which the late ticket is solved after all."""
    abe = await make_person(desk, "AGENT", name='=Abe "A"')
    await busy_day(desk, abe.id)
    await desk.advance(hours=20)
    later = await Tale(desk, "t-later", "HIGH").raised()
    await later.assigned(abe.id)
    await desk.advance(hours=3)
    await later.resolved()


async def page_of(desk: World, who: TestPerson, path: str) -> str:
    page = await desk.http.get(path, headers={**BROWSER, **who.headers})
    assert page.status_code == 200, page.text
    return page.text


def cells(page: str) -> list[tuple[str, str]]:
    return [(name, unescape(value)) for name, value in CELL.findall(page)]


def said_by_api(report: Report, answer: Any) -> list[tuple[str, str]]:
    rows = answer if isinstance(answer, list) else [answer]
    return [(column.name, api_text(row[column.name])) for row in rows for column in report.columns]


def said_by_csv(report: Report, text: str) -> list[tuple[str, str]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    return [(column.name, row[column.name].removeprefix("'")) for row in rows for column in report.columns]


@pytest.mark.parametrize("span", [{}, {"from": "2026-03-02", "to": "2026-03-02"}, {"from": "2026-03-03"}], ids=str)
@pytest.mark.parametrize("report", CATALOGUE, ids=lambda report: report.name)
async def test_page_api_and_csv_say_the_same(
    desk: World, boss: TestPerson, report: Report, span: dict[str, str]
) -> None:
    await two_days(desk)
    query = "&".join(f"{name}={day}" for name, day in {**span, "view": "table"}.items())
    page = await page_of(desk, boss, f"{report.path}?{query}")
    found = re.search(r'href="(/api/reports/[^"]+)"', page)
    assert found
    link = unescape(found[1])
    asked = {name: value[0] for name, value in parse_qs(urlsplit(link).query).items() if name != "format"}
    answer = await desk.http.get(report.api, params=asked, headers=boss.headers)
    table = await desk.http.get(link, headers=boss.headers)
    assert table.headers["content-type"].startswith("text/csv")
    assert cells(page) == said_by_api(report, json_of(answer))
    assert cells(page) == said_by_csv(report, table.text)


async def test_a_chart_is_drawn_from_the_numbers_of_the_table(desk: World, boss: TestPerson) -> None:
    await two_days(desk)
    lines = await page_of(desk, boss, "/reports/over-time")
    assert cells(lines) == cells(await page_of(desk, boss, "/reports/over-time?view=table"))
    assert 'data-plot="day"' in lines
    assert re.search(r'src="/static/reports\.[0-9a-f]+\.js"', lines)
    assert "reports." not in await page_of(desk, boss, "/dashboard"), "charts are loaded where they are drawn"
    bars = await page_of(desk, boss, "/reports/tickets-by-priority")
    answer = json_of(await desk.http.get("/api/reports/tickets-by-priority", headers=boss.headers))
    assert re.findall(r'data-value="(\d+)"', bars) == [str(row["count"]) for row in answer]


async def test_the_chart_of_agents_shows_the_numbers_of_the_table(desk: World, boss: TestPerson) -> None:
    await two_days(desk)
    await make_person(desk, "AGENT", name="Zoe Idle")
    for span in ("", "from=", "from=2026-03-03"):
        drawn = await page_of(desk, boss, f"/reports/agents?{span}")
        bars = re.findall(r'barchart-value">(\d+)<span.*?<br>(\d+)<', drawn)
        table = cells(await page_of(desk, boss, f"/reports/agents?{span}&view=table"))
        columns = [[value for name, value in table if name == column] for column in ("resolved", "open")]
        assert bars == list(zip(*columns, strict=True))
        assert len(bars) == 2


async def test_days_are_those_of_the_reader_and_both_ends_are_included(desk: World, boss: TestPerson) -> None:
    """At half past midnight in Berlin it is still yesterday in UTC."""
    await desk.advance(hours=14, minutes=30)
    await Tale(desk, "t-night").raised()
    browser = Browser(desk)
    await browser.open("/login")
    form = {"_form": browser.token, "email": boss.email, "password": PASSWORD, "zone": "Europe/Berlin"}
    await browser.http.post("/login", data=form)
    found = {}
    for day in ("2026-03-02", "2026-03-03"):
        page = await browser.open(f"/reports/over-time?from={day}&to={day}&view=table")
        found[day] = dict(cells(page.text)).get("created")
    assert found == {"2026-03-02": None, "2026-03-03": "1"}


async def test_a_range_that_cannot_be_is_said_at_its_field_and_kept(desk: World, boss: TestPerson) -> None:
    for query, complaint in (
        ("from=2026-03-05&to=2026-03-01", "must not be before the first day"),
        ("from=yesterday", "must be a day such as"),
        ("to=0000-00-00", "must be a day such as"),
    ):
        page = await desk.http.get(f"/reports/agents?{query}", headers={**BROWSER, **boss.headers})
        assert page.status_code == 400
        assert complaint in page.text
        assert f'value="{query.split("&", maxsplit=1)[0].split("=")[1]}"' in page.text
    assert (await desk.http.get("/reports/nothing", headers={**BROWSER, **boss.headers})).status_code == 404
    assert (await desk.http.get("/reports/agents?cursor=x", headers={**BROWSER, **boss.headers})).status_code == 400


async def test_the_dashboard_says_what_the_api_says(desk: World, boss: TestPerson) -> None:
    await two_days(desk)
    page = await page_of(desk, boss, "/dashboard")
    summary = json_of(await desk.http.get("/api/dashboard/summary", headers=boss.headers))
    figures = dict(re.findall(r'figure-label">([^<]+)</span>\s*<span class="figure-value">([^<]+)<', page))
    assert figures["Open tickets"] == str(summary["openTickets"])
    assert figures["Unassigned"] == str(summary["unassignedTickets"])
    assert figures["Promise broken"] == str(summary["slaBreachedTickets"])
    kept = json_of(await desk.http.get("/api/reports/sla-attainment", headers=boss.headers))
    assert sum(row["kept"] for row in kept) == 3
    assert figures["Promises kept"] == "75.0%"
    assert figures["Solved in 7 days"] == "3"
    counts = re.findall(r'status=(\w+)">.*?data-value="(\d+)"', page, re.DOTALL)
    assert dict(counts) == {name: str(n) for name, n in summary["ticketsByStatus"].items()}
    assert "4 raised" not in page
    assert "6 raised" in page


async def test_a_new_desk_has_nothing_to_show_and_says_so(desk: World, boss: TestPerson) -> None:
    assert 'figure-value">–<' in await page_of(desk, boss, "/dashboard")
    for report in CATALOGUE:
        for view in ("chart", "table"):
            await page_of(desk, boss, f"{report.path}?view={view}")
    assert "Nothing in this range" in await page_of(desk, boss, "/reports/over-time")


async def test_only_managers_read_reports(desk: World) -> None:
    agent = await make_person(desk, "AGENT")
    for path in ("/dashboard", "/reports", "/reports/agents"):
        assert (await desk.http.get(path, headers={**BROWSER, **agent.headers})).status_code == 403
        page = await desk.http.get(path, headers=BROWSER)
        assert page.status_code == 303
        assert page.headers["location"].startswith("/login")
    page = await desk.http.get("/profile", headers={**BROWSER, **agent.headers})
    assert "/dashboard" not in page.text


class TestSteps:
    def test_an_hour_that_is_twice_or_never_still_makes_one_day(self) -> None:
        """Berlin's clocks went forward on 29 March 2026 and back on 25 October."""
        for first, last, hours in (("2026-03-28", "2026-03-30", 71), ("2026-10-24", "2026-10-26", 73)):
            span = days_between(first, last, BERLIN)
            assert span.start is not None
            assert span.end is not None
            assert span.end - span.start == hours * HOUR
            found = edges_of(span.start, span.end, BERLIN)
            assert found.days == [first, first[:-2] + str(int(first[-2:]) + 1), last]
            assert found.edges[0] == span.start
            assert found.edges[-1] == span.end

    def test_long_ranges_have_weeks_or_months(self) -> None:
        start = parse_iso("2026-01-01T00:00:00Z")
        utc = ZoneInfo("UTC")
        weeks = edges_of(start, parse_iso("2026-06-01T00:00:00Z"), utc)
        assert (weeks.step, weeks.days[:3]) == ("week", ["2026-01-01", "2026-01-05", "2026-01-12"])
        months = edges_of(start, parse_iso("2030-02-15T00:00:00Z"), utc)
        assert (months.step, months.days[-2:]) == ("month", ["2030-01-01", "2030-02-01"])
        assert len(edges_of(0, parse_iso("2900-01-01T00:00:00Z"), utc).days) == 400
        assert edges_of(5, 5, utc).days == []
        for found in (weeks, months):
            assert len(found.edges) == len(found.days) + 1
            assert found.edges == sorted(found.edges)
