"""REST: coming in (``door``), oneself (``oneself``, ``second``, ``sessions``), ``people``, ``keys``, the ``audit`` log."""

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
