"""The switch with which an agent says whether they take new tickets."""

from litestar import Response, get, post

from answerable.assignment import actions, queries
from answerable.assignment.rules import Availability
from answerable.infra.web.forms import Said, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.words import N_


@get("/assignment/availability", opt=needs("ticket.work"), include_in_schema=False)
async def show_availability(request: DeskRequest) -> Response[bytes]:
    """Show whether whoever looks takes new tickets, and how many they have."""
    agent = await request.ask(queries.get_agent, request.actor.id)
    return show(request, "assignment/availability.html", agent=agent)


@post("/assignment/availability", status_code=200, opt=needs("ticket.work"), include_in_schema=False)
async def set_availability(request: DeskRequest) -> Response[bytes]:
    """Take new tickets from now on, or none."""
    form = await form_of(request)
    wanted = Availability(available=form["available"] == "yes", capacity=None, skills=None)
    await request.act(actions.set_availability, request.actor.id, wanted)
    text = N_("You get new tickets again.") if wanted.available else N_("You get no new tickets for now.")
    return go(request, form["back"] or "/queue", Said(words(request)(text)))


ROUTES = (show_availability, set_availability)
