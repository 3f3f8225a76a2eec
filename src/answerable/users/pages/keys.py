"""Keys of programs: one's own, and for administrators everybody's. A new key is on one page, once."""

from typing import Any

from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, form_of, go, words
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Problem
from answerable.kernel.words import N_
from answerable.users.actions import keys
from answerable.users.actions.keys import MadeKey
from answerable.users.pages.roles import ROLE_NAMES
from answerable.users.pages.scopes import SCOPE_NAMES
from answerable.users.queries import keys as queries
from answerable.users.rules.keys import DAYS, NewKey

OWN, ALL = "/profile/keys", "/admin/keys"
LIVES = ((7, N_("A week")), (30, N_("30 days")), (90, N_("90 days")), (180, N_("180 days")), (365, N_("A year")))
REVOKED = N_("The key is revoked. Programs that use it are refused from now on.")
# What the rules put together from numbers; translated where it is shown.
COMPLAINTS = (N_("must have 3 to 60 characters"), N_("must be 1 to 365"))


@get(OWN, opt=needs(SIGNED_IN), include_in_schema=False)
async def show_own_keys(request: DeskRequest) -> Response[bytes]:
    """Show one's own API keys, and the form that makes one."""
    return await _keys(request, OWN, Form())


@post(OWN, status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def make_own_key(request: DeskRequest) -> Response[bytes]:
    """Make a key that acts for oneself, and show it once."""
    return await _make(request, OWN)


@post(OWN + "/{key_id:str}/revoke", status_code=200, opt=needs(SIGNED_IN), include_in_schema=False)
async def revoke_own_key(request: DeskRequest, key_id: str) -> Response[bytes]:
    """Revoke one of one's own keys."""
    return await _revoke(request, OWN, key_id)


@get(ALL, opt=needs("user.admin"), include_in_schema=False)
async def show_all_keys(request: DeskRequest) -> Response[bytes]:
    """Show everybody's API keys."""
    return await _keys(request, ALL, Form())


@post(ALL, status_code=200, opt=needs("user.admin"), include_in_schema=False)
async def make_any_key(request: DeskRequest) -> Response[bytes]:
    """Make a key that acts for oneself or by itself, and show it once."""
    return await _make(request, ALL)


@post(ALL + "/{key_id:str}/revoke", status_code=200, opt=needs("user.admin"), include_in_schema=False)
async def revoke_any_key(request: DeskRequest, key_id: str) -> Response[bytes]:
    """Revoke anybody's key."""
    return await _revoke(request, ALL, key_id)


ROUTES = [show_own_keys, make_own_key, revoke_own_key, show_all_keys, make_any_key, revoke_any_key]


async def _make(request: DeskRequest, page: str) -> Response[bytes]:
    form = await form_of(request)
    days = DAYS if "days" not in form else form.number("days") or 0
    role = form["role"] if page == ALL else ""
    try:
        made = await request.act(keys.make_key, NewKey(form["name"], tuple(form.all("scopes")), days, "", role))
    except Problem as problem:
        return await _keys(request, page, form.refused(problem))
    return await _keys(request, page, Form(), made)


async def _revoke(request: DeskRequest, page: str, key_id: str) -> Response[bytes]:
    await request.act(keys.revoke_key, key_id)
    return go(request, page, Said(words(request)(REVOKED)))


async def _keys(request: DeskRequest, page: str, form: Form, made: MadeKey | None = None) -> Response[bytes]:
    rows = await request.ask(queries.list_all if page == ALL else queries.list_own)
    now = request.database.clock()
    values: dict[str, Any] = {"scopes": SCOPE_NAMES, "lives": [(str(days), name) for days, name in LIVES]}
    return show(
        request,
        "users/keys.html",
        form.problem.status if form.problem else 200,
        form=form,
        made=made,
        page=page,
        days=form["days"] or str(DAYS),
        roles={} if page == OWN else ROLE_NAMES,
        role_names=ROLE_NAMES,
        keys=[(row, queries.state_of(row, now), queries.hint_of(row)) for row in rows],
        **values,
    )
