"""Pages behind links: the first administrator, a new password, a confirmed address."""

from collections.abc import Awaitable, Callable

from litestar import Response, get, post

from answerable.infra.web.forms import Form, form_of
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Invalid, Problem
from answerable.users.actions import people, sessions
from answerable.users.pages.door import door_of
from answerable.users.queries.people import open_link
from answerable.users.rules import BAD_TOKEN, Person, check_password

_PURPOSES = {"setup": ("SETUP",), "reset": ("RESET", "INVITE"), "verify": ("VERIFY",)}


@get("/setup", opt=needs(PUBLIC), include_in_schema=False)
async def show_setup(request: DeskRequest, token: str = "") -> Response[bytes]:
    """Show the form that makes the first administrator."""
    return await _show(request, "setup", token)


@post("/setup", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def set_up(request: DeskRequest) -> Response[bytes]:
    """Make the first administrator."""
    form = await form_of(request)

    async def work() -> Person:
        link = await request.ask(open_link, form["token"], *_PURPOSES["setup"])
        new = await door_of(request).admit(form["name"], form["email"], form["password"])
        return await request.act(people.set_up, link["id"], new)

    return await _do(request, "setup", form, work)


@get("/reset", opt=needs(PUBLIC), include_in_schema=False)
async def show_reset(request: DeskRequest, token: str = "") -> Response[bytes]:
    """Show the form for a new password."""
    return await _show(request, "reset", token)


@post("/reset", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def reset(request: DeskRequest) -> Response[bytes]:
    """Set the new password."""
    form = await form_of(request)
    door = door_of(request)

    async def work() -> Person:
        await request.ask(open_link, form["token"], *_PURPOSES["reset"], refusal=BAD_TOKEN)
        check_password(form["password"])
        hashed = await door.passwords.hash(form["password"])
        return await request.act(sessions.reset_password, form["token"], hashed)

    return await _do(request, "reset", form, work)


@get("/verify", opt=needs(PUBLIC), include_in_schema=False)
async def show_verify(request: DeskRequest, token: str = "") -> Response[bytes]:
    """Show the button that confirms an address; mail scanners open links, but press no buttons."""
    return await _show(request, "verify", token)


@post("/verify", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def verify(request: DeskRequest) -> Response[bytes]:
    """Confirm the address."""
    form = await form_of(request)

    async def work() -> Person:
        return await request.act(sessions.confirm_address, form["token"])

    return await _do(request, "verify", form, work)


ROUTES = [show_setup, set_up, show_reset, reset, show_verify, verify]


async def _show(request: DeskRequest, page: str, token: str) -> Response[bytes]:
    try:
        await request.ask(open_link, token, *_PURPOSES[page])
    except Invalid as problem:
        return _page(request, page, Form(problem=problem))
    return _page(request, page, Form([("token", token)]))


async def _do(request: DeskRequest, page: str, form: Form, work: Callable[[], Awaitable[Person]]) -> Response[bytes]:
    try:
        person = await work()
    except Problem as problem:
        return _page(request, page, form.refused(problem))
    return show(request, f"users/{page}.html", sheet=True, person=person, form=Form(), link_is_good=True)


def _page(request: DeskRequest, page: str, form: Form) -> Response[bytes]:
    """Show a form: complaints next to their fields, and what was typed, but never a password."""
    problem = form.problem
    good = "token" not in form.errors and (problem is None or problem.status != 409)
    status = problem.status if problem else 200
    return show(request, f"users/{page}.html", status, sheet=True, person=None, form=form, link_is_good=good)
