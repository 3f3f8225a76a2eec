"""Who may see a ticket and speak on it. ``store.arms`` says the same in SQL; a test holds the two together."""

from msgspec.structs import replace

from answerable.kernel.actor import Actor
from answerable.tickets.rules.ticket import Ticket


def may_see(actor: Actor, ticket: Ticket) -> bool:
    """Requesters see their own; agents what is theirs and the unassigned queue; managers all."""
    if actor.may("ticket.read_all"):
        return True
    if actor.id == ticket.requester_id:
        return True
    if not actor.may("ticket.read_queue"):
        return False
    return ticket.agent_id == actor.id or (ticket.agent_id is None and ticket.status == "CREATED")


def may_note(actor: Actor) -> bool:
    """Internal notes are for staff, to read and to write."""
    return actor.may("ticket.note")


def as_seen(actor: Actor, ticket: Ticket) -> Ticket:
    """Return a ticket as a caller sees it who may see it: a note that they may not read did not change it."""
    return ticket if may_note(actor) else replace(ticket, updated_at=ticket.public_at)


def may_comment(actor: Actor, ticket: Ticket) -> bool:
    """Everybody who sees a ticket may speak on it."""
    return may_see(actor, ticket)


def is_staff_here(actor: Actor, ticket: Ticket) -> bool:
    """Tell whether the actor is on the answering side of this ticket; staff who ask are requesters."""
    return may_note(actor) and actor.id != ticket.requester_id


def may_work(actor: Actor, ticket: Ticket) -> bool:
    """The assigned agent works on a ticket; managers may step in."""
    return actor.may("ticket.manage") or (actor.may("ticket.work") and ticket.agent_id == actor.id)


def owns(actor: Actor, ticket: Ticket) -> bool:
    """Tell whether the ticket is the actor's own, or theirs to steer."""
    return actor.id == ticket.requester_id or actor.may("ticket.manage")
