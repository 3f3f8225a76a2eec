"""What an event means for the documents, and what differs between two of them. Pure.

A document is a mapping as MongoDB holds it: ``_id``, the names of the contract, and ``_versions``: for each group of
fields the sequence of the event it came from, 0 for none yet. All events that write one group have one topic and key,
so their sequences have one order; groups do not touch each other. Therefore events may come in any order, and again.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from answerable.messages.base import Envelope, Message
from answerable.messages.notifications import NotificationCreated, NotificationErased, NotificationsRead
from answerable.messages.sla import SlaBreached, SlaEvent, SlaPaused, SlaRecomputed, SlaResumed, SlaStarted
from answerable.messages.sla import TicketEscalated as Escalated
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCancelled,
    TicketClosed,
    TicketCreated,
    TicketErased,
    TicketEvent,
    TicketReopened,
    TicketResolved,
    TicketUnassigned,
    TicketUpdated,
)
from answerable.messages.users import PersonEvent, UserChanged, UserRegistered

Document: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, Any]  # collection and _id

NAME = "mirror"
VERSIONS = "_versions"
RESOLUTION = "RESOLUTION"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Collection -> group -> its fields with what they are while nothing was said of them.
GROUPS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "users": {"person": {"name": None, "email": None, "roles": (), "active": False}},
    "tickets": {
        "ticket": {
            "number": None,
            "title": None,
            "category": None,
            "priority": None,
            "status": None,
            "createdBy": None,
            "assignedTo": None,
            "createdAt": None,
            "updatedAt": None,
            "resolvedAt": None,
            "closedAt": None,
            "version": None,
        },
        "words": {"description": None},
        "due": {"slaDueAt": None},
        "breach": {"slaBreached": False},
    },
    "assignments": {
        "agent": {"ticketId": None, "agentId": None, "priority": None},
        "given": {"assignedAt": None},
        "due": {"slaDueAt": None},
        "escalation": {"escalated": False},
    },
    "notifications": {
        "notice": {"userId": None, "type": None, "title": None, "message": None, "ticketId": None, "createdAt": None},
        "reading": {"read": False},
    },
}
COLLECTIONS = tuple(GROUPS)
EVENTS: tuple[type[Message], ...] = (
    UserRegistered,
    UserChanged,
    TicketCreated,
    TicketAssigned,
    TicketUnassigned,
    StatusChanged,
    TicketResolved,
    TicketClosed,
    TicketReopened,
    TicketCancelled,
    TicketUpdated,
    TicketErased,
    CommentAdded,
    SlaStarted,
    SlaPaused,
    SlaResumed,
    SlaRecomputed,
    SlaBreached,
    Escalated,
    NotificationCreated,
    NotificationErased,
    NotificationsRead,
)
TYPES = frozenset(cls.TYPE for cls in EVENTS)


@dataclass(frozen=True, slots=True)
class Change:
    """What one event says of one group of fields of one document."""

    collection: str
    id: str
    group: str
    version: int
    fields: Mapping[str, Any]

    @property
    def key(self) -> Key:
        """Return which document is meant."""
        return self.collection, self.id


@dataclass(frozen=True, slots=True)
class Difference:
    """How a document is not what the events say.

    ``what`` is ``missing`` (not in the collection), ``surplus`` (no event speaks of it) or ``different``; ``fields``
    has a line for each field: its name, what it should be and what it is.
    """

    collection: str
    id: Any
    what: str
    fields: tuple[tuple[str, Any, Any], ...] = ()
    expected: Document | None = None
    found: Document | None = None

    @property
    def key(self) -> Key:
        """Return which document is meant."""
        return self.collection, self.id


def group_of(generation: str) -> str:
    """Return the name under which the position in the log is kept for one filling of the collections."""
    return f"{NAME}-{generation}"


# --- from events to documents --------------------------------------------------------------------------------------


def moment(instant: int | None) -> datetime | None:
    """Return an instant (UTC microseconds) as MongoDB keeps it: in whole milliseconds."""
    return None if instant is None else _EPOCH + timedelta(milliseconds=instant // 1000)


def changes_of(sealed: Envelope, message: Message) -> list[Change]:
    """Return what a message says of documents; nothing for a message of another type than ``EVENTS``."""
    match message:
        case TicketEvent():
            return _of_ticket(sealed, message)
        case SlaEvent():
            return _of_promise(sealed, message)
        case PersonEvent():
            person = {"name": message.name, "email": message.email, "roles": message.roles, "active": message.active}
            return [Change("users", message.user_id, "person", sealed.sequence, person)]
        case NotificationCreated() | NotificationErased():
            return [Change("notifications", message.notification_id, "notice", sealed.sequence, _notice(message))]
        case NotificationsRead():
            read = {"read": True}
            return [
                Change("notifications", each, "reading", sealed.sequence, read) for each in message.notification_ids
            ]
    return []


def _of_ticket(sealed: Envelope, event: TicketEvent) -> list[Change]:
    ref, at = event.ticket, sealed.sequence
    ticket = {
        "number": ref.number,
        "title": ref.title,
        "category": ref.category,
        "priority": ref.priority,
        "status": ref.status,
        "createdBy": ref.requester_id,
        "assignedTo": ref.agent_id,
        "createdAt": moment(ref.created_at),
        "updatedAt": moment(ref.updated_at or sealed.time),
        "resolvedAt": moment(ref.resolved_at),
        "closedAt": moment(ref.closed_at),
        "version": ref.version,
    }
    agent = {"ticketId": ref.id, "agentId": ref.agent_id, "priority": ref.priority}
    changes = [Change("tickets", ref.id, "ticket", at, ticket), Change("assignments", ref.id, "agent", at, agent)]
    if isinstance(event, TicketCreated | TicketUpdated | TicketErased) and event.description is not None:
        changes.append(Change("tickets", ref.id, "words", at, {"description": event.description}))
    if isinstance(event, TicketAssigned):
        changes.append(Change("assignments", ref.id, "given", at, {"assignedAt": moment(sealed.time)}))
    elif isinstance(event, TicketUnassigned) and ref.agent_id is None:
        changes.append(Change("assignments", ref.id, "given", at, {"assignedAt": None}))
    return changes


def _of_promise(sealed: Envelope, event: SlaEvent) -> list[Change]:
    """Follow the resolution promise, as the ticket itself and its assignment do."""
    ticket, at = event.ticket.id, sealed.sequence
    if isinstance(event, Escalated):
        return [Change("assignments", ticket, "escalation", at, {"escalated": True})]
    if event.target != RESOLUTION:
        return []
    changes = []
    if isinstance(event, SlaStarted | SlaPaused | SlaResumed | SlaRecomputed):
        due = {"slaDueAt": None if isinstance(event, SlaPaused) else moment(event.due_at)}
        changes += [Change(collection, ticket, "due", at, due) for collection in ("tickets", "assignments")]
    if isinstance(event, SlaStarted | SlaBreached):
        changes.append(Change("tickets", ticket, "breach", at, {"slaBreached": isinstance(event, SlaBreached)}))
    if isinstance(event, SlaStarted) and event.cycle > 1:
        changes.append(Change("assignments", ticket, "escalation", at, {"escalated": False}))
    return changes


def _notice(event: NotificationCreated | NotificationErased) -> dict[str, Any]:
    return {
        "userId": event.user_id,
        "type": event.about,
        "title": event.title,
        "message": event.message,
        "ticketId": event.ticket_id,
        "createdAt": moment(event.created_at),
    }


def blank(collection: str, document_id: str) -> Document:
    """Return a document of which nothing is known yet."""
    groups = GROUPS[collection]
    fields = {
        name: list(value) if isinstance(value, tuple) else value
        for group in groups.values()
        for name, value in group.items()
    }
    return {"_id": document_id, **fields, VERSIONS: dict.fromkeys(groups, 0)}


def fold(documents: MutableMapping[Key, Document], changes: Iterable[Change]) -> None:
    """Let some changes take effect on ``documents``: the guarded upserts, without a server."""
    for change in changes:
        document = documents.get(change.key)
        if document is None:
            document = documents[change.key] = blank(change.collection, change.id)
        if document[VERSIONS][change.group] < change.version:
            document.update(change.fields)
            document[VERSIONS][change.group] = change.version


def newer_groups(collection: str, document: Document, versions: Any) -> list[Change]:
    """Return the groups of ``document`` that are newer than ``versions``, those of the same document elsewhere."""
    return [
        Change(
            collection, document["_id"], group, version, {name: document[name] for name in GROUPS[collection][group]}
        )
        for group, version in document[VERSIONS].items()
        if version > version_of(versions, group)
    ]


def version_of(versions: Any, group: str) -> int:
    """Return a group's version, 0 where what was found is no such thing."""
    version = versions.get(group) if isinstance(versions, Mapping) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else 0


