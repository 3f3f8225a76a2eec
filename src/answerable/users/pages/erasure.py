"""All that is kept about a person, to take out; and erasing them, for administrators."""

from typing import Any

import msgspec
from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.kept import GATHERED, kept_here
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.words import N_
from answerable.users.actions import erasure
from answerable.users.queries import people as queries
from answerable.users.rules import fold

ADMINS: dict[str, Any] = {"opt": needs("user.admin"), "include_in_schema": False}


@get("/admin/people/{person_id:str}/export", opt=needs("user.admin") | GATHERED, include_in_schema=False)
async def download_person(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Hand out all that is kept about somebody, as a file."""
    person = await request.ask(queries.get_person, person_id)
    await request.act(erasure.record_export, person.id)
    found = await kept_here(request.parts["desk"], person.id)
    headers = {"Content-Disposition": f'attachment; filename="person-{person.id}.json"', "Cache-Control": "no-store"}
    content = msgspec.json.format(msgspec.json.encode(found))
    return Response(content, media_type="application/json", headers=headers)


@get("/admin/people/{person_id:str}/erase", **ADMINS)
async def show_erasure(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Say what erasing somebody does, before it is done."""
    return await _page(request, person_id, Form())


@post("/admin/people/{person_id:str}/erase", status_code=200, **ADMINS)
async def erase_person(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Erase somebody whose address was typed."""
    form = await form_of(request)
    person = await request.ask(queries.get_person, person_id)
    if fold(form["email"]) != fold(person.email):
        wrong = Invalid(N_("That is another address."), errors=("email: is not right",))
        return await _page(request, person_id, form.refused(wrong))
    try:
        await request.act(erasure.erase_person, person_id)
    except Conflict as problem:
        return go(request, f"/admin/people/{person_id}", Said(words(request)(problem.message), "warning"))
    text = words(request)(N_("Erased. Tickets and notifications follow within seconds."))
    return go(request, f"/admin/people/{person_id}", Said(text))


ROUTES = [download_person, show_erasure, erase_person]


async def _page(request: DeskRequest, person_id: str, form: Form) -> Response[bytes]:
    person = await request.ask(queries.get_person, person_id)
    reason = ""
    try:
        await request.ask(erasure.may_erase, person_id)
    except Conflict as problem:
        reason = problem.message
    return show(request, "users/erase.html", 400 if form.problem else 200, person=person, reason=reason, form=form)
