"""Pages about people: coming in (``door``), behind links from mails (``links``), oneself (``profile``)."""

from answerable.users.pages import door, links

ROUTES = [*door.ROUTES, *links.ROUTES]
