"""Giving tickets to agents by page: the board, the choice, availability. The tickets feature is played by the test."""

import re
from html import unescape

import httpx

from answerable.assignment import queries
from answerable.kernel.paging import PageRequest
from tests.assignment.desk import BOSS, PlayedDesk
from tests.forms import BROWSER
from tests.people import TestPerson, make_person
from tests.world import World


async def people_desk(world: World) -> tuple[TestPerson, TestPerson, TestPerson]:
    """Bring a manager and two agents in; the agents take nothing by themselves."""
    boss = await make_person(world, "MANAGER", name="Mia Manager")
    abe, bea = [await make_person(world, "AGENT", name=f"{name} Agent") for name in ("Abe", "Bea")]
    for agent in (abe, bea):
        form = {"available": "no", "capacity": "3", "skills": ""}
        answer = await send(world, boss, f"/assignment/agents/{agent.id}/availability", form)
        assert answer.status_code == 303, answer.text
    return boss, abe, bea


async def send(world: World, who: TestPerson, path: str, form: dict[str, str]) -> httpx.Response:
    answer = await world.http.post(path, data=form, headers={**BROWSER, **who.headers})
    await world.settle()
    return answer


async def look(world: World, who: TestPerson, path: str) -> str:
    page = await world.http.get(path, headers={**BROWSER, **who.headers})
    assert page.status_code == 200, page.text
    return unescape(page.text)


async def raise_ticket(world: World, title: str = "Printer on fire") -> str:
    una = await make_person(world)
    draft = {"title": title, "description": "It burns, help.", "category": "HARDWARE", "priority": "HIGH"}
    answer = await world.http.post("/api/tickets", json=draft, headers=una.headers)
    await world.settle()
    return str(answer.json()["id"])


async def test_a_waiting_ticket_is_given_to_an_agent_and_on_to_another_and_back(world: World) -> None:
    boss, abe, bea = await people_desk(world)
    ticket = await raise_ticket(world, "Printer <on> fire")
    board = await look(world, boss, "/assignment/board")
    assert "Printer &lt;on&gt; fire" in (await world.http.get("/assignment/board", headers=boss.headers)).text
    assert f'data-ticket="{ticket}"' in board
    assert board.count("data-agent=") == 2
    choice = await look(world, boss, f"/assignment/tickets/{ticket}/assign")
    assert "Let the desk choose" in choice
    assert f'value="{abe.id}"' in choice
    given = await send(world, boss, "/assignment/assign", {"ticket": ticket, "agent": abe.id})
    assert given.headers["location"] == "/dashboard"
    assert "Nobody waits" in await look(world, boss, "/assignment/board")
    assert "Printer <on> fire" in await look(world, boss, f"/assignment/agents/{abe.id}")
    moved = await world.http.post(
        "/assignment/assign",
        data={"ticket": ticket, "agent": bea.id, "back": f"/assignment/agents/{abe.id}"},
        headers={**BROWSER, **boss.headers},
        follow_redirects=True,
    )
    await world.settle()
    assert "is with Bea Agent now" in moved.text
    assert "has no open ticket" in await look(world, boss, f"/assignment/agents/{abe.id}")
    undo = dict(re.findall(r'name="(ticket|agent|back)" value="([^"]*)"', moved.text))
    assert undo == {"ticket": ticket, "agent": abe.id, "back": f"/assignment/agents/{abe.id}"}
    await send(world, boss, "/assignment/assign", undo)
    assert (await world.http.get(f"/api/tickets/{ticket}", headers=boss.headers)).json()["assignedTo"] == abe.id
    world.http.cookies.clear()


async def test_what_cannot_be_done_is_said_and_changes_nothing(world: World) -> None:
    boss, abe, _ = await people_desk(world)
    ticket = await raise_ticket(world)
    await send(world, boss, "/assignment/assign", {"ticket": ticket, "agent": abe.id})
    for agent, complaint in ((abe.id, "already assigned to Abe Agent"), (boss.id, "is not an agent")):
        page = await world.http.post(
            "/assignment/assign",
            data={"ticket": ticket, "agent": agent, "back": f"/assignment/agents/{abe.id}"},
            headers={**BROWSER, **boss.headers},
            follow_redirects=True,
        )
        assert complaint in unescape(page.text)
    waits = await raise_ticket(world)
    page = await world.http.post(
        "/assignment/assign",
        data={"ticket": waits, "agent": "", "back": "/assignment/board"},
        headers={**BROWSER, **boss.headers},
        follow_redirects=True,
    )
    assert "Nobody is free right now" in page.text
    elsewhere = await send(
        world, boss, "/assignment/assign", {"ticket": waits, "agent": abe.id, "back": "https://evil.test/"}
    )
    assert elsewhere.headers["location"] == "/dashboard"
    for path in ("/assignment/tickets/nothing/assign", "/assignment/agents/nobody"):
        assert (await world.http.get(path, headers={**BROWSER, **boss.headers})).status_code == 404
    nothing = await send(world, boss, "/assignment/assign", {"ticket": "nothing", "agent": abe.id})
    assert nothing.status_code == 404
    world.http.cookies.clear()


async def test_availability_is_changed_checked_and_taken_back(world: World) -> None:
    boss, abe, _ = await people_desk(world)
    path = f"/assignment/agents/{abe.id}/availability"
    for capacity in ("many", "-1", "99999999", ""):
        page = await send(world, boss, path, {"available": "yes", "capacity": capacity, "skills": "HARDWARE"})
        assert page.status_code == 400, capacity
        assert "Open tickets at once must be" in unescape(page.text)
    await send(world, boss, path, {"available": "yes", "capacity": "5", "skills": "hardware, network"})
    agent = (await world.http.get(f"/api/agent/{abe.id}", headers=boss.headers)).json()
    assert (agent["available"], agent["capacity"], agent["skills"]) == (True, 5, ["HARDWARE", "NETWORK"])
    page = await world.http.get(f"/assignment/agents/{abe.id}", headers={**BROWSER, **boss.headers})
    undo = dict(re.findall(r'<input type="hidden" name="(available|capacity|skills)" value="([^"]*)"', page.text))
    assert undo == {"available": "no", "capacity": "3", "skills": ""}
    world.http.cookies.clear()


async def test_before_somebody_goes_it_is_said_what_becomes_of_their_tickets(world: World) -> None:
    boss, abe, _ = await people_desk(world)
    ada = await make_person(world, "ADMIN")
    path = f"/assignment/agents/{abe.id}/leaving"
    assert "Abe Agent has no open tickets." in await look(world, ada, path)
    for _ in range(2):
        await send(world, boss, "/assignment/assign", {"ticket": await raise_ticket(world), "agent": abe.id})
    assert "Abe Agent has 2 open tickets. They go back to the queue" in await look(world, ada, path)
    assert "No tickets are assigned" in await look(world, ada, f"/assignment/agents/{boss.id}/leaving")


async def test_a_full_board_shows_the_most_urgent_and_says_how_many_there_are(desk: PlayedDesk) -> None:
    abe = await desk.agent("Abe")
    await desk.set(abe, capacity=8)
    for _ in range(30):
        await desk.raise_ticket()
        await desk.answer()
    board = await desk.world.db.read(BOSS, queries.read_board, PageRequest(50))
    [agent] = board.agents
    assert (agent.load.active_tickets, len(agent.tickets)) == (8, queries.ON_BOARD)
    assert (len(board.waiting), board.waiting_total) == (queries.WAITING_ON_BOARD, "22")
