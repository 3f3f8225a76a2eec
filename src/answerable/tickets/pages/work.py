"""The agents' workspace: views, the list, the ticket beside it, and changes of many tickets at once."""

from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, Undo, form_of, go, whole_number, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Invalid, Problem
from answerable.kernel.words import N_
from answerable.tickets import queries
from answerable.tickets.actions import work as deeds
from answerable.tickets.actions.work import Deed
from answerable.tickets.pages.screens import Outcome, Place, part_of, place_of, show_part, show_place
from answerable.tickets.queries import work
from answerable.tickets.rules import Ticket
from answerable.tickets.rules.sight import owns
from answerable.tickets.rules.views import filter_of

MOST_AT_ONCE = 100
FOUND = 8
_DEEDS = {
    "resolve": Deed("status", "RESOLVED"),
    "close": Deed("status", "CLOSED"),
}


@get("/queue", opt=needs("desk.work"), include_in_schema=False)
async def show_queue(request: DeskRequest) -> Response[bytes]:
    """Show the workspace: a view, its list, and the ticket that is open beside it."""
    asked = request.query_params
    wanted = filter_of(lambda name: asked.get(name, ""), request.actor)
    place = Place(wanted, asked.get("ticket", ""), asked.get("all") == "1")
    part = part_of(request, wanted)
    if asked.get("part") == "list":
        ask = request.scan if wanted.q else request.ask
        return show_part(request, "list", await ask(work.list_alone, wanted, part), place)
    if asked.get("part") == "views":
        return show_part(request, "views", await request.ask(work.list_views, wanted), place)
    if "x-desk-live" in request.headers:  # the list and the views read themselves again
        return await show_place(request, place, listing=work.Listing(wanted=wanted))
    return await show_place(request, place, part=part)


@get("/queue/count", opt=needs("desk.work"), include_in_schema=False)
async def show_count(request: DeskRequest) -> Response[bytes]:
    """Show how much waits for whoever looks."""
    return show(request, "tickets/work/count.html", count=await request.ask(work.count_mine))


@get("/tickets/find", opt=needs(SIGNED_IN), include_in_schema=False)
async def find_tickets(request: DeskRequest, q: str = "") -> Response[bytes]:
    """List the few tickets that fit some words or a number, for the command palette."""
    wanted = q.strip()[:200]
    found = await request.scan(queries.find_tickets, wanted, FOUND) if wanted else []
    return show(request, "tickets/work/found.html", tickets=found)


@post("/queue/apply", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def apply(request: DeskRequest) -> Response[bytes]:
    """Change many tickets at once, each in a unit of its own, and tell what became of each."""
    form = await form_of(request)
    place = place_of(request, form["back"])
    deed, chosen = _deed_of(form), form.all("ticket")[:MOST_AT_ONCE]
    say = words(request)
    changed, failed = [], []
    for ticket_id, _, version in (one.partition(" ") for one in chosen):
        try:
            changed.append(await request.act(deeds.do, ticket_id, deed, whole_number(version)))
        except Problem as problem:
            failed.append((ticket_id, await _name_of(request, ticket_id), problem.message))
    undo = _undo(request, deed, changed, place)
    if failed:
        return await show_place(request, place, outcome=Outcome(len(changed), failed))
    if not changed:
        return go(request, place.path, Said(say(N_("Choose some tickets first.")), "warning"))
    count = len(changed)
    text = say(N_("One ticket is changed.")) if count == 1 else say(N_("{} tickets are changed.")).format(count)
    return go(request, place.path, Said(text, undo=undo))


@post("/queue/undo", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def undo(request: DeskRequest) -> Response[bytes]:
    """Take back a change of many tickets, of those that nobody has changed since."""
    form = await form_of(request)
    place, say = place_of(request, form["back"]), words(request)
    left = 0
    for one in form["was"].split(",")[:MOST_AT_ONCE]:
        first, _, rest = one.partition(":")
        second, _, value = rest.partition(":")
        number, version = whole_number(first), whole_number(second)
        if number is None or version is None:
            continue
        try:
            await request.act(deeds.put_back, number, Deed(form["field"], value), version)
        except Problem:
            left += 1
    if left:
        return go(request, place.path, Said(say(N_("{} tickets stay as they are.")).format(left), "warning"))
    return go(request, place.path, Said(say(N_("Taken back."))))


ROUTES = (show_queue, show_count, find_tickets, apply, undo)


def _deed_of(form: Form) -> Deed:
    name = form["deed"]
    if name in _DEEDS:
        return _DEEDS[name]
    if name in ("agent", "priority") and form[name]:
        return Deed(name, form[name])
    raise Invalid(N_("Choose what to do with the tickets."))


async def _name_of(request: DeskRequest, ticket_id: str) -> str:
    try:
        ticket = await request.ask(queries.get_ticket, ticket_id)
    except Problem:
        return ""
    return f"#{ticket.number} {ticket.title}"


def _undo(request: DeskRequest, deed: Deed, changed: list[tuple[Ticket, Ticket]], place: Place) -> Undo | None:
    """Return what takes the changes back, ``None`` where somebody could not do that by hand either."""
    moved = [(before, after) for before, after in changed if before.version != after.version]  # others were so already
    former = [(before, after, former_value(request, deed.field, before, after)) for before, after in moved]
    if not former or any(value is None for _, _, value in former):
        return None
    was = ",".join(f"{before.number}:{after.version}:{value}" for before, after, value in former)
    return Undo("/queue/undo", {"field": deed.field, "was": was, "back": place.path}) if len(was) < 1800 else None


def former_value(request: DeskRequest, field: str, before: Ticket, after: Ticket) -> str | None:
    """Return what a change must be set to so that it is taken back, ``None`` where it cannot be."""
    if before.version == after.version:
        return None
    if field == "agent":
        return before.agent_id
    if field != "status":
        return str(getattr(before, field))
    if after.status in ("RESOLVED", "CLOSED"):
        return "IN_PROGRESS" if owns(request.actor, after) else None
    return before.status if {before.status, after.status} == {"WAITING", "IN_PROGRESS"} else None
