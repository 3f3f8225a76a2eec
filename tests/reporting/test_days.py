"""What happened on which day and how long tickets took are the same for any range, whatever was counted when."""

import statistics
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from answerable.kernel.paging import page_request
from answerable.kernel.span import Span
from answerable.kernel.times import DAY, HOUR, MINUTE
from answerable.kernel.tx import Tx
from answerable.reporting import queries, store
from answerable.reporting.actions import count
from answerable.reporting.queries import kept
from answerable.reporting.rules import edges_of
from tests.world import TESTER, World

ZONES = ("Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati", "America/New_York")
TICKETS, AGENTS = 400, ("abe", "bea", "cem", None)
INSERT = """INSERT INTO reporting_ticket (ticket_id, status, priority, category, requester_id, created_at)
    VALUES (:id, 'CREATED', 'LOW', 'OTHER', 'una', :created)"""
CHANGE = """UPDATE reporting_ticket SET status = :status, agent_id = :agent, resolved_at = :solved,
    resolution = :solved - created_at, first_response_at = :answered, sla_breached = :late, breached_at = :late_at,
    last_sequence = :sequence WHERE ticket_id = :id"""
# As migration 0007 had it, before the way of counting was said.
OTHER_WAY = "UPDATE reporting_ticket SET counted = substr(counted, 3) WHERE counted <> ''"


class Years:
    """Tickets of two years, of which anything may become at any time."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random, self.now = world, random, world.clock.now
        self.rows: dict[str, dict[str, Any]] = {}

    async def begin(self) -> None:
        for number in range(TICKETS):
            created = self.now - self.random.randrange(700 * DAY)
            sequence = self.random.randrange(9)  # of a few the tickets feature has not spoken yet
            self.rows[f"t{number:03}"] = {"id": f"t{number:03}", "created": created, "sequence": sequence}
        await self.world.db.write(TESTER, lambda tx: tx.run_many(INSERT, list(self.rows.values())))
        for agent_id in filter(None, AGENTS):  # one works here, one left, of one nothing was heard yet
            await self.world.db.write(TESTER, store.expect_agent, agent_id)
        await self.world.db.write(TESTER, store.save_agent, "abe", "Abe", 1, 1)
        await self.world.db.write(TESTER, store.save_agent, "bea", "Bea", 0, 1)
        await self.change(TICKETS)

    async def change(self, some: int) -> None:
        changed = self.random.sample(list(self.rows), some)
        for ticket_id in changed:
            row, random = self.rows[ticket_id], self.random
            solved, late, answered = (
                row["sequence"] > 0 and random.random() < 0.7,
                random.random() < 0.4,
                random.random() < 0.8,
            )
            row |= {
                "status": random.choice(("RESOLVED", "CLOSED")) if solved else "ASSIGNED",
                "agent": random.choice(AGENTS),
                "solved": row["created"] + random.choice((HOUR, DAY, 90 * DAY)) * random.randrange(9)
                if solved
                else None,
                "answered": row["created"] + random.randrange(3 * DAY) if answered else None,
                "late": int(late),
                "late_at": row["created"] + random.randrange(30 * DAY) if late else None,
            }
        values = [{name: row[name] for name in row if name != "created"} for row in map(self.rows.get, changed) if row]
        await self.world.db.write(TESTER, lambda tx: tx.run_many(CHANGE, values))

    async def count(self, some: int) -> int:
        return await self.world.db.write(TESTER, count, some)

    async def check(self) -> None:
        await self.world.db.read(TESTER, self._check)

    async def _check(self, tx: Tx) -> None:
        assert await kept.differences(tx) == []
        known = [row for row in self.rows.values() if row["sequence"]]
        first = min(row["created"] for row in known)
        moments = [self.now - self.random.randrange(720 * DAY) for _ in range(8)]
        for zone in self.random.sample(ZONES, 1):
            start, end = sorted(self.random.sample(moments, 2))
            for span in (Span(), Span(start, end), Span(end - 5 * DAY, end)):
                course = await queries.over_time(tx, span, ZoneInfo(zone))
                found = edges_of(max(first, span.start or first), span.end or self.now + 1, ZoneInfo(zone))
                assert course.step == found.step
                assert [(step.created, step.solved, step.breached) for step in course.rows] == [
                    tuple(
                        sum(begin <= (row[when] or -1) < end for row in known)
                        for when in ("created", "solved", "late_at")
                    )
                    for begin, end in pairwise(found.edges)
                ]
        for start, end in [sorted(self.random.sample(moments, 2)) for _ in range(2)]:
            await self._check_times(tx, Span(start, end), [row for row in known if start <= row["created"] < end])

    async def _check_times(self, tx: Tx, span: Span, within: list[dict[str, Any]]) -> None:
        def middle(rows: list[dict[str, Any]], when: str) -> float | None:
            took = [row[when] - row["created"] for row in rows if row[when] is not None]
            return round(statistics.median(took) / MINUTE, 2) if took else None

        page = page_request(page=0, size=9, cursor=None, count=None, sort=queries.AGENTS)
        listed = await queries.list_agents(tx, span, page)
        assert {agent.agent_id for agent in listed.rows} == {row["agent"] for row in within} - {None}
        for agent in listed.rows:
            own = [row for row in within if row["agent"] == agent.agent_id]
            assert agent.median_first_response_minutes == middle(own, "answered")
            assert agent.median_resolution_minutes == middle(own, "solved")
            assert agent.breaches == sum(row["late"] for row in own)
        times = await queries.resolution_time(tx, span)
        assert times.median_resolution_minutes == middle(within, "solved")


@pytest.fixture
async def years(desk: World) -> Years:
    found = Years(desk, Random(5))
    await found.begin()
    return found


async def test_every_range_says_the_same_whatever_is_counted(years: Years) -> None:
    await years.check()
    for some in (150, TICKETS):
        await years.count(some)
        await years.check()
        await years.change(60)
        await years.check()
    await years.count(TICKETS)
    await years.check()


async def test_what_was_counted_in_another_way_is_counted_anew(years: Years) -> None:
    await years.count(TICKETS)

    async def as_before(tx: Tx) -> None:
        await tx.run(OTHER_WAY)
        for table in ("kept", "agent_kept", "day"):
            await tx.run(f"DELETE FROM reporting_{table}")

    await years.world.db.write(TESTER, as_before)
    await years.check()
    await years.change(50)
    assert await years.count(200) == 200
    await years.check()
    assert await years.count(TICKETS) == sum(row["sequence"] > 0 for row in years.rows.values()) - 200
    await years.check()


async def test_the_audit_finds_a_day_that_is_wrong(years: Years) -> None:
    await years.count(TICKETS)

    async def spoil(tx: Tx) -> None:
        await tx.run("UPDATE reporting_day SET solved = solved + 1 WHERE day = (SELECT MIN(day) FROM reporting_day)")

    await years.world.db.write(TESTER, spoil)
    [wrong] = await years.world.db.read(TESTER, kept.differences)
    assert wrong.startswith("reporting: day ")
