"""What a ticket is, and what input for one must look like."""

from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_
from answerable.messages.base import Event
from answerable.messages.tickets import TicketRef

PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
STATUSES = ("CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "CANCELLED")
OPEN_STATUSES = STATUSES[:4]
SYSTEM = "SYSTEM"

TITLE = (5, 200)
DESCRIPTION = (10, 20_000)
COMMENT = (1, 20_000)


class Ticket(msgspec.Struct, frozen=True):
    """A ticket as it is stored, its columns in this order. Instants are UTC microseconds.

    ``close_at`` is when it closes by itself, ``public_at`` when something last changed that its requester may see.
    """

    number: int
    id: str
    title: str
    description: str
    category: str
    priority: str
    status: str
    requester_id: str
    agent_id: str | None
    created_at: int
    updated_at: int
    resolved_at: int | None = None
    closed_at: int | None = None
    close_at: int | None = None
    sla_due_at: int | None = None
    sla_breached: int = 0
    reopenings: int = 0
    version: int = 1
    public_at: int = 0

    @property
    def ref(self) -> TicketRef:
        """Return what events say about this ticket."""
        return TicketRef(
            id=self.id,
            number=self.number,
            title=self.title,
            category=self.category,
            priority=self.priority,
            status=self.status,
            requester_id=self.requester_id,
            agent_id=self.agent_id,
            created_at=self.created_at,
            updated_at=self.updated_at,
            resolved_at=self.resolved_at,
            closed_at=self.closed_at,
            version=self.version,
        )


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """Something said on a ticket. ``author_role`` is the strongest role of the author at the time."""

    number: int
    id: str
    ticket_id: str
    author_id: str
    author_role: str
    body: str
    internal: int
    created_at: int


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to raise; ``requester_id`` where it is for somebody else."""

    title: str
    description: str
    category: str
    priority: str
    requester_id: str | None = None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to change about a ticket; ``None`` leaves as it is."""

    title: str | None = None
    description: str | None = None
    category: str | None = None
    priority: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The outcome of a rule: the new ticket, what happened, and the line in its history (action, description)."""

    ticket: Ticket
    events: tuple[Event, ...]
    history: tuple[tuple[str, str], ...]


def rank(priority: str) -> int:
    """Return 0 for LOW to 3 for CRITICAL."""
    return PRIORITIES.index(priority)


def known_priority(text: str) -> str:
    """Return ``text`` as a priority. Raises ``Invalid`` for another word."""
    if text.upper() in PRIORITIES:
        return text.upper()
    raise Invalid(N_("Unknown priority."), errors=(f"priority: must be one of {', '.join(PRIORITIES)}",))


def known_status(text: str) -> str:
    """Return ``text`` as a status; OPEN is what existing clients call CREATED. Raises ``Invalid``."""
    if text.upper() == "OPEN":
        return "CREATED"
    if text.upper() in STATUSES:
        return text.upper()
    raise Invalid(N_("Unknown status."), errors=(f"status: must be one of {', '.join(STATUSES)}",))


def clean_draft(draft: Draft, categories: Collection[str]) -> Draft:
    """Return the draft with tidy texts. Raises ``Invalid`` with a line for each field that is wrong."""
    title, description = _one_line(draft.title), _tidy(draft.description)
    errors = [
        *_length("title", title, TITLE),
        *_length("description", description, DESCRIPTION),
        *_choice("category", draft.category, categories),
        *_choice("priority", draft.priority, PRIORITIES),
    ]
    if errors:
        raise Invalid(N_("The ticket has invalid values."), errors=tuple(errors))
    return msgspec.structs.replace(draft, title=title, description=description)


def clean_changes(changes: Changes, categories: Collection[str]) -> Changes:
    """Return the changes with tidy texts. Raises ``Invalid`` with a line for each field that is wrong."""
    title = _one_line(changes.title) if changes.title is not None else None
    description = _tidy(changes.description) if changes.description is not None else None
    errors = [
        *(_length("title", title, TITLE) if title is not None else ()),
        *(_length("description", description, DESCRIPTION) if description is not None else ()),
        *(_choice("category", changes.category, categories) if changes.category is not None else ()),
        *(_choice("priority", changes.priority, PRIORITIES) if changes.priority is not None else ()),
    ]
    if errors:
        raise Invalid(N_("The change has invalid values."), errors=tuple(errors))
    return msgspec.structs.replace(changes, title=title, description=description)


def clean_comment(text: str) -> str:
    """Return a tidy comment. Raises ``Invalid`` for an empty or long one."""
    tidy = _tidy(text)
    if errors := _length("comment", tidy, COMMENT):
        raise Invalid(N_("The comment cannot be taken."), errors=tuple(errors))
    return tidy


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\x00", "").strip()


def _one_line(text: str) -> str:
    return " ".join(_tidy(text).split())


def _length(name: str, text: str, limits: tuple[int, int]) -> list[str]:
    shortest, longest = limits
    if shortest <= len(text) <= longest:
        return []
    return [f"{name}: must have {shortest} to {longest} characters, has {len(text)}"]


def _choice(name: str, value: str, known: Collection[str]) -> list[str]:
    return [] if value in known else [f"{name}: must be one of {', '.join(known)}"]
