"""What each of the staff has on their desk: where they are, drafts, filters of their own."""

from litestar import Response, post

from answerable.infra.web.forms import Said, Undo, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Problem
from answerable.kernel.words import N_
from answerable.tickets.actions import work as deeds
from answerable.tickets.pages.screens import place_of
from answerable.tickets.queries import work
from answerable.tickets.rules.views import filter_of


@post("/queue/tickets/{ticket_id:str}/here", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def be_here(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Note that somebody looks at a ticket, or types; answer who else does."""
    form = await form_of(request)
    await request.act(deeds.be_here, ticket_id, form["newest"], int(form["writing"] == "yes"))
    here, state = await request.ask(work.list_here, ticket_id)
    return show(request, "tickets/work/here.html", here=here, state=state)


@post("/queue/tickets/{ticket_id:str}/draft", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def keep_draft(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Keep what somebody has typed so far; answer when."""
    form = await form_of(request)
    at = await request.act(deeds.keep_draft, ticket_id, form["text"], int(form["kind"] == "note"))
    return show(request, "tickets/work/saved.html", at=at if form["text"].strip() else None)


@post("/queue/filters", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def save_filter(request: DeskRequest) -> Response[bytes]:
    """Keep a filter under a name."""
    form = await form_of(request)
    place = place_of(request, form["back"])
    wanted = place.wanted or filter_of({}, request.actor)
    try:
        await request.act(deeds.save_filter, form["name"], wanted)
    except Problem as problem:
        complaint = problem.errors[0].partition(": ")[2] if problem.errors else problem.message
        return go(request, place.path, Said(_sentence(request, problem.message, complaint), "warning"))
    return go(request, place.path, Said(words(request)(N_("The filter is kept."))))


@post("/queue/filters/{filter_id:str}/delete", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def delete_filter(request: DeskRequest, filter_id: str) -> Response[bytes]:
    """Forget a filter."""
    form = await form_of(request)
    gone = await request.act(deeds.delete_filter, filter_id)
    place = place_of(request, form["back"])
    if gone is None:
        return go(request, place.path)
    undo = Undo("/queue/filters", {"name": gone[0], "back": f"/queue?{gone[1]}"})
    return go(request, place.path, Said(words(request)(N_("The filter is gone.")), undo=undo))


ROUTES = (be_here, keep_draft, save_filter, delete_filter)


def _sentence(request: DeskRequest, message: str, complaint: str) -> str:
    say = words(request)
    return say(message) if message == complaint else f"{say(message)} {say(complaint)[:1].upper()}{say(complaint)[1:]}."
