"""What is counted of promises equals a recount of all of them, whatever was counted when, for any days in any zone."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from answerable.kernel.days import LENGTHS
from answerable.kernel.span import Span, days_between
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Tx
from answerable.messages.tickets import StatusChanged, TicketAssigned, TicketCreated
from answerable.sla import rules
from answerable.sla.actions.kept import count
from answerable.sla.actions.terms import change_terms
from answerable.sla.queries import reports
from answerable.sla.queries.kept import durations
from answerable.sla.rules import edits, kept
from answerable.sla.rules.figures import NOBODY, Counter, Tally, middle, ninth_tenth, outcome, week_of
from answerable.sla.rules.toml import read_toml
from answerable.sla.timers import UNCOUNTED, next_count
from tests.sla.stories import Story
from tests.world import TESTER, World, open_world

DESK = (Path(__file__).parent / "desk.toml").read_text()
STATUSES = ("ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "RESOLVED", "CLOSED", "CANCELLED", "CREATED")
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
LASTING: Any = {"storage__keep_messages_days": 10**4}  # the history takes weeks
ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Kiritimati")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "desk", **LASTING) as opened:
        await opened.db.write(TESTER, change_terms, edits.all_new(read_toml(DESK.encode())))
        yield opened


# --- one by one ----------------------------------------------------------------------------------------------------


async def recount(tx: Tx, span: Span) -> tuple[dict[tuple[str, str, str], Tally], list[reports.Times]]:
    """Go over all promises, as the reports did before anything was counted."""
    rows = [
        row
        for row in await tx.run(
            """SELECT c.*, t.priority, t.agent_id, t.category, t.created_at
            FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id"""
        )
        if span.holds(row["created_at"])
    ]
    counter = Counter()
    for row in rows:
        group = (row["priority"], row["agent_id"] or NOBODY, row["category"], week_of(row["created_at"]))
        counter.add(group, row["target"], outcome(row["state"], row["breached_at"]))
    ended = [row for row in rows if row["state"] == rules.FULFILLED]
    taken = await durations(tx, ended)
    times = []
    for target in rules.TARGETS:
        own = [taken[row["id"]] for row in ended if row["target"] == target]
        business, calendar = (sorted(each[measure] for each in own) for measure in kept.MEASURES)
        figures = [middle(business), ninth_tenth(business), middle(calendar), ninth_tenth(calendar)]
        hours = [None if figure is None else round(figure / HOUR, 2) for figure in figures]
        values: dict[str, Any] = dict(zip(reports.Times.__struct_fields__, (target, len(own), *hours), strict=True))
        times.append(reports.Times(**values))
    return counter.tallies(), times


async def expect_equal(world: World, span: Span) -> None:
    wanted = await world.db.read(TESTER, recount, span)
    found = await world.db.read(TESTER, reports.attainment, span)
    assert [
        ((each.by, each.name, each.target), (each.kept, each.broken, each.open, each.attainment)) for each in found
    ] == [(key, (tally.kept, tally.broken, tally.open, tally.attainment)) for key, tally in wanted[0].items()], span
    assert await world.db.read(TESTER, reports.times, span) == wanted[1], span


def some_span(rng: random.Random, now: int) -> Span:
    """Make up a range: days of a zone as people choose them, instants as programs do, ends that are open."""
    if rng.random() < 0.4:
        start, end = sorted(rng.randrange(now - 620 * DAY, now + 2 * DAY) for _ in range(2))
        return Span(rng.choice((start, None)), rng.choice((end + 1, None)))
    first, last = sorted(rng.choice((rng.randrange(622), rng.randrange(600, 622))) for _ in range(2))
    day = datetime.fromtimestamp(now // 1_000_000, UTC) - timedelta(days=620)
    from_, to = (f"{day + timedelta(days=number):%Y-%m-%d}" for number in (first, last))
    return days_between(rng.choice((from_, from_, "")), rng.choice((to, to, "")), ZoneInfo(rng.choice(ZONES)))


class Company:
    """Random things happen to tickets; some of their events come late or again."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.rng = rng
        self.stories: list[Story] = []

    async def act(self) -> None:
        rng, world = self.rng, self.world
        if len(self.stories) < 3 or rng.random() < 0.25:
            story = Story(world, f"t{len(self.stories)}", rng.choice(PRIORITIES))
            if rng.random() < 0.6:  # the parts of many months, in a few days
                story.ref = replace(story.ref, created_at=world.clock.now - rng.randrange(600 * DAY))
            self.stories.append(story)
            if rng.random() < 0.8:  # or its beginning is missed
                await story.raised()
        story = rng.choice(self.stories[-8:])
        match rng.randrange(9):
            case 0:
                await story.answered(internal=rng.random() < 0.2)
            case 1:
                await story.asked()
            case 2:
                await story.becomes_priority(rng.choice(PRIORITIES))
            case 3:
                await story.becomes_category(rng.choice(("HARDWARE", "OUR OWN TOOLS")))
            case 4:
                former, story.ref = story.ref, replace(story.ref, agent_id=rng.choice((None, "abe", "bea")))
                given = TicketAssigned(
                    ticket=story.ref, former_agent_id=former.agent_id, assigned_by=None, automatic=True
                )
                late = StatusChanged(ticket=former, former_status=former.status, status=former.status)
                await world.tell(given, *rng.choice(((), (), (late,), (late, given))))
            case _:
                if (wanted := rng.choice(STATUSES)) != story.ref.status:
                    await story.becomes(wanted)


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 9))])
async def test_the_reports_equal_a_recount_at_any_time_for_any_days(world: World, seed: int) -> None:
    rng = random.Random(seed)
    company = Company(world, rng)
    for _ in range(50):
        await world.advance(minutes=rng.choice((0, 0, 1, 17, 240, 900)))
        await company.act()
        if rng.random() < 0.3:
            await world.db.write(TESTER, count, rng.choice((1, 2, 50)))
        await expect_equal(world, Span())
        await expect_equal(world, some_span(rng, world.clock.now))
    await world.advance(seconds=1)
    assert await world.desk.audit() == []
    await world.redeliver_everything()
    for limit in (3, 50, 50):
        await expect_equal(world, some_span(rng, world.clock.now))
        await world.db.write(TESTER, count, limit)
        assert await world.desk.audit() == []
    assert await world.db.write(TESTER, count, 50) == 0, "all is counted, and nothing is left to do"
    for _ in range(15):
        await expect_equal(world, some_span(rng, world.clock.now))
    assert {row["days"] for row in await world.sql("SELECT days FROM sla_kept")} == set(LENGTHS)


