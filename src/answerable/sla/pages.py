"""What the pages of other features show of promises."""

from litestar import Response, get

from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.sla.queries.terms import list_offers


@get("/sla/promises", opt=needs("ticket.create"), include_in_schema=False)
async def show_promises(request: DeskRequest, category: str = "") -> Response[bytes]:
    """Show what is promised for each priority, on a ticket that is about to be raised."""
    return show(request, "sla/promises.html", offers=await request.ask(list_offers, category))


ROUTES = (show_promises,)
