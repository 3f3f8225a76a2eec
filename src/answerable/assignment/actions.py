"""What people and the desk do about who works on what: load, decide, store, send."""

import msgspec

from answerable.assignment import queries, rules, store
from answerable.assignment.queries import AgentView, AssignmentView
from answerable.assignment.rules import Agent, Availability, Ticket
from answerable.kernel.errors import Conflict, Missing, Refused
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.tickets import TicketRef

TAKE_UPS = 50  # in one unit of work; the timer goes on with the rest

# --- what people do ------------------------------------------------------------------------------------------------


async def assign_to(tx: Tx, ticket_id: str, agent_id: str) -> AssignmentView:
    """Give a ticket to an agent of one's choice, also beyond their capacity.

    Raises ``Missing`` for an unknown ticket or agent, ``Conflict`` where it cannot be done.
    """
    ticket = await _load(tx, ticket_id)
    agent = await store.load_agent(tx, agent_id)
    if agent is None:
        raise Missing("There is no such agent.")
    rules.check_choice(ticket, agent)
    return await queries.assignment_view(tx, await _offer(tx, ticket, agent, tx.actor.id))


async def assign_automatically(tx: Tx, ticket_id: str) -> AssignmentView:
    """Choose an agent for a ticket now. Raises ``Missing`` for an unknown one, ``Conflict`` where nobody is free."""
    ticket = await _load(tx, ticket_id)
    rules.check_open(ticket)
    found = await _find_agent(tx, ticket, tx.actor.id)
    if found is None:
        raise Conflict(N_("Nobody is free right now; the ticket waits."))
    return await queries.assignment_view(tx, found)


