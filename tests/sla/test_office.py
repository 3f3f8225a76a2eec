"""Promises of an office with hours, holidays and several policies: kept on its time, and explained by segments."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from answerable.kernel.times import iso, parse_iso
from answerable.messages.sla import SlaBreached, SlaFulfilled, SlaRecomputed
from answerable.messages.tickets import TicketCreated
from answerable.sla import timers
from answerable.sla.actions import clocks
from answerable.sla.actions.terms import change_terms
from answerable.sla.rules import edits
from answerable.sla.rules.toml import read_toml
from tests.people import make_person
from tests.sla.stories import HOUR, MINUTE, START, Story, at, clock_of, metrics_of, ref
from tests.world import TESTER, World, json_of, open_world

DESK = (Path(__file__).parent / "desk.toml").read_text()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A desk with the hours of Berlin: 08:00-11:00 and 12:00-16:00 UTC in March, Tuesday the 3rd is a holiday."""
    async with open_world(tmp_path / "desk", auth__access_seconds=10**6) as opened:
        await apply(opened, DESK)
        yield opened


async def apply(world: World, text: str, effective_from: int | None = None) -> None:
    await world.db.write(TESTER, change_terms, edits.all_new(read_toml(text.encode())), effective_from)
    await world.settle()


async def due(world: World, target: str = "RESOLUTION", cycle: int = 1) -> str | None:
    found = (await clock_of(world, target, cycle)).due_at
    return None if found is None else iso(found)


async def test_it_is_due_in_the_offices_own_time(world: World) -> None:
    await Story(world).raised()  # 10:00 in Berlin, eight hours: two before noon, four after, two on Wednesday
    assert await due(world) == "2026-03-04T10:00:00Z"
    assert await due(world, "FIRST_RESPONSE") == "2026-03-02T10:00:00Z"
    await world.advance(days=3)
    sealed = {
        (e.type, iso(e.time)) for e in await world.envelopes("SLA_AT_RISK", "SLA_BREACHED") if "RESOLUTION" in e.body
    }
    assert sealed == {("SLA_AT_RISK", "2026-03-02T14:00:00Z"), ("SLA_BREACHED", "2026-03-04T10:00:00Z")}
    assert await world.desk.audit() == []


