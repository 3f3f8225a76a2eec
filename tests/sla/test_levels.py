"""Escalation in levels: at their moments, each once, in order, with what is done logged for everybody to see."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from answerable.kernel.times import iso
from answerable.kernel.tx import Tx
from answerable.messages.assignment import ReplaceAgent
from answerable.messages.sla import SlaLevelReached, TicketEscalated
from answerable.messages.tickets import RaisePriority
from answerable.messages.users import UserChanged
from answerable.sla import rules
from answerable.sla.actions.terms import change_terms
from answerable.sla.rules import edits
from answerable.sla.rules.toml import read_toml
from tests.people import make_person
from tests.sla.stories import HOUR, Story, at, clock_of, manager, metrics_of, ref
from tests.world import TESTER, World, json_of, open_world

POLICY = """
[[calendars]]
name = "always"
always = true
[[policies]]
name = "default"
[policies.targets.RESOLUTION]
calendars = ["always"]
times = {{ CRITICAL = "1h", HIGH = "4h", MEDIUM = "8h", LOW = "24h" }}
{levels}
"""
LEVELS = """
[[policies.levels]]
target = "RESOLUTION"
at = "50%"
do = [{ notify = ["agent", "role:MANAGER", "person:bea"] }]
[[policies.levels]]
target = "RESOLUTION"
at = "-30m"
unassigned = true
do = [{ reassign = true }]
[[policies.levels]]
target = "RESOLUTION"
at = "100%"
do = [{ manager = true }, { priority = "CRITICAL" }]
[[policies.levels]]
target = "RESOLUTION"
at = "+1h"
do = [{ manager = true }]
when = { priority = ["LOW"] }
[[policies.levels]]
target = "RESOLUTION"
at = "150%"
do = [{ reassign = true }]
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk", auth__access_seconds=10**6) as opened:
        await apply(opened, LEVELS)
        await opened.tell(manager("max"), manager("ada", "ADMIN"))
        yield opened


async def apply(world: World, levels: str) -> None:
    edit = edits.all_new(read_toml(POLICY.format(levels=levels).encode()))
    await world.db.write(TESTER, change_terms, edit)
    await world.settle()


async def came(world: World, cycle: int = 1) -> list[tuple[str, str, str]]:
    clock = await clock_of(world, "RESOLUTION", cycle)
    return [
        (row["name"], iso(row["at"])[11:16], row["done"])
        for row in await world.sql("SELECT * FROM sla_level WHERE clock_id = :c ORDER BY number", c=clock.id)
    ]


async def test_each_level_comes_once_at_its_moment_and_says_what_it_did(world: World) -> None:
    await Story(world).raised()
    await world.advance(hours=20)
    assert await came(world) == [
        ("50%", "11:00", "tell agent and role:MANAGER and person:bea"),
        ("-30m", "12:30", "give it to another agent"),
        ("100%", "13:00", "call a manager in, priority CRITICAL"),
        ("+1h", "14:00", "Its condition did not fit"),
        ("150%", "15:00", "give it to another agent"),
    ]
    [told] = [e for e in await world.log("SLA_LEVEL_REACHED") if isinstance(e, SlaLevelReached)]
    assert (told.level, told.due_at, told.notify) == ("50%", at("13:00"), ["max", "bea"])
    assert told.reason == "Resolution is due at 2026-03-02T13:00:00Z"
    called = [e for e in await world.log("TICKET_ESCALATED") if isinstance(e, TicketEscalated)]
    assert [(e.manager_id, e.reason) for e in called] == [("max", "Resolution was due at 2026-03-02T13:00:00Z")]
    assert [e.priority for e in await world.log("RAISE_PRIORITY") if isinstance(e, RaisePriority)] == ["CRITICAL"]
    assert len([e for e in await world.log("REPLACE_AGENT") if isinstance(e, ReplaceAgent)]) == 2
    notices = await world.sql("SELECT title FROM notifications_notice WHERE user_id = 'max' ORDER BY id")
    told_of = [row["title"] for row in notices]
    assert told_of == ["Ticket #1001 is in danger", "Ticket #1001 is escalated to you"]
    assert await world.desk.audit() == []
    before = await world.log()
    await world.redeliver_everything()
    await world.advance(hours=9)
    assert await world.log() == before


