"""What the users feature says."""

from typing import ClassVar

from answerable.messages.base import Event


class PersonEvent(Event, frozen=True, kw_only=True):
    """A person as they are after the event. Passwords and tokens are never part of it."""

    TOPIC: ClassVar[str] = "answerable.users"
    user_id: str
    name: str
    email: str
    roles: list[str]
    active: bool

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id


class UserRegistered(PersonEvent, frozen=True, kw_only=True):
    """The desk knows a new person."""

    TYPE: ClassVar[str] = "USER_REGISTERED"


class UserChanged(PersonEvent, frozen=True, kw_only=True):
    """Name, e-mail, roles or activity changed, or all sessions ended; ``changed`` names what."""

    TYPE: ClassVar[str] = "USER_CHANGED"
    changed: list[str]