async def test_a_pause_counts_for_as_much_as_the_office_was_open_in_it(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(hours=6)
    await story.becomes("WAITING")  # an hour before it closes
    assert await due(world) is None
    await world.advance(hours=42)
    await story.becomes("IN_PROGRESS")  # on Wednesday, an hour after it opened
    assert await due(world) == "2026-03-04T13:00:00Z"
    await world.advance(hours=3)
    assert not [e for e in await world.log("SLA_BREACHED") if isinstance(e, SlaBreached) and e.target == "RESOLUTION"]
    await story.becomes("RESOLVED")
    await world.advance(hours=1)
    await story.becomes("IN_PROGRESS")
    assert await due(world, cycle=2) == "2026-03-04T14:00:00Z"
    assert await world.desk.audit() == []


async def test_each_clock_is_explained_by_its_segments(world: World) -> None:
    story = await Story(world).raised()
    await story.answered()
    await world.advance(hours=6)
    await story.becomes("WAITING")
    await world.advance(minutes=30)
    await story.becomes("IN_PROGRESS")
    await world.advance(hours=41)
    mia = await make_person(world, "MANAGER")
    found = json_of(await world.http.get("/api/tickets/t1/sla", headers=mia.headers))
    clock = next(each for each in found if each["target"] == "RESOLUTION")
    told = [(s["why"], s["minutes"], s["counts"], s["detail"]) for s in clock["segments"]]
    assert told == [
        ("OPEN", 120, True, "Open"),
        ("CLOSED", 60, False, "Outside the opening hours"),
        ("OPEN", 180, True, "Open"),
        ("PAUSED", 30, False, "Waiting for the requester"),
        ("OPEN", 30, True, "Open"),
        ("HOLIDAY", 2400, False, "Closed: 2026-03-03 Founders' day"),
        ("OPEN", 30, True, "Open"),
    ]
    assert sum(s["minutes"] for s in clock["segments"] if s["counts"]) == clock["elapsedMinutes"] == 360
    expected = {
        "policy": "Office",
        "policyVersion": 1,
        "appliesTo": "any ticket",
        "calendars": ["Berlin"],
        "targetMinutes": 480,
        "remainingMinutes": 120,
        "dueAt": "2026-03-04T10:30:00Z",
        "atRiskAt": "2026-03-02T14:00:00Z",
        "warned": True,
        "breached": False,
    }
    assert {name: clock[name] for name in expected} == expected
    await story.becomes("RESOLVED")
    await world.advance(hours=1)
    await story.becomes("WAITING")
    found = json_of(await world.http.get("/api/tickets/t1/sla", headers=mia.headers))
    again = next(each for each in found if each["target"] == "RESOLUTION")
    assert (again["cycle"], again["state"], again["dueAt"]) == (2, "PAUSED", None)
    assert [s["detail"] for s in again["segments"] if s["why"] == "PAUSED"] == ["Waiting for the requester", "Resolved"]


async def test_another_category_is_another_policy(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(minutes=30)
    await story.becomes_category("NETWORK")
    assert await due(world) == "2026-03-02T11:00:00Z"
    dropped = [e for e in await world.log("SLA_FULFILLED") if isinstance(e, SlaFulfilled)]
    assert [(e.target, e.cancelled) for e in dropped] == [("FIRST_RESPONSE", True)], "that policy promises none"
    clock = await clock_of(world, "FIRST_RESPONSE")
    assert (await metrics_of(world, clock))[-1].detail == "No policy promises this any more"
    told = [e for e in await world.log("SLA_RECOMPUTED") if isinstance(e, SlaRecomputed)]
    assert [(e.policy, e.reason) for e in told] == [("Network", "Category is now NETWORK")]
    await story.becomes_priority("LOW")
    assert (await clock_of(world, "RESOLUTION")).policy == "Office"
    assert await due(world) == "2026-03-06T13:00:00Z"
    await story.becomes_category("SOFTWARE")
    assert len(await world.log("SLA_RECOMPUTED")) == 2, "the same policy, the same promise"
    assert await world.desk.audit() == []


async def test_a_policy_may_promise_no_answer_and_begin_anew_when_reopened(world: World) -> None:
    story = Story(world)
    story.ref = ref(category="NETWORK")
    await story.raised()
    assert [target for _, target, _ in await story.told()] == ["RESOLUTION"]
    await story.asked()
    await story.answered()
    await world.advance(hours=1)
    await story.becomes("RESOLVED")
    await world.advance(hours=5)
    await story.becomes("IN_PROGRESS")
    again = await clock_of(world, "RESOLUTION", 2)
    assert (again.started_at, again.due_at) == (world.clock.now, world.clock.now + 2 * HOUR)
    assert len(await story.told()) == 3


async def test_without_any_policy_nothing_is_promised_and_nothing_breaks(world: World) -> None:
    await apply(world, DESK[: DESK.index('[[policies]]\nname = "Office"')])
    story = await Story(world).raised()
    for status in ("IN_PROGRESS", "WAITING", "IN_PROGRESS", "RESOLVED", "IN_PROGRESS", "CANCELLED"):
        await story.becomes(status)
    await story.asked()
    await story.becomes_priority("LOW")
    assert await story.told() == []
    assert await world.sql("SELECT * FROM sla_clock") == []
    late = Story(world, "t2")
    await late.answered()  # and nobody has heard that it was raised
    assert await late.told() == []


async def test_a_change_holds_from_its_instant_on_to_the_microsecond(world: World) -> None:
    await Story(world).raised()
    instant = at("10:00") + 1
    shorter = DESK.replace('HIGH = "8h"', 'HIGH = "90m"').replace('LOW = "24h" }', 'LOW = "23h" }')
    await apply(world, shorter, instant)
    assert await due(world) == "2026-03-04T10:00:00Z"
    await world.advance(hours=1)
    assert await due(world) == "2026-03-04T10:00:00Z"
    await world.advance(seconds=1)
    told = [e for e in await world.log("SLA_RECOMPUTED") if isinstance(e, SlaRecomputed)]
    assert [(e.target, e.due_at) for e in told] == [("RESOLUTION", at("10:30"))]
    clock = await clock_of(world, "RESOLUTION")
    assert clock.applied_at == instant
    assert (await metrics_of(world, clock))[-1].detail == "At risk" or clock.warned_at == instant
    await world.advance(hours=1)
    assert (await clock_of(world, "RESOLUTION")).breached_at == at("10:30")
    assert await world.desk.audit() == []


async def test_what_is_late_under_new_terms_is_late_from_when_they_hold(world: World) -> None:
    await Story(world).raised()
    await world.advance(hours=2)
    await apply(world, DESK.replace('HIGH = "8h"', 'HIGH = "30m"'))
    held_from = world.clock.now
    await world.advance(minutes=5)
    breach = [e for e in await world.log("SLA_BREACHED") if isinstance(e, SlaBreached) and e.target == "RESOLUTION"]
    assert [(e.due_at, e.breached_at) for e in breach] == [(at("09:30"), held_from)]


async def test_a_ticket_that_is_heard_of_late_has_the_terms_of_its_time_then_those_of_now(world: World) -> None:
    await world.advance(hours=1)
    await apply(world, DESK.replace('HIGH = "8h"', 'HIGH = "4h"'))
    await world.advance(hours=1)
    await world.tell(TicketCreated(ticket=ref(created_at=START), created_by="una"))
    clock = await clock_of(world, "RESOLUTION")
    kinds = [(metric.kind, metric.target_micros) for metric in await metrics_of(world, clock) if metric.target_micros]
    assert kinds == [("activate", 8 * HOUR), ("apply_policy", 4 * HOUR)]
    assert clock.applied_at == START + HOUR


async def test_what_a_late_message_begins_is_held_to_the_terms_of_its_time_then_to_those_of_now(world: World) -> None:
    answers = '[policies.targets.NEXT_RESPONSE]\ncalendars = ["Berlin"]\ntimes = { HIGH = "1h" }\n[[policies.levels]]'
    first = DESK.replace("[[policies.levels]]", answers)
    await apply(world, first)
    story = await Story(world).raised()
    await story.answered()
    solved = await Story(world, "t2").raised()
    await solved.becomes("RESOLVED")
    told_at = world.clock.now
    await world.advance(hours=1)
    await apply(world, first.replace('HIGH = "8h"', 'HIGH = "4h"').replace('{ HIGH = "1h"', '{ HIGH = "30m"'))
    await world.advance(hours=1)  # all that is open has followed
    await world.db.write(TESTER, clocks.hear_requester, story.ref, told_at)
    for status in ("WAITING", "IN_PROGRESS"):
        await world.db.write(TESTER, clocks.follow_status, replace(solved.ref, status=status), told_at)
    asked = await clock_of(world, "NEXT_RESPONSE")
    again = await clock_of(world, "RESOLUTION", 2, "t2")
    assert (asked.started_at, asked.applied_at, asked.target_micros) == (told_at, START + HOUR, HOUR // 2)
    assert (again.target_micros, again.state) == (4 * HOUR, "RUNNING")
    assert asked.edition == again.edition == (await clock_of(world, "RESOLUTION")).edition


async def test_a_message_before_the_walk_has_come_is_held_to_the_terms_of_its_time(world: World) -> None:
    story = await Story(world).raised()
    await apply(world, DESK.replace('HIGH = "8h"', 'HIGH = "4h"'))
    await story.becomes("WAITING")  # no timer has run
    metrics = await metrics_of(world, await clock_of(world, "RESOLUTION"))
    assert [metric.kind for metric in metrics] == ["activate", "apply_policy", "pause"]
    await world.advance(seconds=1)
    assert len(await metrics_of(world, await clock_of(world, "RESOLUTION"))) == 3
    assert await world.desk.audit() == []


async def test_many_follow_in_bounded_units(world: World) -> None:
    many = timers.BATCH // 2 + 5
    await world.tell(*(TicketCreated(ticket=ref(f"t{number}"), created_by="una") for number in range(many)))
    await apply(world, DESK.replace('HIGH = "8h"', 'HIGH = "4h"'))
    assert await timers.follow_terms(world.desk.database) == timers.BATCH
    rows = await world.sql("SELECT COUNT(*) AS n FROM sla_metric WHERE kind = 'apply_policy'")
    assert 0 < rows[0]["n"] < many
    assert await timers.follow_terms(world.desk.database) == 10
    assert await timers.follow_terms(world.desk.database) == 0
    rows = await world.sql("SELECT COUNT(*) AS n FROM sla_metric WHERE kind = 'apply_policy'")
    assert rows[0]["n"] == many, "each resolution once; the answers are promised as before"


async def test_a_breach_that_comes_before_the_change_is_not_undone_by_it(world: World) -> None:
    await Story(world, priority="CRITICAL").raised()
    await apply(world, DESK.replace('CRITICAL = "1h"', 'CRITICAL = "20h"'), START + 61 * MINUTE)
    world.clock.now = parse_iso("2026-03-02T23:00:00Z")  # nothing looked in between
    await world.advance(seconds=1)
    clock = await clock_of(world, "RESOLUTION")
    assert clock.breached_at == at("10:00")
    assert await world.desk.audit() == []
