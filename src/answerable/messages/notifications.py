"""What the notifications feature says."""

from typing import ClassVar

import msgspec

from answerable.messages.base import Event


class NotificationCreated(Event, frozen=True, kw_only=True):
    """A person has something new in the app: ``title`` and ``message``, since ``created_at`` (microseconds)."""

    TOPIC: ClassVar[str] = "answerable.notifications"
    TYPE: ClassVar[str] = "NOTIFICATION_CREATED"
    notification_id: str
    user_id: str
    ticket_id: str | None
    about: str
    title: str = ""
    message: str = ""
    created_at: int = 0

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id


class NotificationErased(Event, frozen=True, kw_only=True):
    """A notification has lost its words; ``title`` and ``message`` are what is left."""

    TOPIC: ClassVar[str] = "answerable.notifications"
    TYPE: ClassVar[str] = "NOTIFICATION_ERASED"
    notification_id: str
    user_id: str
    ticket_id: str | None
    about: str
    title: str
    message: str
    created_at: int

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id


class NotificationsRead(Event, frozen=True, kw_only=True):
    """A person has read some of their notifications. Very many are told in several events."""

    TOPIC: ClassVar[str] = "answerable.notifications"
    TYPE: ClassVar[str] = "NOTIFICATIONS_READ"
    user_id: str
    notification_ids: list[str] = msgspec.field(default_factory=list)

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id
