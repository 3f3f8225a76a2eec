"""The life cycle (``docs/contract.md``, "Tickets"): each verb checks who and from where, and names what happened."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from answerable.kernel.actor import Actor
from answerable.kernel.errors import Conflict, Invalid, Refused
from answerable.kernel.times import DAY
from answerable.kernel.words import N_
from answerable.messages.base import Event
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketReopened,
    TicketResolved,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.tickets.rules.sight import is_staff_here, may_note, may_work, owns
from answerable.tickets.rules.ticket import PRIORITIES, SYSTEM, Change, Changes, Comment, Draft, Ticket

ENDED = ("CLOSED", "CANCELLED")
MOVES = {
    ("ASSIGNED", "IN_PROGRESS"),
    ("IN_PROGRESS", "WAITING"),
    ("WAITING", "IN_PROGRESS"),
    ("IN_PROGRESS", "RESOLVED"),
    ("WAITING", "RESOLVED"),
}


def open_ticket(actor: Actor, draft: Draft, ticket_id: str, number: int, now: int) -> Change:
    """Raise a ticket for oneself, or, as staff, for ``draft.requester_id``. The draft is clean already."""
    requester = draft.requester_id or actor.id
    if requester != actor.id and not actor.may("ticket.create_for_others"):
        raise Refused(N_("You can only raise tickets for yourself."))
    ticket = Ticket(
        number=number,
        id=ticket_id,
        title=draft.title,
        description=draft.description,
        category=draft.category,
        priority=draft.priority,
        status="CREATED",
        requester_id=requester,
        agent_id=None,
        created_at=now,
        updated_at=now,
        public_at=now,
    )
    words = "Ticket raised" if requester == actor.id else "Ticket raised on behalf of the requester"
    event = TicketCreated(ticket=ticket.ref, created_by=actor.id, description=ticket.description)
    return Change(ticket, (event,), (("TICKET_CREATED", words),))


def assign(ticket: Ticket, agent_id: str, agent_name: str, assigned_by: str | None, now: int) -> Change:
    """Give the ticket to an agent, whoever had it. ``assigned_by`` is ``None`` where the desk chose.

    A resolved ticket that is assigned again is open again.
    """
    if ticket.status in ENDED:
        raise invalid_move(ticket.status, "ASSIGNED")
    if ticket.agent_id == agent_id and ticket.status != "RESOLVED":
        raise Conflict(f"The ticket is already assigned to {agent_name}.")
    was_resolved = ticket.status == "RESOLVED"
    changed = _moved(ticket, "ASSIGNED", now, agent_id=agent_id)
    if was_resolved:
        changed = replace(changed, resolved_at=None, close_at=None, reopenings=ticket.reopenings + 1)
    events = _status_events(ticket, changed)
    if was_resolved:
        events += (TicketReopened(ticket=changed.ref, resolved_at=ticket.resolved_at, reopenings=changed.reopenings),)
    events += (
        TicketAssigned(
            ticket=changed.ref,
            former_agent_id=ticket.agent_id if ticket.agent_id != agent_id else None,
            assigned_by=assigned_by,
            automatic=assigned_by is None,
        ),
    )
    verb = "Reassigned" if ticket.agent_id else "Assigned"
    return Change(changed, events, (("TICKET_ASSIGNED", f"{verb} to {agent_name}"),))


def unassign(ticket: Ticket, reason: str, now: int) -> Change:
    """Put an open ticket back into the queue because its agent is gone."""
    changed = _moved(ticket, "CREATED", now, agent_id=None)
    event = TicketUnassigned(ticket=changed.ref, former_agent_id=ticket.agent_id or "", reason=reason)
    return Change(
        changed, (*_status_events(ticket, changed), event), (("TICKET_UNASSIGNED", f"Back in the queue: {reason}"),)
    )


def refuse_assignment(ticket: Ticket, agent_id: str) -> TicketUnassigned:
    """Say that the agent the assignment chose cannot have the ticket."""
    return TicketUnassigned(ticket=ticket.ref, former_agent_id=agent_id, reason="the agent is gone")


def move(actor: Actor, ticket: Ticket, to: str, now: int, auto_close_days: float) -> Change:
    """Set the status as the assigned agent or a manager: start, wait, go on, resolve; also close and cancel."""
    if to == "CLOSED":
        return close(actor, ticket, now)
    if to == "CANCELLED":
        return cancel(actor, ticket, now)
    if not may_work(actor, ticket):
        raise Refused(N_("Only the assigned agent or a manager can change the status."))
    if (ticket.status, to) not in MOVES:
        raise invalid_move(ticket.status, to)
    if to == "RESOLVED":
        return _resolve(actor, ticket, now, auto_close_days)
    changed = _moved(ticket, to, now)
    return Change(changed, _status_events(ticket, changed), (_status_line(ticket, changed),))


def _resolve(actor: Actor, ticket: Ticket, now: int, auto_close_days: float) -> Change:
    close_at = now + int(auto_close_days * DAY) if auto_close_days > 0 else None
    changed = replace(_moved(ticket, "RESOLVED", now), resolved_at=now, close_at=close_at)
    event = TicketResolved(ticket=changed.ref, resolved_at=now, resolved_by=actor.id)
    return Change(
        changed, (*_status_events(ticket, changed), event), (_status_line(ticket, changed, "TICKET_RESOLVED"),)
    )


def close(actor: Actor, ticket: Ticket, now: int) -> Change:
    """Close a resolved ticket: the assigned agent, a manager, or the desk itself after some days."""
    automatic = actor.kind == "service"
    if not automatic and not may_work(actor, ticket):
        raise Refused(N_("Only the assigned agent or a manager can close the ticket."))
    return _close(ticket, now, automatic=automatic)


def _close(ticket: Ticket, now: int, *, automatic: bool) -> Change:
    if ticket.status != "RESOLVED":
        raise invalid_move(ticket.status, "CLOSED")
    changed = replace(_moved(ticket, "CLOSED", now), closed_at=now, close_at=None)
    event = TicketClosed(ticket=changed.ref, closed_at=now, automatic=automatic)
    return Change(changed, (*_status_events(ticket, changed), event), (_status_line(ticket, changed, "TICKET_CLOSED"),))


def confirm(actor: Actor, ticket: Ticket, now: int) -> Change:
    """Say, as the one who asked, that it is solved: that closes it."""
    if actor.id != ticket.requester_id:
        raise Refused(N_("Only the requester can say that it is solved."))
    return _close(ticket, now, automatic=False)


def reopen(actor: Actor, ticket: Ticket, now: int, *, agent_is_here: bool) -> Change:
    """Open a resolved or closed ticket again; it goes to the queue where its agent is gone."""
    if not owns(actor, ticket):
        raise Refused(N_("Only the requester or a manager can reopen the ticket."))
    if ticket.status not in ("RESOLVED", "CLOSED"):
        raise invalid_move(ticket.status, "IN_PROGRESS")
    keeps = ticket.agent_id is not None and agent_is_here
    moved = _moved(ticket, "IN_PROGRESS" if keeps else "CREATED", now, agent_id=ticket.agent_id if keeps else None)
    changed = replace(moved, resolved_at=None, closed_at=None, close_at=None, reopenings=ticket.reopenings + 1)
    events = _status_events(ticket, changed)
    events += (TicketReopened(ticket=changed.ref, resolved_at=ticket.resolved_at, reopenings=changed.reopenings),)
    if ticket.agent_id is not None and not keeps:
        events += (TicketUnassigned(ticket=changed.ref, former_agent_id=ticket.agent_id, reason="the agent is gone"),)
    return Change(changed, events, (_status_line(ticket, changed, "TICKET_REOPENED"),))


def cancel(actor: Actor, ticket: Ticket, now: int) -> Change:
    """Take an open ticket back: its requester or a manager."""
    if not owns(actor, ticket):
        raise Refused(N_("Only the requester or a manager can cancel the ticket."))
    if ticket.status in ("RESOLVED", *ENDED):
        raise invalid_move(ticket.status, "CANCELLED")
    changed = _moved(ticket, "CANCELLED", now)
    event = TicketCancelled(ticket=changed.ref, cancelled_by=actor.id)
    return Change(
        changed, (*_status_events(ticket, changed), event), (_status_line(ticket, changed, "TICKET_CANCELLED"),)
    )


def update(actor: Actor, ticket: Ticket, changes: Changes, now: int) -> Change | None:
    """Change what the ticket says; ``None`` where nothing is different. The changes are clean already."""
    staff = is_staff_here(actor, ticket) or actor.may("ticket.manage")
    wanted = {name: getattr(changes, name) for name in changes.__struct_fields__}
    wanted = {name: value for name, value in wanted.items() if value is not None and value != getattr(ticket, name)}
    if changes.priority is not None and not staff:
        raise Refused(N_("Only staff can change the priority."))
    if not staff and ticket.status != "CREATED":
        raise Refused(N_("The ticket can be changed only until somebody works on it. Add a comment instead."))
    if ticket.status in ENDED:
        raise Conflict(f"The ticket is {ticket.status.lower()} and cannot be changed.")
    return _changed(ticket, wanted, now) if wanted else None


def raise_priority(ticket: Ticket, priority: str, now: int) -> Change | None:
    """Make an open ticket more urgent; ``None`` where it is over, or as urgent already."""
    if ticket.status in ("RESOLVED", *ENDED) or PRIORITIES.index(priority) <= PRIORITIES.index(ticket.priority):
        return None
    return _changed(ticket, {"priority": priority}, now)


def _changed(ticket: Ticket, wanted: Mapping[str, Any], now: int) -> Change:
    changed = replace(ticket, **wanted, updated_at=now, public_at=now, version=ticket.version + 1)
    event = TicketUpdated(
        ticket=changed.ref,
        changed=sorted(wanted),
        former_priority=ticket.priority,
        former_category=ticket.category,
        description=wanted.get("description"),
    )
    parts = [
        f"{name} {getattr(ticket, name)} → {value}" if name in ("priority", "category") else f"{name} changed"
        for name, value in sorted(wanted.items())
    ]
    return Change(changed, (event,), (("TICKET_UPDATED", ", ".join(parts)[:1].upper() + ", ".join(parts)[1:]),))


def comment(actor: Actor, author_name: str, ticket: Ticket, said: Comment, now: int) -> Change:
    """Say something. The requester's answer ends the waiting for it."""
    if said.internal and not may_note(actor):
        raise Refused(N_("Internal notes are for staff."))
    if ticket.status in ENDED and not said.internal:
        closed = N_("The ticket is closed. Reopen it or raise a new one.")
        raise Conflict(closed if ticket.status == "CLOSED" else N_("The ticket is cancelled. Please raise a new one."))
    from_staff = is_staff_here(actor, ticket)
    answered = ticket.status == "WAITING" and not said.internal and actor.id == ticket.requester_id
    public_at = ticket.public_at if said.internal else now
    changed = _moved(ticket, "IN_PROGRESS", now) if answered else replace(ticket, updated_at=now, public_at=public_at)
    event = CommentAdded(
        ticket=changed.ref,
        comment_id=said.id,
        author_id=actor.id,
        author_name=author_name,
        from_staff=from_staff,
        internal=bool(said.internal),
    )
    history = (_status_line(ticket, changed),) if answered else ()
    return Change(changed, (event, *_status_events(ticket, changed)), history)


def invalid_move(current: str, to: str) -> Conflict:
    """Return the refusal of a step that the life cycle does not have."""
    return Conflict(f"Invalid status transition: {current} → {to}")


def unknown_category_code(code: str) -> Invalid:
    """Return the refusal of a category code that cannot be one."""
    return Invalid(N_("Invalid category."), errors=(f"categories: {code!r} must be 1 to 50 of A-Z, 0-9 and _",))


def performer(actor: Actor) -> str:
    """Return who a history line names."""
    return actor.id if actor.kind == "person" else SYSTEM


_KEEP = object()


def _moved(ticket: Ticket, status: str, now: int, agent_id: object = _KEEP) -> Ticket:
    agent = ticket.agent_id if agent_id is _KEEP else agent_id
    return replace(ticket, status=status, agent_id=agent, updated_at=now, public_at=now, version=ticket.version + 1)


def _status_events(before: Ticket, after: Ticket) -> tuple[Event, ...]:
    if before.status == after.status:
        return ()
    return (StatusChanged(ticket=after.ref, former_status=before.status, status=after.status),)


def _status_line(before: Ticket, after: Ticket, action: str = "STATUS_CHANGED") -> tuple[str, str]:
    return (action, f"Status {before.status} → {after.status}")
