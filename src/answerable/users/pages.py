"""Pages behind links: the first administrator, a new password, a confirmed address. Plain forms, no script."""

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post

from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.html import render
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Invalid, Problem
from answerable.users.actions import people, sessions
from answerable.users.actions.door import Door
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
    form = await _form(request)

    async def work() -> Person:
        link = await request.ask(open_link, form.get("token", ""), *_PURPOSES["setup"])
        new = await _door(request).admit(form.get("name", ""), form.get("email", ""), form.get("password", ""))
        return await request.act(people.set_up, link["id"], new)

    return await _do("setup", form, work)


@get("/reset", opt=needs(PUBLIC), include_in_schema=False)
async def show_reset(request: DeskRequest, token: str = "") -> Response[bytes]:
    """Show the form for a new password."""
    return await _show(request, "reset", token)


@post("/reset", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def reset(request: DeskRequest) -> Response[bytes]:
    """Set the new password."""
    form = await _form(request)
    door = _door(request)

    async def work() -> Person:
        await request.ask(open_link, form.get("token", ""), *_PURPOSES["reset"], refusal=BAD_TOKEN)
        check_password(form.get("password", ""))
        hashed = await door.passwords.hash(form.get("password", ""))
        person = await request.act(sessions.reset_password, form.get("token", ""), hashed)
        door.tries.forget(person.email)
        return person

    return await _do("reset", form, work)


@get("/verify", opt=needs(PUBLIC), include_in_schema=False)
async def show_verify(request: DeskRequest, token: str = "") -> Response[bytes]:
    """Show the button that confirms an address; mail scanners open links, but press no buttons."""
    return await _show(request, "verify", token)


@post("/verify", status_code=200, opt=needs(PUBLIC), include_in_schema=False)
async def verify(request: DeskRequest) -> Response[bytes]:
    """Confirm the address."""
    form = await _form(request)

    async def work() -> Person:
        return await request.act(sessions.confirm_address, form.get("token", ""))

    return await _do("verify", form, work)


ROUTES = [show_setup, set_up, show_reset, reset, show_verify, verify]


def _door(request: DeskRequest) -> Door:
    door: Door = request.parts["door"]
    return door


async def _form(request: DeskRequest) -> dict[str, str]:
    """Read the text fields of a form, the last one of each name."""
    return {name: value for name, value in (await request.form()).multi_items() if isinstance(value, str)}


async def _show(request: DeskRequest, page: str, token: str) -> Response[bytes]:
    try:
        await request.ask(open_link, token, *_PURPOSES[page])
    except Invalid as problem:
        return _page(page, {}, problem)
    return _page(page, {"token": token}, None)


async def _do(page: str, form: Mapping[str, str], work: Any) -> Response[bytes]:
    try:
        person: Person = await work()
    except Problem as problem:
        return _page(page, form, problem)
    return render(f"users/{page}.html", person=person, form={}, errors={}, problem=None, link_is_good=True)


def _page(page: str, form: Mapping[str, str], problem: Problem | None) -> Response[bytes]:
    """Show a form: complaints next to their fields, and what was typed, but never a password."""
    errors = dict(error.split(": ", 1) for error in (problem.errors if problem else ()))
    kept = {name: form.get(name, "") for name in ("token", "name", "email")}
    good = "token" not in errors and (problem is None or problem.status != 409)
    status = problem.status if problem else 200
    return render(
        f"users/{page}.html", status, person=None, form=kept, errors=errors, problem=problem, link_is_good=good
    )
