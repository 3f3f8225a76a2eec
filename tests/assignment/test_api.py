"""Assignment over HTTP, with the real users and tickets features around it."""

import asyncio
from typing import Any

import pytest

from answerable.messages.assignment import AgentAvailabilityChanged
from tests.people import TestPerson, make_person
from tests.world import World, json_of

NOBODY = "Nobody is free right now; the ticket waits."


async def raise_ticket(world: World, by: TestPerson, priority: str = "HIGH", category: str = "HARDWARE") -> str:
    body = {
        "title": "Printer on fire",
        "description": "Smoke comes out of it.",
        "category": category,
        "priority": priority,
    }
    answer = await world.http.post("/api/tickets", json=body, headers=by.headers)
    assert answer.status_code == 201, answer.text
    await world.settle()
    return str(json_of(answer)["id"])


async def read_ticket(world: World, ticket_id: str, by: TestPerson) -> dict[str, Any]:
    ticket: dict[str, Any] = json_of(await world.http.get(f"/api/tickets/{ticket_id}", headers=by.headers))
    return ticket


async def workload(world: World, by: TestPerson) -> dict[str, int]:
    answer = await world.http.get("/api/agents/workload", headers=by.headers)
    assert answer.status_code == 200, answer.text
    return {row["name"]: row["activeTickets"] for row in json_of(answer)}


async def test_a_ticket_is_assigned_by_itself_and_the_workload_follows_its_life(world: World) -> None:
    boss, abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    ticket = await raise_ticket(world, ursula)
    shown = await read_ticket(world, ticket, ursula)
    assert (shown["status"], shown["assignedTo"]) == ("ASSIGNED", abe.id)
    assert await workload(world, boss) == {"Abe": 1}
    for status, load in (("IN_PROGRESS", 1), ("WAITING", 1), ("RESOLVED", 0)):
        answer = await world.http.put(f"/api/tickets/{ticket}/status", json={"status": status}, headers=abe.headers)
        assert answer.status_code == 200, answer.text
        await world.settle()
        assert await workload(world, abe) == {"Abe": load}
    await world.http.put(f"/api/tickets/{ticket}/reopen", headers=ursula.headers)
    await world.settle()
    assert await workload(world, abe) == {"Abe": 1}
    await world.http.put(f"/api/tickets/{ticket}/cancel", headers=ursula.headers)
    await world.settle()
    assert await workload(world, abe) == {"Abe": 0}
    assert await world.desk.audit() == []


PEOPLE = (("MANAGER", "Mia"), ("AGENT", "Abe"), ("USER", "Ursula"))


async def test_a_manager_gives_a_ticket_to_somebody_else(world: World) -> None:
    boss, _abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    ticket = await raise_ticket(world, ursula)
    bea = await make_person(world, "AGENT", name="Bea")
    answer = await world.http.post(f"/api/assign/{ticket}", json={"agentId": bea.id}, headers=boss.headers)
    assert answer.status_code == 200, answer.text
    shown = json_of(answer)
    assert shown.keys() == {"ticketId", "agentId", "priority", "assignedAt", "slaDueAt", "escalated"}
    assert (shown["ticketId"], shown["agentId"], shown["priority"]) == (ticket, bea.id, "HIGH")
    assert (shown["assignedAt"], shown["escalated"]) == ("2026-03-02T09:00:00Z", False)
    await world.settle()
    assert (await read_ticket(world, ticket, boss))["assignedTo"] == bea.id
    assert await workload(world, boss) == {"Abe": 0, "Bea": 1}
    again = await world.http.post(f"/api/assign/{ticket}", json={"agentId": bea.id}, headers=boss.headers)
    assert (again.status_code, json_of(again)["message"]) == (409, "The ticket is already assigned to Bea.")


async def test_what_a_manager_cannot_choose(world: World) -> None:
    boss, abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    ticket = await raise_ticket(world, ursula)

    async def choose(ticket_id: str, agent_id: str | None) -> tuple[int, str]:
        answer = await world.http.post(f"/api/assign/{ticket_id}", json={"agentId": agent_id}, headers=boss.headers)
        return answer.status_code, json_of(answer)["message"]

    assert await choose("no-such-ticket", abe.id) == (404, "There is no such ticket.")
    assert await choose("no-such-ticket", None) == (404, "There is no such ticket.")
    assert await choose(ticket, "no-such-agent") == (404, "There is no such agent.")
    assert await choose(ticket, ursula.id) == (409, "Ursula is not an agent.")
    await world.http.put(f"/api/tickets/{ticket}/cancel", headers=ursula.headers)
    await world.settle()
    assert await choose(ticket, abe.id) == (409, "Invalid status transition: CANCELLED → ASSIGNED")
    assert await choose(ticket, None) == (409, "Invalid status transition: CANCELLED → ASSIGNED")