async def test_a_manager_of_whom_the_news_comes_after_is_told_late(world: World) -> None:
    """People and tickets travel on topics of their own; who became one after it came is not told."""
    [news, _] = await world.envelopes("USER_REGISTERED")

    async def not_yet_heard(tx: Tx) -> None:
        await tx.run("DELETE FROM sla_manager WHERE id = 'max'")
        await tx.run("DELETE FROM bus_inbox WHERE message = :id AND consumer = 'sla'", id=news.id)

    await world.db.write(TESTER, not_yet_heard)
    await Story(world).raised()
    over = await Story(world, "t2").raised()
    await world.advance(hours=3)
    await over.becomes("RESOLVED")
    await world.tell(manager("mia"))
    await world.redeliver_everything()
    await world.tell(UserChanged(user_id="max", name="Max", email="", roles=["MANAGER"], active=True, changed=["name"]))
    told = [e for e in await world.log("SLA_LEVEL_REACHED") if isinstance(e, SlaLevelReached)]
    assert sorted((e.ticket.id, e.level, e.notify, e.late) for e in told) == [
        ("t1", "50%", ["bea"], False),
        ("t1", "50%", ["max"], True),
        ("t2", "50%", ["bea"], False),
    ], "of a promise that is over nobody is told any more"
    assert {e.reason for e in told} == {"Resolution is due at 2026-03-02T13:00:00Z"}
    notices = await world.sql("SELECT user_id FROM notifications_notice WHERE type = 'SLA_LEVEL_REACHED'")
    assert [row["user_id"] for row in notices] == ["max"]
    assert await world.desk.audit() == []


async def test_after_a_long_sleep_all_come_in_order_each_once(world: World) -> None:
    await Story(world).raised()
    world.clock.now += 30 * HOUR
    await world.advance(seconds=0)
    assert [name for name, _, _ in await came(world)] == ["50%", "-30m", "100%", "+1h", "150%"]
    metrics = await metrics_of(world, await clock_of(world, "RESOLUTION"))
    assert [(metric.kind, iso(metric.at)[11:16]) for metric in metrics[1:]] == [
        ("level", "11:00"),
        ("warn", "12:00"),
        ("level", "12:30"),
        ("breach", "13:00"),
        ("level", "13:00"),
        ("level", "14:00"),
        ("level", "15:00"),
    ]


async def test_in_a_crowd_the_breach_comes_first_and_all_else_as_it_would_have(world: World) -> None:
    await Story(world).raised()
    clock = await clock_of(world, "RESOLUTION")
    assert rules.look_as_far_as_broken(clock, ref(), at("12:59")) == rules.Change(clock)
    whole = rules.look(clock, ref(), at("16:00"))
    first = rules.look_as_far_as_broken(clock, ref(), at("16:00"))
    assert [metric.kind for metric in first.metrics] == ["level", "warn", "level", "breach"]
    then = rules.look(first.clock, ref(), at("16:00"))
    assert (then.clock, first.metrics + then.metrics, first.events + then.events) == (
        whole.clock,
        whole.metrics,
        whole.events,
    )
    assert rules.look_as_far_as_broken(first.clock, ref(), at("16:00")) == rules.Change(first.clock)


async def test_what_is_over_is_not_escalated_any_more(world: World) -> None:
    story = await Story(world).raised()
    world.clock.now = at("14:30")  # no timer looked
    await story.becomes("RESOLVED")
    assert {done for _, _, done in await came(world)} == {"It was over"}
    assert not await world.log("SLA_LEVEL_REACHED", "TICKET_ESCALATED", "RAISE_PRIORITY")
    await world.advance(hours=5)
    assert len(await came(world)) == 4


