"""What people do with tickets: load, decide, store, publish."""

import re
from collections.abc import Sequence

from answerable.kernel.actor import Actor
from answerable.kernel.errors import Conflict, Invalid, Missing, Refused, Stale
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.assignment import FindAgent
from answerable.messages.audit import RecordAct
from answerable.tickets import rules, store
from answerable.tickets.rules import Change, Changes, Comment, Draft, Ticket, life
from answerable.tickets.rules.ticket import clean_changes, clean_comment, clean_draft

MAX_CATEGORIES = 200
_CATEGORY = re.compile(r"[A-Z0-9_]{1,50}")


async def create_ticket(tx: Tx, draft: Draft) -> Ticket:
    """Raise a ticket. Raises ``Invalid`` with a line per wrong field, ``Missing`` for an unknown requester."""
    draft = clean_draft(draft, await _categories(tx, draft.category))
    if draft.requester_id is not None and draft.requester_id != tx.actor.id:
        await _check_requester(tx, draft.requester_id)
    number = await store.next_number(tx, "ticket")
    change = rules.open_ticket(tx.actor, draft, tx.new_id(), number, tx.now)
    await store.insert_ticket(tx, change.ticket)
    await _tell(tx, change)
    return change.ticket


async def _categories(tx: Tx, wanted: str | None) -> Sequence[str]:
    """Return the categories to choose from: the wanted one where it is there, all of them where it is not."""
    if wanted is None:
        return ()
    if _CATEGORY.fullmatch(wanted) and await store.has_category(tx, wanted):
        return (wanted,)
    return await store.list_categories(tx)


async def _check_requester(tx: Tx, requester_id: str) -> None:
    if not tx.actor.may("ticket.create_for_others"):
        raise Refused(N_("You can only raise tickets for yourself."))
    person = await store.load_person(tx, requester_id)
    if person is None or not person["active"]:
        raise Invalid(N_("There is no such requester."), errors=("requesterId: is not an active person",))


async def update_ticket(tx: Tx, ticket_id: str, changes: Changes, expected: int | None) -> Ticket:
    """Change title, description, category or priority. ``expected`` is the version the caller read, if they said so."""
    ticket = await _load(tx, ticket_id, expected)
    changes = clean_changes(changes, await _categories(tx, changes.category))
    change = rules.update(tx.actor, ticket, changes, tx.now)
    if change is None:
        return rules.as_seen(tx.actor, ticket)
    await store.save_details(tx, change.ticket)
    return await _store(tx, ticket, change)


async def set_status(tx: Tx, ticket_id: str, status: str, expected: int | None) -> Ticket:
    """Move a ticket on: IN_PROGRESS, WAITING, RESOLVED (also CLOSED, CANCELLED)."""
    to = rules.known_status(status)
    ticket = await _load(tx, ticket_id, expected)
    days = tx.settings.tickets.auto_close_days
    return await _store(tx, ticket, rules.move(tx.actor, ticket, to, tx.now, days))


async def close_ticket(tx: Tx, ticket_id: str, expected: int | None) -> Ticket:
    """Close a resolved ticket."""
    ticket = await _load(tx, ticket_id, expected)
    return await _store(tx, ticket, rules.close(tx.actor, ticket, tx.now))


async def confirm_ticket(tx: Tx, ticket_id: str) -> Ticket:
    """Say of one's own resolved ticket that it is solved: that closes it."""
    ticket = await _load(tx, ticket_id, None)
    return await _store(tx, ticket, rules.confirm(tx.actor, ticket, tx.now))


async def cancel_ticket(tx: Tx, ticket_id: str, expected: int | None) -> Ticket:
    """Take an open ticket back."""
    ticket = await _load(tx, ticket_id, expected)
    return await _store(tx, ticket, rules.cancel(tx.actor, ticket, tx.now))


async def reopen_ticket(tx: Tx, ticket_id: str, expected: int | None) -> Ticket:
    """Open a resolved or closed ticket again, with its agent where they are still here."""
    ticket = await _load(tx, ticket_id, expected)
    agent = await store.load_person(tx, ticket.agent_id) if ticket.agent_id else None
    here = bool(agent and agent["active"] and agent["is_agent"])
    return await _store(tx, ticket, rules.reopen(tx.actor, ticket, tx.now, agent_is_here=here))


async def assign_ticket(tx: Tx, ticket_id: str, agent_id: str, expected: int | None) -> Ticket:
    """Give a ticket to an agent. Raises ``Missing`` for an unknown one, ``Conflict`` for one who cannot have it."""
    ticket = await _load(tx, ticket_id, expected)
    agent = await store.load_person(tx, agent_id)
    if agent is None:
        raise Missing("There is no such agent.")
    if not agent["is_agent"]:
        raise Conflict(f"{agent['name']} is not an agent.")
    if not agent["active"]:
        raise Conflict(f"{agent['name']} is not active.")
    return await _store(tx, ticket, rules.assign(ticket, agent_id, agent["name"], tx.actor.id, tx.now))


async def ask_for_agent(tx: Tx, ticket_id: str) -> Ticket:
    """Ask the assignment to choose an agent now."""
    ticket = await store.load_ticket(tx, ticket_id)
    if ticket.status in ("RESOLVED", *life.ENDED):
        raise life.invalid_move(ticket.status, "ASSIGNED")
    tx.send(FindAgent(ticket_id=ticket.id, asked_by=tx.actor.id))
    return ticket


