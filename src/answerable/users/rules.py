"""Roles and what they add up to."""

from collections.abc import Iterable

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


def grants_of(roles: Iterable[str]) -> frozenset[str]:
    """Return the rights that some roles add up to."""
    return frozenset().union(*(GRANTS[role] for role in roles if role in GRANTS))
