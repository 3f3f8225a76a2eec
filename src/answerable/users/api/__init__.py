"""REST: coming in (``door``), oneself (``oneself``), ``people``, programs (``keys``) and the ``audit`` log."""

from answerable.users.api import audit, door, keys, oneself, people

ROUTES = [*door.ROUTES, *oneself.ROUTES, *people.ROUTES, *audit.ROUTES, *keys.ROUTES]
