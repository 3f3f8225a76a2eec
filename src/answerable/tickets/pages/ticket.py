"""One ticket: its page."""

from litestar import Response, get

from answerable.infra.web.forms import go
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest
from answerable.tickets import queries
from answerable.tickets.pages import own
from answerable.tickets.rules.own import asks_here


@get("/tickets/{ticket_id:str}", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_ticket(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Show a ticket: to staff with all that belongs to it, to whoever asked in plain words."""
    ticket = await request.ask(queries.get_ticket, ticket_id)
    if not asks_here(request.actor, ticket):
        return go(request, "/")  # to the workspace of staff, which is on a branch of its own
    return await own.show_own_ticket(request, ticket)


ROUTES = (show_ticket,)
