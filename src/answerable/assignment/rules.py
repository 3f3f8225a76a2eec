"""The rules of assignment, pure: who is free, who is next, and what an answer of the tickets feature means."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import MINUTE, SECOND
from answerable.kernel.words import N_
from answerable.messages.assignment import AgentAvailabilityChanged
from answerable.messages.tickets import AssignTicket, TicketRef

URGENCY = {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3}
OPEN = ("ASSIGNED", "IN_PROGRESS", "WAITING")
ENDED = ("CLOSED", "CANCELLED")
DONE = ("RESOLVED", *ENDED)
THE_DESK = "SYSTEM"  # who decides where no person does, as the ticket's history names it

MAX_CAPACITY = 100_000
MAX_SKILLS = 50
LONGEST_SKILL = 50
LONGEST_REST = 10 * MINUTE
DEEPEST_CAUSE = 4  # further down a chain the timer goes on with a new chain, so that no loop gets long


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the assignment knows them. ``capacity`` is open tickets at once, ``None`` for the desk's default.

    ``open_tickets`` are theirs and open, ``load`` also counts those just offered to them. ``idle_since`` is when they
    last got a ticket or got rid of one, ``rests_until`` the instant before which they are offered nothing because the
    tickets feature refused them ``refusals`` times running. Instants are UTC microseconds. ``last_sequence`` is that of
    the newest message about them.
    """

    id: str
    name: str
    is_agent: int
    active: int
    available: int = 1
    capacity: int | None = None
    open_tickets: int = 0
    load: int = 0
    idle_since: int = 0
    refusals: int = 0
    rests_until: int = 0
    last_sequence: int = 0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An agent in the choice for one ticket: ``skilled`` is 1 where its category is among their skills."""

    agent: Agent
    skilled: int


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as the tickets feature last described it.

    ``proposed_to`` is the agent it was offered to since, by the person ``proposed_by`` or (``None``) by the desk, for
    as long as there is no answer. ``urgency`` is 0 for CRITICAL to 3 for LOW.
    """

    id: str
    number: int
    category: str
    priority: str
    urgency: int
    status: str
    agent_id: str | None
    assigned_at: int | None
    created_at: int
    proposed_to: str | None = None
    proposed_by: str | None = None
    proposed_at: int | None = None
    title: str = ""

    @property
    def holder(self) -> str | None:
        """Return whose open tickets this one counts among."""
        return self.agent_id if self.status in OPEN else None

    @property
    def waits(self) -> bool:
        """Tell whether it needs an agent and was offered to nobody yet."""
        return self.status == "CREATED" and self.agent_id is None and self.proposed_to is None


class Load(msgspec.Struct, frozen=True):
    """How an agent's counters change."""

    open_tickets: int
    load: int


# --- choosing ------------------------------------------------------------------------------------------------------


def capacity_of(agent: Agent, default: int) -> int:
    """Return how many open tickets an agent may have at once."""
    return default if agent.capacity is None else agent.capacity


def is_free(agent: Agent, default_capacity: int, now: int) -> bool:
    """Tell whether an agent can be given a ticket by the desk itself. ``store.FREE`` says the same in SQL."""
    fit = agent.is_agent and agent.active and agent.available and agent.rests_until <= now
    return bool(fit) and agent.load < capacity_of(agent, default_capacity)


def choose_agent(candidates: Iterable[Candidate], default_capacity: int, now: int) -> Agent | None:
    """Return who is next: skilled before others, then the fewest open tickets, the longest idle, the lowest id."""
    free = [each for each in candidates if is_free(each.agent, default_capacity, now)]
    best = min(free, key=lambda c: (-c.skilled, c.agent.load, c.agent.idle_since, c.agent.id), default=None)
    return best.agent if best else None


def is_too_deep(depth: int) -> bool:
    """Tell whether a chain of messages is so long that the timer should go on instead."""
    return depth >= DEEPEST_CAUSE


def rest_after(refusals: int) -> int:
    """Return how long an agent is offered nothing after so many refusals running: 2 s doubling to 10 min."""
    return int(min(SECOND * 2 ** min(refusals, 20), LONGEST_REST))


def refused(agent: Agent, now: int) -> Agent:
    """Return the agent at rest: the tickets feature knows something about them that is not known here yet."""
    refusals = agent.refusals + 1
    return replace(agent, refusals=refusals, rests_until=now + rest_after(refusals))


# --- a ticket's way ------------------------------------------------------------------------------------------------


def mirror(was: Ticket | None, ref: TicketRef, at: int) -> Ticket:
    """Return what is known of a ticket after the tickets feature said ``ref`` at the instant ``at``.

    An offer stands until it is answered: by an agent, whoever that is (a person's offer only by the agent it names,
    for it is obeyed whoever has the ticket), or by the end of the work.
    """
    same_agent = was is not None and was.agent_id == ref.agent_id
    assigned_at = was.assigned_at if was is not None and same_agent else at if ref.agent_id else None
    ticket = Ticket(
        id=ref.id,
        number=ref.number,
        category=ref.category,
        priority=ref.priority,
        urgency=URGENCY.get(ref.priority, len(URGENCY)),
        status=ref.status,
        agent_id=ref.agent_id,
        assigned_at=assigned_at,
        created_at=ref.created_at,
        title=ref.title,
    )
    if was is None or was.proposed_to is None:
        return ticket
    done = ref.status in DONE and ref.status != was.status
    named = ref.status in OPEN and ref.agent_id == was.proposed_to
    overtaken = was.proposed_by is None and ref.agent_id is not None
    if done or named or overtaken:
        return ticket
    return replace(ticket, proposed_to=was.proposed_to, proposed_by=was.proposed_by, proposed_at=was.proposed_at)


