"""Who may see the clocks of a ticket: whoever may see the ticket (the tickets feature has the same rule)."""

from answerable.kernel.actor import Actor
from answerable.messages.tickets import TicketRef


def may_see(actor: Actor, ticket: TicketRef) -> bool:
    """Requesters see their own; agents what is theirs and the unassigned queue; managers all."""
    if actor.may("ticket.read_all") or actor.id == ticket.requester_id:
        return True
    if not actor.may("ticket.read_queue"):
        return False
    return ticket.agent_id == actor.id or (ticket.agent_id is None and ticket.status == "CREATED")


def may_see_escalations_of(actor: Actor, manager_id: str) -> bool:
    """Managers see what was escalated to them; those with the grant see everybody's."""
    return actor.id == manager_id or actor.may("escalation.read_all")
