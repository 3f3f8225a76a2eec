"""The categories that new tickets may have, for administrators: their order is the order people choose from."""

from typing import Any

from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, Undo, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_
from answerable.tickets import actions, queries
from answerable.tickets.actions import erasure
from answerable.tickets.queries.retention import list_retention

CATEGORIES = "/admin/categories"
EDITS: dict[str, Any] = {"opt": needs("category.edit"), "include_in_schema": False}


@get(CATEGORIES, **EDITS)
async def show_categories(request: DeskRequest) -> Response[bytes]:
    """Show the categories in their order."""
    return await _page(request, Form())


@post(CATEGORIES, status_code=200, **EDITS)
async def set_categories(request: DeskRequest) -> Response[bytes]:
    """Add one (``add``), remove one (``remove``), move one up or down, or put a whole list (``all``) in their place."""
    form = await form_of(request)
    before = await request.ask(queries.list_categories)
    text, code, wanted = _change(form, before)
    if wanted == before:
        return go(request, CATEGORIES)
    try:
        await request.act(actions.set_categories, wanted)
    except Invalid as problem:
        told = Invalid(problem.message, errors=tuple(f"add: {e.partition(': ')[2]}" for e in problem.errors))
        return await _page(request, form.refused(told))
    said = words(request)(text) % {"code": code}
    return go(request, CATEGORIES, Said(said, undo=Undo(CATEGORIES, {"all": " ".join(before)})))


@post(f"{CATEGORIES}/keep", status_code=200, **EDITS)
async def keep_words(request: DeskRequest) -> Response[bytes]:
    """Set for how many days after they were closed tickets keep their words, for each category; 0 for always."""
    form = await form_of(request)
    fields = {f"days-{each.category}": each.category for each in await request.ask(list_retention)}
    wanted = {code: form.number(field) for field, code in fields.items() if field in form}
    try:
        await request.act(erasure.set_retentions, wanted)
    except Invalid as problem:
        told = tuple(f"days-{each}" for each in problem.errors)
        return await _page(request, form.refused(Invalid(problem.message, errors=told)))
    return go(request, CATEGORIES, Said(words(request)(N_("Words are kept as you set it."))))


ROUTES = [show_categories, set_categories, keep_words]


async def _page(request: DeskRequest, form: Form) -> Response[bytes]:
    kept = await request.ask(list_retention)
    return show(request, "tickets/categories.html", 400 if form.problem else 200, kept=kept, form=form)


def _change(form: Form, codes: list[str]) -> tuple[str, str, list[str]]:
    """Return what to say, about which category, and the categories as they are wanted."""
    if form["all"]:
        return N_("The categories are as they were."), "", form["all"].split()
    if "add" in form:
        code = form["add"].strip().upper().replace(" ", "_")
        return N_("New tickets can have the category %(code)s."), code, codes if code in codes else [*codes, code]
    if code := form["remove"]:
        kept = [each for each in codes if each != code]
        return N_("New tickets cannot have the category %(code)s any more."), code, kept
    for name, step in (("up", -1), ("down", 1)):
        if (code := form[name]) in codes:
            wanted = [each for each in codes if each != code]
            wanted.insert(max(0, min(len(wanted), codes.index(code) + step)), code)
            return N_("%(code)s has another place."), code, wanted
    return "", "", codes
