"""REST: coming in (``door``), oneself (``oneself``, ``second``, ``sessions``), ``people``, ``keys``, and ``audit``."""

from answerable.users.api import audit, door, keys, oneself, people, second, sessions

ROUTES = [
    *door.ROUTES,
    *oneself.ROUTES,
    *second.ROUTES,
    *sessions.ROUTES,
    *people.ROUTES,
    *audit.ROUTES,
    *keys.ROUTES,
]
