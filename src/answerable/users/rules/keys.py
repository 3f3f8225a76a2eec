"""Keys of programs: what one may be called, what it may open and how long it lives. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from answerable.kernel.errors import Invalid
from answerable.kernel.scopes import SCOPES
from answerable.kernel.words import N_
from answerable.users.rules import ROLES

NAME_LENGTH = (3, 60)
DAYS = 90  # a key lives unless something else is wanted
LONGEST_DAYS = 365
MOST_KEYS = 50  # that are good at once and made by one person


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to make. It acts for ``person_id`` (empty: whoever makes it), or by itself where it has a ``role``."""

    name: str
    scopes: tuple[str, ...]
    days: int = DAYS
    person_id: str = ""
    role: str = ""


def check_key(new: NewKey) -> NewKey:
    """Return a key to make with its name and scopes in order. Raises ``Invalid`` with everything that is wrong."""
    name = " ".join(new.name.split())
    wrong = []
    if not NAME_LENGTH[0] <= len(name) <= NAME_LENGTH[1]:
        wrong.append("name: must have 3 to 60 characters")
    elif not name.isprintable():
        wrong.append(f"name: {N_('must not have invisible characters')}")
    if unknown := sorted(set(new.scopes) - set(SCOPES)):
        wrong.append(f"scopes: must be some of {', '.join(SCOPES)}, not {unknown[0][:30]!r}")
    elif not new.scopes:
        wrong.append(f"scopes: {N_('must have at least one')}")
    if not 1 <= new.days <= LONGEST_DAYS:
        wrong.append("days: must be 1 to 365")
    if new.role and new.role not in ROLES:
        wrong.append(f"role: must be one of {', '.join(ROLES)}")
    if new.role and new.person_id:
        wrong.append("role: is for a key that acts for nobody")
    if wrong:
        raise Invalid(N_("The key cannot be made like this."), errors=tuple(wrong))
    return replace(new, name=name, scopes=in_order(new.scopes))


def in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes without repeats, as they are listed everywhere."""
    wanted = set(scopes)
    return tuple(scope for scope in SCOPES if scope in wanted)