async def test_many_promises_are_counted_by_the_timer_and_few_are_left_alone(world: World) -> None:
    raised = [Story(world, f"t{number}").ref for number in range(UNCOUNTED // 2)]
    await world.tell(*(TicketCreated(ticket=ticket, created_by="una") for ticket in raised))
    assert await world.db.read(TESTER, next_count) is None, "so many are counted one by one"
    await Story(world, "last").raised()
    assert await world.db.read(TESTER, next_count) == world.clock.now
    await world.advance(seconds=1)
    assert await world.db.read(TESTER, next_count) is None
    [week] = await world.sql("SELECT totals FROM sla_kept WHERE days = 7")
    counted = [row["totals"] for row in await world.sql("SELECT totals FROM sla_kept")]
    assert counted == [week["totals"]] * len(LENGTHS), "the same in a day and in sixty-four weeks"
    await expect_equal(world, Span())
    assert await world.desk.audit() == []


async def test_the_audit_finds_what_is_counted_wrong(world: World) -> None:
    await Story(world).raised()
    await world.db.write(TESTER, count, 1)

    async def spoil(tx: Tx) -> None:
        await tx.run("UPDATE sla_kept SET totals = '{}' WHERE days = 7")

    await world.db.write(TESTER, spoil)
    assert await world.desk.audit() == ["sla: part 2931 of 7 days is not what its promises are counted as: totals"]


async def test_two_that_count_at_once_count_once(world: World) -> None:
    for number in range(5):
        await Story(world, f"t{number}").raised()
    assert sorted(await asyncio.gather(*(world.db.write(TESTER, count, 10) for _ in range(3)))) == [0, 0, 5]
    await expect_equal(world, Span())


# --- places ----------------------------------------------------------------------------------------------------------


def test_about_how_long_grows_with_how_long() -> None:
    rng = random.Random(9)
    for about, more in pairwise(range(-1, 200)):
        assert kept.bounds_of(about)[1] == kept.bounds_of(more)[0]
    for duration in (-5, -1, *range(40), *(rng.randrange(2 ** rng.randrange(1, 60)) for _ in range(300))):
        low, high = kept.bounds_of(kept.about_of(duration))
        assert low <= duration < high
    assert [kept.found_at({4: 2, 9: 1, 7: 0}, place) for place in range(3)] == [(4, 0), (4, 1), (9, 0)]
    assert [kept.middle_places(number) for number in (0, 1, 2, 3)] == [(), (0,), (0, 1), (1,)]
    assert [kept.ninth_tenth_place(number) for number in (1, 10, 11)] == [0, 8, 9]
    with pytest.raises(LookupError):
        kept.found_at({4: 2}, 2)
