"""Things that happen to one ticket, told as the other features tell them."""

from typing import Any

from answerable.messages.sla import SlaAtRisk, SlaBreached, SlaLevelReached, TicketEscalated
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketRef,
    TicketReopened,
    TicketResolved,
)
from tests.world import START


def ref(requester: str = "ria", agent: str | None = "abe", **values: Any) -> TicketRef:
    known: dict[str, Any] = {
        "id": "ticket-1",
        "number": 1042,
        "title": "Printer on fire",
        "category": "HARDWARE",
        "priority": "HIGH",
        "status": "IN_PROGRESS",
        "created_at": START,
    }
    return TicketRef(requester_id=requester, agent_id=agent, **(known | values))


def created(ticket: TicketRef | None = None, by: str | None = None) -> TicketCreated:
    ticket = ticket or ref(agent=None, status="CREATED")
    return TicketCreated(ticket=ticket, created_by=by or ticket.requester_id)


def assigned(ticket: TicketRef | None = None, former: str | None = None, by: str | None = None) -> TicketAssigned:
    ticket = ticket or ref(status="ASSIGNED")
    return TicketAssigned(ticket=ticket, former_agent_id=former, assigned_by=by, automatic=by is None)


def status(former: str, now: str, ticket: TicketRef | None = None) -> StatusChanged:
    return StatusChanged(ticket=ticket or ref(status=now), former_status=former, status=now)


def resolved(ticket: TicketRef | None = None, by: str = "abe") -> TicketResolved:
    return TicketResolved(ticket=ticket or ref(status="RESOLVED"), resolved_at=START, resolved_by=by)


def closed(ticket: TicketRef | None = None, automatic: bool = False) -> TicketClosed:
    return TicketClosed(ticket=ticket or ref(status="CLOSED"), closed_at=START, automatic=automatic)


def reopened(ticket: TicketRef | None = None) -> TicketReopened:
    return TicketReopened(ticket=ticket or ref(), resolved_at=START, reopenings=1)


def cancelled(ticket: TicketRef | None = None, by: str = "ria") -> TicketCancelled:
    return TicketCancelled(ticket=ticket or ref(status="CANCELLED"), cancelled_by=by)


def comment(by: str, internal: bool = False, ticket: TicketRef | None = None, name: str = "") -> CommentAdded:
    ticket = ticket or ref()
    return CommentAdded(
        ticket=ticket,
        comment_id="comment-1",
        author_id=by,
        author_name=name or by.capitalize(),
        from_staff=by != ticket.requester_id,
        internal=internal,
    )


def at_risk(ticket: TicketRef | None = None) -> SlaAtRisk:
    return SlaAtRisk(ticket=ticket or ref(), target="RESOLUTION", cycle=1, due_at=START)


def breached(ticket: TicketRef | None = None) -> SlaBreached:
    return SlaBreached(ticket=ticket or ref(), target="FIRST_RESPONSE", cycle=1, due_at=START, breached_at=START)


def level_reached(*notify: str) -> SlaLevelReached:
    return SlaLevelReached(
        ticket=ref(),
        target="RESOLUTION",
        cycle=1,
        level="80%",
        due_at=START,
        reason="Resolution is due at 09:00",
        notify=[*notify],
    )


def escalated(manager: str | None = "mia", ticket: TicketRef | None = None) -> TicketEscalated:
    return TicketEscalated(
        ticket=ticket or ref(),
        target="RESOLUTION",
        cycle=1,
        escalation_id="escalation-1",
        manager_id=manager,
        escalated_to_role="MANAGER",
        reason="The resolution is overdue.",
    )
