"""REST: signing in and out, one's own account, and people for administrators."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch, post
from litestar.params import Parameter

from answerable.infra.web.cookies import SESSION, cookie_name, read_cookie
from answerable.infra.web.grants import PUBLIC, SIGNED_IN, needs
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.infra.web.visits import SEEN_EVERY, Told, tell
from answerable.kernel.errors import Refused, Unauthenticated
from answerable.kernel.paging import page_request
from answerable.kernel.visit import Visit
from answerable.users.actions import browsers, mails, people, sessions
from answerable.users.actions.door import USERS, Door
from answerable.users.queries import people as queries
from answerable.users.queries import visits
from answerable.users.queries.people import AgentView, AuditView, PersonView
from answerable.users.rules import (
    BAD_TOKEN,
    Changes,
    Person,
    check_password,
    check_roles,
)
from answerable.users.store import audit
from answerable.users.store import people as store


class Registration(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Somebody who wants an account."""

    name: str
    email: str
    password: str


class Credentials(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An email address and its password."""

    email: str
    password: str


class RefreshToken(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The refresh token of the last sign-in or refresh."""

    refresh_token: str


class Ending(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What to end: the session of the caller or of a refresh token, or ``everywhere`` all of the caller's."""

    refresh_token: str | None = None
    everywhere: bool = False


class Address(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An email address."""

    email: str


class LinkToken(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The token of a link."""

    token: str


class NewPassword(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The token of a link and the password to set with it."""

    token: str
    new_password: str


class PasswordChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The password of today and the one to come."""

    current_password: str
    new_password: str


class FirstAdmin(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The token of the setup link, and who becomes the first administrator."""

    token: str
    name: str
    email: str
    password: str


class OwnChanges(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What people may change about themselves; what is left out stays."""

    name: str | None = None


class PersonDraft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Somebody to add. Without a password they get a mail with a link to choose one."""

    name: str
    email: str
    password: str | None = None
    roles: list[str] = msgspec.field(default_factory=lambda: ["USER"])
    active: bool = True


class PersonChanges(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What to change about a person, all together; what is left out stays."""

    roles: list[str] | None = None
    active: bool | None = None
    name: str | None = None


class TokenSet(msgspec.Struct, rename="camel"):
    """Tokens; ``expiresIn`` is the access token's life in seconds."""

    token: str
    token_type: str
    expires_in: int
    refresh_token: str


class Registered(msgspec.Struct, rename="camel"):
    """The id of a new person."""

    id: str
    message: str


# --- coming in -------------------------------------------------------------------------------------------------------


@post("/api/auth/register", status_code=201, opt=needs(PUBLIC), tags=["Identity"])
async def register(request: DeskRequest, data: Registration) -> Response[Registered]:
    """Register. Where the desk confirms addresses, the account exists once the link in the mail was followed."""
    if not request.desk_settings.auth.registration:
        raise Refused("Registration is switched off. Ask an administrator for an account.")
    new = await door_of(request).admit(data.name, data.email, data.password)
    return await request.post(_registered, people.register, new)


@post("/api/auth/verify", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def verify(request: DeskRequest, data: LinkToken) -> Response[PersonView]:
    """Confirm an address with the token of the link that was mailed to it."""
    return await request.post(_shown, sessions.confirm_address, data.token)


@post("/api/auth/setup", status_code=201, opt=needs(PUBLIC), tags=["Identity"])
async def set_up(request: DeskRequest, data: FirstAdmin) -> Response[Registered]:
    """Make the first administrator with the one-time link that the desk printed at its start."""
    link = await request.ask(queries.open_link, data.token, "SETUP")
    new = await door_of(request).admit(data.name, data.email, data.password)
    return await request.post(_set_up, people.set_up, link["id"], new)


@post("/api/auth/login", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def log_in(request: DeskRequest, data: Credentials) -> Response[TokenSet]:
    """Sign in: an access token for the Authorization header and a refresh token for the next one."""
    door = door_of(request)
    person = await door.prove(request.database, data.email, data.password, request.address)
    return await request.post(_tokens, sessions.start_session, door.keyring, person)


@post("/api/auth/refresh", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def refresh(request: DeskRequest, data: RefreshToken) -> Response[TokenSet]:
    """Change a refresh token for new tokens. Each is good once; a second use ends the whole session."""
    try:
        return await request.post(_tokens, sessions.refresh_session, door_of(request).keyring, data.refresh_token)
    except sessions.ReusedRefresh as reused:
        await request.database.write(USERS, sessions.end_family, reused.family)
        raise


@post("/api/auth/logout", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def log_out(request: DeskRequest, data: Ending | None = None) -> Response[dict[str, str]]:
    """Sign out: this session, the one of ``refreshToken``, or ``everywhere``."""
    ending = data or Ending()
    signed_in = request.actor.kind == "person"
    if not signed_in and (ending.everywhere or not ending.refresh_token):
        raise request.scope["state"].get("refusal") or Unauthenticated("Please sign in first.")
    if ending.everywhere:
        return await request.post(_nothing, people.end_all_sessions)
    jti = None
    if signed_in:
        jti = (await request.ask(door_of(request).identity.pass_of, request.headers["authorization"])).jti
    return await request.post(_nothing, sessions.end_session, jti=jti, refresh=ending.refresh_token)


@get("/api/auth/session", opt=needs(PUBLIC), tags=["Identity"])
async def browser_session(request: DeskRequest) -> Response[Told]:
    """Read the session of this browser: who is signed in by its cookie, until when, and how they like the desk."""
    visit = request.visit
    if visit is None:
        visit = await _visit_by_cookie(request)
    return respond(Reply(tell(visit), 200, {"Cache-Control": "no-store"}))


@post("/api/auth/forgot-password", status_code=202, opt=needs(PUBLIC), tags=["Identity"])
async def forget_password(request: DeskRequest, data: Address) -> Response[dict[str, str]]:
    """Ask for a link to choose a new password. The answer is the same for every address."""
    if not door_of(request).may_ask(request.database, request.address):
        return respond(_accepted(None))
    return await request.post(_accepted, mails.ask_reset, data.email)


@post("/api/auth/reset-password", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def reset_password(request: DeskRequest, data: NewPassword) -> Response[dict[str, str]]:
    """Choose a new password with the token of the link that was mailed."""
    door = door_of(request)
    await request.ask(queries.open_link, data.token, "RESET", "INVITE", refusal=BAD_TOKEN)
    check_password(data.new_password, "newPassword")
    hashed = await door.passwords.hash(data.new_password)

    def reset(person: Person) -> Reply[dict[str, str]]:
        door.tries.forget(person.email)
        return Reply({})

    return await request.post(reset, sessions.reset_password, data.token, hashed)


@get("/api/auth/jwks.json", opt=needs(PUBLIC), tags=["Identity"])
async def signing_keys(request: DeskRequest) -> Response[dict[str, Any]]:
    """Read the public keys that verify access tokens (RFC 7517)."""
    keys = door_of(request).keyring.published()
    return respond(Reply(keys, 200, {"Cache-Control": "public, max-age=300"}))


# --- oneself ---------------------------------------------------------------------------------------------------------


@get("/api/auth/me", opt=needs(SIGNED_IN), tags=["Identity"])
async def me(request: DeskRequest) -> Response[PersonView]:
    """Read one's own account."""
    return respond(_shown(await request.ask(queries.get_person, request.actor.id)))


@patch("/api/auth/me", opt=needs(SIGNED_IN), tags=["Identity"])
async def change_me(request: DeskRequest, data: OwnChanges) -> Response[PersonView]:
    """Change one's own name."""
    return respond(_shown(await request.act(people.rename_oneself, data.name)))


@post("/api/auth/change-password", status_code=200, opt=needs(SIGNED_IN), tags=["Identity"])
async def change_password(request: DeskRequest, data: PasswordChange) -> Response[TokenSet]:
    """Change one's own password. All sessions end; the answer has the tokens of a new one."""
    door = door_of(request)
    check_password(data.new_password, "newPassword")
    person = await request.ask(queries.get_person, request.actor.id)
    proved = await door.confirm(request.database, person, data.current_password, request.address)
    hashed = await door.passwords.hash(data.new_password)
    return await request.post(_tokens, sessions.change_password, door.keyring, proved, hashed)


# --- people ----------------------------------------------------------------------------------------------------------


@get("/api/users/agents", opt=needs(SIGNED_IN), tags=["People"])
async def list_agents(request: DeskRequest) -> Response[list[AgentView]]:
    """List the active agents by name; staff also see their email."""
    return respond(Reply(await request.ask(queries.list_agents)))


@get("/api/users/{user_id:str}", opt=needs(SIGNED_IN), tags=["People"])
async def get_user(request: DeskRequest, user_id: str) -> Response[PersonView]:
    """Read a person: oneself, or as staff anybody."""
    return respond(_shown(await request.ask(queries.get_person, user_id)))


@get("/api/users/admin", opt=needs("user.admin"), tags=["People"])
async def list_users(
    request: DeskRequest,
    q: Annotated[str | None, Parameter(description="Part of a name or an email.", max_length=254)] = None,
    role: str | None = None,
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
    return respond(_shown(await request.act(people.change_somebody, user_id, wanted)))


@get("/api/users/admin/audit", opt=needs("user.admin"), tags=["People"])
async def list_changes(
    request: DeskRequest, page: int = 0, size: int = 10, cursor: str | None = None, count: str | None = None
) -> Response[list[AuditView]]:
    """List who changed whom, newest first."""
    part = page_request(page=page, size=size, cursor=cursor, count=count, sort=audit.NEWEST)
    found = await request.scan(queries.list_audit, part)
    return list_response(request, found, [queries.audit_view(row) for row in found.rows])


ROUTES = [
    register,
    verify,
    set_up,
    log_in,
    refresh,
    log_out,
    browser_session,
    forget_password,
    reset_password,
    signing_keys,
    me,
    change_me,
    change_password,
    list_agents,
    get_user,
    list_users,
    create_user,
    change_user,
    list_changes,
]


def door_of(request: DeskRequest) -> Door:
    """Return the door of this desk."""
    door: Door = request.parts["door"]
    return door


async def _visit_by_cookie(request: DeskRequest) -> Visit:
    """Return the visit of a cookie that a gateway asks about; being asked is being used."""
    cookie = read_cookie(request.scope["state"]["headers"], cookie_name(SESSION, request.desk_settings))
    if not cookie:
        raise request.scope["state"].get("refusal") or Unauthenticated("Nobody is signed in in this browser.")
    visit = await request.ask(visits.visit, cookie)
    if visit.seen_at + SEEN_EVERY <= request.database.clock():
        await request.database.write(USERS, browsers.seen, visit.session_id)
    return visit


def _registered(person_id: str) -> Reply[Registered]:
    return Reply(Registered(person_id, f"User registered successfully with id: {person_id}"), 201)


def _set_up(person: Person) -> Reply[Registered]:
    return Reply(Registered(person.id, "The desk has its first administrator. Please sign in."), 201)


def _tokens(tokens: sessions.Tokens) -> Reply[TokenSet]:
    """Answer tokens; nobody on the way may keep them (RFC 6749, section 5.1)."""
    body = TokenSet(tokens.access, "Bearer", tokens.expires_in, tokens.refresh)
    return Reply(body, 200, {"Cache-Control": "no-store"})


def _shown(person: Person) -> Reply[PersonView]:
    return Reply(queries.view(person))


def _created(person: Person) -> Reply[PersonView]:
    return Reply(queries.view(person), 201, {"Location": f"/api/users/{person.id}"})


def _nothing(_: object) -> Reply[dict[str, str]]:
    return Reply({})


def _accepted(_: object) -> Reply[dict[str, str]]:
    return Reply({}, 202)
