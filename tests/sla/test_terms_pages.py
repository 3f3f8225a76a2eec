"""Administrators change calendars and policies on plain forms; managers try a draft over the real history."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from answerable.kernel.errors import Conflict, Unavailable
from answerable.kernel.span import Span
from answerable.sla.queries.apart import Backtests
from tests.forms import Browser
from tests.people import make_person
from tests.sla.stories import Story, clock_of
from tests.world import World, open_world

DESK = (Path(__file__).parent / "desk.toml").read_text()
pytestmark = pytest.mark.one_engine
BERLIN = {
    "name": "Berlin",
    "zone": "Europe/Berlin",
    "mon": "09:00-12:00, 13:00-17:00",
    "fri": "22:00-06:00",
    "holidays": "2026-12-25 Christmas Day\n",
    "special": "2026-12-24 09:00-12:00\n2026-12-31 closed",
    "do": "apply",
}
OFFICE = {
    "name": "Office",
    "position": "1",
    "priority": "HIGH",
    "RESOLUTION-HIGH": "9h",
    "RESOLUTION-calendars": "always",
    "reopen": "anew",
    "level-0-at": "80%",
    "level-0-target": "RESOLUTION",
    "level-0-notify": "agent, role:MANAGER",
    "level-0-manager": "yes",
    "do": "apply",
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk", auth__access_seconds=10**8) as opened:
        yield opened


async def at_the_desk(world: World, *roles: str) -> Browser:
    browser = Browser(world)
    await browser.sign_in(await make_person(world, *roles))
    return browser


def fields_of(browser: Browser) -> dict[str, str]:
    """Return what the form of the page holds (the last value of each field)."""
    assert browser.page is not None
    page = browser.page.text
    typed = re.finditer(r'<input id="[^"]+" name="([^"]+)"[^>]* value="([^"]*)"', page)
    written = re.finditer(r'<textarea id="[^"]+" name="([^"]+)"[^>]*>\n([^<]*)</textarea>', page)
    found = {match[1]: unescape(match[2]) for match in (*typed, *written)}
    return found


async def test_a_calendar_is_tried_then_made_then_changed(world: World) -> None:
    await Story(world).raised()
    ada = await at_the_desk(world, "ADMIN")
    await ada.open("/admin/sla/calendars/new")
    page = await ada.send("/admin/sla/calendars/new", {**BERLIN, "do": "plan"})
    assert "calendar Berlin: new" in page.text
    assert "0 of 1 open tickets would get other deadlines." in page.text
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []
    assert fields_of(ada)["mon"] == BERLIN["mon"], "what was filled in stays"
    page = await ada.send("/admin/sla/calendars/new", BERLIN)
    assert "Edition 1 is made." in page.text
    await ada.open("/admin/sla/calendars/Berlin")
    assert {name: fields_of(ada)[name] for name in BERLIN if name not in ("do", "name", "holidays")} == {
        name: value for name, value in BERLIN.items() if name not in ("do", "name", "holidays")
    }
    sent = {**BERLIN, "country": "DE", "region": "BE", "first_year": "2026", "do": "holidays"}
    page = await ada.send("/admin/sla/calendars/Berlin", sent)
    assert "holidays are added below. Nothing is stored yet." in page.text
    assert "2026-10-03" in fields_of(ada)["holidays"]
    assert "2026-12-25 Christmas Day" in fields_of(ada)["holidays"], "a day that has a name keeps it"
    page = await ada.send("/admin/sla/calendars/Berlin", {**BERLIN, "holidays": fields_of(ada)["holidays"]})
    assert "calendar Berlin: holidays changed" in page.text
    page = await ada.send("/admin/sla/calendars/Berlin", {"do": "drop"})
    assert "calendar Berlin: gone" in page.text
    ada.http.headers["Accept-Language"] = "de"
    page = await ada.open("/admin/sla")
    assert all(f"Kalender Berlin: {what}" in page.text for what in ("neu", "Feiertage geändert", "entfernt"))
    assert "calendar Berlin" not in page.text


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"zone": "Berlin"}, "zone", "is not a time zone"),
        ({"mon": "09:00-12:00, 11:00-13:00"}, "mon", "11:00-13:00 overlaps 09:00-12:00"),
        ({"mon": "", "fri": "", "special": ""}, "", "has no open time"),
        ({"holidays": "25.12.2026 Christmas"}, "holidays", "is not a date"),
        ({"special": "2026-12-24 9-12"}, "special", "is not a"),
        ({"name": "always"}, "name", "There is a calendar"),
        ({"name": ""}, "name", "must have 1 to 60"),
        ({"starts": "soon"}, "starts", "must be a day and time"),
        ({"starts": "2020-01-01T00:00"}, "starts", "too far"),
        ({"do": "holidays", "country": "XX", "first_year": "2026"}, "country", "must be a code"),
        ({"do": "holidays", "country": "DE", "region": "QQ", "first_year": "2026"}, "region", "must be one of"),
        ({"do": "holidays", "country": "DE", "first_year": "1000"}, "first_year", "must be at most 30 years"),
        ({"do": "holidays", "ics": "no calendar"}, "ics", ""),
    ],
)
async def test_what_is_wrong_with_a_calendar_is_said_beside_its_field(
    world: World, changed: dict[str, str], field: str, words: str
) -> None:
    ada = await at_the_desk(world, "ADMIN")
    await ada.open("/admin/sla/calendars/new")
    page = await ada.send("/admin/sla/calendars/new", {**BERLIN, **changed})
    assert page.status_code == 400
    told = re.search(rf'id="{field}-error">([^<]*)<' if field else r'role="alert">.*?</svg>([^<]*)<', page.text, re.S)
    assert told, page.text
    assert words in unescape(told[1])
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []


ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:tests
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261224
DTEND;VALUE=DATE:20261226
SUMMARY:Weihnachten über
  die Tage
END:VEVENT
END:VCALENDAR
"""


