"""Pages about tickets: the categories, for administrators."""

from answerable.tickets.pages import categories

ROUTES = [*categories.ROUTES]
