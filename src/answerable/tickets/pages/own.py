"""The page of a ticket for whoever asked."""

from litestar import Response

from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.tickets.rules import Ticket


async def show_own_ticket(request: DeskRequest, ticket: Ticket) -> Response[bytes]:
    """Show a ticket to its requester."""
    return show(request, "tickets/own/ticket.html", ticket=ticket)