async def test_nobody_free_says_so_and_the_ticket_waits(world: World) -> None:
    boss, abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    off = await world.http.put(f"/api/agent/{abe.id}/availability", json={"available": False}, headers=abe.headers)
    assert off.status_code == 200, off.text
    await world.settle()
    ticket = await raise_ticket(world, ursula)
    for body in ({}, {"agentId": None}):
        answer = await world.http.post(f"/api/assign/{ticket}", json=body, headers=boss.headers)
        assert (answer.status_code, json_of(answer)["message"]) == (409, NOBODY)
    answer = await world.http.post(f"/api/assign/{ticket}", headers=boss.headers)
    assert (answer.status_code, json_of(answer)["message"]) == (409, NOBODY)
    await world.http.put(f"/api/agent/{abe.id}/availability", json={"available": True}, headers=abe.headers)
    await world.settle()
    assert (await read_ticket(world, ticket, boss))["assignedTo"] == abe.id
    answer = await world.http.post(f"/api/assign/{ticket}", json={}, headers=boss.headers)
    assert (answer.status_code, json_of(answer)["agentId"]) == (200, abe.id)


async def test_the_same_key_assigns_once(world: World) -> None:
    boss, _abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    ticket = await raise_ticket(world, ursula)
    bea = await make_person(world, "AGENT", name="Bea")
    headers = boss.headers | {"Idempotency-Key": "once"}
    answers = [
        await world.http.post(f"/api/assign/{ticket}", json={"agentId": bea.id}, headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert len(await world.log("ASSIGN_TICKET")) == 2  # the desk's own, and the manager's


async def test_with_the_bus_at_work_the_ticket_is_assigned_when_the_answer_comes(world: World) -> None:
    boss, _abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    await world.desk.bus.start()
    body = {"title": "Printer", "description": "Smoke comes out of it.", "category": "HARDWARE", "priority": "LOW"}
    tickets = [
        json_of(await world.http.post("/api/tickets", json=body, headers=ursula.headers))["id"] for _ in range(5)
    ]
    bea = await make_person(world, "AGENT", name="Bea")
    await asyncio.gather(
        *(world.http.post(f"/api/assign/{t}", json={"agentId": bea.id}, headers=boss.headers) for t in tickets)
    )
    assert [(await read_ticket(world, t, boss))["assignedTo"] for t in tickets] == [bea.id] * 5


async def test_the_workload_is_a_paged_list_by_name(world: World) -> None:
    boss = await make_person(world, "MANAGER", name="Mia")
    for name in ("Cid", "Abe", "Bea"):
        gone = await make_person(world, "AGENT", name=name)
    await make_person(world, "USER", name="Ursula")
    first = await world.http.get("/api/agents/workload?size=2", headers=boss.headers)
    assert [row["name"] for row in json_of(first)] == ["Abe", "Bea"]
    assert first.headers["x-total-count"] == "3"
    link = first.headers["link"].partition(">")[0].lstrip("<")
    rest = await world.http.get(link, headers=boss.headers)
    assert [row["name"] for row in json_of(rest)] == ["Cid"]
    assert "link" not in rest.headers
    assert json_of(rest)[0].keys() == {"agentId", "name", "activeTickets", "capacity", "available"}
    alias = await world.http.get("/api/sla/workload?count=exact&page=1&size=1", headers=gone.headers)
    assert [row["name"] for row in json_of(alias)] == ["Bea"]


async def test_who_may_read_and_change_an_agent(world: World) -> None:
    boss, abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    bea = await make_person(world, "AGENT", name="Bea")
    for reader, status in ((abe, 200), (boss, 200), (bea, 404), (ursula, 404)):
        answer = await world.http.get(f"/api/agent/{abe.id}", headers=reader.headers)
        assert answer.status_code == status, reader.name
    assert json_of(await world.http.get(f"/api/agent/{abe.id}", headers=abe.headers)) == {
        "agentId": abe.id,
        "name": "Abe",
        "activeTickets": 0,
        "capacity": 20,
        "available": True,
        "skills": [],
    }
    assert (await world.http.get(f"/api/agent/{ursula.id}", headers=ursula.headers)).status_code == 404
    assert (await world.http.get("/api/agents/workload", headers=ursula.headers)).status_code == 403

    async def put(by: TestPerson, agent: TestPerson, **body: Any) -> int:
        answer = await world.http.put(f"/api/agent/{agent.id}/availability", json=body, headers=by.headers)
        return answer.status_code

    assert await put(abe, abe, available=False) == 200
    assert await put(abe, abe, available=True, capacity=None, skills=None) == 200
    assert await put(abe, abe, capacity=3) == 403
    assert await put(abe, abe, available=True, skills=["NETWORK"]) == 403
    assert await put(bea, abe, available=False) == 404
    assert await put(ursula, ursula, available=False) == 404
    assert await put(boss, ursula, available=False) == 404
    assert await put(boss, abe, available=True, capacity=3, skills=["network"]) == 200
    assert await put(boss, abe, available=True, capacity=3, skills=["NETWORK"]) == 200
    assert await world.log("AGENT_AVAILABILITY_CHANGED") == [
        AgentAvailabilityChanged(agent_id=abe.id, available=False, capacity=20, skills=[]),
        AgentAvailabilityChanged(agent_id=abe.id, available=True, capacity=20, skills=[]),
        AgentAvailabilityChanged(agent_id=abe.id, available=True, capacity=3, skills=["NETWORK"]),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"capacity": -1},
        {"capacity": 100_001},
        {"capacity": "many"},
        {"capacity": 10**30},
        {"available": "no"},
        {"skills": ["x" * 51]},
        {"skills": [""]},
        {"skills": [f"S{n}" for n in range(51)]},
        {"color": "red"},
    ],
)
async def test_bad_availability_is_refused_whole(world: World, body: dict[str, Any]) -> None:
    boss, abe, _ = [await make_person(world, r, name=n) for r, n in PEOPLE]
    answer = await world.http.put(
        f"/api/agent/{abe.id}/availability", json={"available": False} | body, headers=boss.headers
    )
    assert answer.status_code == 400, answer.text
    assert json_of(answer)["errors"]
    shown = json_of(await world.http.get(f"/api/agent/{abe.id}", headers=abe.headers))
    assert (shown["available"], shown["capacity"], shown["skills"]) == (True, 20, [])


