"""What the tickets feature says, and what may be asked of it. It alone changes a ticket's state."""

from typing import ClassVar

import msgspec

from answerable.messages.base import Command, Event


class TicketRef(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A ticket as it stands after the event. Enough that no listener has to ask back.

    Instants are UTC microseconds; ``number`` is the human number; ``agent_id`` is ``None`` while unassigned. From
    ``updated_at`` on, the fields are told by the tickets feature alone; elsewhere they may be missing.
    """

    id: str
    number: int
    title: str
    category: str
    priority: str
    status: str
    requester_id: str
    agent_id: str | None
    created_at: int
    updated_at: int = 0
    resolved_at: int | None = None
    closed_at: int | None = None
    version: int = 0


class TicketEvent(Event, frozen=True, kw_only=True):
    """Common to all events of a ticket."""

    TOPIC: ClassVar[str] = "answerable.tickets"
    ticket: TicketRef

    @property
    def key(self) -> str:
        """Return the ticket's id."""
        return self.ticket.id


class TicketCreated(TicketEvent, frozen=True, kw_only=True):
    """Somebody raised a ticket. ``created_by`` differs from the requester where staff did it on behalf."""

    TYPE: ClassVar[str] = "TICKET_CREATED"
    created_by: str
    description: str = ""


class TicketAssigned(TicketEvent, frozen=True, kw_only=True):
    """The ticket has a (new) agent: ``ticket.agent_id``. ``former_agent_id`` had it before, if anybody did.

    ``assigned_by`` is a person, or ``None`` where the desk chose by itself (``automatic``).
    """

    TYPE: ClassVar[str] = "TICKET_ASSIGNED"
    former_agent_id: str | None
    assigned_by: str | None
    automatic: bool


class TicketUnassigned(TicketEvent, frozen=True, kw_only=True):
    """The ticket went back to the queue; ``former_agent_id`` had it, or was refused it for ``reason``."""

    TYPE: ClassVar[str] = "TICKET_UNASSIGNED"
    former_agent_id: str
    reason: str


class StatusChanged(TicketEvent, frozen=True, kw_only=True):
    """The ticket's status is another one. Every change of status says so, also those that have their own event."""

    TYPE: ClassVar[str] = "STATUS_CHANGED"
    former_status: str
    status: str


class TicketResolved(TicketEvent, frozen=True, kw_only=True):
    """The ticket was answered for good, at ``resolved_at`` (microseconds), by ``resolved_by``."""

    TYPE: ClassVar[str] = "TICKET_RESOLVED"
    resolved_at: int
    resolved_by: str


class TicketClosed(TicketEvent, frozen=True, kw_only=True):
    """The ticket was closed at ``closed_at`` (microseconds), by a person or (``automatic``) because time passed."""

    TYPE: ClassVar[str] = "TICKET_CLOSED"
    closed_at: int
    automatic: bool


class TicketReopened(TicketEvent, frozen=True, kw_only=True):
    """The ticket is open again. ``resolved_at`` is when it had been resolved, in microseconds."""

    TYPE: ClassVar[str] = "TICKET_REOPENED"
    resolved_at: int | None
    reopenings: int


class TicketCancelled(TicketEvent, frozen=True, kw_only=True):
    """The ticket is not wanted any more."""

    TYPE: ClassVar[str] = "TICKET_CANCELLED"
    cancelled_by: str


class TicketUpdated(TicketEvent, frozen=True, kw_only=True):
    """Title, description, category or priority changed; ``changed`` names them.

    ``former_priority`` and ``former_category`` are what they were (the latter empty in older messages).
    ``description`` is the new one, ``None`` where it stayed.
    """

    TYPE: ClassVar[str] = "TICKET_UPDATED"
    changed: list[str]
    former_priority: str
    description: str | None = None
    former_category: str = ""


class TicketErased(TicketEvent, frozen=True, kw_only=True):
    """What a ticket said is gone, because its requester was erased or (``whole``) because its time was over.

    ``ticket`` and ``description`` are what is left. Whoever has a copy of its words erases it.
    """

    TYPE: ClassVar[str] = "TICKET_ERASED"
    description: str
    whole: bool = False


class CommentAdded(TicketEvent, frozen=True, kw_only=True):
    """Somebody said something. ``from_staff`` is false where the requester spoke; ``internal`` is for staff only."""

    TYPE: ClassVar[str] = "COMMENT_ADDED"
    comment_id: str
    author_id: str
    author_name: str
    from_staff: bool
    internal: bool


class TicketCommand(Command, frozen=True, kw_only=True):
    """Common to all that may be asked of the tickets feature."""

    TOPIC: ClassVar[str] = "answerable.tickets.commands"
    ticket_id: str

    @property
    def key(self) -> str:
        """Return the ticket's id."""
        return self.ticket_id


class AssignTicket(TicketCommand, frozen=True, kw_only=True):
    """Give the ticket to an agent. ``assigned_by`` is the person who decided, ``None`` for the desk itself.

    ``agent_sequence`` is the sequence of the newest message about the agent that whoever chose them had heard: where
    that is more than was heard here, they are taken to be an agent. Answered by ``TICKET_ASSIGNED``, or by
    ``TICKET_UNASSIGNED`` where the agent cannot have it.
    """

    TYPE: ClassVar[str] = "ASSIGN_TICKET"
    agent_id: str
    assigned_by: str | None
    agent_sequence: int = 0


class RaisePriority(TicketCommand, frozen=True, kw_only=True):
    """Make an open ticket more urgent, for ``reason``; one that is as urgent already stays as it is.

    Answered by ``TICKET_UPDATED`` where it changes.
    """

    TYPE: ClassVar[str] = "RAISE_PRIORITY"
    priority: str
    reason: str
