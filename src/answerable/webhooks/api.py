"""REST: webhooks, for administrators."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, post, put

from answerable.infra.web.described import says, some_of
from answerable.infra.web.grants import needs
from answerable.infra.web.request import DeskRequest, JsonAnswer, Reply, respond
from answerable.kernel.paging import page_request
from answerable.webhooks import actions, queries
from answerable.webhooks.actions import Keyed
from answerable.webhooks.queries import DeliveryView, EndpointView
from answerable.webhooks.rules import NAME_LENGTH, TYPES, Delivery, Wanted

ADMINS = needs("webhook.admin")


class EndpointDraft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What an endpoint is called, where it is, which types of events it is told, and whether of internal notes."""

    name: Annotated[str, says(minLength=NAME_LENGTH[0], maxLength=NAME_LENGTH[1])]
    url: str
    events: Annotated[list[str], some_of(TYPES)]
    notes: bool = False


class KeyedView(msgspec.Struct, frozen=True, rename="camel"):
    """An endpoint with its secret, which is shown this once."""

    id: str
    name: str
    url: str
    secret: str


@get("/api/webhooks", opt=ADMINS, tags=["Webhooks"])
async def list_endpoints(request: DeskRequest) -> Response[list[EndpointView]]:
    """List the endpoints that are told of events."""
    return respond(Reply([queries.view(each) for each in await request.ask(queries.list_endpoints)]))


@post("/api/webhooks", status_code=201, opt=ADMINS, tags=["Webhooks"])
async def make_endpoint(request: DeskRequest, data: EndpointDraft) -> Response[KeyedView]:
    """Add an endpoint. The answer has the secret that signatures are verified with; it is shown this once."""
    return await request.post(_made, actions.make_endpoint, _wanted(data))


@get("/api/webhooks/{endpoint_id:str}", opt=ADMINS, tags=["Webhooks"])
async def get_endpoint(request: DeskRequest, endpoint_id: str) -> Response[EndpointView]:
    """Read an endpoint."""
    return respond(Reply(queries.view(await request.ask(queries.get_endpoint, endpoint_id))))


@put("/api/webhooks/{endpoint_id:str}", opt=ADMINS, tags=["Webhooks"])
async def change_endpoint(request: DeskRequest, endpoint_id: str, data: EndpointDraft) -> Response[EndpointView]:
    """Change an endpoint."""
    return respond(Reply(queries.view(await request.act(actions.change_endpoint, endpoint_id, _wanted(data)))))


@delete("/api/webhooks/{endpoint_id:str}", status_code=200, opt=ADMINS, tags=["Webhooks"])
async def remove_endpoint(request: DeskRequest, endpoint_id: str) -> Response[dict[str, str]]:
    """Remove an endpoint with its delivery log."""
    await request.act(actions.remove_endpoint, endpoint_id)
    return respond(Reply({}))


@put("/api/webhooks/{endpoint_id:str}/pause", opt=ADMINS, tags=["Webhooks"])
async def pause_endpoint(request: DeskRequest, endpoint_id: str) -> Response[EndpointView]:
    """Tell an endpoint nothing for now."""
    return respond(Reply(queries.view(await request.act(actions.pause_endpoint, endpoint_id))))


@put("/api/webhooks/{endpoint_id:str}/resume", opt=ADMINS, tags=["Webhooks"])
async def resume_endpoint(request: DeskRequest, endpoint_id: str) -> Response[EndpointView]:
    """Tell an endpoint of events again."""
    return respond(Reply(queries.view(await request.act(actions.resume_endpoint, endpoint_id))))


@post("/api/webhooks/{endpoint_id:str}/secret", status_code=201, opt=ADMINS, tags=["Webhooks"])
async def rotate_secret(request: DeskRequest, endpoint_id: str) -> Response[KeyedView]:
    """Replace an endpoint's secret; for a day, the former one signs as well."""
    return await request.post(_made, actions.rotate_secret, endpoint_id)


@post("/api/webhooks/{endpoint_id:str}/test", status_code=202, opt=ADMINS, tags=["Webhooks"])
async def ping_endpoint(request: DeskRequest, endpoint_id: str) -> Response[DeliveryView]:
    """Send an endpoint an event of the type PING, to see whether it arrives."""
    return await request.post(_queued, actions.ping, endpoint_id)


@get("/api/webhooks/{endpoint_id:str}/deliveries", opt=ADMINS, tags=["Webhooks"])
async def list_deliveries(
    request: DeskRequest, endpoint_id: str, size: int = 10, cursor: str | None = None
) -> Response[list[DeliveryView]]:
    """List what an endpoint was told and what it answered, newest first; `Link` names the next page."""
    part = page_request(page=0, size=size, cursor=cursor, count=None, sort=queries.NEWEST)
    log = await request.ask(queries.read_log, endpoint_id, part)
    body = msgspec.json.encode([queries.delivery_view(row) for row in log.rows])
    path = f"{request.scope['path']}?size={part.size}&cursor={log.next_cursor}"
    return JsonAnswer(body, 200, {"Link": f'<{path}>; rel="next"'} if log.next_cursor else {})


@post(
    "/api/webhooks/{endpoint_id:str}/deliveries/{delivery_id:str}/again", status_code=202, opt=ADMINS, tags=["Webhooks"]
)
async def send_again(request: DeskRequest, endpoint_id: str, delivery_id: str) -> Response[DeliveryView]:
    """Send a delivery again, under the same `webhook-id`."""
    return await request.post(_queued, actions.send_again, endpoint_id, delivery_id)


ROUTES = [
    list_endpoints,
    make_endpoint,
    get_endpoint,
    change_endpoint,
    remove_endpoint,
    pause_endpoint,
    resume_endpoint,
    rotate_secret,
    ping_endpoint,
    list_deliveries,
    send_again,
]


def _wanted(data: EndpointDraft) -> Wanted:
    return Wanted(data.name, data.url, tuple(data.events), int(data.notes))


def _made(made: Keyed) -> Reply[KeyedView]:
    body = KeyedView(made.endpoint.id, made.endpoint.name, made.endpoint.url, made.secret)
    return Reply(body, 201, {"Cache-Control": "no-store"})


def _queued(delivery: Delivery) -> Reply[DeliveryView]:
    return Reply(queries.delivery_view(delivery), 202)