async def test_auto_assign_of_the_tickets_feature_asks_here(world: World) -> None:
    boss, abe, ursula = [await make_person(world, r, name=n) for r, n in PEOPLE]
    await world.desk.bus.start()
    await world.http.put(f"/api/agent/{abe.id}/availability", json={"available": False}, headers=boss.headers)
    ticket = await raise_ticket(world, ursula)
    await world.http.put(f"/api/agent/{abe.id}/availability", json={"available": True}, headers=boss.headers)
    answer = await world.http.post(f"/api/tickets/{ticket}/auto-assign", headers=boss.headers)
    assert (answer.status_code, json_of(answer)["assignedTo"]) == (200, abe.id)


async def test_an_agent_who_is_deactivated_hands_over_what_is_open(world: World) -> None:
    admin = await make_person(world, "ADMIN", name="Ada")
    abe = await make_person(world, "AGENT", name="Abe")
    ursula = await make_person(world, "USER", name="Ursula")
    tickets = [await raise_ticket(world, ursula) for _ in range(3)]
    bea = await make_person(world, "AGENT", name="Bea")
    answer = await world.http.patch(f"/api/users/admin/{abe.id}", json={"active": False}, headers=admin.headers)
    assert answer.status_code == 200, answer.text
    await world.settle()
    assert await workload(world, admin) == {"Bea": 3}
    for ticket in tickets:
        assert (await read_ticket(world, ticket, admin))["assignedTo"] == bea.id
    await world.http.patch(f"/api/users/admin/{bea.id}", json={"active": False}, headers=admin.headers)
    await world.settle()
    assert {(await read_ticket(world, t, admin))["status"] for t in tickets} == {"CREATED"}
    await world.http.patch(f"/api/users/admin/{abe.id}", json={"active": True}, headers=admin.headers)
    await world.settle()
    assert await workload(world, admin) == {"Abe": 3}
    assert await world.desk.audit() == []
    assert await world.sql("SELECT * FROM bus_retry") == []