# --- comparing -----------------------------------------------------------------------------------------------------


def compare(collection: str, expected: Document | None, found: Document | None) -> Difference | None:
    """Return how ``found`` is not as ``expected``, ``None`` where it is. Never both ``None``."""
    if expected is None or not any(expected[VERSIONS].values()):
        return None if found is None else Difference(collection, found["_id"], "surplus", (), None, found)
    if found is None:
        return Difference(collection, expected["_id"], "missing", (), expected, None)
    names = [*expected, *(name for name in found if name not in expected)]
    fields = tuple(
        (name, expected.get(name), found.get(name))
        for name in names
        if name not in found or name not in expected or not _same(expected[name], found[name])
    )
    return Difference(collection, expected["_id"], "different", fields, expected, found) if fields else None


def with_what_is_not_known(collection: str, expected: Document | None, found: Document | None) -> Document | None:
    """Return what a document should be where the oldest events are lost: what no event is left of, is as it was found.

    A document of which no event is left at all is taken as it is.
    """
    if found is None or expected is None:
        return found if expected is None else expected
    groups = GROUPS[collection]
    told = {group: version for group, version in expected[VERSIONS].items() if version}
    known = {name: expected[name] for group in told for name in groups[group]}
    versions = found.get(VERSIONS)
    return {**found, **known, VERSIONS: {**(versions if isinstance(versions, Mapping) else {}), **told}}


def _same(expected: Any, found: Any) -> bool:
    """Compare two values; unlike for Python, 1 is not true, for it is not for readers of MongoDB either."""
    return bool(expected == found) and isinstance(expected, bool) == isinstance(found, bool)
