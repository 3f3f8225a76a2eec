"""What the pages of other features show of promises: the panel of a ticket, and what a new one would be promised."""

from functools import partial

from litestar import Response, get

from answerable.infra.web.forms import words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.times import parse_iso
from answerable.kernel.words import N_
from answerable.sla.pages.wording import in_words
from answerable.sla.queries.clocks import ClockView, clocks_of_ticket
from answerable.sla.queries.terms import list_offers

TARGETS = {
    "FIRST_RESPONSE": N_("First answer"),
    "NEXT_RESPONSE": N_("Next answer"),
    "RESOLUTION": N_("Solved"),
}
WHYS = {
    "OPEN": N_("open"),
    "CLOSED": N_("outside the opening hours"),
    "HOLIDAY": N_("holiday"),
}
STOPS = (N_("Waiting for the requester"), N_("Resolved"))  # of rules/history.py
MOST_SEGMENTS = 40  # of each promise


@get("/sla/tickets/{ticket_id:str}/panel", opt=needs("desk.work"), include_in_schema=False)
async def show_panel(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Show what a ticket was promised, and how much time is left."""
    clocks = await request.ask(clocks_of_ticket, ticket_id)
    newest = {clock.target: clock for clock in reversed(clocks)}  # the newest cycle of each is first in the list
    shown = [(name, newest[target], _state_of(newest[target])) for target, name in TARGETS.items() if target in newest]
    say = partial(in_words, say=words(request), people={})
    return show(request, "sla/panel.html", clocks=shown, parse=parse_iso, whys=WHYS, most=MOST_SEGMENTS, in_words=say)


@get("/sla/promises", opt=needs("ticket.create"), include_in_schema=False)
async def show_promises(request: DeskRequest, category: str = "") -> Response[bytes]:
    """Show what is promised for each priority, on a ticket that is about to be raised."""
    return show(request, "sla/promises.html", offers=await request.ask(list_offers, category))


ROUTES = (show_panel, show_promises)


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