async def test_a_pause_moves_the_levels_and_a_new_cycle_has_its_own(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(hours=1)
    await story.becomes("WAITING")
    await world.advance(hours=10)
    assert await came(world) == []
    await story.becomes("IN_PROGRESS")
    await world.advance(hours=1)
    assert [(name, when) for name, when, _ in await came(world)] == [("50%", "21:00")]
    await story.becomes("RESOLVED")
    await world.advance(hours=1)
    await story.becomes("IN_PROGRESS")
    # What was past already in the last cycle comes again in this one: it is another promise.
    assert [(name, when) for name, when, _ in await came(world, 2)] == [("50%", "22:00")]
    assert await world.desk.audit() == []


async def test_other_levels_come_as_they_are_new_and_none_twice(world: World) -> None:
    await Story(world).raised()
    await world.advance(minutes=150)
    other = LEVELS.replace('at = "-30m"\nunassigned = true', 'at = "40%"')
    await apply(world, other)
    await world.advance(seconds=1)
    assert [name for name, _, _ in await came(world)] == ["50%", "40%"], "the new one is past already"
    await world.advance(hours=1)
    await apply(world, LEVELS)
    await world.advance(hours=9)
    assert [name for name, _, _ in await came(world)] == ["50%", "40%", "-30m", "100%", "+1h", "150%"]
    assert await world.desk.audit() == []


async def test_two_processes_that_look_at_once_do_it_once(tmp_path: Path) -> None:
    async with open_world(tmp_path / "both") as one, open_world(tmp_path / "both") as two:
        await apply(one, LEVELS)
        await one.tell(manager("max"))
        await Story(one).raised()
        for world in (one, two):
            world.clock.now = at("13:30")
            await world.advance(seconds=0)
        assert [name for name, _, _ in await came(one)] == ["50%", "-30m", "100%"]
        assert len(await one.log("TICKET_ESCALATED")) == 1


async def test_everybody_who_sees_the_ticket_sees_its_levels(world: World) -> None:
    await Story(world).raised()
    await world.advance(hours=3)
    mia = await make_person(world, "MANAGER")
    [clock] = json_of(await world.http.get("/api/tickets/t1/sla", headers=mia.headers))
    shown = [(level["name"], level["at"][11:16], level["done"] is not None) for level in clock["levels"]]
    assert shown == [
        ("50%", "11:00", True),
        ("-30m", "12:30", False),
        ("100%", "13:00", False),
        ("+1h", "14:00", False),
        ("150%", "15:00", False),
    ]


# --- what is asked of the others is done ---------------------------------------------------------------------------


async def raised_and_assigned(world: World) -> tuple[Any, Any, Any, str]:
    una, mia = await make_person(world, "USER"), await make_person(world, "MANAGER")
    abe = await make_person(world, "AGENT", name="Abe")
    draft = {"title": "No sound", "description": "Silence since noon.", "category": "HARDWARE", "priority": "HIGH"}
    ticket = json_of(await world.http.post("/api/tickets", headers=una.headers, json=draft))
    await world.settle()
    return mia, abe, await make_person(world, "AGENT", name="Bea"), f"/api/tickets/{ticket['id']}"


async def test_the_priority_is_raised_and_the_promises_follow(world: World) -> None:
    mia, abe, _, path = await raised_and_assigned(world)
    assert json_of(await world.http.get(path, headers=mia.headers))["assignedTo"] == abe.id
    await world.advance(hours=5)
    ticket = json_of(await world.http.get(path, headers=mia.headers))
    assert (ticket["priority"], ticket["slaDueAt"], ticket["slaBreached"]) == ("CRITICAL", "2026-03-02T10:00:00Z", True)
    history = json_of(await world.http.get(f"{path}/history", headers=mia.headers))
    assert [(line["performedBy"], line["description"]) for line in history if "riority" in line["description"]] == [
        ("SYSTEM", "Priority HIGH → CRITICAL")
    ]
    assert await world.desk.audit() == []


async def test_another_agent_gets_the_ticket_if_one_is_free(world: World) -> None:
    mia, abe, bea, path = await raised_and_assigned(world)
    await world.advance(hours=7)  # 150%
    ticket = json_of(await world.http.get(path, headers=mia.headers))
    assert ticket["assignedTo"] == bea.id
    history = json_of(await world.http.get(f"{path}/history", headers=mia.headers))
    assert history[-1]["description"] == "Reassigned to Bea"
    workload = json_of(await world.http.get("/api/agents/workload", headers=mia.headers))
    assert {each["agentId"]: each["activeTickets"] for each in workload} == {abe.id: 0, bea.id: 1}
    assert await world.desk.audit() == []
