"""Coming in and going out: sign in, sign out, register, a forgotten password."""

from urllib.parse import urlencode, urlsplit

from litestar import Response, get, post

from answerable.infra.web.cookies import SESSION, set_cookie
from answerable.infra.web.forms import Form, form_of, go, local_path
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import Page, show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.viewer import viewer_of
from answerable.infra.web.words import zone_of
from answerable.kernel.errors import Problem, Refused
from answerable.kernel.times import DAY, SECOND
from answerable.kernel.words import N_
from answerable.users.actions import browsers, mails, people, second
from answerable.users.actions.browsers import Browser
from answerable.users.actions.door import Door
from answerable.users.actions.second import Challenge, Entry
from answerable.users.rules import check_email
from answerable.users.rules.second import CHALLENGE_LIFE

CHALLENGE = "answerable_challenge"  # of a browser between the password and the code
STEP = "/login/second"
OWN_SECOND = "/profile/second"
CLOSED = N_("Registration is switched off. Ask an administrator for an account.")


@get("/login", opt=needs(PUBLIC), include_in_schema=False)
async def show_login(request: DeskRequest, next: str = "", done: str = "") -> Response[bytes]:
    """Show the form to sign in with."""
    if request.actor.kind == "person":
        return go(request, local_path(next))
    return show_door(request, Form([("next", local_path(next, ""))]), done)


@post("/login", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def log_in(request: DeskRequest) -> Response[bytes]:
    """Sign this browser in."""
    form = await form_of(request)
    door = door_of(request)
    try:
        person = await door.prove(request.database, form["email"], form["password"], request.address)
        entry = await request.act(second.sign_in_browser, person, browser_of(request, form["zone"]))
    except Problem as problem:
        return show_door(request, form.refused(problem))
    return let_in(request, entry, local_path(form["next"]), form["zone"])


@post("/logout", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def log_out(request: DeskRequest) -> Response[bytes]:
    """Sign this browser out."""
    if request.visit is not None:
        await request.act(browsers.sign_out, request.visit.session_id)
    gone = set_cookie(request.desk_settings, SESSION, "", seconds=0)
    return go(request, "/login?done=signed-out", cookies=(gone,))


@get("/register", opt=needs(PUBLIC), include_in_schema=False)
async def show_register(request: DeskRequest) -> Response[bytes]:
    """Show the form that makes an account."""
    if request.actor.kind == "person":
        return go(request, "/")
    return _register(request, Form())


@post("/register", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def register(request: DeskRequest) -> Response[bytes]:
    """Make an account and sign in; where the desk confirms addresses, say that a mail is on its way."""
    form = await form_of(request)
    try:
        if not request.desk_settings.auth.registration:
            raise Refused(CLOSED)
        await door_of(request).may_join(request.database, request.address)
        new = await door_of(request).admit(form["name"], form["email"], form["password"])
        await request.act(people.register, new, viewer_of(request.scope).language)
        if request.desk_settings.auth.verify_email:
            return show(request, "users/sent.html", sheet=True, kind="verify", email=form["email"])
        person = await door_of(request).prove(request.database, form["email"], form["password"], request.address)
        cookie = await request.act(browsers.sign_in, person, browser_of(request, form["zone"]))
    except Problem as problem:
        return _register(request, form.refused(problem))
    return go(request, "/", cookies=(signed_in(request, cookie),))


@get("/forgot", opt=needs(PUBLIC), include_in_schema=False)
async def show_forgot(request: DeskRequest) -> Response[bytes]:
    """Show the form that asks for a new password."""
    return show(request, "users/forgot.html", sheet=True, form=Form())


@post("/forgot", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def forget(request: DeskRequest) -> Response[bytes]:
    """Mail a link, if the address is somebody's; the answer is the same for every address."""
    form = await form_of(request)
    try:
        check_email(form["email"])
    except Problem as problem:
        return show(request, "users/forgot.html", problem.status, sheet=True, form=form.refused(problem))
    if await door_of(request).may_ask(request.database, request.address):
        await request.act(mails.ask_reset, form["email"], viewer_of(request.scope).language)
    return show(request, "users/sent.html", sheet=True, kind="reset", email=form["email"])


ROUTES = [show_login, log_in, log_out, show_register, register, show_forgot, forget]


def door_of(request: DeskRequest) -> Door:
    """Return the door of this desk."""
    door: Door = request.parts["door"]
    return door


def browser_of(request: DeskRequest, zone: str = "") -> Browser:
    """Return what the browser of a request tells about itself."""
    return Browser(request.headers.get("user-agent", "")[:500], zone if zone_of(zone) else "")


def signed_in(request: DeskRequest, cookie: str) -> str:
    """Write the cookie of a browser that has just signed in: always a new one, whatever it had before."""
    seconds = request.desk_settings.auth.session_days * DAY // SECOND
    return set_cookie(request.desk_settings, SESSION, cookie, seconds=seconds)


def let_in(request: DeskRequest, entry: Entry | Challenge, after: str, zone: str = "") -> Page:
    """Send a browser whose person was proved on: in, to set up what they need soon, or to its second step."""
    if isinstance(entry, Entry):
        where = f"{OWN_SECOND}?{urlencode({'next': after})}" if entry.needs_second else after
        return go(request, where, cookies=(signed_in(request, entry.cookie),))
    value = f"{entry.token}.{zone.replace('/', '~')}" if zone_of(zone) else entry.token
    cookie = set_cookie(request.desk_settings, CHALLENGE, value, seconds=CHALLENGE_LIFE // SECOND)
    return go(request, f"{STEP}?{urlencode({'next': after})}", cookies=(cookie,))


def show_door(request: DeskRequest, form: Form, done: str = "") -> Page:
    """Show the form to sign in with, and what was wrong."""
    status = form.problem.status if form.problem else 200
    more = {"Retry-After": str(form.problem.retry_after)} if form.problem and form.problem.retry_after else {}
    registration = request.desk_settings.auth.registration
    return show(
        request,
        "users/login.html",
        status,
        headers=more,
        sheet=True,
        form=form,
        done=done,
        registration=registration,
        provider=_provider(request),
    )


def _provider(request: DeskRequest) -> str:
    """Return what the provider is called that one can sign in with, empty where there is none."""
    oidc = request.desk_settings.oidc
    return oidc.name or urlsplit(oidc.issuer).hostname or ""


def _register(request: DeskRequest, form: Form) -> Response[bytes]:
    status = form.problem.status if form.problem else 200
    is_open = request.desk_settings.auth.registration
    return show(request, "users/register.html", status, sheet=True, form=form, is_open=is_open)
