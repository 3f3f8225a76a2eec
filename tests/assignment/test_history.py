"""Whatever happens, in whatever order: counters equal the tickets, nobody is overfilled, nothing waits in vain."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerable.assignment import rules, store
from answerable.assignment.rules import Agent, Candidate
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.kernel.errors import Conflict
from answerable.kernel.tx import Tx
from answerable.messages.assignment import FindAgent
from tests.assignment.desk import OPEN, PlayedDesk, open_played_desk
from tests.world import TESTER

CAPACITY = 2
AGENTS = ("Abe", "Bea", "Cid")
CATEGORIES = ("HARDWARE", "NETWORK")
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")

# The engine itself refuses an offer of the desk's own to somebody who is full or not there.
GUARD = f"""CREATE TRIGGER overfilled AFTER UPDATE OF proposed_to ON assignment_ticket
WHEN NEW.proposed_to IS NOT NULL AND NEW.proposed_by IS NULL AND EXISTS (
    SELECT 1 FROM assignment_agent a WHERE a.id = NEW.proposed_to AND (
        a.load > COALESCE(a.capacity, {CAPACITY}) OR a.active = 0 OR a.is_agent = 0 OR a.available = 0))
BEGIN SELECT RAISE(ABORT, 'overfilled'); END"""

VERBS = (
    *("raise", "raise", "raise", "answer", "answer", "answer one", "move", "move", "end", "cancel", "reopen"),
    *("give", "assign", "ask", "leave", "lose", "return", "available", "capacity", "skills", "again", "wait"),
)
Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(VERBS),
        st.integers(0, 11),
        st.integers(0, 11),
    ),
    min_size=10,
    max_size=50,
)


class History:
    """One random history of a desk."""

    def __init__(self, desk: PlayedDesk) -> None:
        self.desk = desk

    def agent(self, n: int) -> str:
        return AGENTS[n % len(AGENTS)].lower()

    def some(self, n: int, *statuses: str) -> str | None:
        fit = [t.id for t in self.desk.tickets.values() if t.status in statuses]
        return fit[n % len(fit)] if fit else None

    async def do(self, step: Step) -> None:
        """Do one step, where it makes sense."""
        verb, n, m = step
        await getattr(self, f"do_{verb.replace(' ', '_')}")(n, m)

    async def do_raise(self, n: int, m: int) -> None:
        await self.desk.raise_ticket(PRIORITIES[n % 4], CATEGORIES[m % 2])

    async def do_answer(self, n: int, m: int) -> None:
        await self.desk.answer()

    async def do_answer_one(self, n: int, m: int) -> None:
        await self.desk.answer(1)

    async def do_move(self, n: int, m: int) -> None:
        if ticket := self.some(n, *OPEN):
            await self.desk.move(ticket, OPEN[1 + m % 2])

    async def do_end(self, n: int, m: int) -> None:
        if ticket := self.some(n, *OPEN):
            await self.desk.move(ticket, "RESOLVED")
            if m % 2:
                await self.desk.move(ticket, "CLOSED")

    async def do_cancel(self, n: int, m: int) -> None:
        if ticket := self.some(n, "CREATED", *OPEN):
            await self.desk.move(ticket, "CANCELLED")

    async def do_reopen(self, n: int, m: int) -> None:
        if ticket := self.some(n, "RESOLVED", "CLOSED"):
            await self.desk.reopen(ticket)

    async def do_give(self, n: int, m: int) -> None:
        ticket, agent = self.some(n, "CREATED", "RESOLVED", *OPEN), self.agent(m)
        if ticket and agent not in self.desk.gone and self.desk.tickets[ticket].agent_id != agent:
            await self.desk.give(ticket, agent)

    async def do_assign(self, n: int, m: int) -> None:
        if ticket := self.some(n, "CREATED", "RESOLVED", *OPEN):
            try:
                await self.desk.assign(ticket, self.agent(m))
            except Conflict:
                return

    async def do_ask(self, n: int, m: int) -> None:
        if ticket := self.some(n, "CREATED", *OPEN):
            await self.desk.world.tell(FindAgent(ticket_id=ticket, asked_by="boss"))

    async def do_leave(self, n: int, m: int) -> None:
        await self.desk.change(self.agent(n), active=bool(m % 2), roles=["AGENT"] if m % 3 else ["USER"])

    async def do_lose(self, n: int, m: int) -> None:
        await self.desk.lose(self.agent(n))  # before assignment hears of it, if it ever does

    async def do_return(self, n: int, m: int) -> None:
        await self.desk.change(self.agent(n), active=True, roles=["AGENT"])

    async def do_available(self, n: int, m: int) -> None:
        await self.change(n, available=bool(m % 2))

    async def do_capacity(self, n: int, m: int) -> None:
        await self.change(n, capacity=m % 5)

    async def do_skills(self, n: int, m: int) -> None:
        await self.change(n, skills=CATEGORIES[: m % 3])

    async def change(self, n: int, **wanted: object) -> None:
        person = self.desk.people[self.agent(n)]
        if "AGENT" in person.roles:
            await self.desk.set(person.user_id, **wanted)

    async def do_again(self, n: int, m: int) -> None:
        await self.desk.world.redeliver_everything()

    async def do_wait(self, n: int, m: int) -> None:
        await self.desk.world.advance(seconds=m)


async def check(desk: PlayedDesk) -> None:
    """What must hold after every step."""
    await desk.world.advance(seconds=0)
    assert await desk.audit() == []
    assert await desk.world.sql("SELECT * FROM bus_retry") == []
    free = await desk.world.sql(
        f"SELECT a.id FROM assignment_agent a WHERE {store.FREE}", now=desk.world.clock.now, default=CAPACITY
    )
    assert not (free and await desk.waiting())


async def check_end(desk: PlayedDesk) -> None:
    """What must hold once everything is said and answered."""
    for person_id in desk.gone:
        await desk.change(person_id, active=False)
    for _ in range(60):
        await desk.answer()
        await desk.world.advance(minutes=1)
    await check(desk)
    assert await desk.world.sql("SELECT id FROM assignment_ticket WHERE proposed_to IS NOT NULL") == []
    rows = await desk.world.sql("SELECT id, open_tickets, load FROM assignment_agent")
    assert {r["id"]: (r["open_tickets"], r["load"]) for r in rows} == {
        r["id"]: (len(held := await desk.held_by(r["id"])), len(held)) for r in rows
    }
    assert await desk.waiting() == [t.id for t in desk.tickets.values() if t.status == "CREATED"]


async def play(folder: Path, history: list[Step]) -> None:
    async with open_played_desk(folder, assignment__capacity=CAPACITY) as desk:
        await desk.world.db.write(TESTER, guard)
        for name in AGENTS:
            await desk.agent(name)
        played = History(desk)
        for step in history:
            await played.do(step)
            await check(desk)
        await check_end(desk)


async def guard(tx: Tx) -> None:
    await tx.run(GUARD)


def run(history: list[Step]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), history))


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps)
def test_random_histories(history: list[Step]) -> None:
    run(history)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps)
def test_many_random_histories(history: list[Step]) -> None:
    run(history)


# --- the shortlist -------------------------------------------------------------------------------------------------

agents = st.lists(
    st.tuples(
        st.builds(
            Agent,
            id=st.sampled_from([f"a{n}" for n in range(9)]),
            name=st.just("Abe"),
            is_agent=st.sampled_from([1, 1, 1, 0]),
            active=st.sampled_from([1, 1, 1, 0]),
            available=st.sampled_from([1, 1, 1, 0]),
            capacity=st.sampled_from([None, 0, 1, 5]),
            load=st.integers(0, 4),
            idle_since=st.integers(0, 3),
            rests_until=st.sampled_from([0, 0, 2**60]),
        ),
        st.booleans(),
    ),
    max_size=9,
    unique_by=lambda pair: pair[0].id,
)


async def test_the_shortlist_always_holds_the_agent_that_the_rule_would_choose_among_all(desk: PlayedDesk) -> None:
    async def compare(tx: Tx, people: list[tuple[Agent, bool]]) -> None:
        await tx.run("DELETE FROM assignment_skill")
        await tx.run("DELETE FROM assignment_agent")
        for agent, skilled in people:
            await store.save_person(tx, agent.id, agent.name, agent.is_agent, agent.active)
            await store.save_availability(tx, agent)
            await tx.run(
                "UPDATE assignment_agent SET load = :load, idle_since = :idle WHERE id = :id",
                id=agent.id,
                load=agent.load,
                idle=agent.idle_since,
            )
            await store.replace_skills(tx, agent.id, ["NETWORK"] if skilled else ["OTHER"])
        everybody = [Candidate(agent=agent, skilled=int(skilled)) for agent, skilled in people]
        among_all = rules.choose_agent(everybody, 20, tx.now)
        among_few = rules.choose_agent(await store.shortlist(tx, "NETWORK"), 20, tx.now)
        assert (among_few and among_few.id) == (among_all and among_all.id)

    pending: list[Callable[[], Awaitable[None]]] = []

    @settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(agents)
    def collect(people: list[tuple[Agent, bool]]) -> None:
        pending.append(lambda: desk.world.db.write(TESTER, compare, people))

    collect()
    for compare_once in pending:
        await compare_once()


# --- the cost ------------------------------------------------------------------------------------------------------


@pytest.mark.one_engine
async def test_a_new_ticket_costs_a_handful_of_indexed_statements(desk: PlayedDesk) -> None:
    async def fill(tx: Tx) -> None:
        for n in range(300):
            await store.save_person(tx, f"a{n}", f"Agent {n}", 1, 1)
        await tx.run("UPDATE assignment_agent SET load = 15, open_tickets = 15")

    await desk.world.db.write(TESTER, fill)
    assert isinstance(desk.world.db, SqliteDatabase)
    asked: list[str] = []
    desk.world.db._writer.set_trace_callback(asked.append)
    await desk.raise_ticket()
    desk.world.db._writer.set_trace_callback(None)
    own = [sql for sql in asked if re.search(r"\bassignment_\w+", sql)]
    assert 5 <= len(own) <= 8, own
    for sql in own:
        plan = [row["detail"] for row in await desk.world.sql(f"EXPLAIN QUERY PLAN {sql}")]
        assert not {"SCAN a", "SCAN s", "SCAN t", "SCAN assignment_agent", "SCAN assignment_ticket"} & set(plan), plan
