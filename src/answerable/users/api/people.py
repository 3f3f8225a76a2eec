"""REST: people, for administrators and whoever may see them."""

from dataclasses import replace
from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import Parameter

from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.kept import GATHERED, Kept, kept_here
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.kernel.paging import page_request
from answerable.users.actions import erasure, people
from answerable.users.api.answers import door_of, shown
from answerable.users.api.fields import Email, FreshPassword, Name, Roles
from answerable.users.queries import people as queries
from answerable.users.queries.export import find
from answerable.users.queries.people import AgentView, PersonView
from answerable.users.rules import ROLES, Changes, Person, check_roles
from answerable.users.store import people as store


class PersonDraft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Somebody to add. Without a password they get a mail with a link to choose one."""

    name: Name
    email: Email
    password: FreshPassword | None = None
    roles: Roles = msgspec.field(default_factory=lambda: ["USER"])
    active: bool = True


class PersonChanges(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What to change about a person, all together; what is left out stays."""

    roles: Roles | None = None
    active: bool | None = None
    name: Name | None = None


@get("/api/users/agents", opt=needs(SIGNED_IN), tags=["People"])
async def list_agents(request: DeskRequest) -> Response[list[AgentView]]:
    """List the active agents by name; staff also see their email."""
    return respond(Reply(await request.ask(queries.list_agents)))


@get("/api/users/{user_id:str}", opt=needs(SIGNED_IN), tags=["People"])
async def get_user(request: DeskRequest, user_id: str) -> Response[PersonView]:
    """Read a person: oneself, or as staff anybody."""
    return respond(shown(await request.ask(queries.get_person, user_id)))


@get("/api/users/admin", opt=needs("user.admin"), tags=["People"])
async def list_users(
    request: DeskRequest,
    q: Annotated[str | None, Parameter(description="Part of a name or an email.", max_length=254)] = None,
    role: Annotated[str | None, Parameter(schema_extra={"pattern": f"^({'|'.join(ROLES)})?$"})] = None,
    active: bool | None = None,
    page: int = 0,
    size: int = 10,
    cursor: str | None = None,
    count: str | None = None,
) -> Response[list[PersonView]]:
    """List people, newest first."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=store.NEWEST)
    wanted = store.PeopleFilter(q or None, check_roles([role])[0] if role else None, active)
    found = await request.scan(queries.list_people, wanted, part)
    return list_response(request, found, [queries.view(person) for person in found.rows])


@post("/api/users/admin", status_code=201, opt=needs("user.admin"), tags=["People"])
async def create_user(request: DeskRequest, data: PersonDraft) -> Response[PersonView]:
    """Add a person. Without a password they get a mail with a link to choose one."""
    roles = check_roles(data.roles)
    new = await door_of(request).admit(data.name, data.email, data.password, roles)
    new = replace(new, active=data.active)
    return await request.post(_created, people.create_person, new)


@patch("/api/users/admin/{user_id:str}", opt=needs("user.admin"), tags=["People"])
async def change_user(request: DeskRequest, user_id: str, data: PersonChanges) -> Response[PersonView]:
    """Change roles, activity and name of a person together. Their tokens end at once."""
    wanted = Changes(data.name, None if data.roles is None else tuple(data.roles), data.active)
    return respond(shown(await request.act(people.change_somebody, user_id, wanted)))


@get("/api/users/admin/{user_id:str}/export", opt=needs("user.admin") | GATHERED, tags=["People"])
async def export_user(request: DeskRequest, user_id: str) -> Response[Kept]:
    """Take out all that is kept about a person. Parts of services that are away are named under `partsElsewhere`."""
    person = await request.ask(find, user_id)
    await request.act(erasure.record_export, person.id)
    found = await kept_here(request.parts["desk"], person.id)
    return respond(Reply(found, 200, {"Cache-Control": "no-store"}))


@delete("/api/users/admin/{user_id:str}", status_code=200, opt=needs("user.admin"), tags=["People"])
async def erase_user(request: DeskRequest, user_id: str) -> Response[dict[str, str]]:
    """Erase a person for good: account, sessions, and the words they wrote. Ids, times and statuses stay."""
    await request.act(erasure.erase_person, user_id)
    return respond(Reply({"erased": user_id}))


ROUTES = [list_agents, get_user, list_users, create_user, change_user, export_user, erase_user]


def _created(person: Person) -> Reply[PersonView]:
    return Reply(queries.view(person), 201, {"Location": f"/api/users/{person.id}"})
