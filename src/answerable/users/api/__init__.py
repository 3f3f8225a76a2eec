"""REST: coming in (``door``), one's own account (``oneself``), people (``people``) and the audit log (``audit``)."""

from answerable.users.api import audit, door, oneself, people

ROUTES = [*door.ROUTES, *oneself.ROUTES, *people.ROUTES, *audit.ROUTES]
