"""Roles and what they add up to; what a name, an address and a password must be; how long things live. Pure."""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND
from answerable.kernel.visit import DENSITIES, LANGUAGES, THEMES, Preferences
from answerable.kernel.words import N_

ROLES = ("USER", "AGENT", "MANAGER", "ADMIN")

_EVERYBODY = frozenset({"desk.enter", "ticket.create"})
_STAFF = _EVERYBODY | {"desk.work", "ticket.create_for_others", "ticket.note", "user.read", "assignment.read"}
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
    "ADMIN": _MANAGER
    | {
        "user.admin",
        "audit.read",
        "category.edit",
        "mail.read",
        "event.admin",
        "escalation.read_all",
        "sla.edit",
        "webhook.admin",
    },
}

NAME_LENGTH = (3, 50)
EMAIL_LENGTH = 254  # RFC 5321: a path of 256 octets, with its angle brackets
LOCAL_LENGTH = 64
PASSWORD_LENGTH = (8, 128)
LINK_LIFE = {"SETUP": HOUR, "RESET": 15 * MINUTE, "INVITE": 3 * DAY, "VERIFY": DAY}  # microseconds
BAD_LOGIN = N_("The email or the password is not right.")
BAD_LINK = N_("Invalid or expired link")
BAD_TOKEN = N_("Invalid or expired token")  # words of the contract
EMAIL_TAKEN = N_("Email already exists")
OWN_ADMINISTRATION = N_("You cannot take administration from yourself. Ask another administrator.")
LAST_ADMINISTRATOR = N_("This is the last active administrator. Make another one first.")

TOO_OFTEN = N_("Too many failed tries. Please wait a little.")
MAILS_PER_RECIPIENT = 3  # of one kind in TRY_WINDOW
MAILS_PER_DOMAIN = 100  # to strangers of one domain, in TRY_WINDOW
NOTICE_LIFE = DAY
TRY_WINDOW = 15 * MINUTE

_ZONE = re.compile(r"[A-Za-z0-9_+/-]{0,64}")
# The first that fits: each of them claims to be several of those after it.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)

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


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to add. An empty ``password_hash`` fits no password; ``id`` is made where it is empty.

    ``verified`` says that the address is known to be theirs.
    """

    name: str
    email: str
    roles: tuple[str, ...] = ("USER",)
    password_hash: str = ""
    active: bool = True
    verified: bool = False
    id: str = ""


def check_name(name: str) -> str:
    """Return a person's name with its spaces in order, or raise ``Invalid``."""
    tidy = " ".join(unicodedata.normalize("NFC", name).split())
    if not NAME_LENGTH[0] <= len(tidy) <= NAME_LENGTH[1]:
        raise _invalid("name", f"must have {NAME_LENGTH[0]} to {NAME_LENGTH[1]} characters")
    if not tidy.translate(_JOINERS).isprintable():
        raise _invalid("name", N_("must not have invisible characters"))
    return tidy


