"""What the users feature says."""

from typing import ClassVar

from answerable.messages.base import Event


class PersonEvent(Event, frozen=True, kw_only=True):
    """A person as they are after the event. Passwords and tokens are never part of it.

    ``session_version`` is that of their valid tokens: a token of a lower one has ended.
    """

    TOPIC: ClassVar[str] = "answerable.users"
    user_id: str
    name: str
    email: str
    roles: list[str]
    active: bool
    session_version: int = 0

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


class LanguageChosen(Event, frozen=True, kw_only=True):
    """A person chose the language that the desk speaks to them; empty is whatever their browser says."""

    TOPIC: ClassVar[str] = "answerable.users"
    TYPE: ClassVar[str] = "LANGUAGE_CHOSEN"
    user_id: str
    language: str

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id


class PersonErased(Event, frozen=True, kw_only=True):
    """A person is to be forgotten: each feature erases what it keeps of them beyond their id.

    It comes before the ``USER_CHANGED`` that takes their name, so that who hears it can still look for the name.
    """

    TOPIC: ClassVar[str] = "answerable.users"
    TYPE: ClassVar[str] = "PERSON_ERASED"
    user_id: str

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id


class SigningKeyMade(Event, frozen=True, kw_only=True):
    """Access tokens may be signed with a new key from now on: the public part of it (RFC 8037, ``x``)."""

    TOPIC: ClassVar[str] = "answerable.users"
    TYPE: ClassVar[str] = "SIGNING_KEY_MADE"
    kid: str
    public_key: str

    @property
    def key(self) -> str:
        """Return the key's id."""
        return self.kid


class ApiKeyChanged(Event, frozen=True, kw_only=True):
    """A program's key was made, or revoked: as it stands after the event.

    ``fingerprint`` is the SHA-256 of 256 random bits, which nobody can turn back. ``person_id`` is whom it acts for;
    where that is empty it acts by itself, with ``roles``. ``expires_at`` is in UTC microseconds.
    """

    TOPIC: ClassVar[str] = "answerable.users"
    TYPE: ClassVar[str] = "API_KEY_CHANGED"
    key_id: str
    fingerprint: str
    name: str
    person_id: str
    roles: list[str]
    scopes: list[str]
    expires_at: int
    revoked: bool

    @property
    def key(self) -> str:
        """Return the key's id."""
        return self.key_id


class SessionEnded(Event, frozen=True, kw_only=True):
    """One browser or program of a person was signed out; whatever it still holds open has ended."""

    TOPIC: ClassVar[str] = "answerable.users"
    TYPE: ClassVar[str] = "SESSION_ENDED"
    user_id: str
    session_id: str

    @property
    def key(self) -> str:
        """Return the person's id."""
        return self.user_id
