"""One ticket: its page, answers, and changes of what it is."""

from litestar import Response, get, post

from answerable.infra.web.forms import Said, Undo, form_of, go, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Problem, Refused
from answerable.kernel.words import N_
from answerable.tickets import queries
from answerable.tickets.actions import work as deeds
from answerable.tickets.actions.work import Answer, Deed
from answerable.tickets.pages import own
from answerable.tickets.pages.screens import (
    PRIORITY_WORDS,
    STATUS_WORDS,
    Place,
    Trouble,
    place_of,
    show_place,
)
from answerable.tickets.pages.work import former_value
from answerable.tickets.rules import Ticket
from answerable.tickets.rules.hands import works_at

_THEN = {"resolve": "RESOLVED", "wait": "WAITING"}
_SAID = {
    "status": N_("The ticket is {} now."),
    "priority": N_("The priority is {} now."),
    "category": N_("The category is {} now."),
    "agent": N_("The ticket has another agent now."),
}


@get("/tickets/{ticket_id:str}", opt=needs(SIGNED_IN), include_in_schema=False)
async def show_ticket(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Show a ticket: to staff with all that belongs to it, to whoever asked in plain words."""
    ticket = await request.ask(queries.get_ticket, ticket_id)
    if not works_at(request.actor, ticket):
        return await own.show_own_ticket(request, ticket)
    return await show_place(request, Place(None, ticket.id, request.query_params.get("all") == "1"))


@post("/queue/tickets/{ticket_id:str}/reply", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def reply(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Say something on a ticket, and perhaps resolve it or wait. What would cross a newer message is stopped."""
    form = await form_of(request)
    place = place_of(request, form["back"], ticket_id)
    internal = int(form["kind"] == "note")
    then = "" if internal else _THEN.get(form["then"], "")
    known = form["newest"]
    try:
        ticket = await request.act_once(
            form.only("text", "kind", "then").once,
            Ticket,
            deeds.answer,
            ticket_id,
            Answer(form["text"], internal, known, then),
        )
    except Problem as problem:
        return await show_place(request, place, trouble=Trouble(problem, form))
    if not then:
        return go(request, place.path)
    text = words(request)(N_("Sent, and the ticket is {} now.")).format(words(request)(STATUS_WORDS[ticket.status]))
    return go(request, place.path, Said(text))


@post("/queue/tickets/{ticket_id:str}/set", status_code=200, opt=needs("desk.work"), include_in_schema=False)
async def change(request: DeskRequest, ticket_id: str) -> Response[bytes]:
    """Change what a ticket is: status, priority, category or agent. A change that comes too late is shown first."""
    form = await form_of(request)
    place = place_of(request, form["back"], ticket_id)
    deed = Deed(form["field"], form["value"])
    version = form.number("version")
    try:
        before, after = await request.act(deeds.do, ticket_id, deed, version)
    except Refused:
        raise
    except Problem as problem:
        again = (deed.field, deed.value) if problem.status == 412 else None
        return await show_place(request, place, trouble=Trouble(problem, form, again))
    say, former = words(request), former_value(request, deed.field, before, after)
    if before.version == after.version:
        return go(request, place.path)
    fields = {"field": deed.field, "value": former or "", "version": str(after.version), "back": place.path}
    undo = Undo(f"/queue/tickets/{ticket_id}/set", fields) if former else None
    value = {**STATUS_WORDS, **PRIORITY_WORDS}.get(deed.value, deed.value.replace("_", " ").capitalize())
    return go(request, place.path, Said(say(_SAID[deed.field]).format(say(value)), undo=undo))


ROUTES = (show_ticket, reply, change)