def caught_up(was: Ticket | None, ref: TicketRef, now: int) -> Ticket:
    """Return what is known of a ticket, or what somebody else knows where that must be newer: that it has an agent.

    Where the agent lost it since and that was heard here already, it waits, and is taken for theirs once more: whoever
    replaces them then only comes a little sooner.
    """
    if was is None:
        return mirror(None, ref, now)
    waits = was.status == "CREATED" and was.agent_id is None and was.proposed_by is None
    if waits and ref.agent_id is not None and was.proposed_to in (None, ref.agent_id):
        return replace(mirror(was, ref, now), title=was.title)
    return was


def withdraw(ticket: Ticket) -> Ticket:
    """Return the ticket offered to nobody."""
    return replace(ticket, proposed_to=None, proposed_by=None, proposed_at=None)


def propose(ticket: Ticket, agent_id: str, by: str | None, now: int, heard: int = 0) -> tuple[Ticket, AssignTicket]:
    """Offer a ticket to an agent, for the person ``by`` or for the desk itself.

    ``heard`` is the sequence of the newest message about the agent.
    """
    offered = replace(ticket, proposed_to=agent_id, proposed_by=by, proposed_at=now)
    return offered, AssignTicket(ticket_id=ticket.id, agent_id=agent_id, assigned_by=by, agent_sequence=heard)


def load_changes(was: Ticket | None, ticket: Ticket) -> dict[str, Load]:
    """Return how the counters of agents change when ``was`` becomes ``ticket``."""
    changes: dict[str, list[int]] = {}
    for state, step in ((was, -1), (ticket, 1)):
        if state is None:
            continue
        if state.holder is not None:
            counters = changes.setdefault(state.holder, [0, 0])
            counters[0] += step
            counters[1] += step
        if state.proposed_to is not None:
            changes.setdefault(state.proposed_to, [0, 0])[1] += step
    return {agent: Load(*counters) for agent, counters in changes.items() if any(counters)}


def check_open(ticket: Ticket) -> None:
    """Raise ``Conflict`` for a ticket that the desk cannot give to anybody any more."""
    if ticket.status in DONE:
        raise _invalid_move(ticket)


def check_choice(ticket: Ticket, agent: Agent) -> None:
    """Raise ``Conflict`` where a person cannot give this ticket to this agent. Capacity does not bind a person."""
    if ticket.status in ENDED:
        raise _invalid_move(ticket)
    if not agent.is_agent:
        raise Conflict(f"{agent.name} is not an agent.")
    if not agent.active:
        raise Conflict(f"{agent.name} is not active.")
    if ticket.holder == agent.id:
        raise Conflict(f"The ticket is already assigned to {agent.name}.")


def _invalid_move(ticket: Ticket) -> Conflict:
    return Conflict(f"Invalid status transition: {ticket.status} → ASSIGNED")


# --- availability --------------------------------------------------------------------------------------------------


class Availability(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to change about an agent; ``None`` leaves as it is."""

    available: bool | None = None
    capacity: int | None = None
    skills: Sequence[str] | None = None


def clean_availability(wanted: Availability) -> Availability:
    """Return the change with tidy skills. Raises ``Invalid`` with a line for each field that is wrong."""
    errors = []
    if wanted.capacity is not None and not 0 <= wanted.capacity <= MAX_CAPACITY:
        errors.append(f"capacity: must be 0 to {MAX_CAPACITY}")
    skills = wanted.skills
    if skills is not None:
        skills = list(dict.fromkeys(skill.strip().upper() for skill in skills))
        if len(skills) > MAX_SKILLS:
            errors.append(f"skills: must be at most {MAX_SKILLS} codes")
        if any(not 1 <= len(skill) <= LONGEST_SKILL or not skill.isprintable() for skill in skills):
            errors.append(f"skills: each must be a code of 1 to {LONGEST_SKILL} characters")
    if errors:
        raise Invalid(N_("The availability has invalid values."), errors=tuple(errors))
    return replace(wanted, skills=skills)


def change_availability(
    agent: Agent, skills: list[str], wanted: Availability, default_capacity: int
) -> tuple[Agent, list[str], AgentAvailabilityChanged] | None:
    """Return the agent and skills as wanted and what happened; ``None`` where nothing is different.

    An agent about whom something changed may be offered tickets at once, whatever was refused before.
    """
    available = agent.available if wanted.available is None else int(wanted.available)
    capacity = agent.capacity if wanted.capacity is None else wanted.capacity
    wanted_skills = skills if wanted.skills is None else list(wanted.skills)
    if (available, capacity, wanted_skills) == (agent.available, agent.capacity, skills):
        return None
    changed = replace(agent, available=available, capacity=capacity, refusals=0, rests_until=0)
    event = AgentAvailabilityChanged(
        agent_id=agent.id,
        available=bool(available),
        capacity=capacity_of(changed, default_capacity),
        skills=wanted_skills,
    )
    return changed, wanted_skills, event