async def send_file(browser: Browser, path: str, fields: dict[str, str], content: bytes) -> httpx.Response:
    file = {"ics_file": ("feiertage.ics", content, "text/calendar")}
    page = await browser.http.post(path, data={"_form": browser.token, **fields}, files=file)
    browser.page = page
    return page


async def test_a_file_of_holidays_is_sent_from_the_form(world: World) -> None:
    ada = await at_the_desk(world, "ADMIN")
    new = "/admin/sla/calendars/new"
    await ada.open(new)
    assert ada.page is not None
    assert 'enctype="multipart/form-data"' in ada.page.text
    for content in (ICS.encode(), b"\xef\xbb\xbf" + ICS.replace("\n", "\r\n").encode()):
        page = await send_file(ada, new, {**BERLIN, "do": "holidays"}, content)
        assert page.status_code == 200
        assert fields_of(ada)["holidays"].splitlines() == [
            "2026-12-24 Weihnachten über die Tage",
            "2026-12-25 Christmas Day",
        ]
    for wrong, told in (
        (ICS.replace("20261224", "2026-12-24"), "'DTSTART;VALUE=DATE:2026-12-24' is no date (line 5)"),
        (ICS.replace("SUMMARY", "RRULE:FREQ=YEARLY\nSUMMARY"), "repeats by a rule; export"),
        (ICS.replace("BEGIN:VEVENT\n", ""), "'END:VEVENT' ends what did not begin (line 8)"),
        ("a letter\n", "'a letter' is no part of a calendar (line 1)"),
        (ICS.replace("END:VCALENDAR\n", ""), "the calendar is not whole (line 9)"),
        ("\0" * 9, "is no part of a calendar (line 1)"),
    ):
        page = await send_file(ada, new, {**BERLIN, "do": "holidays"}, wrong.encode())
        found = re.search(r'id="ics_file-error">([^<]*)<', page.text)
        assert (page.status_code, found and told in unescape(found[1])) == (400, True), page.text
    page = await send_file(ada, new, {**BERLIN, "do": "holidays"}, b"x" * world.desk.settings.server.max_body_bytes)
    assert page.status_code == 413
    await ada.open(new)
    page = await send_file(ada, new, {**BERLIN, "_form": "of another browser"}, b"")
    assert page.status_code == 419
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []


async def test_a_policy_is_made_on_a_form_and_open_tickets_follow(world: World) -> None:
    await Story(world).raised()
    ada = await at_the_desk(world, "ADMIN")
    await ada.open("/admin/sla/policies/new")
    page = await ada.send("/admin/sla/policies/new", {**OFFICE, "do": "plan"})
    assert "policy Office: new" in page.text
    assert "1 of 1 open tickets would get other deadlines." in page.text
    await ada.send("/admin/sla/policies/new", OFFICE)
    await world.advance(seconds=1)
    assert (await clock_of(world, "RESOLUTION")).policy == "Office"
    [stored] = await world.sql("SELECT body FROM sla_edition")
    assert '"at":"80%"' in stored["body"]
    page = await ada.open("/admin/sla/policies/Office")
    assert re.findall(r'name="level-0-notify" value="(\S+)" checked', page.text) == ["agent", "role:MANAGER"]
    page = await ada.send("/admin/sla/policies/Office", OFFICE)
    assert "Nothing is different." in page.text, "a form that is sent as it was changes nothing"
    page = await ada.send("/admin/sla/policies/Office", {"do": "drop"})
    assert "policy Office: gone" in page.text
    page = await ada.send("/admin/sla/policies/default", {"do": "drop"})
    assert "at least one is needed" in page.text
    page = await ada.open("/admin/audit")
    assert re.search(r"Holds from: +<ins>\w+, \d+ \w+ 2026, \d\d:\d\d UTC</ins>", page.text), "as people say it"


