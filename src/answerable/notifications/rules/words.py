"""What people read. One table: a text for each event and part; nothing a requester may not know is in theirs.

What is stored and given to programs is English, which the contract names; ``reading.py`` reads it in other languages,
for the screen and, when it goes out, for mails.
"""

from dataclasses import dataclass

from answerable.kernel.times import iso
from answerable.kernel.words import N_
from answerable.messages.base import Event
from answerable.messages.sla import SlaAtRisk, SlaBreached, SlaEvent, SlaLevelReached, TicketEscalated
from answerable.messages.tickets import CommentAdded, StatusChanged, TicketCreated, TicketEvent
from answerable.messages.webhooks import WebhookDisabled
from answerable.notifications.rules.matrix import Part

_REQUESTER, _AGENT, _FORMER, _MANAGER = Part.REQUESTER, Part.AGENT, Part.FORMER_AGENT, Part.MANAGER
_INFORMED = Part.INFORMED

# (event, part) -> (headline, sentence). A change of status is looked up with the new status behind a colon.
_TABLE: dict[tuple[str, Part], tuple[str, str]] = {
    ("TICKET_CREATED", _REQUESTER): (
        N_("We have your ticket #{number}"),
        N_("We have received “{title}” and are finding somebody to help you."),
    ),
    ("TICKET_ASSIGNED", _AGENT): (N_("Ticket #{number} is yours"), N_("“{title}” ({priority}) is assigned to you.")),
    ("TICKET_ASSIGNED", _FORMER): (
        N_("Ticket #{number} has another agent"),
        N_("“{title}” is no longer assigned to you. {agent} looks after it now."),
    ),
    ("TICKET_ASSIGNED", _REQUESTER): (N_("Ticket #{number} has an agent"), N_("{agent} looks after “{title}”.")),
    ("STATUS_CHANGED:IN_PROGRESS", _REQUESTER): (
        N_("Ticket #{number} is in progress"),
        N_("We are working on “{title}”."),
    ),
    ("STATUS_CHANGED:IN_PROGRESS", _AGENT): (
        N_("Ticket #{number} is in progress"),
        N_("“{title}”, assigned to you, is in progress."),
    ),
    ("STATUS_CHANGED:WAITING", _REQUESTER): (
        N_("Ticket #{number} waits for you"),
        N_("We need your answer to go on with “{title}”. A comment from you sets the work going again."),
    ),
    ("STATUS_CHANGED:WAITING", _AGENT): (
        N_("Ticket #{number} waits for the requester"),
        N_("“{title}”, assigned to you, waits for the requester."),
    ),
    ("STATUS_CHANGED:CREATED", _REQUESTER): (
        N_("Ticket #{number} is back in the queue"),
        N_("“{title}” waits for another agent."),
    ),
    ("STATUS_CHANGED", _REQUESTER): (N_("Ticket #{number} has changed"), N_("“{title}” is now {status}.")),
    ("STATUS_CHANGED", _AGENT): (
        N_("Ticket #{number} has changed"),
        N_("“{title}”, assigned to you, is now {status}."),
    ),
    ("TICKET_RESOLVED", _REQUESTER): (
        N_("Ticket #{number} is resolved"),
        N_("“{title}” is resolved. If something is still wrong, please reopen it."),
    ),
    ("TICKET_RESOLVED", _AGENT): (N_("Ticket #{number} is resolved"), N_("“{title}”, assigned to you, was resolved.")),
    ("TICKET_CLOSED", _REQUESTER): (
        N_("Ticket #{number} is closed"),
        N_("“{title}” is closed. If something is still wrong, please reopen it."),
    ),
    ("TICKET_REOPENED", _REQUESTER): (N_("Ticket #{number} is open again"), N_("“{title}” was reopened.")),
    ("TICKET_REOPENED", _AGENT): (
        N_("Ticket #{number} is open again"),
        N_("“{title}”, assigned to you, was reopened."),
    ),
    ("TICKET_CANCELLED", _REQUESTER): (N_("Ticket #{number} is cancelled"), N_("“{title}” was cancelled.")),
    ("TICKET_CANCELLED", _AGENT): (
        N_("Ticket #{number} is cancelled"),
        N_("“{title}”, assigned to you, was cancelled."),
    ),
    ("COMMENT_ADDED", _REQUESTER): (N_("New comment on ticket #{number}"), N_("{author} commented on “{title}”.")),
    ("COMMENT_ADDED", _AGENT): (N_("New comment on ticket #{number}"), N_("{author} commented on “{title}”.")),
    ("COMMENT_ADDED:INTERNAL", _AGENT): (N_("New note on ticket #{number}"), N_("{author} left a note on “{title}”.")),
    ("SLA_AT_RISK", _AGENT): (
        N_("Ticket #{number} is due soon"),
        N_("The {target} of “{title}” is due at {due} (UTC)."),
    ),
    ("SLA_BREACHED", _AGENT): (
        N_("Ticket #{number} is overdue"),
        N_("The {target} of “{title}” was due at {due} (UTC)."),
    ),
    ("SLA_LEVEL_REACHED", _AGENT): (N_("Ticket #{number} needs you"), N_("“{title}” needs you. Reason: {reason}")),
    ("SLA_LEVEL_REACHED", _INFORMED): (
        N_("Ticket #{number} is in danger"),
        N_("“{title}” may need you. Reason: {reason}"),
    ),
    ("TICKET_ESCALATED", _AGENT): (
        N_("Ticket #{number} is escalated"),
        N_("“{title}” was escalated. Reason: {reason}"),
    ),
    ("TICKET_ESCALATED", _MANAGER): (
        N_("Ticket #{number} is escalated to you"),
        N_("“{title}” needs you. Reason: {reason}"),
    ),
}

