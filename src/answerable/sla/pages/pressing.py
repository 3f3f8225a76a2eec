"""Pages about promises: what presses now, what was escalated, and what is promised at all."""

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


@get("/admin/sla", opt=needs("sla.manage"), include_in_schema=False)
async def show_policies(request: DeskRequest) -> Response[bytes]:
    """Show the policies in force."""
    policies = await request.ask(pressing.list_in_force)
    return show(request, "sla/policies.html", policies=policies, warn=request.desk_settings.sla.warn_share)


ROUTES = (show_pressing, show_escalations, show_policies)
