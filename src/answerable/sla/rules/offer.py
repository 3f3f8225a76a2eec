"""What would be promised on a ticket that is not raised yet."""

from dataclasses import dataclass

from answerable.messages.tickets import TicketRef
from answerable.sla.rules.policy import FIRST_RESPONSE, RESOLUTION, terms_for

PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Offer:
    """The working time within which a ticket of a priority is answered and solved, in microseconds."""

    priority: str
    answer: int
    solution: int


def offers(requester_id: str, category: str) -> list[Offer]:
    """Return what is promised for each priority, on a ticket of a category that somebody is about to raise."""
    made = []
    for priority in PRIORITIES:
        ticket = _not_raised_yet(requester_id, category, priority)
        answer, solution = (terms_for(ticket, target, 0).target_micros for target in (FIRST_RESPONSE, RESOLUTION))
        made.append(Offer(priority, answer, solution))
    return made


def _not_raised_yet(requester_id: str, category: str, priority: str) -> TicketRef:
    return TicketRef(
        id="",
        number=0,
        title="",
        category=category,
        priority=priority,
        status="CREATED",
        requester_id=requester_id,
        agent_id=None,
        created_at=0,
    )