async def test_whom_a_policy_is_for_is_chosen_by_name(world: World) -> None:
    """As typed, found by a script or without one; the page never shows an id in place of a name."""
    una, uno = await make_person(world, "USER", name="Una User"), await make_person(world, "USER", name="Uno 100%")
    ada = await at_the_desk(world, "ADMIN")

    def offered(page: httpx.Response) -> list[tuple[str, str, str]]:
        choice = r'name="requester" value="([^"]+)"( checked)?>.*?<span>([^<]+)</span></label>'
        return [(id_, name, mark.strip()) for id_, mark, name in re.findall(choice, page.text)]

    both = [(una.id, "Una User", ""), (uno.id, "Uno 100%", "")]
    assert offered(await ada.open("/admin/sla/people?requester-name=un")) == both
    assert offered(await ada.open("/admin/sla/people?requester-name=0%25")) == both[1:]
    page = await ada.open(f"/admin/sla/people?requester={una.id}&requester-name=un")
    assert offered(page) == [(una.id, "Una User", "checked"), (uno.id, "Uno 100%", "")]
    assert "Nobody else of this name is here." in (await ada.open("/admin/sla/people?requester-name=zoe")).text

    await ada.open("/admin/sla/policies/new")
    page = await ada.send("/admin/sla/policies/new", {**OFFICE, "requester-name": "una", "do": "people"})
    assert (offered(page), fields_of(ada)["RESOLUTION-HIGH"]) == (both[:1], "9h"), "nothing that was filled in is lost"
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []
    page = await ada.send(
        "/admin/sla/policies/new", {**OFFICE, "requester": una.id, "level-0-notify": f"agent, person:{uno.id}"}
    )
    assert "priority High, requester Una User" in page.text
    assert "tell the agent and Uno 100%" in page.text
    assert una.id not in page.text
    assert uno.id not in page.text
    [stored] = await world.sql("SELECT body FROM sla_edition")
    assert f'"requester":["{una.id}"]' in stored["body"], "as the interface for programs has it"
    page = await ada.open("/admin/sla/policies/Office")
    assert offered(page) == [(una.id, "Una User", "checked")]
    page = await ada.send("/admin/sla/policies/Office", {**OFFICE, "requester": uno.id, "do": "plan"})
    assert offered(page) == [(uno.id, "Uno 100%", "checked")]
    plan = page.text.partition('id="plan"')[2]
    assert una.id not in plan


async def test_a_form_that_tells_forty_thousand_people_is_refused_in_words(world: World) -> None:
    ada = await at_the_desk(world, "ADMIN")
    await ada.open("/admin/sla/policies/new")
    whom = ", ".join(f"nobody {number}" for number in range(40_000))
    page = await ada.send("/admin/sla/policies/new", {**OFFICE, "level-0-notify": whom})
    assert page.status_code == 400
    assert "is not agent" in unescape(page.text)
    assert page.text.count('name="level-0-notify"') <= 1010  # it took nine seconds to show all


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"RESOLUTION-HIGH": "0m"}, "RESOLUTION-HIGH", "must be more than nothing"),
        ({"RESOLUTION-HIGH": "2d"}, "RESOLUTION-HIGH", "a working day has no fixed length"),
        ({"RESOLUTION-HIGH": ""}, "RESOLUTION-CRITICAL", "promises nothing"),
        ({"warn": "100%"}, "warn", "must be 1% to 99%"),
        ({"position": "9"}, "position", "must be 1 to 2"),
        ({"level-0-at": "soon"}, "level-0-at", "is not a share"),
        ({"level-0-notify": "everybody", "level-0-manager": ""}, "level-0-notify", "is not agent"),
        ({"position": "2"}, "", "never applies"),
    ],
)
async def test_what_is_wrong_with_a_policy_is_said_beside_its_field(
    world: World, changed: dict[str, str], field: str, words: str
) -> None:
    ada = await at_the_desk(world, "ADMIN")
    await ada.open("/admin/sla/policies/new")
    page = await ada.send("/admin/sla/policies/new", {**OFFICE, **changed})
    assert page.status_code == 400
    assert words in unescape(page.text)
    if field:
        assert re.search(rf'id="{field}-error">[^<]+<', page.text)
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []


