"""The pages of tickets: what those who ask see."""

from answerable.tickets.pages import own, raising, ticket

ROUTES = (*own.ROUTES, *raising.ROUTES, *ticket.ROUTES)
