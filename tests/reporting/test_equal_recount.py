"""After a random history, every figure of every report equals a recount from the tickets' own tables."""

import csv
import io
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Protocol

import httpx
import pytest

from answerable.kernel.times import MINUTE, iso
from answerable.messages.base import Message
from answerable.messages.sla import SlaBreached
from answerable.reporting.actions import count
from tests.people import TestPerson, make_person
from tests.world import TESTER, World, json_of, open_world

STATUSES = ("CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "CANCELLED")
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
CATEGORIES = ("HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER")
STEPS = 350
LASTING: Any = {"auth__access_seconds": 10**9, "storage__keep_messages_days": 10**4}  # the history takes weeks
NEXT = {
    "CREATED": ("IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "cancel"),  # only the last is granted
    "ASSIGNED": (*["IN_PROGRESS"] * 9, "cancel"),
    "IN_PROGRESS": (*["WAITING"] * 4, *["RESOLVED"] * 5, "cancel"),
    "WAITING": ("IN_PROGRESS", "IN_PROGRESS", "RESOLVED"),
    "RESOLVED": ("close", "close", "reopen"),
    "CLOSED": ("reopen", "cancel"),
    "CANCELLED": ("reopen", "IN_PROGRESS"),
}


class Desk(Protocol):
    """What a recount reads: the tickets' tables, the event log, and the reports."""

    @property
    def http(self) -> httpx.AsyncClient:
        """Asks as a client does."""

    async def sql(self, statement: str, /) -> Sequence[Mapping[str, Any]]:
        """Read rows."""

    async def log(self, *types: str) -> Sequence[Message]:
        """Read messages."""


class Reader(Protocol):
    """Somebody who may read the reports."""

    @property
    def headers(self) -> dict[str, str]:
        """Say who they are."""


class Company:
    """People who do random things to tickets, through the HTTP interface only."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.tickets: list[str] = []

    async def hire(self) -> None:
        self.boss = await make_person(self.world, "ADMIN", name="Ada Admin")
        self.users = [await make_person(self.world, "USER", name=f"User {n}") for n in range(3)]
        self.agents = [await make_person(self.world, "AGENT", name=f"Agent {n}") for n in range(3)]
        self.steps: list[tuple[Callable[[], Any], int]] = [
            (self.raise_ticket, 5),
            (self.assign, 5),
            (self.work, 22),
            (self.mistake, 2),
            (self.comment, 7),
            (self.change, 4),
            (self.wait, 6),
            (self.dismiss_or_rehire, 1),
        ]

    async def act(self) -> None:
        (step,) = self.random.choices([step for step, _ in self.steps], [weight for _, weight in self.steps])
        await step()
        if self.random.random() < 0.7:
            await self.world.settle()

    async def send(self, who: TestPerson, method: str, path: str, **parts: Any) -> Any:
        answer = await self.world.http.request(method, f"/api{path}", headers=who.headers, **parts)
        assert answer.status_code < 500, answer.text
        return json_of(answer) if answer.is_success else None

    def any_ticket(self) -> str:
        return self.random.choice(self.tickets[-12:])

    def somebody(self) -> TestPerson:
        return self.random.choice([self.boss, self.boss, *self.users, *self.agents])

    async def raise_ticket(self) -> None:
        draft = {
            "title": "Something is broken",
            "description": "It worked yesterday, today it does not.",
            "category": self.random.choice(CATEGORIES),
            "priority": self.random.choice(PRIORITIES),
        }
        made = await self.send(self.random.choice(self.users), "POST", "/tickets", json=draft)
        self.tickets.append(made["id"])

    async def assign(self) -> None:
        agent = self.random.choice(self.agents)
        await self.send(self.boss, "PUT", f"/tickets/{self.any_ticket()}/assign", json={"agentId": agent.id})

    async def work(self) -> None:
        ticket = self.any_ticket()
        status = (await self.send(self.boss, "GET", f"/tickets/{ticket}"))["status"]
        step = self.random.choice(NEXT[status])
        if step in STATUSES:
            await self.send(self.boss, "PUT", f"/tickets/{ticket}/status", json={"status": step})
        else:
            await self.send(self.boss, "PUT", f"/tickets/{ticket}/{step}")

    async def mistake(self) -> None:
        step = self.random.choice(("close", "reopen", "cancel"))
        await self.send(self.random.choice(self.users), "PUT", f"/tickets/{self.any_ticket()}/{step}")

    async def comment(self) -> None:
        words = {"comment": "A word about this.", "internal": self.random.random() < 0.3}
        await self.send(self.somebody(), "POST", f"/tickets/{self.any_ticket()}/comments", json=words)

    async def change(self) -> None:
        changes = {"priority": self.random.choice(PRIORITIES), "category": self.random.choice(CATEGORIES)}
        await self.send(self.boss, "PATCH", f"/tickets/{self.any_ticket()}", json=changes)

    async def wait(self) -> None:
        await self.world.advance(minutes=self.random.choice((0.3, 1, 7.77, 45, 200, 1000)))

    async def dismiss_or_rehire(self) -> None:
        agent = self.random.choice(self.agents)
        await self.send(self.boss, "PATCH", f"/users/admin/{agent.id}", json={"active": self.random.random() < 0.7})


async def recount(world: Desk) -> list[dict[str, Any]]:
    """Read the tickets' own tables, with the first answer and the last breach worked out anew."""
    tickets = [dict(row) for row in await world.sql("SELECT * FROM tickets_ticket")]
    comments = await world.sql(
        """SELECT c.ticket_id, c.created_at FROM tickets_comment c JOIN tickets_ticket t ON t.id = c.ticket_id
        WHERE c.internal = 0 AND c.author_role <> 'USER' AND c.author_id <> t.requester_id"""
    )
    resolves = await world.sql("SELECT ticket_id, created_at FROM tickets_history WHERE action = 'TICKET_RESOLVED'")
    answers: dict[str, list[int]] = defaultdict(list)
    for row in (*comments, *resolves):
        answers[row["ticket_id"]].append(row["created_at"])
    breached = {
        event.ticket.id: event.due_at
        for event in await world.log("SLA_BREACHED")
        if isinstance(event, SlaBreached) and event.target == "RESOLUTION"
    }
    for ticket in tickets:
        done = ticket["status"] in ("RESOLVED", "CLOSED")
        ticket["took"] = ticket["resolved_at"] - ticket["created_at"] if done else None
        ticket["answered"] = min(answers[ticket["id"]]) - ticket["created_at"] if answers[ticket["id"]] else None
        ticket["breach"] = breached[ticket["id"]] if ticket["sla_breached"] else None
    return tickets


def times(durations: list[int | None], measure: Callable[[list[int]], float]) -> float | None:
    known = [duration for duration in durations if duration is not None]
    return round(measure(known) / MINUTE, 2) if known else None


async def expect_equal(world: Desk, boss: Reader, tickets: list[dict[str, Any]], **span: str) -> None:
    async def report(name: str) -> Any:
        answer = await world.http.get(f"/api/{name}", params=span, headers=boss.headers)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    status = Counter(ticket["status"] for ticket in tickets)
    priority = Counter(ticket["priority"] for ticket in tickets)
    is_open = [t for t in tickets if t["status"] not in ("RESOLVED", "CLOSED", "CANCELLED")]
    unassigned = [t for t in is_open if t["agent_id"] is None]
    breached = [t for t in tickets if t["sla_breached"]]
    took = [ticket["took"] for ticket in tickets]
    average = times(took, lambda known: sum(known) / len(known))

    assert await report("reports/tickets-by-status") == [{"status": s, "count": status[s]} for s in STATUSES]
    assert await report("reports/tickets-by-priority") == [{"priority": p, "count": priority[p]} for p in PRIORITIES]
    assert await report("reports/avg-resolution-time") == {
        "averageResolutionMinutes": average,
        "medianResolutionMinutes": times(took, statistics.median),
        "resolved": status["RESOLVED"] + status["CLOSED"],
    }
    assert await report("reports/summary") == {
        "totalTickets": len(tickets),
        "open": len(is_open),
        "unassigned": len(unassigned),
        "created": status["CREATED"],
        "assigned": status["ASSIGNED"],
        "inProgress": status["IN_PROGRESS"],
        "waiting": status["WAITING"],
        "resolved": status["RESOLVED"] + status["CLOSED"],
        "closed": status["CLOSED"],
        "cancelled": status["CANCELLED"],
        "slaBreached": len(breached),
        "averageResolutionMinutes": average,
    }
    assert await report("dashboard/summary") == {
        "totalTickets": len(tickets),
        "openTickets": len(is_open),
        "closedTickets": status["CLOSED"],
        "unassignedTickets": len(unassigned),
        "slaBreachedTickets": len(breached),
        "ticketsByStatus": {s: status[s] for s in STATUSES},
        "ticketsByPriority": {p: priority[p] for p in PRIORITIES},
    }
    assert await report("reports/sla-breaches") == [
        {
            "ticketId": ticket["id"],
            "slaDueAt": iso(ticket["breach"]),
            "breachedAt": iso(ticket["breach"]),
            "status": ticket["status"],
            "priority": ticket["priority"],
            "assignedTo": ticket["agent_id"],
        }
        for ticket in sorted(breached, key=lambda ticket: (ticket["breach"], ticket["id"]), reverse=True)
    ]
    people = {row["id"]: row for row in await world.sql("SELECT id, name, is_agent, active FROM tickets_known_person")}
    named = {row["id"] for row in people.values() if row["is_agent"] and row["active"]}
    named |= {ticket["agent_id"] for ticket in tickets} - {None}
    expected = []
    for agent_id in sorted(named, key=lambda agent_id: (people[agent_id]["name"].casefold(), agent_id)):
        own = [ticket for ticket in tickets if ticket["agent_id"] == agent_id]
        expected.append(
            {
                "agentId": agent_id,
                "name": people[agent_id]["name"],
                "open": len([ticket for ticket in own if ticket in is_open]),
                "resolved": len([ticket for ticket in own if ticket["status"] in ("RESOLVED", "CLOSED")]),
                "medianFirstResponseMinutes": times([ticket["answered"] for ticket in own], statistics.median),
                "medianResolutionMinutes": times([ticket["took"] for ticket in own], statistics.median),
                "breaches": len([ticket for ticket in own if ticket["sla_breached"]]),
            }
        )
    assert await report("reports/agents") == expected
    table = await world.http.get("/api/reports/agents", params=span | {"format": "csv"}, headers=boss.headers)
    assert len(list(csv.DictReader(io.StringIO(table.text)))) == len(expected)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
async def test_every_figure_equals_a_recount_after_a_random_history(tmp_path: Path, seed: int) -> None:
    async with open_world(tmp_path / "desk", **LASTING) as world:
        company = Company(world, Random(seed))
        await company.hire()
        await company.raise_ticket()
        for step in range(STEPS):
            await company.act()
            if step % 30 == 20:
                await world.db.write(TESTER, count, 1 + step // 20)
            if step % 100 == 50:
                await world.settle()
                await expect_equal(world, company.boss, await recount(world))
        await world.settle()
        tickets = await recount(world)
        await expect_equal(world, company.boss, tickets)
        moments = sorted({ticket["created_at"] for ticket in tickets})
        for _ in range(5):
            start, end = sorted(company.random.sample(moments, 2))
            chosen = [ticket for ticket in tickets if start <= ticket["created_at"] < end]
            await expect_equal(world, company.boss, chosen, **{"from": iso(start), "to": iso(end)})
        rows = await world.sql("SELECT ticket_id, reopenings FROM reporting_ticket")
        assert {row["ticket_id"]: row["reopenings"] for row in rows} == {t["id"]: t["reopenings"] for t in tickets}
        assert await world.desk.audit() == []
        statuses = Counter(ticket["status"] for ticket in tickets)
        assert min(statuses["CLOSED"], statuses["RESOLVED"] + statuses["CLOSED"] - 1, len(statuses) - 4) > 0, statuses
        assert sum(ticket["sla_breached"] for ticket in tickets)
        assert sum(ticket["reopenings"] for ticket in tickets)
        await world.redeliver_everything()
        await expect_equal(world, company.boss, tickets)
        while await world.db.write(TESTER, count, 20):
            assert await world.desk.audit() == []
        for start, end in ((moments[0], moments[-1]), sorted(company.random.sample(moments, 2))):
            chosen = [ticket for ticket in tickets if start <= ticket["created_at"] < end]
            await expect_equal(world, company.boss, chosen, **{"from": iso(start), "to": iso(end)})
        assert await world.desk.audit() == []
