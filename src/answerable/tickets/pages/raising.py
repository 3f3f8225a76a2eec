"""The page on which a ticket is raised, and the parts that come to it while somebody types."""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import Parameter

from answerable.infra.web.forms import Form, form_of, go, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.html import show
from answerable.infra.web.markdown import render
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.said import Said
from answerable.kernel.errors import Invalid, Problem, Refused, Unavailable
from answerable.kernel.words import N_
from answerable.tickets import actions, queries
from answerable.tickets.pages.own import in_plain_words
from answerable.tickets.queries import own
from answerable.tickets.queries.own import Alike, Found
from answerable.tickets.rules import PRIORITIES, Draft, Ticket

USUAL = "MEDIUM"
FOR_OTHERS = "ticket.create_for_others"
NOBODY = N_("Choose the person, or leave the field empty to raise it for yourself.")
PLAIN = {
    "title": N_("Between 5 and 200 characters, please."),
    "description": N_("Between 10 and 20,000 characters, please."),
    "for": NOBODY,
    "requesterId": N_("This person is not here any more."),
}
Whom = Annotated[str, Parameter(query="requesterId")]
SHORTEST = 3  # letters of a title before it is worth looking for others


@get("/tickets/new", opt=needs("ticket.create"), include_in_schema=False)
async def show_new(request: DeskRequest, title: str = "", whom: Whom = "") -> Response[bytes]:
    """Show the form that raises a ticket; ``requesterId`` is whom staff raise it for."""
    return await _form_page(request, Form([("title", title), ("priority", USUAL), ("requesterId", whom)]))


@post("/tickets", status_code=200, opt=needs("ticket.create"), include_in_schema=False)
async def raise_ticket(request: DeskRequest) -> Response[bytes]:
    """Raise a ticket, then show it."""
    form = await form_of(request)
    try:
        if form["for"].strip() and not form["requesterId"]:
            raise Invalid(N_("Choose the person."), errors=(f"for: {NOBODY}",))
        ticket = await request.act_once(form.once, Ticket, actions.create_ticket, _draft_of(form))
    except Refused:  # as everywhere
        raise
    except Problem as problem:
        return await _form_page(request, form.refused(in_plain_words(problem, PLAIN)))
    said = words(request)
    if ticket.requester_id != request.actor.id:  # whoever raised it may not see it any more: another agent has it
        return go(request, "/", Said(said(N_("Ticket #{number} is raised.")).format(number=ticket.number)))
    return go(request, f"/tickets/{ticket.id}", Said(said(N_("Your request is with us."))))


@post("/tickets/preview", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def preview(request: DeskRequest) -> Response[bytes]:
    """Show how a text will look: the part alone for a script, the whole form with it for everybody else."""
    form = await form_of(request)
    if "hx-request" in request.headers:
        return show(request, "tickets/own/preview.html", text=form["description"] or form["comment"], said_as=render)
    return await _form_page(request, form, previewed=form["description"])


@get("/tickets/similar", opt=needs("ticket.create"), include_in_schema=False)
async def show_similar(request: DeskRequest, title: str = "", whom: Whom = "") -> Response[bytes]:
    """List open tickets of the same person that may be about the same."""
    return show(request, "tickets/own/similar.html", similar=await _similar(request, title, whom))


@get("/tickets/people", opt=needs(FOR_OTHERS), include_in_schema=False)
async def find_people(request: DeskRequest, typed: Annotated[str, Parameter(query="for")] = "") -> Response[bytes]:
    """List people whose name fits, to raise a ticket for one of them."""
    found = await request.scan(own.find_people, typed)
    return show(request, "tickets/own/people.html", found=found, typed=typed.strip(), chosen="")


ROUTES = (show_new, raise_ticket, preview, show_similar, find_people)


def _draft_of(form: Form) -> Draft:
    return Draft(
        title=form["title"],
        description=form["description"],
        category=form["category"],
        priority=form["priority"],
        requester_id=form["requesterId"] or None,
    )


async def _similar(request: DeskRequest, title: str, requester: str) -> list[Alike]:
    if len(title.strip()) < SHORTEST:
        return []
    return await request.ask(own.list_alike, title[:200], requester or None)


async def _form_page(request: DeskRequest, form: Form, previewed: str = "") -> Response[bytes]:
    """Show the form with all that was typed, also where the desk cannot read or store anything."""
    status = form.problem.status if form.problem else 200
    try:
        known = await _known(request, form)
    except Unavailable as problem:
        kept = [form["category"]] if form["category"] else []
        known = {"categories": kept, "similar": [], "chosen": None, "people": []}
        if not form.problem:
            form, status = form.refused(problem), problem.status
    return show(
        request,
        "tickets/own/new.html",
        status,
        form=form,
        priorities=PRIORITIES,
        previewed=previewed,
        said_as=render,
        **known,
    )


async def _known(request: DeskRequest, form: Form) -> dict[str, Any]:
    """Read what the form offers."""
    chosen: Found | None = None
    people: list[Found] = []
    if request.actor.may(FOR_OTHERS):
        if form["requesterId"]:
            chosen = await request.ask(own.get_person, form["requesterId"])
        elif form["for"].strip():
            people = await request.scan(own.find_people, form["for"])
    return {
        "categories": await request.ask(queries.list_categories),
        "similar": await _similar(request, form["title"], form["requesterId"]),
        "chosen": chosen,
        "people": people,
    }