async def set_availability(tx: Tx, agent_id: str, wanted: Availability) -> AgentView:
    """Change whether and how much an agent takes. Whoever does not manage may say only whether they are available."""
    agent = await queries.load_visible_agent(tx, agent_id)
    if not tx.actor.may("assignment.manage") and (wanted.capacity is not None or wanted.skills is not None):
        raise Refused(N_("Only a manager can change capacity and skills."))
    wanted = rules.clean_availability(wanted)
    default = tx.settings.assignment.capacity
    skills = await store.list_skills(tx, agent_id)
    change = rules.change_availability(agent, skills, wanted, default)
    if change is not None:
        agent, skills, event = change
        await store.save_availability(tx, agent)
        await store.replace_skills(tx, agent_id, skills)
        tx.publish(event)
        if tx.actor.id != agent_id:
            told = {name: [None, value] for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
            tx.send(RecordAct(act="AGENT_SET", about="person", about_id=agent_id, changes=told))
        await take_up(tx)
    return queries.agent_view(agent, skills, default)


# --- what the desk itself does -------------------------------------------------------------------------------------


async def take_up(tx: Tx) -> int:
    """Offer waiting tickets to free agents, the most urgent and oldest first; return how many were.

    Stops after ``TAKE_UPS``, and far down a chain of messages before it begins: the timer goes on.
    """
    if tx.cause is not None and rules.is_too_deep(tx.cause.depth):
        return 0
    taken = 0
    for _ in range(TAKE_UPS):
        ticket = await store.next_waiting(tx)
        agent = await _claim_agent(tx, ticket.category) if ticket is not None else None
        if ticket is None or agent is None:
            break
        offered, command = rules.propose(ticket, agent.id, None, tx.now, agent.last_sequence)
        if await store.claim_ticket(tx, offered):
            tx.send(command)
            taken += 1
        else:  # another process was quicker
            await store.change_load(tx, agent.id, rules.Load(0, -1))
    return taken


async def follow(tx: Tx, ref: TicketRef) -> None:
    """Note a ticket as it is now; find an agent for it, or for others where it made room."""
    was, ticket = await _mirror(tx, ref)
    if ticket.waits or _made_room(was, ticket):
        await take_up(tx)


async def follow_status(tx: Tx, ref: TicketRef) -> None:
    """Note a ticket whose status changed. One that comes back without an agent is told of again, with the reason."""
    was, ticket = await _mirror(tx, ref)
    if not ticket.waits and _made_room(was, ticket):
        await take_up(tx)


async def follow_return(tx: Tx, ref: TicketRef, former_agent_id: str) -> None:
    """Note a ticket that came back, or that the agent it was offered to cannot have; find another agent."""
    _, ticket = await _mirror(tx, ref)
    if ticket.proposed_to == former_agent_id:
        await _save(tx, ticket, rules.withdraw(ticket))
        agent = await store.load_agent(tx, former_agent_id)
        if agent is not None:
            await store.rest(tx, rules.refused(agent, tx.now))
    await take_up(tx)


async def find_agent(tx: Tx, ticket_id: str, asked_by: str) -> None:
    """Choose an agent for a ticket because a person asks; one that has a working agent keeps them."""
    ticket = await store.load_ticket(tx, ticket_id)
    if ticket is not None and ticket.status not in rules.DONE:
        await _find_agent(tx, ticket, asked_by)


async def replace_agent(tx: Tx, ticket_id: str, ref: TicketRef | None) -> None:
    """Offer an assigned ticket to another agent; where nobody else is free, it stays where it is.

    ``ref`` is how whoever asks knows the ticket: they may have heard before us that it was assigned.
    """
    was = await store.load_ticket(tx, ticket_id)
    ticket = rules.caught_up(was, ref, tx.now) if ref is not None else was
    if ticket is None or ticket.status in rules.DONE or ticket.agent_id is None or ticket.proposed_to is not None:
        return
    agent = await _claim_agent(tx, ticket.category, ticket.agent_id)
    if agent is not None:
        await _save(tx, was, ticket)
        offered, command = rules.propose(ticket, agent.id, rules.THE_DESK, tx.now, agent.last_sequence)
        await store.save_ticket(tx, offered)
        tx.send(command)


async def note_person(tx: Tx, person_id: str, name: str, is_agent: int, active: int) -> None:
    """Note a person as they are now; an agent may take up what waits."""
    assert tx.cause is not None  # what is known of people comes in messages
    await store.save_person(tx, person_id, name, is_agent, active, tx.cause.sequence)
    if is_agent and active:
        await take_up(tx)


# --- the steps that they share -------------------------------------------------------------------------------------


async def _load(tx: Tx, ticket_id: str) -> Ticket:
    ticket = await store.load_ticket(tx, ticket_id)
    if ticket is None:
        raise Missing("There is no such ticket.")
    return ticket


async def _mirror(tx: Tx, ref: TicketRef) -> tuple[Ticket | None, Ticket]:
    was = await store.load_ticket(tx, ref.id)
    ticket = rules.mirror(was, ref, tx.cause.time if tx.cause else tx.now)
    await _save(tx, was, ticket)
    return was, ticket


async def _find_agent(tx: Tx, ticket: Ticket, asked_by: str) -> Ticket | None:
    if ticket.proposed_to is not None:  # already under way; asking again mends an offer that got lost
        # By whoever offered it: as a person's choice it would be obeyed even after the ticket was resolved.
        agent = await store.load_agent(tx, ticket.proposed_to)
        heard = agent.last_sequence if agent is not None and agent.is_agent and agent.active else 0
        _, command = rules.propose(ticket, ticket.proposed_to, ticket.proposed_by, tx.now, heard)
        tx.send(command)
        return ticket
    if ticket.agent_id is not None:
        agent = await store.load_agent(tx, ticket.agent_id)
        if agent is not None and agent.is_agent and agent.active:
            return ticket
    chosen = await _claim_agent(tx, ticket.category)
    if chosen is None:
        return None
    offered, command = rules.propose(ticket, chosen.id, asked_by, tx.now, chosen.last_sequence)
    await store.save_ticket(tx, offered)
    tx.send(command)
    return offered


async def _claim_agent(tx: Tx, category: str, but: str = "") -> Agent | None:
    default = tx.settings.assignment.capacity
    while (agent := rules.choose_agent(await store.shortlist(tx, category, but), default, tx.now)) is not None:
        if await store.claim_place(tx, agent.id):
            return agent
    return None


async def _offer(tx: Tx, ticket: Ticket, agent: Agent, by: str) -> Ticket:
    offered, command = rules.propose(ticket, agent.id, by, tx.now, agent.last_sequence)
    await _save(tx, ticket, offered)
    tx.send(command)
    return offered


async def _save(tx: Tx, was: Ticket | None, ticket: Ticket) -> None:
    if was is None:
        await store.insert_ticket(tx, ticket)
    elif was != ticket:
        await store.save_ticket(tx, ticket)
    for agent_id, change in sorted(rules.load_changes(was, ticket).items()):
        await store.change_load(tx, agent_id, change)


def _made_room(was: Ticket | None, ticket: Ticket) -> bool:
    return any(change.load < 0 for change in rules.load_changes(was, ticket).values())
