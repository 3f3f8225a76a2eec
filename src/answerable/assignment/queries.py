"""Reads for screens, lists and the audit."""

import msgspec

from answerable.assignment import rules, store
from answerable.assignment.rules import Agent, Load
from answerable.kernel.errors import Missing
from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, total_text
from answerable.kernel.times import iso, iso_or_none
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_

ON_BOARD = 3  # tickets of each agent
WAITING_ON_BOARD = 12
WORKLOAD = "name"  # the one order of the list of agents


class WorkloadView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much an agent has to do, and may have at once."""

    agent_id: str
    name: str
    active_tickets: int
    capacity: int
    available: bool


class AgentView(WorkloadView, frozen=True, kw_only=True, rename="camel"):
    """An agent, with the categories they are chosen for first."""

    skills: list[str]


class AssignmentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who was given a ticket, and by when it is to be resolved."""

    ticket_id: str
    agent_id: str
    priority: str
    assigned_at: str
    sla_due_at: str | None
    escalated: bool


async def list_workload(tx: Tx, wanted: PageRequest) -> Page[WorkloadView]:
    """List the agents by name with their open tickets."""
    after = (str(wanted.cursor[0]), str(wanted.cursor[1])) if wanted.cursor else None
    rows = await store.list_agents(tx, after, wanted.size + 1, wanted.offset)
    agents = [Agent(**dict(row)) for row in rows[: wanted.size]]
    more = encode_cursor(WORKLOAD, agents[-1].name, agents[-1].id) if len(rows) > wanted.size else None
    if wanted.exact_count:
        total = str(await store.count_agents(tx, 2**62))
    else:
        total = total_text(await store.count_agents(tx, COUNT_CAP + 1))
    default = tx.settings.assignment.capacity
    return Page([_workload(agent, default) for agent in agents], more, total)


class HeldTicket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as the board shows it. ``due_at`` is in microseconds, ``None`` where no resolution is due."""

    id: str
    number: int
    title: str
    priority: str
    status: str
    agent_id: str | None
    due_at: int | None


class BoardAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent on the board: how much they have, and the most urgent of it."""

    load: WorkloadView
    tickets: list[HeldTicket]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on what, and what waits for somebody. ``waiting_total`` and ``agents_total`` are capped texts."""

    agents: list[BoardAgent]
    next_cursor: str | None
    agents_total: str
    waiting: list[HeldTicket]
    waiting_total: str


async def read_board(tx: Tx, wanted: PageRequest) -> Board:
    """Read a page of the agents by name with what they have, and what waits. For those who see every ticket."""
    page = await list_workload(tx, wanted)
    held: dict[str, list[HeldTicket]] = {view.agent_id: [] for view in page.rows}
    for row in await store.list_held(tx, list(held), ON_BOARD):
        held[row["agent_id"]].append(HeldTicket(**dict(row)))
    return Board(
        agents=[BoardAgent(load=view, tickets=held[view.agent_id]) for view in page.rows],
        next_cursor=page.next_cursor,
        agents_total=page.total,
        waiting=[HeldTicket(**dict(row)) for row in await store.list_waiting(tx, WAITING_ON_BOARD)],
        waiting_total=total_text(await store.count_waiting(tx, COUNT_CAP + 1)),
    )


async def list_held(tx: Tx, agent_id: str, offset: int, size: int) -> list[HeldTicket]:
    """Read some of an agent's open tickets, the most urgent first."""
    return [HeldTicket(**dict(row)) for row in await store.list_held(tx, [agent_id], size, offset)]


async def get_ticket(tx: Tx, ticket_id: str) -> HeldTicket:
    """Read a ticket for whoever gives tickets to agents. Raises ``Missing``."""
    row = await store.read_shown(tx, ticket_id)
    if row is None:
        raise Missing(N_("There is no such ticket."))
    return HeldTicket(**dict(row))


async def name_of(tx: Tx, person_id: str) -> str:
    """Read a person's name, empty where they are not known."""
    person = await store.load_agent(tx, person_id)
    return person.name if person else ""


async def get_agent(tx: Tx, agent_id: str) -> AgentView:
    """Read oneself, or anybody for those who manage. Raises ``Missing`` for everybody else."""
    agent = await load_visible_agent(tx, agent_id)
    return agent_view(agent, await store.list_skills(tx, agent_id), tx.settings.assignment.capacity)


async def load_visible_agent(tx: Tx, agent_id: str) -> Agent:
    """Load an agent that the caller may see. Raises ``Missing`` for any other."""
    agent = await store.load_agent(tx, agent_id)
    visible = tx.actor.id == agent_id or tx.actor.may("assignment.manage")
    if agent is None or not agent.is_agent or not visible:
        raise Missing(N_("There is no such agent."))
    return agent


async def is_answered(tx: Tx, ticket_id: str) -> bool:
    """Tell whether the tickets feature has answered the last offer of a ticket to an agent."""
    ticket = await store.read_ticket(tx, ticket_id)
    return ticket is None or ticket.proposed_to is None


async def assignment_view(tx: Tx, ticket: rules.Ticket) -> AssignmentView:
    """Describe whom a ticket was given or offered to."""
    due_at, escalated = await store.load_promise(tx, ticket.id)
    at = ticket.proposed_at if ticket.proposed_to else ticket.assigned_at
    return AssignmentView(
        ticket_id=ticket.id,
        agent_id=ticket.proposed_to or ticket.agent_id or "",
        priority=ticket.priority,
        assigned_at=iso(tx.now if at is None else at),
        sla_due_at=iso_or_none(due_at),
        escalated=escalated,
    )


async def audit(tx: Tx) -> list[str]:
    """Compare the counters with the tickets; return a line per difference."""
    counters, tickets = await store.counted(tx), await store.recount(tx)
    none = Load(0, 0)
    return [
        f"assignment: agent {agent} counts {_words(counters.get(agent, none))}, "
        f"but the tickets say {_words(tickets.get(agent, none))}"
        for agent in sorted(counters.keys() | tickets.keys())
        if counters.get(agent, none) != tickets.get(agent, none)
    ]


def agent_view(agent: Agent, skills: list[str], default_capacity: int) -> AgentView:
    """Describe an agent."""
    return AgentView(
        agent_id=agent.id,
        name=agent.name,
        active_tickets=agent.open_tickets,
        capacity=rules.capacity_of(agent, default_capacity),
        available=bool(agent.available and agent.active),
        skills=skills,
    )


def _workload(agent: Agent, default_capacity: int) -> WorkloadView:
    return WorkloadView(
        agent_id=agent.id,
        name=agent.name,
        active_tickets=agent.open_tickets,
        capacity=rules.capacity_of(agent, default_capacity),
        available=bool(agent.available and agent.active),
    )


def _words(load: Load) -> str:
    return f"{load.open_tickets} open and {load.load - load.open_tickets} offered tickets"
