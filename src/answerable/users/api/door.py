"""REST: coming in and going out."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec

from answerable.infra.web.cookies import SESSION, cookie_name, read_cookie
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.infra.web.visits import SEEN_EVERY, Told, tell
from answerable.infra.web.words import best_language
from answerable.kernel.errors import Refused, Unauthenticated
from answerable.kernel.visit import Visit
from answerable.kernel.words import N_
from answerable.users.actions import browsers, mails, people, second, sessions
from answerable.users.actions.door import USERS
from answerable.users.api.answers import NextStep, TokenSet, door_of, nothing, shown, step, tokens
from answerable.users.api.fields import Email, FreshPassword, Name
from answerable.users.queries import people as queries
from answerable.users.queries import visits
from answerable.users.queries.people import PersonView
from answerable.users.rules import BAD_TOKEN, Person, check_password


class Registration(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Somebody who wants an account."""

    name: Name
    email: Email
    password: FreshPassword


class Credentials(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An email address and its password."""

    email: str
    password: str


class SecondStep(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The challenge of a sign-in and the code that it needs."""

    challenge: str
    code: str


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
    new_password: FreshPassword


class FirstAdmin(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The token of the setup link, and who becomes the first administrator."""

    token: str
    name: Name
    email: Email
    password: FreshPassword


class Registered(msgspec.Struct, rename="camel"):
    """The id of a new person."""

    id: str
    message: str


@post("/api/auth/register", status_code=201, opt=needs(PUBLIC), tags=["Identity"])
async def register(request: DeskRequest, data: Registration) -> Response[Registered]:
    """Register. Where the desk confirms addresses, the account exists once the link in the mail was followed."""
    if not request.desk_settings.auth.registration:
        raise Refused("Registration is switched off. Ask an administrator for an account.")
    await door_of(request).may_join(request.database, request.address)
    new = await door_of(request).admit(data.name, data.email, data.password)
    return await request.post(_registered, people.register, new, _language(request))


@post("/api/auth/verify", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def verify(request: DeskRequest, data: LinkToken) -> Response[PersonView]:
    """Confirm an address with the token of the link that was mailed to it."""
    return await request.post(shown, sessions.confirm_address, data.token)


@post("/api/auth/setup", status_code=201, opt=needs(PUBLIC), tags=["Identity"])
async def set_up(request: DeskRequest, data: FirstAdmin) -> Response[Registered]:
    """Make the first administrator with the one-time link that the desk printed at its start."""
    link = await request.ask(queries.open_link, data.token, "SETUP")
    new = await door_of(request).admit(data.name, data.email, data.password)
    return await request.post(_set_up, people.set_up, link["id"], new)


@post(
    "/api/auth/login",
    status_code=200,
    opt=needs(PUBLIC),
    tags=["Identity"],
    responses={202: ResponseSpec(NextStep, description="A second step is needed.", generate_examples=False)},
)
async def log_in(request: DeskRequest, data: Credentials) -> Response[TokenSet]:
    """Sign in: an access token for the Authorization header and a refresh token for the next one.

    For people with a second factor the answer is 202 and a challenge, which takes a code.
    """
    door = door_of(request)
    person = await door.prove(request.database, data.email, data.password, request.address)
    answer: Any = await request.post(step, second.sign_in, door.keyring, person)
    return answer  # type: ignore[no-any-return]


@post("/api/auth/login/second", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def go_on(request: DeskRequest, data: SecondStep) -> Response[TokenSet]:
    """Finish a sign-in with a code of the app, or for recovery."""
    await request.act(second.take_try, data.challenge)
    return await request.post(tokens, second.go_on, door_of(request).keyring, data.challenge, data.code)


@post("/api/auth/refresh", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def refresh(request: DeskRequest, data: RefreshToken) -> Response[TokenSet]:
    """Change a refresh token for new tokens. Each is good once; a second use ends the whole session."""
    try:
        return await request.post(tokens, sessions.refresh_session, door_of(request).keyring, data.refresh_token)
    except sessions.ReusedRefresh as reused:
        await request.database.write(USERS, sessions.end_family, reused.family, reused.person_id)
        raise


@post("/api/auth/logout", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def log_out(request: DeskRequest, data: Ending | None = None) -> Response[dict[str, str]]:
    """Sign out: this session, the one of ``refreshToken``, or ``everywhere``."""
    ending = data or Ending()
    signed_in = request.actor.kind == "person"
    if not signed_in and (ending.everywhere or not ending.refresh_token):
        raise request.scope["state"].get("refusal") or Unauthenticated(N_("Please sign in first."))
    if ending.everywhere:
        return await request.post(nothing, people.end_all_sessions)
    jti = None
    if signed_in:
        jti = (await request.ask(door_of(request).identity.pass_of, request.headers["authorization"])).jti
    return await request.post(nothing, sessions.end_session, jti=jti, refresh=ending.refresh_token)


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
    if not await door_of(request).may_ask(request.database, request.address):
        return respond(_accepted(None))
    return await request.post(_accepted, mails.ask_reset, data.email, _language(request))


@post("/api/auth/reset-password", status_code=200, opt=needs(PUBLIC), tags=["Identity"])
async def reset_password(request: DeskRequest, data: NewPassword) -> Response[dict[str, str]]:
    """Choose a new password with the token of the link that was mailed."""
    door = door_of(request)
    await request.ask(queries.open_link, data.token, "RESET", "INVITE", refusal=BAD_TOKEN)
    check_password(data.new_password, "newPassword")
    hashed = await door.passwords.hash(data.new_password)
    return await request.post(nothing, sessions.reset_password, data.token, hashed)


@get("/api/auth/jwks.json", opt=needs(PUBLIC), tags=["Identity"])
async def signing_keys(request: DeskRequest) -> Response[dict[str, Any]]:
    """Read the public keys that verify access tokens (RFC 7517)."""
    keys = door_of(request).keyring.published()
    return respond(Reply(keys, 200, {"Cache-Control": "public, max-age=300"}))


ROUTES = [
    register,
    verify,
    set_up,
    log_in,
    go_on,
    refresh,
    log_out,
    browser_session,
    forget_password,
    reset_password,
    signing_keys,
]


async def _visit_by_cookie(request: DeskRequest) -> Visit:
    """Return the visit of a cookie that a gateway asks about; being asked is being used."""
    cookie = read_cookie(request.scope["state"]["headers"], cookie_name(SESSION, request.desk_settings))
    if not cookie:
        raise request.scope["state"].get("refusal") or Unauthenticated(N_("Nobody is signed in in this browser."))
    visit = await request.ask(visits.visit, cookie)
    if visit.seen_at + SEEN_EVERY <= request.database.clock():
        await request.database.write(USERS, browsers.seen, visit.session_id)
    return visit


def _language(request: DeskRequest) -> str:
    """Return the language that whoever asks reads best, empty where they do not say."""
    accepted = request.headers.get("accept-language", "")
    return best_language(accepted) if accepted else ""


def _registered(person_id: str) -> Reply[Registered]:
    return Reply(Registered(person_id, f"User registered successfully with id: {person_id}"), 201)


def _set_up(person: Person) -> Reply[Registered]:
    return Reply(Registered(person.id, "The desk has its first administrator. Please sign in."), 201)


def _accepted(_: object) -> Reply[dict[str, str]]:
    return Reply({}, 202)
