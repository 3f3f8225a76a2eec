"""What would be promised on a ticket that is not raised yet."""

from dataclasses import dataclass

from answerable.messages.tickets import TicketRef
from answerable.sla.rules.policy import FIRST_RESPONSE, RESOLUTION, Edition, Terms, promise_for

PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Offer:
    """The working time within which a ticket of a priority is answered and solved, in microseconds.

    ``None`` where nothing is promised.
    """

    priority: str
    answer: int | None
    solution: int | None


def offers(edition: Edition, requester_id: str, category: str) -> list[Offer]:
    """Return what an edition promises for each priority, on a ticket of a category that somebody is about to raise."""
    made = []
    for priority in PRIORITIES:
        ticket = _not_raised_yet(requester_id, category, priority)
        answer, solution = (promise_for(ticket, target, 0, edition) for target in (FIRST_RESPONSE, RESOLUTION))
        made.append(Offer(priority, _micros(answer), _micros(solution)))
    return made


def _micros(terms: Terms | None) -> int | None:
    return terms.target_micros if terms else None


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
