"""A page of agents is a part of the list of all, whoever is new, gone or unknown, whatever is counted already."""

from pathlib import Path
from random import Random
from typing import Any

from answerable.kernel.paging import page_request
from answerable.kernel.span import ALWAYS, Span
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Tx
from answerable.reporting import queries, store
from answerable.reporting.actions import count
from answerable.reporting.queries import kept
from tests.people import make_person
from tests.reporting.tale import Tale, report
from tests.world import TESTER, World, open_world

NAMES = ("abe", "Abe", "Zoë", "straße", "Strasse", "STRASSE", "Ömer", "omar", "Łukasz", "", "émile", "Émile")
UNKNOWN = ("nobody-1", "nobody-2")
DAYS = 20


class Company:
    """Agents who come and go, and their tickets of some weeks."""

    def __init__(self, world: World, random: Random) -> None:
        self.world, self.random, self.heard = world, random, 0
        self.agents = [f"agent-{place:02}" for place in range(30)]

    async def meet(self, agent_id: str, *, active: bool) -> None:
        self.heard += 1
        name = self.random.choice(NAMES)
        await self.world.db.write(TESTER, store.save_agent, agent_id, name, int(active), self.heard)

    async def live(self) -> None:
        for agent_id in self.agents:
            await self.meet(agent_id, active=self.random.random() < 0.6)
        for place in range(DAYS * 3):
            tale = await Tale(self.world, f"t-{place:03}").raised()
            if self.random.random() < 0.9:
                await tale.assigned(self.random.choice([*self.agents[::2], *UNKNOWN]))
            await self.world.advance(hours=4 + self.random.random() * 4)
            if self.random.random() < 0.5:
                await tale.resolved()

    async def change(self) -> None:
        rows = await self.world.sql("SELECT * FROM reporting_ticket ORDER BY ticket_id")
        for row in self.random.sample(rows, 9):
            tale = Tale(self.world, row["ticket_id"])
            tale.ref = type(tale.ref)(
                **{name: row[name] for name in ("priority", "category", "status", "requester_id", "agent_id")},
                **{"id": row["ticket_id"], "number": 1, "title": "", "created_at": row["created_at"]},
            )
            await tale.assigned(self.random.choice([*self.agents, *UNKNOWN]))
        await self.meet(self.random.choice(self.agents), active=self.random.random() < 0.5)

    async def expected(self, span: Span) -> list[tuple[str, str | None, int, int, int]]:
        """List all who are active or have tickets, from the rows of people and tickets."""
        people = {row["id"]: row for row in await self.world.sql("SELECT * FROM reporting_agent")}
        own: dict[str, list[Any]] = {row["id"]: [] for row in people.values() if row["active"]}
        for row in await self.world.sql("SELECT * FROM reporting_ticket"):
            inside = (span.start or 0) <= row["created_at"] < (span.end or 2**62)
            if row["agent_id"] and inside:
                own.setdefault(row["agent_id"], []).append(row)
        named = {agent_id: people[agent_id]["name"] for agent_id in own if agent_id not in UNKNOWN}
        return [
            (
                agent_id,
                named.get(agent_id),
                sum(row["status"] == "ASSIGNED" for row in own[agent_id]),
                sum(row["status"] == "RESOLVED" for row in own[agent_id]),
                sum(row["sla_breached"] for row in own[agent_id]),
            )
            for agent_id in sorted(own, key=lambda agent_id: (named.get(agent_id, "").casefold(), agent_id))
        ]

    async def check(self) -> None:
        now = self.world.clock.now
        starts = [now - self.random.randrange(DAYS * DAY) for _ in range(3)]
        spans = [ALWAYS, Span(starts[0], None), Span(None, starts[1]), Span(starts[2], starts[2] + 30 * HOUR)]
        for span in spans:
            everybody = await self.expected(span)
            for size in (1, 7, 1000):
                cursor: str | None = ""
                found = []
                while cursor is not None:
                    page = page_request(page=0, size=size, cursor=cursor, count=None, sort=queries.AGENTS)
                    part = await self.world.db.read(TESTER, queries.list_agents, span, page)
                    drawn = await self.world.db.read(TESTER, queries.count_agents, span, page)
                    rows = [(row.agent_id, row.name, row.open, row.resolved, row.breaches) for row in part.rows]
                    assert [row[:4] for row in rows] == [(r.agent_id, r.name, r.open, r.resolved) for r in drawn.rows]
                    assert part.total == drawn.total == str(len(everybody))
                    assert part.next_cursor == drawn.next_cursor
                    found += rows
                    assert found == everybody[: len(found)], (span, size)
                    cursor = part.next_cursor
                assert found == everybody, (span, size)
            second = page_request(page=1, size=7, cursor=None, count=None, sort=queries.AGENTS)
            part = await self.world.db.read(TESTER, queries.list_agents, span, second)
            assert [row.agent_id for row in part.rows] == [row[0] for row in everybody[7:14]]


async def test_pages_of_agents_are_parts_of_the_whole_list(desk: World) -> None:
    company = Company(desk, Random(11))
    await company.live()
    await company.check()
    for some in (1, 20, 20, 1000):
        await desk.db.write(TESTER, count, some)
        await company.check()
        await company.change()
        await company.check()
    while await desk.db.write(TESTER, count, 7):
        assert await desk.desk.audit() == []
    await company.check()


async def test_names_kept_before_they_were_ordered_are_in_their_order_after_the_next_start(tmp_path: Path) -> None:
    services = ("users", "reporting")
    async with open_world(tmp_path / "desk", services) as world:
        for name in ("Zoe", "émile", "abe", "Bea"):
            await make_person(world, "AGENT", name=name)
        await world.db.write(TESTER, _forget_order)
    async with open_world(tmp_path / "desk", services) as world:
        boss = await make_person(world, "MANAGER")
        found = await report(world, boss, "reports/agents")
        assert [row["name"] for row in found] == ["abe", "Bea", "Zoe", "émile"]


async def _forget_order(tx: Tx) -> None:
    await tx.run("UPDATE reporting_agent SET name_key = NULL")


async def test_the_audit_finds_what_is_wrong_with_one_agent(desk: World) -> None:
    for place, agent_id in enumerate(("abe", "bea")):
        tale = await Tale(desk, f"t-{place}").raised()
        await tale.assigned(agent_id)
        await tale.resolved()
    await desk.db.write(TESTER, count, 9)
    assert await desk.db.read(TESTER, kept.differences) == []
    before = "SELECT days, kept FROM reporting_agent_kept WHERE agent_id = 'bea' AND days = 56"
    [row] = await desk.sql(before)
    for spoilt in (row["kept"].replace("[1,", "[2,", 1), row["kept"].replace('"0":1', '"3":1')):
        assert spoilt != row["kept"]
        await desk.db.write(TESTER, _keep_of_bea, spoilt)
        [wrong] = await desk.db.read(TESTER, kept.differences)
        assert wrong == "reporting: what is counted of agent bea is not what their tickets are counted as"
    await desk.db.write(TESTER, _keep_of_bea, row["kept"])
    assert await desk.db.read(TESTER, kept.differences) == []


async def _keep_of_bea(tx: Tx, text: str) -> None:
    await tx.run("UPDATE reporting_agent_kept SET kept = :kept WHERE agent_id = 'bea' AND days = 56", kept=text)
