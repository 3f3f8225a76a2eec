"""The views of the agents' workspace, and what a list may be narrowed to: what is kept in its URL."""

from collections.abc import Callable, Mapping

import msgspec

from answerable.kernel.actor import Actor
from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_
from answerable.tickets.rules.filter import SORTS
from answerable.tickets.rules.ticket import PRIORITIES, STATUSES

VIEWS = ("mine", "unassigned", "at-risk", "breached", "waiting", "solved", "open", "all")
_FIRST_DUE = "slaDueAt"
_NEWEST = "-updatedAt"
# What must be done next is first where work waits; elsewhere what happened last.
_SORTS = {"mine": _FIRST_DUE, "unassigned": _FIRST_DUE, "at-risk": _FIRST_DUE, "breached": _FIRST_DUE}
WORK_SORTS = (_FIRST_DUE, _NEWEST, "-createdAt", "createdAt", "-priority")
NAME = (1, 40)
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
MOST_FILTERS = 20


class WorkFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A view and what it is narrowed to; an empty text does not narrow."""

    view: str
    status: str = ""
    priority: str = ""
    category: str = ""
    agent: str = ""
    q: str = ""
    sort: str = ""

    @property
    def order(self) -> str:
        """Return what the list is sorted by."""
        return self.sort or _SORTS.get(self.view, _NEWEST)

    @property
    def is_narrow(self) -> bool:
        """Tell whether it is more than a view."""
        return any((self.status, self.priority, self.category, self.agent, self.q.strip()))

    @property
    def query(self) -> str:
        """Return it as the query of a URL, always written in the same way."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return "&".join(f"{name}={_escaped(value)}" for name, value in values.items() if value)


def first_view(actor: Actor) -> str:
    """Return where somebody begins: with their own tickets, or, who has none, with all that is open."""
    return "mine" if actor.may("ticket.work") else "open"


def filter_of(values: Mapping[str, str] | Callable[[str], str], actor: Actor) -> WorkFilter:
    """Read a filter from the parameters of a URL; what is no such value is left out, as an old link may have it."""
    get = values if callable(values) else lambda name: values.get(name, "")
    view, sort = get("view"), get("sort")
    return WorkFilter(
        view=view if view in VIEWS else first_view(actor),
        status=_known(get("status"), STATUSES),
        priority=_known(get("priority"), PRIORITIES),
        category=get("category")[:50],
        agent=get("agent")[:64],
        q=" ".join(get("q").split())[:200],
        sort=sort if sort.lstrip("-") in SORTS else "",
    )


def clean_name(text: str) -> str:
    """Return the name of a saved filter. Raises ``Invalid`` for none, or a long one."""
    tidy = " ".join(text.split())
    if not NAME[0] <= len(tidy) <= NAME[1] or not tidy.isprintable():
        raise Invalid(N_("The filter needs a name."), errors=(f"name: must have {NAME[0]} to {NAME[1]} characters",))
    return tidy


def _escaped(text: str) -> str:
    """Write a text as URLs have it; the library that does it is none of those that rules may use."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in text.encode())


def _known(value: str, known: tuple[str, ...]) -> str:
    return value.upper() if value.upper() in known else ""