async def add_comment(tx: Tx, ticket_id: str, text: str, internal: int) -> tuple[Comment, str]:
    """Say something on a ticket (``internal``: 1 for a note among staff); return it with the author's name."""
    ticket = await store.load_ticket(tx, ticket_id)
    said = Comment(
        number=await store.next_number(tx, "comment"),
        id=tx.new_id(),
        ticket_id=ticket.id,
        author_id=tx.actor.id,
        author_role=_strongest_role(tx.actor),
        body=clean_comment(text),
        internal=internal,
        created_at=tx.now,
    )
    person = await store.load_person(tx, tx.actor.id)
    name = person["name"] if person else tx.actor.name
    change = rules.comment(tx.actor, name, ticket, said, tx.now)
    await store.insert_comment(tx, said)
    await _store(tx, ticket, change)
    return said, name


def _strongest_role(actor: Actor) -> str:
    return next((role for role in ("ADMIN", "MANAGER", "AGENT", "USER") if role in actor.roles), "USER")


async def set_categories(tx: Tx, codes: Sequence[str]) -> list[str]:
    """Set the categories that new tickets may have. Raises ``Invalid`` for none, too many, or a code that is none."""
    unique = list(dict.fromkeys(codes))
    if not 1 <= len(unique) <= MAX_CATEGORIES:
        raise Invalid(N_("Invalid categories."), errors=(f"categories: must be 1 to {MAX_CATEGORIES} codes",))
    for code in unique:
        if not _CATEGORY.fullmatch(code):
            raise life.unknown_category_code(code)
    before = list(await store.list_categories(tx))
    if unique != before:
        await store.replace_categories(tx, unique)
        tx.send(RecordAct(act="CATEGORIES_CHANGED", about="categories", changes={"categories": [before, unique]}))
    return unique


# --- what the desk itself does -------------------------------------------------------------------------------------


async def accept_assignment(
    tx: Tx, ticket_id: str, agent_id: str, assigned_by: str | None, agent_sequence: int
) -> None:
    """Do what the assignment decided, or say that it cannot be done so that it decides again.

    People come on a topic of their own: where the assignment had heard more of the agent, it is believed.
    """
    ticket = await store.find_ticket(tx, ticket_id)
    if ticket is None or ticket.status in life.ENDED:
        return
    if ticket.agent_id == agent_id and ticket.status != "RESOLVED":
        return
    if assigned_by is None and (ticket.agent_id is not None or ticket.status != "CREATED"):
        return  # a person was quicker
    if tx.cause is not None and ticket.resolved_at is not None and tx.cause.time < ticket.resolved_at:
        return  # decided before it was resolved: no reason to open it again
    agent = await store.load_person(tx, agent_id)
    if agent_sequence > (agent["last_sequence"] if agent else 0):
        await store.save_agent(tx, agent_id, agent_sequence)
        agent = await store.load_person(tx, agent_id)
    if agent is None or not agent["active"] or not agent["is_agent"]:
        refusal = life.refuse_assignment(ticket, agent_id)
        tx.publish(refusal)
        return
    change = rules.assign(ticket, agent_id, agent["name"] or "a new agent", assigned_by, tx.now)
    await _store(tx, ticket, change, performed_by=assigned_by)


async def raise_priority(tx: Tx, ticket_id: str, priority: str) -> None:
    """Make an open ticket more urgent; never less."""
    ticket = await store.find_ticket(tx, ticket_id)
    change = None if ticket is None else rules.raise_priority(ticket, priority, tx.now)
    if ticket is not None and change is not None:
        await store.save_details(tx, change.ticket)
        await _store(tx, ticket, change)


async def release_tickets_of(tx: Tx, agent_id: str, reason: str) -> int:
    """Put the open tickets of an agent back into the queue; return how many."""
    tickets = await store.load_held_by(tx, agent_id, 10_000)
    for ticket in tickets:
        await _store(tx, ticket, rules.unassign(ticket, reason, tx.now))
    return len(tickets)


async def close_due_tickets(tx: Tx, limit: int = 100) -> int:
    """Close resolved tickets whose time has come; return how many."""
    tickets = await store.load_to_close(tx, limit)
    for ticket in tickets:
        await _store(tx, ticket, rules.close(tx.actor, ticket, tx.now))
    return len(tickets)


async def seed_categories(tx: Tx) -> None:
    """Give a new desk the categories of its settings."""
    if not await store.list_categories(tx):
        await store.replace_categories(tx, tx.settings.tickets.categories)


# --- the last two steps --------------------------------------------------------------------------------------------


async def _load(tx: Tx, ticket_id: str, expected: int | None) -> Ticket:
    ticket = await store.load_ticket(tx, ticket_id)
    if expected is not None and expected != ticket.version:
        raise Stale(N_("The ticket has changed since you read it. Read it again, then repeat your change."))
    return ticket


async def _store(tx: Tx, before: Ticket, change: Change, performed_by: str | None = None) -> Ticket:
    await store.save_ticket(tx, change.ticket, before)
    await _tell(tx, change, performed_by)
    return change.ticket


async def _tell(tx: Tx, change: Change, performed_by: str | None = None) -> None:
    for action, description in change.history:
        await store.insert_history(tx, change.ticket.id, action, performed_by or life.performer(tx.actor), description)
    tx.publish(*change.events)
