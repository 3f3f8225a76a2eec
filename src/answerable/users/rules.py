"""Roles and what they add up to; what a name, an address and a password must be; how long things live. Pure."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from answerable.kernel.errors import Invalid
from answerable.kernel.times import DAY, HOUR, MINUTE

ROLES = ("USER", "AGENT", "MANAGER", "ADMIN")

_EVERYBODY = frozenset({"desk.enter", "ticket.create"})
_STAFF = _EVERYBODY | {"ticket.create_for_others", "ticket.note", "user.read", "assignment.read"}
_MANAGER = _STAFF | {
    "ticket.read_all",
    "ticket.manage",
    "assignment.manage",
    "sla.manage",
    "report.read",
    "escalation.read",
}
GRANTS: dict[str, frozenset[str]] = {
    "USER": _EVERYBODY,
    "AGENT": _STAFF | {"ticket.read_queue", "ticket.work"},
    "MANAGER": _MANAGER,
    "ADMIN": _MANAGER | {"user.admin", "category.edit", "mail.read", "event.admin", "escalation.read_all"},
}

NAME_LENGTH = (3, 50)
EMAIL_LENGTH = 254  # RFC 5321: a path of 256 octets, with its angle brackets
LOCAL_LENGTH = 64
PASSWORD_LENGTH = (8, 128)
LINK_LIFE = {"SETUP": HOUR, "RESET": 15 * MINUTE, "INVITE": 3 * DAY, "VERIFY": DAY}  # microseconds
BAD_LOGIN = "The email or the password is not right."
BAD_LINK = "Invalid or expired link"
BAD_TOKEN = "Invalid or expired token"  # noqa: S105  # words of the contract
EMAIL_TAKEN = "Email already exists"

TRY_WINDOW = 15 * MINUTE
WIDER = 5  # one account from anywhere, or one address for any account, may fail this many times as often

_FORBIDDEN_IN_EMAIL = frozenset('<>(),;:"[]\\')
_JOINERS = str.maketrans("", "", "\u200c\u200d")  # invisible, but part of how some names are written


def grants_of(roles: Iterable[str]) -> frozenset[str]:
    """Return the rights that some roles add up to."""
    return frozenset().union(*(GRANTS[role] for role in roles if role in GRANTS))


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the desk knows them. ``roles`` are in the order of ``ROLES``; instants are microseconds."""

    id: str
    name: str
    email: str
    password_hash: str
    roles: tuple[str, ...]
    active: bool
    session_version: int
    verified_at: int | None
    created_at: int
    updated_at: int


def check_name(name: str) -> str:
    """Return a person's name with its spaces in order, or raise ``Invalid``."""
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    if not NAME_LENGTH[0] <= len(tidy) <= NAME_LENGTH[1]:
        raise _invalid("name", f"must have {NAME_LENGTH[0]} to {NAME_LENGTH[1]} characters")
    if not tidy.translate(_JOINERS).isprintable():
        raise _invalid("name", "must not have invisible characters")
    return tidy


def check_email(email: str) -> str:
    """Return an address without spaces around it, or raise ``Invalid`` where it cannot be one."""
    tidy = unicodedata.normalize("NFC", email.strip())
    if not 3 <= len(tidy) <= EMAIL_LENGTH:
        raise _invalid("email", f"must have 3 to {EMAIL_LENGTH} characters")
    local, at, domain = tidy.partition("@")
    labels = domain.split(".")
    if not tidy.isprintable() or " " in tidy or _FORBIDDEN_IN_EMAIL & set(tidy) or "@" in domain or not at:
        raise _invalid("email", "is not an email address")
    if not 1 <= len(local) <= LOCAL_LENGTH or local[0] == "." or local[-1] == "." or ".." in local:
        raise _invalid("email", "is not an email address")
    if any(not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-" for label in labels):
        raise _invalid("email", "is not an email address")
    return tidy


def fold(text: str) -> str:
    """Return what two addresses or names that are the same to people have in common."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def check_password(password: str) -> str:
    """Return a new password in the form that is hashed, or raise ``Invalid``."""
    if not PASSWORD_LENGTH[0] <= len(password) <= PASSWORD_LENGTH[1]:
        raise _invalid("password", f"must have {PASSWORD_LENGTH[0]} to {PASSWORD_LENGTH[1]} characters")
    return password_form(password)


def password_form(password: str) -> str:
    """Return a password as it is hashed: the same letters typed on any keyboard are the same password."""
    return unicodedata.normalize("NFC", password)


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return roles without repeats in their order, or raise ``Invalid`` for none or an unknown one."""
    wanted = set(roles)
    if unknown := sorted(wanted - set(ROLES)):
        raise _invalid("roles", f"{unknown[0][:20]!r} is not a role; known: {', '.join(ROLES)}")
    if not wanted:
        raise _invalid("roles", "must have at least one")
    return tuple(role for role in ROLES if role in wanted)


def _invalid(name: str, complaint: str) -> Invalid:
    return Invalid(f"{name.capitalize()} {complaint}.", errors=(f"{name}: {complaint}",))
