"""What somebody may do with a ticket as it stands: the buttons that a page shows. The verbs ask again."""

from dataclasses import dataclass

from answerable.kernel.actor import Actor
from answerable.tickets.rules.life import ENDED, MOVES
from answerable.tickets.rules.sight import is_staff_here, may_note, may_work, owns
from answerable.tickets.rules.ticket import STATUSES, Ticket


@dataclass(frozen=True, slots=True)
class Hands:
    """What can be done. ``moves`` are the statuses to choose from, in their order, the present one among them."""

    moves: tuple[str, ...]
    reply: bool
    note: bool
    resolve: bool
    assign: bool
    edit: bool


def hands_of(actor: Actor, ticket: Ticket) -> Hands:
    """Return what the actor may do with the ticket."""
    works, ended = may_work(actor, ticket), ticket.status in ENDED
    moves = {ticket.status}
    if works:
        moves |= {to for was, to in MOVES if was == ticket.status}
        moves |= {"RESOLVED"} if can_resolve(ticket) else set()
        moves |= {"CLOSED"} if ticket.status == "RESOLVED" else set()
    if owns(actor, ticket):
        moves |= {"IN_PROGRESS"} if ticket.status in ("RESOLVED", "CLOSED") else set()
        moves |= {"CANCELLED"} if ticket.status not in ("RESOLVED", *ENDED) else set()
    return Hands(
        moves=tuple(status for status in STATUSES if status in moves),
        reply=not ended,
        note=may_note(actor),
        resolve=works and can_resolve(ticket),
        assign=actor.may("ticket.manage") and not ended,
        edit=(is_staff_here(actor, ticket) or actor.may("ticket.manage")) and not ended,
    )


def can_resolve(ticket: Ticket) -> bool:
    """Tell whether it can be resolved, if need be by starting it first."""
    return ticket.status in ("ASSIGNED", "IN_PROGRESS", "WAITING")


def works_at(actor: Actor, ticket: Ticket) -> bool:
    """Tell whether somebody who sees the ticket sees it as staff; staff who ask are requesters."""
    return actor.may("desk.work") and (actor.id != ticket.requester_id or may_work(actor, ticket))
