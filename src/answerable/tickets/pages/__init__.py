"""The pages of tickets: the agents' workspace, what those who ask see, and the categories for administrators."""

from answerable.tickets.pages import categories, desks, own, raising, ticket, work

ROUTES = (*work.ROUTES, *own.ROUTES, *raising.ROUTES, *ticket.ROUTES, *desks.ROUTES, *categories.ROUTES)