@pytest.mark.parametrize(
    ("path", "changed"),
    [("calendars/Berlin", {**BERLIN, "tue": "09:00-12:00"}), ("policies/Office", {**OFFICE, "RESOLUTION-HIGH": "8h"})],
)
async def test_two_administrators_do_not_undo_each_other(world: World, path: str, changed: dict[str, str]) -> None:
    ada, ben = await at_the_desk(world, "ADMIN"), await at_the_desk(world, "ADMIN")
    await ada.send("/admin/sla/calendars/new", BERLIN)
    await ada.send("/admin/sla/policies/new", OFFICE)
    for browser in (ada, ben):
        await browser.open(f"/admin/sla/{path}")
    await ada.send(f"/admin/sla/{path}", {**changed, "edition": ada.hidden("edition")})
    made = await world.sql("SELECT * FROM sla_edition ORDER BY number")
    mine = {**changed, "zone": "UTC", "RESOLUTION-HIGH": "7h"}
    for do in ("plan", "apply", "drop"):
        page = await ben.send(f"/admin/sla/{path}", {**mine, "do": do, "edition": made[1]["id"]})
        assert await world.sql("SELECT * FROM sla_edition ORDER BY number") == made
        assert "have changed since you read them" in page.text
        if do != "drop":
            told = re.search(r'id="meanwhile".*?</ul>', page.text, re.S)
            assert page.status_code == 409
            assert told
            assert re.findall(r"<li>([^<]+)</li>", told[0]) == made[2]["changes"].strip('["]').split('","')
            assert "UTC" in page.text or "7h" in page.text, "what was filled in stays"
            again = ben.hidden("edition")
    page = await ben.send(f"/admin/sla/{path}", {**mine, "edition": again})
    assert "Edition 4 is made." in page.text


async def test_the_whole_as_a_text_and_a_change_that_waits(world: World) -> None:
    ada = await at_the_desk(world, "ADMIN")
    await ada.open("/admin/sla/text")
    wrong = DESK.replace('zone = "Europe/Berlin"', 'zone = "Berlin"')
    page = await ada.send("/admin/sla/text", {"text": wrong.replace("\n", "\r\n"), "do": "apply"})
    assert page.status_code == 400
    assert "line 4: calendars[0].zone" in unescape(page.text)
    page = await ada.send("/admin/sla/text", {"text": DESK, "do": "plan", "starts": "2026-03-09T00:00"})
    assert "calendar Berlin: new" in page.text
    page = await ada.send("/admin/sla/text", {"text": DESK, "do": "apply", "starts": "2026-03-09T00:00"})
    assert "Edition 1 waits for" in page.text
    page = await ada.send("/admin/sla/withdraw")
    assert "The change is taken back." in page.text
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []
    max_ = await at_the_desk(world, "MANAGER")
    page = await max_.open("/admin/sla")
    assert "/admin/sla/calendars/new" not in page.text
    assert (await max_.open("/admin/sla/text")).status_code == 403


async def test_a_manager_tries_a_draft(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(hours=5)
    await story.becomes("RESOLVED")
    max_ = await at_the_desk(world, "MANAGER")
    page = await max_.open("/admin/sla/backtest")
    assert "[[policies]]" in fields_of(max_)["text"]
    page = await max_.send("/admin/sla/backtest", {"text": DESK, "from": "2026-03-01", "to": "2026-03-05"})
    assert "1 tickets replayed" in page.text
    assert 'data-by="all" data-name="" data-target="RESOLUTION" data-broken="1 0"' in page.text
    assert 'href="/tickets/t1"' in page.text
    assert await world.sql("SELECT 1 AS one FROM sla_edition") == []
    page = await max_.send("/admin/sla/backtest", {"text": DESK.replace("Europe/Berlin", "Berlin")})
    assert (page.status_code, "line 4: calendars[0].zone" in unescape(page.text)) == (400, True)
    page = await max_.send("/admin/sla/backtest", {"text": DESK, "from": "2026-03-05", "to": "2026-03-01"})
    assert 'id="to-error">' in page.text


async def test_one_back_test_at_a_time_and_none_for_ever(world: World) -> None:
    settings, now = world.desk.settings, world.clock.now
    tests = Backtests()
    first = asyncio.create_task(tests.run(settings, DESK, Span(), now))
    await asyncio.sleep(0)
    with pytest.raises(Conflict, match="Another back-test is running"):
        await tests.run(settings, DESK, Span(), now)
    assert (await first).tickets == 0
    with pytest.raises(Unavailable, match="took too long"):
        await Backtests(longest=0.0).run(settings, DESK, Span(), now)
    assert (await tests.run(settings, DESK, Span(), now)).tickets == 0
