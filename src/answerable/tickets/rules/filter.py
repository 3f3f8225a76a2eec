"""What a list of tickets may be narrowed to and sorted by."""

from dataclasses import dataclass

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_

SORTS = ("createdAt", "updatedAt", "priority", "slaDueAt")
DEFAULT_SORT = "-createdAt"


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What a list is narrowed to; ``None`` does not narrow."""

    status: str | None = None
    priority: str | None = None
    category: str | None = None
    assigned_to: str | None = None
    created_by: str | None = None
    q: str | None = None
    sort: str = DEFAULT_SORT

    @property
    def is_plain(self) -> bool:
        """Tell whether the list needs no more than one index."""
        return self == TicketFilter(sort=DEFAULT_SORT) or self in (
            TicketFilter(created_by=self.created_by),
            TicketFilter(assigned_to=self.assigned_to),
            TicketFilter(status=self.status),
        )


def clean_sort(text: str | None) -> str:
    """Read a sort key: ``createdAt``, ``-createdAt`` or ``createdAt,desc``. Raises ``Invalid`` for another one."""
    if not text:
        return DEFAULT_SORT
    name, _, direction = text.partition(",")
    descending = name.startswith("-") or direction.lower() == "desc"
    name = name.lstrip("-")
    if name not in SORTS or direction.lower() not in ("", "asc", "desc"):
        known = ", ".join(SORTS)
        raise Invalid(N_("Unknown sort."), errors=(f"sort: must be one of {known}, with - in front for descending",))
    return f"-{name}" if descending else name
