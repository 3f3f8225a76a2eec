"""Signing in with an OpenID Connect provider: there, and back."""

import secrets
from typing import Annotated, Any

import structlog
from litestar import Response, get
from litestar.params import Parameter

from answerable.infra.web.cookies import cookie_name, read_cookie, set_cookie
from answerable.infra.web.forms import Form, go, local_path
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import Page
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.words import zone_of
from answerable.kernel.errors import Missing, Problem, Unauthenticated
from answerable.kernel.times import SECOND
from answerable.users.actions import provider
from answerable.users.pages.door import browser_of, door_of, let_in, show_door
from answerable.users.queries.provider import Attempt, open_attempt, seal_attempt
from answerable.users.rules.provider import ATTEMPT_LIFE, FAILED, TOO_LATE, Untrusted, identity_of

ATTEMPT = "answerable_attempt"  # of a browser on its way to the provider and back
BACK = "/login/provider/back"
OPEN: dict[str, Any] = {"opt": needs(PUBLIC), "include_in_schema": False}
State = Annotated[str, Parameter(query="state")]
_log = structlog.get_logger(__name__)


@get("/login/provider", **OPEN)
async def go_there(request: DeskRequest, next: str = "", zone: str = "") -> Response[bytes]:
    """Send a browser to the provider. The attempt goes with it, sealed, and is good in this browser only."""
    oidc = request.desk_settings.oidc
    if not oidc.issuer:
        raise Missing("There is nothing here.")
    if request.actor.kind == "person":
        return go(request, local_path(next))
    state, now = secrets.token_urlsafe(32), request.database.clock()
    attempt = Attempt(
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(48),
        local_path(next)[:500],
        zone if zone_of(zone) else "",
        now + ATTEMPT_LIFE,
    )
    try:
        where = await door_of(request).provider.way_there(oidc, now, attempt, state, _back(request))
    except Problem as problem:
        return show_door(request, Form([("next", local_path(next, ""))], problem))
    sealed = seal_attempt(request.desk_settings.storage.secret, state, attempt)
    cookie = set_cookie(request.desk_settings, ATTEMPT, sealed, seconds=ATTEMPT_LIFE // SECOND)
    return Page(b"", 303, {"Location": where}, [cookie])  # the one address elsewhere that the desk sends anybody to


@get(BACK, **OPEN)
async def come_back(request: DeskRequest, code: str = "", state_back: State = "", iss: str = "") -> Response[bytes]:
    """Sign a browser in that comes back from the provider with a code, in a session that is new."""
    oidc = request.desk_settings.oidc
    if not oidc.issuer:
        raise Missing("There is nothing here.")
    now = request.database.clock()
    sealed = read_cookie(request.scope["state"]["headers"], cookie_name(ATTEMPT, request.desk_settings))
    attempt = open_attempt(request.desk_settings.storage.secret, state_back[:100], sealed, now) if sealed else None
    gone = set_cookie(request.desk_settings, ATTEMPT, "", seconds=0)
    try:
        if attempt is None:
            raise Unauthenticated(TOO_LATE)
        await request.act(provider.take_try, request.address)
        known = door_of(request).provider
        if (await known.endpoints(oidc, now)).tells_issuer or iss:  # RFC 9207
            _check(iss == oidc.issuer, "it came back from another provider")
        _check(0 < len(code) <= 2000, "there is no code")
        claims = await known.claims(oidc, now, attempt, code, _back(request))
        identity = identity_of(claims, oidc.issuer, oidc.roles_claim, oidc.roles)
        entry = await request.act(provider.come_in, identity, browser_of(request, attempt.zone))
    except Untrusted as error:
        _log.warning("sign-in with the provider refused", reason=str(error))
        page = show_door(request, Form(problem=Unauthenticated(FAILED)))
    except Problem as problem:
        page = show_door(request, Form(problem=problem))
    else:
        page = let_in(request, entry, attempt.after, attempt.zone)
    page.set_cookies.append(gone)
    return page


ROUTES = [go_there, come_back]


def _back(request: DeskRequest) -> str:
    return request.desk_settings.public_url + BACK


def _check(holds: object, otherwise: str) -> None:
    if not holds:
        raise Untrusted(otherwise)
