"""The matrix (``docs/contract.md``, "Notifications"): which event is told to whom, on which channel."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from answerable.messages.base import Envelope, Event
from answerable.messages.sla import SlaAtRisk, SlaBreached, SlaLevelReached, TicketEscalated
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketReopened,
    TicketResolved,
)

SCREEN = "screen"
EMAIL = "email"
CHANNELS = (SCREEN, EMAIL)

EVENTS: tuple[type[Event], ...] = (
    TicketCreated,
    TicketAssigned,
    StatusChanged,
    TicketResolved,
    TicketClosed,
    TicketReopened,
    TicketCancelled,
    CommentAdded,
    SlaAtRisk,
    SlaBreached,
    SlaLevelReached,
    TicketEscalated,
)
TYPES = tuple(event.TYPE for event in EVENTS)

# Nobody is told what they did themselves. A receipt (TICKET_CREATED) and what a clock did are told to all the same,
# also to the manager whose check found the breach.
_TOLD_TO_ALL = (TicketCreated, SlaAtRisk, SlaBreached, SlaLevelReached, TicketEscalated)
ACTS = frozenset(TYPES) - {event.TYPE for event in _TOLD_TO_ALL}


class Part(StrEnum):
    """The part that a person plays in what happened; it decides the words."""

    REQUESTER = "REQUESTER"
    AGENT = "AGENT"
    FORMER_AGENT = "FORMER_AGENT"
    MANAGER = "MANAGER"
    INFORMED = "INFORMED"


@dataclass(frozen=True, slots=True)
class Addressee:
    """One cell of the matrix. ``told_by`` names the event that tells the same person the same thing better."""

    person_id: str
    part: Part
    channel: str
    told_by: str = ""


def doers(event: Event, cause: Envelope) -> frozenset[str]:
    """Return the ids of those who did what ``event`` tells; the desk itself is nobody."""
    named = {getattr(event, name, None) for name in ("assigned_by", "author_id", "resolved_by", "cancelled_by")}
    if cause.actor_kind == "person":
        named.add(cause.actor)
    return frozenset(name for name in named if name)


def addressees(event: Event, did_it: frozenset[str]) -> list[Addressee]:
    """Return whom the matrix names, each person once a channel (in their first part where they play several)."""
    cells: dict[tuple[str, str], Addressee] = {}
    for cell in _cells(event, did_it):
        if cell.person_id:
            cells.setdefault((cell.person_id, cell.channel), cell)
    return list(cells.values())


def _cells(event: Event, did_it: frozenset[str]) -> Iterable[Addressee]:
    match event:
        case TicketCreated() | TicketClosed():
            return _both(event.ticket.requester_id, Part.REQUESTER)
        case TicketAssigned():
            return (
                *_both(event.ticket.agent_id, Part.AGENT),
                *_both(event.former_agent_id, Part.FORMER_AGENT),
                *_on(event.ticket.requester_id, Part.REQUESTER, SCREEN),
            )
        case StatusChanged():
            return _status_cells(event, did_it)
        case TicketReopened():
            told_by = TicketAssigned.TYPE if event.ticket.status == "ASSIGNED" else ""
            agent = event.ticket.agent_id
            return (
                *_both(event.ticket.requester_id, Part.REQUESTER),
                *(_on(agent, Part.AGENT, SCREEN, told_by) if told_by else _both(agent, Part.AGENT)),
            )
        case TicketResolved() | TicketCancelled():
            return _parties(event)
        case CommentAdded():
            return _both(event.ticket.agent_id, Part.AGENT) if event.internal else _parties(event)
        case SlaAtRisk() | SlaBreached():
            return _both(event.ticket.agent_id, Part.AGENT)
        case SlaLevelReached():
            agent = event.ticket.agent_id
            parts = ((one, Part.AGENT if one == agent else Part.INFORMED) for one in event.notify)
            return (cell for person, part in parts for cell in _both(person, part))
        case TicketEscalated():
            agent = None if event.late else event.ticket.agent_id  # they were told when nobody was found
            return (*_both(event.manager_id, Part.MANAGER), *_both(agent, Part.AGENT))
        case _:
            return ()


def _status_cells(event: StatusChanged, did_it: frozenset[str]) -> Iterable[Addressee]:
    """Tell of a change of status only where no other event tells of it; one row each says which one does."""
    requester, agent = event.ticket.requester_id, event.ticket.agent_id
    told_by = _told_by(event)
    if told_by:
        return (
            *_on(requester, Part.REQUESTER, SCREEN, told_by),
            *_on(agent, Part.AGENT, SCREEN, told_by),
        )
    if event.status == "CREATED":  # its agent is gone: like every assignment, told to the requester on screen only
        return _on(requester, Part.REQUESTER, SCREEN)
    if event.former_status == "WAITING" and requester in did_it and requester != agent:  # by answering
        return (
            *_both(requester, Part.REQUESTER),
            *_on(agent, Part.AGENT, SCREEN),
            *_on(agent, Part.AGENT, EMAIL, CommentAdded.TYPE),
        )
    return _parties(event)


def _told_by(event: StatusChanged) -> str:
    if event.former_status in ("RESOLVED", "CLOSED") and event.status in ("CREATED", "ASSIGNED", "IN_PROGRESS"):
        return TicketReopened.TYPE
    own = {
        "ASSIGNED": TicketAssigned.TYPE,
        "RESOLVED": TicketResolved.TYPE,
        "CLOSED": TicketClosed.TYPE,
        "CANCELLED": TicketCancelled.TYPE,
    }
    return own.get(event.status, "")


def _parties(event: StatusChanged | TicketResolved | TicketCancelled | CommentAdded) -> tuple[Addressee, ...]:
    return (*_both(event.ticket.requester_id, Part.REQUESTER), *_both(event.ticket.agent_id, Part.AGENT))


def _both(person_id: str | None, part: Part) -> tuple[Addressee, ...]:
    return (*_on(person_id, part, SCREEN), *_on(person_id, part, EMAIL))


def _on(person_id: str | None, part: Part, channel: str, told_by: str = "") -> tuple[Addressee, ...]:
    return (Addressee(person_id or "", part, channel, told_by),)