def check_email(email: str) -> str:
    """Return an address without spaces around it, or raise ``Invalid`` where it cannot be one."""
    tidy = unicodedata.normalize("NFC", email.strip())
    if not 3 <= len(tidy) <= EMAIL_LENGTH:
        raise _invalid("email", f"must have 3 to {EMAIL_LENGTH} characters")
    local, at, domain = tidy.partition("@")
    labels = domain.split(".")
    if not tidy.isprintable() or " " in tidy or _FORBIDDEN_IN_EMAIL & set(tidy) or "@" in domain or not at:
        raise _invalid("email", N_("is not an email address"))
    if not 1 <= len(local) <= LOCAL_LENGTH or local[0] == "." or local[-1] == "." or ".." in local:
        raise _invalid("email", N_("is not an email address"))
    if any(not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-" for label in labels):
        raise _invalid("email", N_("is not an email address"))
    return tidy


def fold(text: str) -> str:
    """Return what two addresses or names that are the same to people have in common."""
    return unicodedata.normalize("NFKC", text.strip()).casefold()


def check_password(password: str, field: str = "password") -> None:
    """Raise ``Invalid``, naming ``field``, for a password that is too short or too long."""
    if not PASSWORD_LENGTH[0] <= len(password) <= PASSWORD_LENGTH[1]:
        complaint = f"must have {PASSWORD_LENGTH[0]} to {PASSWORD_LENGTH[1]} characters"
        raise Invalid(f"The password {complaint}.", errors=(f"{field}: {complaint}",))
    if any("\ud800" <= letter <= "\udfff" for letter in password):
        raise Invalid(N_("The password has broken characters."), errors=(f"{field}: has broken characters",))


def check_all(*checks: Callable[[], object]) -> None:
    """Run all checks of a form and raise one ``Invalid`` with everything that is wrong."""
    found: list[Invalid] = []
    for check in checks:
        try:
            check()
        except Invalid as complaint:
            found.append(complaint)
    if found:
        raise Invalid(found[0].message, errors=tuple(error for complaint in found for error in complaint.errors))


def password_form(password: str) -> str:
    """Return a password as it is hashed: the same letters typed on any keyboard are the same password."""
    return unicodedata.normalize("NFC", password)


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change about a person; ``None`` stays as it is."""

    name: str | None = None
    roles: tuple[str, ...] | None = None
    active: bool | None = None


def change_person(person: Person, wanted: Changes, *, by: str, other_admins: int, now: int) -> tuple[Person, list[str]]:
    """Return a person after some changes and the names of the fields that changed; ``sessions`` means all ended.

    ``by`` is the id of who asks and ``other_admins`` how many active administrators there are beside this person.
    Raises ``Invalid`` for a bad value, ``Conflict`` where the desk would lose its last administrator, or somebody
    would lock themselves out.
    """
    changed = replace(
        person,
        name=person.name if wanted.name is None else check_name(wanted.name),
        roles=person.roles if wanted.roles is None else check_roles(wanted.roles),
        active=person.active if wanted.active is None else wanted.active,
    )
    reason = reason_to_stay(person, by, other_admins)
    if reason and not _rules(changed):
        raise Conflict(reason)
    names = [name for name in ("name", "roles", "active") if getattr(changed, name) != getattr(person, name)]
    if not names:
        return person, []
    changed = replace(changed, updated_at=now)
    if {"roles", "active"} & set(names):
        changed, names = end_sessions(changed, now), [*names, "sessions"]
    return changed, names


def reason_to_stay(person: Person, by: str, other_admins: int) -> str:
    """Return why ``by`` cannot take activity or administration from somebody; empty where they can."""
    if not _rules(person):
        return ""
    if by == person.id:
        return OWN_ADMINISTRATION
    return "" if other_admins else LAST_ADMINISTRATOR


def end_sessions(person: Person, now: int) -> Person:
    """Return a person for whom no token given out so far is good any more."""
    return replace(person, session_version=person.session_version + 1, updated_at=now)


def differences(before: Person, after: Person) -> dict[str, list[Any]]:
    """Return what the audit shows of a change: field -> [before, after]."""
    shown = {"name": "name", "email": "email", "roles": "roles", "active": "active"}
    return {
        name: [_plain(getattr(before, field)), _plain(getattr(after, field))]
        for name, field in shown.items()
        if getattr(before, field) != getattr(after, field)
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _rules(person: Person) -> bool:
    return person.active and "ADMIN" in person.roles


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """Return roles without repeats in their order, or raise ``Invalid`` for none or an unknown one."""
    wanted = set(roles)
    if unknown := sorted(wanted - set(ROLES)):
        raise _invalid("roles", f"must be some of {', '.join(ROLES)}, not {unknown[0][:20]!r}")
    if not wanted:
        raise _invalid("roles", "must have at least one")
    return tuple(role for role in ROLES if role in wanted)


def _invalid(name: str, complaint: str) -> Invalid:
    return Invalid(f"{name.capitalize()} {complaint}.", errors=(f"{name}: {complaint}",))


# --- browsers --------------------------------------------------------------------------------------------------------


def check_preferences(liked: Preferences) -> Preferences:
    """Return preferences that the desk knows how to follow; raises ``Invalid`` for others."""
    known = {"theme": THEMES, "density": DENSITIES, "language": ("", *LANGUAGES)}
    wrong = [f"{name}: is not known here" for name, values in known.items() if getattr(liked, name) not in values]
    if not _ZONE.fullmatch(liked.zone):  # whether it is one is known where zones are read
        wrong.append("zone: is not a time zone")
    if wrong:
        raise Invalid(N_("The preferences have values that the desk does not know."), errors=tuple(wrong))
    return liked


def device_of(agent: str) -> str:
    """Return what people call a browser by what it says of itself (``User-Agent``), empty where it says nothing."""
    name = next((shown for mark, shown in _BROWSERS if mark in agent), "")
    system = next((shown for mark, shown in _SYSTEMS if mark in agent), "")
    return " · ".join(part for part in (name, system) if part)


# --- links and tries -------------------------------------------------------------------------------------------------


def link_token(secret: str, link_id: str, purpose: str) -> str:
    """Return the token of a link: 256 bits that only the holder of the desk's secret can make again."""
    key = hmac.new(secret.encode(), b"users link", hashlib.sha256).digest()
    made = hmac.new(key, f"{purpose} {link_id}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def token_hash(token: str) -> str:
    """Return what is kept of a token of 256 random bits; nothing slower is needed for those."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def next_mail_try(attempts: int, now: int, expires_at: int) -> int | None:
    """Return when to try a mail again after ``attempts`` failures, ``None`` when it would be too late."""
    at = now + min(10 * SECOND * 2**attempts, 10 * MINUTE)
    return at if at < expires_at else None


def check_erasure(person: Person, *, by: str, other_admins: int) -> None:
    """Raise ``Conflict`` where somebody would erase themselves, or the last active administrator."""
    if person.id == by:
        raise Conflict(N_("You cannot erase yourself. Ask another administrator."))
    if "ADMIN" in person.roles and person.active and not other_admins:
        raise Conflict(LAST_ADMINISTRATOR)
