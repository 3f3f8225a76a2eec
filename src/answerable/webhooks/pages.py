"""Pages of webhooks, for administrators: endpoints, and what became of each delivery."""

from typing import Any

from litestar import Response, get, post

from answerable.infra.web.forms import Form, Said, form_of, go, words
from answerable.infra.web.grants import needs
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.infra.web.words.messages import MESSAGES
from answerable.kernel.errors import Conflict, Problem
from answerable.kernel.paging import page_request
from answerable.kernel.words import N_
from answerable.webhooks import actions, queries
from answerable.webhooks.actions import Keyed
from answerable.webhooks.rules import TYPES, Endpoint, Wanted

ROWS = 50
PAGE = "/admin/webhooks"
ADMINS: dict[str, Any] = {"opt": needs("webhook.admin"), "include_in_schema": False}
COMPLAINTS = (N_("must have 3 to 60 characters"),)
EVENT_NAMES = {name: MESSAGES[name] for name in TYPES}


@get(PAGE, **ADMINS)
async def list_endpoints(request: DeskRequest) -> Response[bytes]:
    """List endpoints, with the form that adds one."""
    return await _list(request, Form())


@post(PAGE, status_code=200, **ADMINS)
async def make_endpoint(request: DeskRequest) -> Response[bytes]:
    """Add an endpoint, and show its secret once."""
    form = await form_of(request)
    try:
        made = await request.act(actions.make_endpoint, _wanted(form))
    except Problem as problem:
        return await _list(request, form.refused(problem))
    return await _endpoint(request, made.endpoint, Form(), made)


@get(PAGE + "/{endpoint_id:str}", **ADMINS)
async def show_endpoint(request: DeskRequest, endpoint_id: str, cursor: str | None = None) -> Response[bytes]:
    """Show an endpoint and its delivery log."""
    endpoint = await request.ask(queries.get_endpoint, endpoint_id)
    return await _endpoint(request, endpoint, Form(), cursor=cursor)


@post(PAGE + "/{endpoint_id:str}", status_code=200, **ADMINS)
async def change_endpoint(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Change an endpoint."""
    form = await form_of(request)
    before = await request.ask(queries.get_endpoint, endpoint_id)
    try:
        await request.act(actions.change_endpoint, endpoint_id, _wanted(form))
    except Problem as problem:
        return await _endpoint(request, before, form.refused(problem))
    return go(request, f"{PAGE}/{endpoint_id}", Said(words(request)(N_("The webhook is up to date."))))


@post(PAGE + "/{endpoint_id:str}/pause", status_code=200, **ADMINS)
async def pause_endpoint(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Tell an endpoint nothing for now."""
    await request.act(actions.pause_endpoint, endpoint_id)
    return go(request, f"{PAGE}/{endpoint_id}", Said(words(request)(N_("The webhook is paused."))))


@post(PAGE + "/{endpoint_id:str}/resume", status_code=200, **ADMINS)
async def resume_endpoint(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Tell an endpoint of events again."""
    await request.act(actions.resume_endpoint, endpoint_id)
    return go(request, f"{PAGE}/{endpoint_id}", Said(words(request)(N_("The webhook is active."))))


@post(PAGE + "/{endpoint_id:str}/secret", status_code=200, **ADMINS)
async def rotate_secret(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Replace an endpoint's secret, and show the new one once."""
    try:
        made = await request.act(actions.rotate_secret, endpoint_id)
    except Conflict as problem:
        return go(request, f"{PAGE}/{endpoint_id}", Said(words(request)(problem.message), "warning"))
    return await _endpoint(request, made.endpoint, Form(), made)


@post(PAGE + "/{endpoint_id:str}/test", status_code=200, **ADMINS)
async def ping_endpoint(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Send an endpoint a test."""
    return await _queue(request, endpoint_id, actions.ping, endpoint_id)


@post(PAGE + "/{endpoint_id:str}/deliveries/{delivery_id:str}/again", status_code=200, **ADMINS)
async def send_again(request: DeskRequest, endpoint_id: str, delivery_id: str) -> Response[bytes]:
    """Send a delivery again."""
    return await _queue(request, endpoint_id, actions.send_again, endpoint_id, delivery_id)


@get(PAGE + "/{endpoint_id:str}/remove", **ADMINS)
async def show_removal(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Say what removing an endpoint does, before it is done."""
    return show(request, "webhooks/remove.html", endpoint=await request.ask(queries.get_endpoint, endpoint_id))


@post(PAGE + "/{endpoint_id:str}/remove", status_code=200, **ADMINS)
async def remove_endpoint(request: DeskRequest, endpoint_id: str) -> Response[bytes]:
    """Remove an endpoint."""
    await request.act(actions.remove_endpoint, endpoint_id)
    return go(request, PAGE, Said(words(request)(N_("The webhook is removed."))))


ROUTES = [
    list_endpoints,
    make_endpoint,
    show_endpoint,
    change_endpoint,
    pause_endpoint,
    resume_endpoint,
    rotate_secret,
    ping_endpoint,
    send_again,
    show_removal,
    remove_endpoint,
]


def _wanted(form: Form) -> Wanted:
    known = tuple(kind for kind in form.all("events") if kind in TYPES)
    return Wanted(form["name"], form["url"].strip(), known, int("notes" in form))


async def _queue(request: DeskRequest, endpoint_id: str, verb: Any, *values: str) -> Response[bytes]:
    page = f"{PAGE}/{endpoint_id}"
    try:
        await request.act(verb, *values)
    except Conflict as problem:
        return go(request, page, Said(words(request)(problem.message), "warning"))
    return go(request, page, Said(words(request)(N_("It is on its way. The log below shows what became of it."))))


async def _list(request: DeskRequest, form: Form) -> Response[bytes]:
    endpoints = await request.ask(queries.list_endpoints)
    status = form.problem.status if form.problem else 200
    chosen = form.all("events") if form.problem else ["TICKET_CREATED"]
    return show(
        request, "webhooks/list.html", status, endpoints=endpoints, form=form, events=EVENT_NAMES, chosen=chosen
    )


async def _endpoint(
    request: DeskRequest, endpoint: Endpoint, form: Form, made: Keyed | None = None, cursor: str | None = None
) -> Response[bytes]:
    part = page_request(page=0, size=ROWS, cursor=cursor, count=None, sort=queries.NEWEST)
    log = await request.ask(queries.read_log, endpoint.id, part)
    return show(
        request,
        "webhooks/endpoint.html",
        form.problem.status if form.problem else 200,
        endpoint=endpoint,
        form=form,
        made=made,
        log=log,
        events=EVENT_NAMES,
        chosen=form.all("events") if form.problem else endpoint.types,
        notes="notes" in form if form.problem else bool(endpoint.notes),
    )
