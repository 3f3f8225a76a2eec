"""People, for administrators: who they are, what they may, whether they may come in."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, Undo, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.kernel.errors import Conflict, Problem
from answerable.kernel.paging import PageRequest, page_request
from answerable.kernel.words import N_
from answerable.messages.erasure import erased_address
from answerable.users.actions import people, second
from answerable.users.pages.audit import changes_of
from answerable.users.pages.door import door_of
from answerable.users.pages.roles import ROLE_NAMES
from answerable.users.queries import people as queries
from answerable.users.queries.audit import list_acts_on
from answerable.users.queries.second import has_second
from answerable.users.rules import ROLES, Changes, Person, check_roles
from answerable.users.store import people as store

ROWS = 50
FOUND = 6
PEOPLE = "/admin/people"
ADMINS: dict[str, Any] = {"opt": needs("user.admin"), "include_in_schema": False}


@get("/admin", **ADMINS)
async def administration(request: DeskRequest) -> Response[bytes]:
    """Lead to the first page of administration."""
    return go(request, PEOPLE)


@get(PEOPLE, **ADMINS)
async def list_people(
    request: DeskRequest, q: str = "", role: str = "", active: str = "", cursor: str | None = None
) -> Response[bytes]:
    """List people, newest first, with a search."""
    part = page_request(page=0, size=ROWS, cursor=cursor, count=None, sort=store.NEWEST)
    wanted = store.PeopleFilter(
        q[:254] or None, role if role in ROLES else None, {"yes": True, "no": False}.get(active)
    )
    found = await request.scan(queries.list_people, wanted, part)
    kept = {"q": q, "role": role, "active": active}
    query = {name: value for name, value in kept.items() if value}
    more = f"{PEOPLE}?{urlencode({**query, 'cursor': found.next_cursor})}" if found.next_cursor else ""
    form = Form(list(kept.items()))
    return show(request, "users/people.html", found=found, form=form, more=more, roles=ROLE_NAMES)


@get("/admin/people/find", **ADMINS)
async def find_people(request: DeskRequest, q: str = "") -> Response[bytes]:
    """List the few people who fit part of a name or an address, for the command palette."""
    wanted = store.PeopleFilter(q.strip()[:254] or None)
    found = await request.scan(queries.list_people, wanted, PageRequest(FOUND))
    return show(request, "users/found.html", people=found.rows if wanted.q else [])


@get("/admin/people/new", **ADMINS)
async def show_invitation(request: DeskRequest) -> Response[bytes]:
    """Show the form that invites somebody."""
    return show(request, "users/invite.html", form=Form([("roles", "USER")]), roles=ROLE_NAMES)


@post("/admin/people", status_code=200, **ADMINS)
async def invite(request: DeskRequest) -> Response[bytes]:
    """Add somebody, who gets a mail with a link to choose a password."""
    form = await form_of(request)
    try:
        roles = check_roles(_roles(form))
        new = await door_of(request).admit(form["name"], form["email"], None, roles)
        person = await request.act(people.create_person, new)
    except Problem as problem:
        return show(request, "users/invite.html", problem.status, form=form.refused(problem), roles=ROLE_NAMES)
    said = words(request)(N_("%(name)s is invited. The link in the mail is good for three days.")) % {
        "name": person.name
    }
    return go(request, f"{PEOPLE}/{person.id}", Said(said))


@get("/admin/people/{person_id:str}", **ADMINS)
async def show_person(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Show somebody, and what can be changed about them."""
    return await _person(request, person_id, Form())


@post("/admin/people/{person_id:str}", status_code=200, **ADMINS)
async def change_person(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Change name and roles together."""
    form = await form_of(request)
    before = await request.ask(queries.get_person, person_id)
    try:
        changes = Changes(form["name"], check_roles(_roles(form)))
        person = await request.act(people.change_somebody, person_id, changes)
    except Problem as problem:
        return await _person(request, person_id, form.refused(problem), problem.status)
    if person == before:
        return go(request, f"{PEOPLE}/{person_id}")
    return go(request, f"{PEOPLE}/{person_id}", _changed(request, before, person))


@get("/admin/people/{person_id:str}/deactivate", **ADMINS)
async def show_deactivation(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Say what deactivating somebody does, before it is done."""
    person = await request.ask(queries.get_person, person_id)
    reason = await request.ask(queries.reason_to_stay, person_id)
    return show(request, "users/deactivate.html", person=person, reason=reason)


@post("/admin/people/{person_id:str}/deactivate", status_code=200, **ADMINS)
async def deactivate(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Keep somebody out from now on."""
    return await _set_active(request, person_id, Changes(active=False))


@post("/admin/people/{person_id:str}/activate", status_code=200, **ADMINS)
async def activate(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Let somebody in again."""
    return await _set_active(request, person_id, Changes(active=True))


@post("/admin/people/{person_id:str}/second/reset", status_code=200, **ADMINS)
async def reset_second(request: DeskRequest, person_id: str) -> Response[bytes]:
    """Take the second factor of somebody away who has lost it."""
    page = f"{PEOPLE}/{person_id}"
    try:
        await request.act(second.take_away, person_id)
    except Conflict as problem:
        return go(request, page, Said(words(request)(problem.message), "warning"))
    return go(request, page, Said(words(request)(N_("The second factor is gone, and they are signed out everywhere."))))


ROUTES = [
    administration,
    list_people,
    find_people,
    show_invitation,
    invite,
    show_person,
    change_person,
    show_deactivation,
    deactivate,
    activate,
    reset_second,
]


def _roles(form: Form) -> list[str]:
    """Return the roles that are ticked; what takes a change back has them in one field."""
    return [role for field in form.all("roles") for role in field.split()]


async def _set_active(request: DeskRequest, person_id: str, changes: Changes) -> Response[bytes]:
    page = f"{PEOPLE}/{person_id}"
    try:
        person = await request.act(people.change_somebody, person_id, changes)
    except Conflict as problem:
        return go(request, page, Said(words(request)(problem.message), "warning"))
    text = N_("%(name)s can sign in again.") if person.active else N_("%(name)s is signed out and cannot sign in.")
    # What deactivating did to tickets is not taken back; letting somebody in again is no more than that.
    undo = None if not person.active else Undo(f"{page}/deactivate")
    return go(request, page, Said(words(request)(text) % {"name": person.name}, undo=undo))


def _changed(request: DeskRequest, before: Person, person: Person) -> Said:
    said = words(request)(N_("%(name)s is up to date.")) % {"name": person.name}
    fields = {"name": before.name, "roles": " ".join(before.roles)}
    return Said(said, undo=Undo(f"{PEOPLE}/{person.id}", fields))


async def _person(request: DeskRequest, person_id: str, form: Form, status: int = 200) -> Response[bytes]:
    person = await request.ask(queries.get_person, person_id)
    recent = await request.ask(list_acts_on, person_id)
    reason = await request.ask(queries.reason_to_stay, person_id)
    chosen = form.all("roles") if form.problem else person.roles
    return show(
        request,
        "users/person.html",
        status,
        person=person,
        form=form,
        chosen=chosen,
        roles=ROLE_NAMES,
        recent=recent,
        acts=request.parts["acts"],
        changes=partial(changes_of, viewer_of(request.scope)),
        reason=reason,
        erased=person.email == erased_address(person.id),
        has_second=await request.ask(has_second, person_id),
    )
