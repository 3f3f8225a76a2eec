"""What is left of a message when a person or a ticket is erased: ids, times and statuses stay, words go. Pure."""

from collections.abc import Collection

from msgspec.structs import replace

from answerable.messages.base import Message
from answerable.messages.notifications import NotificationCreated
from answerable.messages.sla import SlaEvent
from answerable.messages.tickets import CommentAdded, TicketCreated, TicketEvent, TicketUpdated
from answerable.messages.users import ApiKeyChanged, PersonEvent

ERASED = "Erased"
ERASED_PERSON = "Erased person"


def erased_address(person_id: str) -> str:
    """Return what stands in the place of an erased person's address: nobody's, and no two alike."""
    return f"erased-{person_id}@erased.invalid"


def without_person(message: Message) -> Message:
    """Return what the users feature said of a person or their key, without names and address."""
    if isinstance(message, ApiKeyChanged):
        return replace(message, name=ERASED)
    if not isinstance(message, PersonEvent):
        return message
    return replace(message, name=ERASED_PERSON, email=erased_address(message.user_id))


def without_words(message: Message) -> Message:
    """Return what was said of a ticket, without its title and description."""
    if not isinstance(message, TicketEvent | SlaEvent):
        return message
    left: Message = replace(message, ticket=replace(message.ticket, title=ERASED))
    if isinstance(left, TicketCreated):
        return replace(left, description=ERASED)
    if isinstance(left, TicketUpdated) and left.description is not None:
        return replace(left, description=ERASED)
    return left


def without_author(message: Message, person_id: str) -> Message:
    """Return what was said of a ticket, without the name of somebody who commented on it."""
    if isinstance(message, CommentAdded) and message.author_id == person_id:
        return replace(message, author_name=ERASED_PERSON)
    return message


def without_notice(message: Message, notification_ids: Collection[str]) -> Message:
    """Return what was said of a notification, without its words, where it is one of some."""
    if isinstance(message, NotificationCreated) and message.notification_id in notification_ids:
        return replace(message, title=ERASED, message=ERASED)
    return message
