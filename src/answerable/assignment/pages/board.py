"""Pages for those who give tickets to agents: the board, one agent, and the choice for one ticket."""

from typing import Any

from litestar import Response, get, post

from answerable.assignment import actions, queries
from answerable.assignment.rules import Availability
from answerable.infra.web.forms import Form, Said, Undo, form_of, go, local_path, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Invalid, Missing, Problem
from answerable.kernel.paging import page_request
from answerable.kernel.words import N_

DASHBOARD = "/dashboard"
AGENTS = 30
HELD = 50
MOST_PAGES = 200
NUMBER = N_("must be a number")
GIVES: dict[str, Any] = {"opt": needs("assignment.manage"), "include_in_schema": False}


@get("/assignment/board", **GIVES)
async def show_board(request: DeskRequest, cursor: str | None = None) -> Response[bytes]:
    """Show who works on what, and what waits for somebody."""
    wanted = page_request(page=0, size=AGENTS, cursor=cursor, count=None, sort=queries.WORKLOAD)
    board = await request.ask(queries.read_board, wanted)
    return show(request, "assignment/board.html", board=board, on_board=queries.ON_BOARD)


@get("/assignment/tickets/{ticket_id:str}/assign", **GIVES)
async def show_choice(request: DeskRequest, ticket_id: str, back: str = DASHBOARD) -> Response[bytes]:
    """Show whom a ticket can be given to."""
    wanted = page_request(page=0, size=200, cursor=None, count=None, sort=queries.WORKLOAD)
    ticket = await request.ask(queries.get_ticket, ticket_id)
    agents = await request.ask(queries.list_workload, wanted)
    return show(
        request,
        "assignment/choice.html",
        ticket=ticket,
        agents=sorted(agents.rows, key=lambda agent: (not agent.available, agent.active_tickets, agent.name)),
        back=local_path(back, DASHBOARD),
    )


@post("/assignment/assign", status_code=200, **GIVES)
async def assign(request: DeskRequest) -> Response[bytes]:
    """Give a ticket to an agent, or let the desk choose one."""
    form = await form_of(request)
    back = local_path(form["back"], DASHBOARD)
    before = await request.ask(queries.get_ticket, form["ticket"])
    try:
        if form["agent"]:
            given = await request.act(actions.assign_to, before.id, form["agent"])
        else:
            given = await request.act(actions.assign_automatically, before.id)
    except Missing:
        raise
    except Problem as problem:
        return go(request, back, Said(words(request)(problem.message), "warning"))
    await request.wait_until(queries.is_answered, before.id)
    name = await request.ask(queries.name_of, given.agent_id)
    said = words(request)(N_("#%(number)s is with %(name)s now.")) % {"number": before.number, "name": name}
    return go(request, back, Said(said, undo=_undo(before, given.agent_id, back)))


def _undo(before: queries.HeldTicket, agent_id: str, back: str) -> Undo | None:
    """Return how to give a ticket back; one that nobody had cannot go back to nobody."""
    if before.agent_id is None or before.agent_id == agent_id:
        return None
    return Undo("/assignment/assign", {"ticket": before.id, "agent": before.agent_id, "back": back})


@get("/assignment/agents/{agent_id:str}", **GIVES)
async def show_agent(request: DeskRequest, agent_id: str, page: int = 0) -> Response[bytes]:
    """Show an agent: what they have, and how much they take."""
    return await _agent(request, agent_id, Form(), page)


@post("/assignment/agents/{agent_id:str}/availability", status_code=200, **GIVES)
async def set_availability(request: DeskRequest, agent_id: str) -> Response[bytes]:
    """Change whether and how much an agent takes."""
    form = await form_of(request)
    before = await request.ask(queries.get_agent, agent_id)
    try:
        await request.act(actions.set_availability, agent_id, _availability(form))
    except Invalid as problem:
        return await _agent(request, agent_id, form.refused(problem), 0, problem.status)
    undo = {"available": "yes" if before.available else "no", "capacity": str(before.capacity)}
    undo |= {"skills": " ".join(before.skills)}
    path = f"/assignment/agents/{agent_id}"
    said = words(request)(N_("%(name)s is up to date.")) % {"name": before.name}
    return go(request, path, Said(said, undo=Undo(f"{path}/availability", undo)))


def _availability(form: Form) -> Availability:
    capacity = form.number("capacity")
    if capacity is None:
        raise Invalid(N_("Please check the fields."), errors=(f"capacity: {NUMBER}",))
    skills = form["skills"].replace(",", " ").split()
    return Availability(available=form["available"] == "yes", capacity=capacity, skills=skills)


@get("/assignment/agents/{agent_id:str}/leaving", opt=needs("user.admin"), include_in_schema=False)
async def show_leaving(request: DeskRequest, agent_id: str) -> Response[bytes]:
    """Say what becomes of somebody's tickets if they go."""
    try:
        agent = await request.ask(queries.get_agent, agent_id)
    except Missing:
        agent = None
    return show(request, "assignment/leaving.html", agent=agent)


ROUTES = [show_board, show_choice, assign, show_agent, set_availability, show_leaving]


async def _agent(request: DeskRequest, agent_id: str, form: Form, page: int, status: int = 200) -> Response[bytes]:
    if not 0 <= page < MOST_PAGES:
        raise Invalid(N_("There are no such rows."), errors=("page: is out of range",))
    agent = await request.ask(queries.get_agent, agent_id)
    held = await request.ask(queries.list_held, agent_id, page * HELD, HELD + 1)
    more = f"/assignment/agents/{agent_id}?page={page + 1}" if len(held) > HELD else ""
    return show(request, "assignment/agent.html", status, agent=agent, held=held[:HELD], more=more, form=form)
