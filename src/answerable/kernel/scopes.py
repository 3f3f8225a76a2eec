"""What a program with an API key may do: scopes, each with the part of the interface and the rights that it opens.

Deny by default: a key reaches only what is under ``/api`` and in the area of one of its scopes, and holds only those
rights of whoever it acts for that its scopes name. What is in no area (accounts, keys, pages) is for people alone.
"""

from collections.abc import Iterable, Mapping

READ, WRITE = "read", "write"
SAFE_METHODS = frozenset({"GET", "HEAD"})

# The first part of a path behind /api/ -> the area that its scopes are called after.
AREAS: Mapping[str, str] = {
    "tickets": "tickets",
    "categories": "tickets",
    "assign": "assignment",
    "agent": "assignment",
    "agents": "assignment",
    "sla": "sla",
    "reports": "reports",
    "dashboard": "reports",
    "escalations": "reports",
    "users": "people",
    "notifications": "notifications",
    "live": "live",
}

_ALWAYS = frozenset({"desk.enter", "desk.work"})
# What reaches beyond its area: the export of a person holds tickets, notes, mails and administrative acts.
_PEOPLE_ALONE = frozenset({("users", "export")})
_TICKETS = frozenset({"ticket.read_all", "ticket.read_queue"})
SCOPES: Mapping[str, frozenset[str]] = {
    "tickets:read": _TICKETS,
    "tickets:write": frozenset({"ticket.create", "ticket.create_for_others", "ticket.manage", "ticket.work"}),
    "tickets:notes": frozenset({"ticket.note"}),
    "assignment:read": frozenset({"assignment.read"}),
    "assignment:write": frozenset({"assignment.manage"}),
    "sla:read": frozenset({"sla.manage", "report.read", "assignment.read"}),
    "sla:write": frozenset({"sla.manage", "sla.edit"}),
    "reports:read": frozenset({"report.read", "escalation.read", "escalation.read_all"}),
    "people:read": frozenset({"user.read", "user.admin"}),
    "notifications:read": frozenset(),
    "notifications:write": frozenset(),
    "live:read": _TICKETS,
}


def scope_of(method: str, template: str) -> str | None:
    """Return the scope that a request to the route ``template`` needs, ``None`` where no key gets."""
    parts = template.split("/", 3)
    if len(parts) < 3 or parts[1] != "api":
        return None
    if (parts[2], template.rpartition("/")[2]) in _PEOPLE_ALONE:
        return None
    area = AREAS.get(parts[2])
    scope = f"{area}:{READ if method in SAFE_METHODS else WRITE}"
    return scope if area and scope in SCOPES else None


def narrowed(grants: frozenset[str], scopes: Iterable[str]) -> frozenset[str]:
    """Return those of some rights that a key with ``scopes`` holds."""
    return grants & _ALWAYS.union(*(SCOPES.get(scope, frozenset()) for scope in scopes))