# What administrators are told of the desk itself, on screen.
_TO_ADMINS: dict[str, tuple[str, str]] = {
    "WEBHOOK_DISABLED": (
        N_("The webhook {name} is disabled"),
        N_("The desk tells this program nothing any more. Reason: {reason}"),
    ),
}

_BECAUSE = {
    _REQUESTER: N_("You get this mail because it is your ticket."),
    _AGENT: N_("You get this mail because the ticket is assigned to you."),
    _FORMER: N_("You get this mail because the ticket was assigned to you."),
    _MANAGER: N_("You get this mail because the ticket was escalated to you."),
    _INFORMED: N_("You get this mail because a policy of the desk names you."),
}
_RECEIPT = N_("We have received it and are finding somebody to help you.")
_TARGETS = {
    "FIRST_RESPONSE": N_("first response"),
    "NEXT_RESPONSE": N_("next response"),
    "RESOLUTION": N_("resolution"),
}

_SOMEBODY = (N_("An agent"), N_("Somebody"))


@dataclass(frozen=True, slots=True)
class Words:
    """A notice (``title``, ``message``) and the mail that says the same (``subject``, ``text``)."""

    title: str
    message: str
    subject: str
    text: str


def words(event: Event, part: Part, agent: str, public_url: str, addresses_are_verified: int) -> Words:
    """Write what ``event`` means to a person who plays ``part``; ``agent`` is the name of the ticket's agent.

    A receipt to an address that nobody confirmed carries nothing that its owner wrote, or anybody could have the desk
    mail their words to anybody (``docs/security.md``, 4).
    """
    assert isinstance(event, TicketEvent | SlaEvent)
    headline, sentence = _template(event, part)
    values = _values(event, agent)
    title, message = headline.format_map(values), sentence.format_map(values)
    subject = f"{title}: {event.ticket.title}"
    mailed = message
    if (
        isinstance(event, TicketCreated)
        and not addresses_are_verified
        and event.created_by == event.ticket.requester_id
    ):
        subject, mailed = title, _RECEIPT
    link = f"{public_url}/tickets/{event.ticket.id}"
    text = f"{mailed}\n\n{link}\n\n--\n{_BECAUSE[part]}\n"
    return Words(title, message, subject, text)


def told_about(kind: str) -> tuple[tuple[str, str], ...]:
    """Return the headlines and sentences that tell of one type of event."""
    told = [texts for (event, _), texts in _TABLE.items() if event.partition(":")[0] == kind]
    if kind == TicketCreated.TYPE:
        told += [(headline, _RECEIPT) for headline, _ in told]
    if kind in _TO_ADMINS:
        told.append(_TO_ADMINS[kind])
    return tuple(told)


def words_to_admins(event: WebhookDisabled) -> tuple[str, str]:
    """Write what ``event`` means to administrators: a headline and a sentence."""
    headline, sentence = _TO_ADMINS[event.TYPE]
    return headline.format(name=event.name), sentence.format(reason=event.reason)


def names_person(body: str, name: str) -> bool:
    """Tell whether a text says that somebody of this name spoke or looks after a ticket."""
    if not name:
        return False
    begins = tuple(f"{name} {what} “" for what in ("commented on", "left a note on", "looks after"))
    return body.startswith(begins) or f" {name} looks after it now." in body


def _template(event: Event, part: Part) -> tuple[str, str]:
    special = ""
    if isinstance(event, StatusChanged):
        special = event.status
    elif isinstance(event, CommentAdded) and event.internal:
        special = "INTERNAL"
    return _TABLE.get((f"{event.TYPE}:{special}", part)) or _TABLE[event.TYPE, part]


def _values(event: TicketEvent | SlaEvent, agent: str) -> dict[str, str]:
    values = {
        "number": str(event.ticket.number),
        "title": event.ticket.title,
        "priority": event.ticket.priority,
        "status": event.ticket.status,
        "agent": agent or _SOMEBODY[0],
    }
    if isinstance(event, CommentAdded):
        values["author"] = event.author_name or _SOMEBODY[1]
    if isinstance(event, SlaEvent):
        values["target"] = _TARGETS.get(event.target, "promise")
    if isinstance(event, SlaAtRisk | SlaBreached):
        values["due"] = iso(event.due_at).removesuffix("Z").replace("T", " ")[:16]
    if isinstance(event, TicketEscalated | SlaLevelReached):
        values["reason"] = event.reason
    return values
