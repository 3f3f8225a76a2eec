"""Pages about promises: what presses now, and what was escalated."""

from litestar import Response, get

from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.sla.queries import pressing


@get("/sla/pressing", opt=needs("sla.manage"), include_in_schema=False)
async def show_pressing(request: DeskRequest) -> Response[bytes]:
    """Show which promises are at risk, and which are broken."""
    risky, broken = await request.ask(pressing.list_pressing)
    return show(request, "sla/pressing.html", risky=risky, broken=broken, most=pressing.SHOWN)


@get("/sla/escalations", opt=needs("escalation.read"), include_in_schema=False)
async def show_escalations(request: DeskRequest) -> Response[bytes]:
    """Show the escalations that are open."""
    found = await request.ask(pressing.list_open_escalations)
    return show(request, "sla/escalations.html", found=found, most=pressing.SHOWN)


ROUTES = (show_pressing, show_escalations)
