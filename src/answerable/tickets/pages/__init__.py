"""The pages of tickets: the agents' workspace, and what those who ask see."""

from answerable.tickets.pages import desks, own, raising, ticket, work

ROUTES = (*work.ROUTES, *own.ROUTES, *raising.ROUTES, *ticket.ROUTES, *desks.ROUTES)
