"""Calendars and policies as data: over HTTP, as a text, at a prompt; nothing half applied, mistakes with places."""

import re
import time
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from answerable.commands import build
from answerable.kernel.errors import Invalid
from answerable.messages.sla import SlaTermsChanged
from answerable.sla.rules import own_terms, read_terms
from answerable.sla.rules.toml import read_toml, write_toml
from tests.people import TestPerson, make_person
from tests.sla.stories import HOUR, Story, at
from tests.world import World, json_of, open_world

DESK = (Path(__file__).parent / "desk.toml").read_text()
OFFICE = {"name": "Office", "zone": "Europe/Berlin", "week": {"mon": ["09:00-17:00"]}}
GOLD = {
    "name": "Gold",
    "when": {"priority": ["CRITICAL"]},
    "targets": {"RESOLUTION": {"times": {"CRITICAL": "30m"}, "calendars": ["always"]}},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk", auth__access_seconds=10**6) as opened:
        yield opened


async def send(world: World, who: TestPerson, method: str, path: str, body: Any = None) -> Any:
    answer = await world.http.request(method, f"/api/sla/{path}", headers=who.headers, json=body)
    assert answer.status_code < 300, answer.text
    await world.settle()
    return json_of(answer)


async def refused(world: World, who: TestPerson, method: str, path: str, body: Any = None) -> tuple[int, list[str]]:
    before = await world.sql("SELECT * FROM sla_edition")
    answer = await world.http.request(method, f"/api/sla/{path}", headers=who.headers, json=body)
    assert await world.sql("SELECT * FROM sla_edition") == before
    found = json_of(answer)
    return answer.status_code, found.get("errors") or [found["message"]]


async def test_a_new_desk_promises_what_it_always_did(world: World) -> None:
    mia = await make_person(world, "MANAGER")
    [always] = await send(world, mia, "GET", "calendars")
    assert always["always"]
    assert (always["name"], always["version"], always["usedBy"]) == ("always", 1, ["default"])
    [default] = await send(world, mia, "GET", "policies")
    assert default["targets"]["RESOLUTION"]["times"] == {"CRITICAL": "1h", "HIGH": "4h", "MEDIUM": "8h", "LOW": "24h"}
    assert default == await send(world, mia, "GET", "policies/default")
    terms = await send(world, mia, "GET", "terms")
    assert (terms["number"], terms["planned"]) == (0, None)
    assert read_toml(terms["text"].encode()) == own_terms()
    assert await send(world, mia, "GET", "terms/history") == []


async def test_calendars_and_policies_have_versions_and_a_history(world: World) -> None:
    ada = await make_person(world, "ADMIN", name="Ada")
    made = await send(world, ada, "POST", "calendars", OFFICE)
    assert made == {"changes": ["calendar Office: new"], "number": 1, "effectiveFrom": "2026-03-02T09:00:00Z"}
    await world.advance(hours=1)
    changed = await send(world, ada, "PUT", "calendars/Office", OFFICE | {"week": {"tue": ["09:00-17:00"]}})
    assert changed["changes"] == ["calendar Office: week changed"]
    same = await send(world, ada, "PUT", "calendars/Office", OFFICE | {"week": {"tue": ["09:00-17:00"]}})
    assert (same["changes"], same["number"]) == ([], 2)
    seen = await send(world, ada, "GET", "calendars/Office")
    assert (seen["version"], seen["effectiveFrom"]) == (2, "2026-03-02T10:00:00Z")
    await send(world, ada, "POST", "policies", GOLD)
    assert [p["name"] for p in await send(world, ada, "GET", "policies")] == ["Gold", "default"]
    assert await refused(world, ada, "PUT", "policies/Gold?position=2", GOLD) == (
        400,
        ["when: never applies: policies[0] (default) takes every ticket that fits"],
    )
    await send(world, ada, "DELETE", "policies/Gold")
    await send(world, ada, "DELETE", "calendars/Office")
    history = await send(world, ada, "GET", "terms/history")
    assert [line for each in history for line in each["changes"]] == [
        "calendar Office: gone",
        "policy Gold: gone",
        "policy Gold: new",
        "calendar Office: week changed",
        "calendar Office: new",
    ]
    assert {each["madeBy"] for each in history} == {ada.id}
    told = [event.number for event in await world.log("SLA_TERMS_CHANGED") if isinstance(event, SlaTermsChanged)]
    assert told == [1, 2, 3, 4, 5]
    again = await send(world, ada, "POST", "calendars", OFFICE)
    assert again["number"] == 6
    assert (await send(world, ada, "GET", "calendars/Office"))["version"] == 3, "it goes on counting"


async def test_who_says_what_they_have_read_undoes_nothing_of_others(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    read = await world.http.get("/api/sla/terms", headers=ada.headers)
    await send(world, ada, "POST", "calendars", OFFICE)
    for method, path, body in (
        ("PUT", "terms", {"text": DESK}),
        ("PUT", "calendars/Office", OFFICE | {"zone": "UTC"}),
        ("PUT", "calendars/Office?dryRun=true", OFFICE | {"zone": "UTC"}),
        ("POST", "policies", GOLD),
        ("DELETE", "calendars/Office", None),
    ):
        answer = await world.http.request(
            method, f"/api/sla/{path}", headers={**ada.headers, "If-Match": read.headers["etag"]}, json=body
        )
        assert (answer.status_code, json_of(answer)["errors"]) == (412, ["calendar Office: new"]), path
    assert [each["number"] for each in await send(world, ada, "GET", "terms/history")] == [1]
    tags = {
        (await world.http.get(f"/api/sla/{path}", headers=ada.headers)).headers["etag"]
        for path in ("terms", "calendars", "calendars/Office", "policies", "policies/default")
    }
    assert len(tags) == 1
    ada.headers["If-Match"] = tags.pop()
    planned = await send(world, ada, "PUT", "terms?effectiveFrom=2026-03-09T00:00:00Z", {"text": DESK})
    assert planned["number"] == 2
    assert (await world.http.get("/api/sla/terms", headers=ada.headers)).headers["etag"] == ada.headers["If-Match"]
    status, _ = await refused(world, ada, "POST", "policies", GOLD)
    assert status == 409, "a change waits"
    page = await world.http.get("/admin/sla/calendars/Berlin", headers=ada.headers | {"Accept": "text/html"})
    planned_tag = re.search(r'name="edition" value="([^"]+)"', page.text)
    assert planned_tag is not None, "pages change what was written last"
    await send(world, ada, "DELETE", "terms/planned")
    withdrawn = ada.headers | {"If-Match": f'"{planned_tag[1]}"'}
    answer = await world.http.post("/api/sla/policies", headers=withdrawn, json=GOLD)
    assert (answer.status_code, json_of(answer)["errors"]) == (412, ["The change that you read was taken back."])
    planned = await send(world, ada, "PUT", "terms?effectiveFrom=2026-03-09T00:00:00Z", {"text": DESK})
    await world.advance(days=10)  # what was read before the planned change held is not what holds now
    status, changes = await refused(world, ada, "POST", "policies", GOLD)
    assert status == 412
    assert changes == planned["changes"]


async def test_what_cannot_be_done_says_why_and_changes_nothing(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    await send(world, ada, "POST", "calendars", OFFICE)
    for method, path, body, status, told in (
        ("POST", "calendars", OFFICE, 409, "There is a calendar 'Office' already."),
        ("POST", "calendars", OFFICE | {"name": " "}, 400, "name: must have 1 to 60"),
        ("POST", "calendars", OFFICE | {"name": "B", "zone": "Mars/Base"}, 400, "zone: 'Mars/Base' is not a time zone"),
        (
            "POST",
            "calendars",
            {"name": "B", "zone": "Europe/Berlin"},
            400,
            "has no open time, so nothing",
        ),
        ("POST", "calendars", {"name": "B", "week": {"mon": []}}, 400, "has no open time"),
        ("POST", "calendars", {"name": "B", "week": {"mon": ["9-17"]}}, 400, "week.mon[0]: '9' is not a time"),
        ("POST", "calendars", {"name": "B", "week": {"mon": ["09:00"]}}, 400, "week.mon[0]: '09:00' is not a window"),
        (
            "POST",
            "calendars",
            {"name": "B", "week": {"mon": ["09:00-09:00"]}},
            400,
            "week.mon[0]: '09:00-09:00'",
        ),
        (
            "POST",
            "calendars",
            {"name": "B", "week": {"mon": ["09:00-12:00", "11:00-13:00"]}},
            400,
            "week.mon[1]: 11:00-13:00 overlaps 09:00-12:00",
        ),
        (
            "POST",
            "calendars",
            {"name": "B", "week": {"sun": ["22:00-06:00"], "mon": ["05:00-09:00"]}},
            400,
            "week.sun: 22:00-06:00 overlaps 05:00-09:00 on mon",
        ),
        ("POST", "calendars", {"name": "B", "week": {"funday": []}}, 400, "week.funday: is no weekday"),
        ("POST", "calendars", OFFICE | {"name": "B", "holidays": {"2026-02-30": ""}}, 400, "holidays.2026-02-30: "),
        ("PUT", "calendars/Office", OFFICE | {"name": "B"}, 400, "name: must be 'Office', as in the address"),
        ("PUT", "calendars/None", OFFICE, 404, "There is no such calendar."),
        ("DELETE", "calendars/always", None, 409, "The calendar is used by the policy default."),
        ("DELETE", "policies/default", None, 400, "policies: at least one is needed"),
        ("POST", "policies", GOLD | {"when": {"priority": []}}, 400, "when.priority: matches nothing"),
        ("POST", "policies", GOLD | {"when": {"priority": ["URGENT"]}}, 400, "when.priority: 'URGENT' is no priority"),
        ("POST", "policies", GOLD | {"when": {"team": ["A"]}}, 400, "when.team: tickets have no team yet"),
        ("POST", "policies", GOLD | {"targets": {}}, 400, "targets: promises nothing"),
        ("POST", "policies", GOLD | {"warn": "100%"}, 400, "warn: must be 1% to 99%"),
        ("POST", "policies", GOLD | {"reopen": "never"}, 400, "reopen: must be 'goes on' or 'anew'"),
        ("POST", "policies?position=7", GOLD, 400, "position: must be 1 to 2"),
        ("POST", "policies?effectiveFrom=soon", GOLD, 400, "effectiveFrom: must be an instant"),
        ("POST", "policies?effectiveFrom=2026-03-01", GOLD, 400, "effectiveFrom: too far"),
    ):
        found = await refused(world, ada, method, path, body)
        assert found[0] == status, (path, body, found)
        assert found[1][0].startswith(told), (path, body, found)
    for times, told in (
        ({"HIGH": "0h"}, "must be more than nothing"),
        ({"HIGH": "2d"}, "'2d' is not a time such as 4h, 30m or 1h 30m; write days as hours"),
        ({"HIGH": "999999h"}, "must not be more than ten years"),
        ({"URGENT": "1h"}, "is no priority"),
        ({}, "promises nothing"),
    ):
        body = GOLD | {"targets": {"RESOLUTION": {"times": times, "calendars": ["always"]}}}
        assert told in (await refused(world, ada, "POST", "policies", body))[1][0]
    for targets, told in (
        ({"RESOLUTION": {"times": {"HIGH": "1h"}}}, "targets.RESOLUTION.calendars: needs at least one calendar"),
        ({"RESOLUTION": {"times": {"HIGH": "1h"}, "calendars": ["x"]}}, "there is no calendar 'x'"),
        ({"SOON": {"times": {"HIGH": "1h"}}}, "targets.SOON: is no target"),
    ):
        assert told in (await refused(world, ada, "POST", "policies", GOLD | {"targets": targets}))[1][0]
    for level, told in (
        ({"target": "FIRST_RESPONSE", "at": "50%", "do": [{"manager": True}]}, "target: 'FIRST_RESPONSE' is not among"),
        ({"target": "RESOLUTION", "at": "soon", "do": [{"manager": True}]}, "at: 'soon' is not a share such as 75%"),
        ({"target": "RESOLUTION", "at": "+0h", "do": [{"manager": True}]}, "at: must be more than nothing"),
        ({"target": "RESOLUTION", "at": "50%", "do": []}, "do: does nothing"),
        ({"target": "RESOLUTION", "at": "50%", "do": [{}]}, "do[0]: does nothing"),
        ({"target": "RESOLUTION", "at": "50%", "do": [{"notify": ["all"]}]}, "do[0].notify[0]: 'all' is not agent"),
        ({"target": "RESOLUTION", "at": "50%", "do": [{"priority": "X"}]}, "do[0].priority: 'X' is no priority"),
    ):
        found = await refused(world, ada, "POST", "policies", GOLD | {"levels": [level]})
        assert f"levels[0].{told}" in found[1][0]


async def test_a_dry_run_says_for_how_many_open_tickets(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    for number, priority in enumerate(("CRITICAL", "CRITICAL", "LOW")):
        await Story(world, f"t{number}", priority).raised()
    ended = await Story(world, "t9", "CRITICAL").raised()
    await ended.becomes("RESOLVED")
    plan = await send(world, ada, "POST", "policies?dryRun=true", GOLD)
    assert plan == {"changes": ["policy Gold: new"], "openTickets": 3, "openTicketsAffected": 2}
    assert await send(world, ada, "GET", "terms/history") == []
    assert await refused(world, ada, "POST", "policies?dryRun=true", GOLD | {"targets": {}})


async def test_holidays_are_copied_from_the_package_and_from_a_file(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    await send(world, ada, "POST", "calendars", OFFICE | {"holidays": {"2026-01-01": "Closed"}})
    berlin = {"country": "DE", "region": "BE", "firstYear": 2026, "lastYear": 2035}
    await send(world, ada, "POST", "calendars/Office/holidays", berlin)
    holidays = (await send(world, ada, "GET", "calendars/Office"))["holidays"]
    assert (holidays["2026-01-01"], holidays["2026-03-08"], holidays["2035-12-26"]) == (
        "Closed",
        "Women's Day",
        "Second Day of Christmas",
    )
    assert len(holidays) >= 100, "ten years"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1", "DTSTART;VALUE=DATE:20261228"]
    lines += ["DTEND;VALUE=DATE:20261231", "SUMMARY:Between the years", "END:VEVENT", "BEGIN:VEVENT", "UID:2"]
    lines += ["DTSTART:20260601T090000Z", "SUMMARY:An appointment", "END:VEVENT", "END:VCALENDAR", ""]
    await send(world, ada, "POST", "calendars/Office/holidays", {"ics": "\r\n".join(lines)})
    holidays = (await send(world, ada, "GET", "calendars/Office"))["holidays"]
    assert [day for day, name in holidays.items() if name == "Between the years"] == [
        "2026-12-28",
        "2026-12-29",
        "2026-12-30",
    ]
    yearly = "\r\n".join(lines).replace("UID:1", "UID:1\r\nRRULE:FREQ=YEARLY")
    for order, told in (
        ({}, "country: or ics is needed"),
        ({"country": "XX", "firstYear": 2026}, "country: must be a code such as DE"),
        ({"country": "DE", "region": "XX", "firstYear": 2026}, "region: must be one of BB, BE"),
        ({"country": "DE", "firstYear": 2026, "lastYear": 2099}, "years: must be at most 30 years"),
        ({"country": "DE"}, "firstYear: is missing"),
        ({"ics": "BEGIN:VCALENDAR"}, "ics: "),
        ({"ics": "nothing"}, "ics: "),
        ({"ics": yearly}, "ics: 'Between the years' on 2026-12-28 repeats by a rule"),
    ):
        assert (await refused(world, ada, "POST", "calendars/Office/holidays", order))[1][0].startswith(told), order


async def test_a_change_may_wait_for_its_instant_and_be_withdrawn(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    later = await send(world, ada, "POST", "policies?effectiveFrom=2026-03-02T10:00:00Z", GOLD)
    assert later["effectiveFrom"] == "2026-03-02T10:00:00Z"
    assert [p["name"] for p in await send(world, ada, "GET", "policies")] == ["default"]
    assert (await send(world, ada, "GET", "terms"))["planned"]["changes"] == ["policy Gold: new"]
    assert (await refused(world, ada, "POST", "calendars", OFFICE))[0] == 409
    await send(world, ada, "DELETE", "terms/planned")
    assert (await refused(world, ada, "DELETE", "terms/planned"))[0] == 409
    await send(world, ada, "POST", "policies?effectiveFrom=2026-03-02T10:00:00Z", GOLD)
    await world.advance(hours=1)
    assert [p["name"] for p in await send(world, ada, "GET", "policies")] == ["Gold", "default"]
    told = [event.withdrawn for event in await world.log("SLA_TERMS_CHANGED") if isinstance(event, SlaTermsChanged)]
    assert told == [False, True, False]


# --- as a text -----------------------------------------------------------------------------------------------------


def test_what_is_written_reads_the_same() -> None:
    written = read_toml(DESK.encode())
    text = write_toml(written)
    assert read_toml(text.encode()) == written
    assert write_toml(read_toml(text.encode())) == text
    assert tomllib.loads(text) == msgspec.to_builtins(written)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ('name = "Berlin"', "name = Berlin", "at line 3, column 8"),
        ('zone = "Europe/Berlin"', 'zone = "Europe/Bärlin"', "line 4: calendars[0].zone: 'Europe/Bärlin' is not"),
        ('wed = ["09:00-12:00"', 'wed = ["09:00-14:00"', "line 8: calendars[0].week.wed[1]: 13:00-17:00 overlaps"),
        ('2026-03-03 = "Founders', '2026-02-29 = "Founders', "line 12: calendars[0].holidays.2026-02-29: "),
        ("always = true", "always = 1", "line 16: calendars[1].always: Expected `bool`, got `int`"),
        ("always = true", "ever = true", "unknown field `ever`"),
        ('["NETWORK"]', "[]", "line 20: policies[0].when.category: matches nothing"),
        ('HIGH = "2h"', 'HIGH = "0m"', "line 24: policies[0].targets.RESOLUTION.times.HIGH: must be more than nothing"),
        ('warn = "50%"', 'warn = "half"', "line 28: policies[1].warn: 'half' is not a share"),
        ('at = "100%"', 'at = "later"', "line 37: policies[1].levels[0].at: 'later' is not a share"),
        ('name = "Office"', 'name = "Network"', "line 27: policies[1].name: 'Network' is taken by policies[0]"),
        ("when = {", "#", "line 26: policies[1].when: never applies: policies[0] (Network) takes every ticket"),
    ],
)
def test_a_mistake_in_a_text_is_told_with_its_line(was: str, becomes: str, told: str) -> None:
    assert was in DESK
    with pytest.raises(Invalid) as raised:
        read_toml(DESK.replace(was, becomes, 1).encode())
    assert any(told in line for line in (raised.value.message, *raised.value.errors)), raised.value.errors


def test_a_calendar_that_is_named_often_is_laid_out_once() -> None:
    text = DESK.replace('calendars = ["Berlin"]', "calendars = [" + '"Berlin", ' * 20_000 + "]")
    office = next(each for each in read_terms(read_toml(text.encode())).policies if each.name == "Office")
    assert [each.name for each in office.hours["RESOLUTION"].calendars] == ["Berlin"]


def test_not_a_text_at_all() -> None:
    for text in (b"\xff\xfe", b"\x00", b"[" * 10_000, b"x" * 5_000_000):
        with pytest.raises(Invalid):
            read_toml(text)


ENDLESS = {
    "dots": "a." * 20_000 + "a = 1",
    "policies": "".join(
        f'[[policies]]\nname = "p{n}"\n[policies.targets.RESOLUTION]\ncalendars = ["o"]\ntimes = {{ HIGH = "1h" }}\n'
        for n in range(2000)
    ),
    "digits": "a = " + "1" * 5000,
    "backslash": 'a = """\n' + '\\"""\n' * 20_000 + "\\",
}


@pytest.mark.one_engine
async def test_no_text_holds_up_those_who_are_at_work(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    told = []
    began = time.process_time()
    for text in ENDLESS.values():
        for method, path in (("PUT", "terms"), ("POST", "backtest")):
            status, errors = await refused(world, ada, method, path, {"text": text})
            assert status == 400
            told += errors
        for path in ("/admin/sla/text", "/admin/sla/backtest"):
            headers = {"Accept": "text/html", **ada.headers}
            page = await world.http.post(path, headers=headers, data={"text": text, "do": "plan"})
            assert page.status_code == 400
            assert 'id="text-error">' in page.text
    assert time.process_time() - began < 8, "each took as long as the square of its length, or longer"
    assert (
        told[::2]
        == told[1::2]
        == [
            "Line 1 has a key of more than 16 parts.",
            "policies: has 2000 entries, at most 200 fit",
            "A number is too long.",
            "This is not TOML: Unescaped '\\' in a string (at end of document).",
        ]
    )


def test_a_long_key_is_seen_wherever_it_stands_and_dots_elsewhere_are_none() -> None:
    long, short = " . ".join("a" * 17), ".".join("a" * 16)
    for text in (f"[{long}]", f"b = 1\n{long} = 1", f'x = ["""a"""", {{ {long} = 1 }}]', f"x = '''\\'''\n{long} = 1"):
        with pytest.raises(Invalid, match=r"^Line \d has a key of more than 16 parts"):
            read_toml(text.encode())
    for text in (f"{short} = 1", f'b = "{long}"', f"b = 1 # {long}", f"b = '''\n{long} = 1\n'''", f'"{long}" = 1'):
        with pytest.raises(Invalid, match="unknown field"):
            read_toml(text.encode())


async def test_a_text_over_http_is_told_what_is_wrong_with_it_and_given_back(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    wrong = DESK.replace("09:00-12:00", "09:00-14:00", 1)
    status, errors = await refused(world, ada, "PUT", "terms", {"text": wrong})
    assert (status, errors) == (400, ["line 6: calendars[0].week.mon[1]: 13:00-17:00 overlaps 09:00-14:00"])
    plan = await send(world, ada, "PUT", "terms?dryRun=true", {"text": DESK})
    assert plan["changes"] == [
        "calendar Berlin: new",
        "policy Network: new",
        "policy Office: new",
        "policy default: gone",
    ]
    await send(world, ada, "PUT", "terms", {"text": DESK})
    assert (await send(world, ada, "GET", "terms"))["text"] == DESK
    await send(world, ada, "PUT", "terms", {"text": DESK + "# Thanks.\n"})
    seen = await send(world, ada, "GET", "terms")
    assert (seen["text"], seen["number"]) == (DESK + "# Thanks.\n", 1), "only the words are others"
    berlin = await send(world, ada, "GET", "calendars/Berlin")
    await send(world, ada, "PUT", "calendars/Berlin", {k: berlin[k] for k in ("name", "zone", "week")})
    text = (await send(world, ada, "GET", "terms"))["text"]
    assert "holidays" not in text
    assert read_toml(text.encode()).policies == read_toml(DESK.encode()).policies


def command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(build(), ["sla", *words, "--data-dir", str(folder)])


@pytest.mark.one_engine
def test_plan_apply_and_export_at_a_prompt(tmp_path: Path) -> None:
    desk, file, copy = tmp_path / "desk", tmp_path / "desk.toml", tmp_path / "copy.toml"
    file.write_text(DESK)
    planned = command(desk, "plan", str(file))
    assert "policy Office: new\n" in planned.output
    assert "Open tickets: 0, of which 0 would follow." in planned.output
    assert msgspec.json.decode(command(desk, "plan", str(file), "--json").output)["openTickets"] == 0
    assert "Edition 1 holds from" in command(desk, "apply", str(file)).output
    assert command(desk, "apply", str(file)).output == "Nothing would be different.\n"
    assert command(desk, "export", "-o", str(copy)).exit_code == 0
    assert copy.read_text() == DESK == command(desk, "export").output
    file.write_text(DESK.replace('zone = "Europe/Berlin"', 'zone = "Berlin"'))
    for verb in ("plan", "apply"):
        failed = command(desk, verb, str(file))
        assert failed.exit_code == 1
        assert "desk.toml: line 4: calendars[0].zone: 'Berlin' is not a time zone" in failed.output
    assert command(desk, "export").output == DESK
    assert "is not an instant" in command(desk, "apply", str(copy), "--from", "soon").output
    shown = CliRunner().invoke(build(), ["sla", "holidays", "DE", "--region", "BE", "--years", "2026-2027"]).output
    assert len(tomllib.loads(shown)) == 20
    assert CliRunner().invoke(build(), ["sla", "holidays", "DE", "--years", "soon"]).exit_code == 1


# --- open tickets follow -------------------------------------------------------------------------------------------


async def test_open_tickets_follow_and_ended_ones_never_change(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    high = await Story(world, "t1").raised()
    done = await Story(world, "t2").raised()
    await done.becomes("RESOLVED")
    low = await Story(world, "t3", "LOW").raised()
    before = await world.sql("SELECT * FROM sla_clock WHERE ticket_id = 't2' ORDER BY id")
    await world.advance(hours=2)
    await send(world, ada, "PUT", "terms", {"text": DESK})
    await world.advance(seconds=1)
    assert await world.sql("SELECT * FROM sla_clock WHERE ticket_id = 't2' ORDER BY id") == before
    told = await high.told()
    assert ("SLA_RECOMPUTED", "RESOLUTION", 1) in told
    rows = await world.sql("SELECT * FROM sla_clock WHERE target = 'RESOLUTION' ORDER BY ticket_id")
    # 09:00 UTC is 10:00 in Berlin: six of its hours on Monday, Tuesday is a holiday, two on Wednesday.
    assert rows[0]["due_at"] == at("10:00") + 48 * HOUR
    assert [row["policy"] for row in rows] == ["Office", "default", "Office"]
    assert await world.desk.audit() == []
    await low.becomes("RESOLVED")
    assert await world.sql("SELECT after FROM sla_edition WHERE after IS NOT NULL") == []
