"""The panel of a ticket's promises, beside the ticket on the desk."""

from litestar import Response, get

from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.times import parse_iso
from answerable.kernel.words import N_
from answerable.sla import queries
from answerable.sla.queries import ClockView

TARGETS = {
    "FIRST_RESPONSE": N_("First answer"),
    "NEXT_RESPONSE": N_("Next answer"),
    "RESOLUTION": N_("Solved"),
}


@get("/sla/tickets/{ticket_id:str}/panel", opt=needs("desk.work"), include_in_schema=False)
async def show_promises(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Show what a ticket was promised, and how much time is left."""
    clocks = await request.ask(queries.clocks_of_ticket, ticket_id)
    newest = {clock.target: clock for clock in reversed(clocks)}  # the newest cycle of each is first in the list
    shown = [(name, newest[target], _state_of(newest[target])) for target, name in TARGETS.items() if target in newest]
    return show(request, "sla/panel.html", clocks=shown, parse=parse_iso)


ROUTES = (show_promises,)


def _state_of(clock: ClockView) -> str:
    """Return how a promise is shown: running, at-risk, breached, paused, met, or over where it no longer counts."""
    if clock.state == "CANCELLED":
        return "over"
    if clock.breached:
        return "breached"
    if clock.ended_at is not None:
        return "met"
    if clock.state == "PAUSED":
        return "paused"
    return "at-risk" if clock.warned else "running"
