"""What the notifications feature says."""

from typing import ClassVar

from answerable.messages.base import Event


class NotificationCreated(Event, frozen=True, kw_only=True):
    """A person has something new in the app. The content stays with the notifications feature."""

    TOPIC: ClassVar[str] = "answerable.notifications"
    TYPE: ClassVar[str] = "NOTIFICATION_CREATED"
    notification_id: str
    user_id: str
    ticket_id: str | None
    about: str

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id


class NotificationsRead(Event, frozen=True, kw_only=True):
    """A person has read one or all of their notifications."""

    TOPIC: ClassVar[str] = "answerable.notifications"
    TYPE: ClassVar[str] = "NOTIFICATIONS_READ"
    user_id: str

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id
