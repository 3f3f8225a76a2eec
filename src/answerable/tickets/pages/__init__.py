"""The pages of tickets: the agents' workspace, and what requesters see."""

from answerable.tickets.pages import desks, ticket, work

ROUTES = (*work.ROUTES, *ticket.ROUTES, *desks.ROUTES)
