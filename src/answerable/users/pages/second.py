"""The second factor: its step of a sign-in, and one's own in the profile."""

from typing import Any

from litestar import Response, get, post

from answerable.infra.web.cookies import cookie_name, read_cookie, set_cookie
from answerable.infra.web.forms import Form, Said, form_of, go, local_path, words
from answerable.infra.web.grants import PUBLIC, SIGNED_IN, needs
from answerable.infra.web.html import Page, show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Problem, Unauthenticated
from answerable.kernel.times import parse_iso
from answerable.kernel.words import N_
from answerable.users.actions import second
from answerable.users.actions.door import prove_oneself
from answerable.users.pages.door import CHALLENGE, OWN_SECOND, STEP, browser_of, door_of, signed_in
from answerable.users.queries import second as queries
from answerable.users.queries.second import qr_of

OPEN: dict[str, Any] = {"opt": needs(PUBLIC), "include_in_schema": False}
OWN: dict[str, Any] = {"opt": needs(SIGNED_IN), "include_in_schema": False}
OFF = N_("Your second factor is switched off.")


@get(STEP, **OPEN)
async def show_step(request: DeskRequest, next: str = "") -> Response[bytes]:
    """Ask for the code of a sign-in; or, of who needs a second factor and has none, to set one up."""
    return await _step(request, Form([("next", local_path(next, ""))]))


@post(STEP, status_code=200, **OPEN)
async def take_step(request: DeskRequest) -> Response[bytes]:
    """Finish a sign-in with a code."""
    form = await form_of(request)
    token, zone = _challenge_of(request)
    browser = browser_of(request, zone)
    try:
        await request.act(second.take_try, token)
        purpose, _ = await request.ask(queries.offer_in_sign_in, token)
        if purpose == "SETUP":
            cookie, codes = await request.act(second.set_up_in_sign_in, token, form["code"], browser)
            page = _codes(request, codes, local_path(form["next"]), sheet=True)
            page.set_cookies += [signed_in(request, cookie), _gone(request)]
            return page
        cookie = await request.act(second.go_on_in_browser, token, form["code"], browser)
    except Problem as problem:
        return await _step(request, form.refused(problem))
    return go(request, local_path(form["next"]), cookies=(signed_in(request, cookie), _gone(request)))


@get(OWN_SECOND, **OWN)
async def show_second(request: DeskRequest, next: str = "") -> Response[bytes]:
    """Show one's own second factor."""
    return await _own(request, Form([("next", local_path(next, ""))]))


@post(f"{OWN_SECOND}/offer", status_code=200, **OWN)
async def offer(request: DeskRequest) -> Response[bytes]:
    """Begin to set one up."""
    form = await form_of(request)
    try:
        await prove_oneself(request.database, request.actor, door_of(request), form["password"])
        await request.act(second.offer)
    except Problem as problem:
        return await _own(request, form.refused(problem), "offer")
    return go(request, OWN_SECOND)


@post(f"{OWN_SECOND}/confirm", status_code=200, **OWN)
async def confirm(request: DeskRequest) -> Response[bytes]:
    """Switch it on with its first code, and show the recovery codes, once."""
    form = await form_of(request)
    try:
        await request.act(second.take_own_try)
        codes = await request.act(second.confirm, form["code"])
    except Problem as problem:
        return await _own(request, form.refused(problem), "confirm")
    return _codes(request, codes, OWN_SECOND)


@post(f"{OWN_SECOND}/codes", status_code=200, **OWN)
async def renew(request: DeskRequest) -> Response[bytes]:
    """Make new recovery codes, and show them, once."""
    form = await form_of(request)
    try:
        proved = await prove_oneself(request.database, request.actor, door_of(request), form["password"])
        await request.act(second.take_own_try)
        codes = await request.act(second.renew_recovery, proved, form["code"])
    except Problem as problem:
        return await _own(request, form.refused(problem), "change")
    return _codes(request, codes, OWN_SECOND)


@post(f"{OWN_SECOND}/off", status_code=200, **OWN)
async def switch_off(request: DeskRequest) -> Response[bytes]:
    """Switch it off."""
    form = await form_of(request)
    try:
        proved = await prove_oneself(request.database, request.actor, door_of(request), form["password"])
        await request.act(second.take_own_try)
        await request.act(second.switch_off, proved, form["code"])
    except Problem as problem:
        return await _own(request, form.refused(problem), "change")
    return go(request, OWN_SECOND, Said(words(request)(OFF)))


ROUTES = [show_step, take_step, show_second, offer, confirm, renew, switch_off]


async def _step(request: DeskRequest, form: Form) -> Response[bytes]:
    token, _ = _challenge_of(request)
    try:
        purpose, offered = await request.ask(queries.offer_in_sign_in, token)
        if purpose == "SETUP" and offered is None:
            await request.act(second.offer_in_sign_in, token)
            purpose, offered = await request.ask(queries.offer_in_sign_in, token)
    except Unauthenticated:
        return go(request, "/login?done=too-late", cookies=(_gone(request),))
    status = form.problem.status if form.problem else 200
    more = {"Retry-After": str(form.problem.retry_after)} if form.problem and form.problem.retry_after else {}
    qr = qr_of(offered.address) if offered else None
    return show(request, "users/step.html", status, headers=more, sheet=True, form=form, offered=offered, qr=qr)


async def _own(request: DeskRequest, form: Form, about: str = "") -> Response[bytes]:
    """Show the page; a form that was refused goes back into the part that it is ``about``."""
    offered = await request.ask(queries.read_offer)
    state = await request.ask(queries.read_second_factor)
    return show(
        request,
        "users/second.html",
        form.problem.status if form.problem else 200,
        state=state,
        due=parse_iso(state.required_from) if state.required_from else 0,
        has_password=await request.ask(queries.has_password),
        offered=offered,
        qr=qr_of(offered.address) if offered else None,
        after=form["next"],
        forms={part: form if part == about else Form() for part in ("offer", "confirm", "change")},
    )


def _codes(request: DeskRequest, codes: list[str], after: str, *, sheet: bool = False) -> Page:
    return show(request, "users/codes.html", sheet=sheet, codes=codes, after=after)


def _challenge_of(request: DeskRequest) -> tuple[str, str]:
    value = read_cookie(request.scope["state"]["headers"], cookie_name(CHALLENGE, request.desk_settings))
    token, _, zone = value.partition(".")
    return token, zone.replace("~", "/")


def _gone(request: DeskRequest) -> str:
    return set_cookie(request.desk_settings, CHALLENGE, "", seconds=0)
