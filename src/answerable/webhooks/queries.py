"""Endpoints and their delivery log, as administrators see them."""

from dataclasses import dataclass

import msgspec

from answerable.kernel.errors import Missing
from answerable.kernel.paging import PageRequest, encode_cursor, instant_cursor
from answerable.kernel.times import iso
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.webhooks import store
from answerable.webhooks.rules import Delivery, Endpoint

NEWEST = "newest-delivery"


class EndpointView(msgspec.Struct, frozen=True, rename="camel"):
    """An endpoint; its secret is shown only when it is made or replaced."""

    id: str
    name: str
    url: str
    events: list[str]
    notes: bool
    state: str
    reason: str
    failing_since: str | None
    created_at: str


class DeliveryView(msgspec.Struct, frozen=True, rename="camel"):
    """A delivery: what was told, what the endpoint answered, when it is tried again."""

    id: str
    webhook_id: str
    type: str
    state: str
    attempts: int
    status: int | None
    answer: str
    error: str
    took_ms: int | None
    created_at: str
    tried_at: str | None
    next_at: str | None


@dataclass(frozen=True, slots=True)
class Log:
    """A page of the deliveries of an endpoint, newest first, and where the next one begins."""

    rows: list[Delivery]
    next_cursor: str | None


def view(endpoint: Endpoint) -> EndpointView:
    """Show an endpoint."""
    return EndpointView(
        endpoint.id,
        endpoint.name,
        endpoint.url,
        endpoint.types,
        bool(endpoint.notes),
        endpoint.state,
        endpoint.reason,
        _iso(endpoint.failing_since),
        iso(endpoint.created_at),
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Show a delivery."""
    return DeliveryView(
        delivery.id,
        f"msg_{delivery.message_id}",
        delivery.type,
        delivery.state,
        delivery.attempts,
        delivery.status,
        delivery.answer,
        delivery.error,
        delivery.took_ms,
        iso(delivery.created_at),
        _iso(delivery.tried_at),
        _iso(delivery.next_at),
    )


async def list_endpoints(tx: Tx) -> list[Endpoint]:
    """Read all endpoints, oldest first."""
    return await store.list_endpoints(tx)


async def get_endpoint(tx: Tx, endpoint_id: str) -> Endpoint:
    """Read an endpoint; raises ``Missing``."""
    endpoint = await store.load_endpoint(tx, endpoint_id)
    if endpoint is None:
        raise Missing(N_("There is no such endpoint."))
    return endpoint


async def read_log(tx: Tx, endpoint_id: str, page: PageRequest) -> Log:
    """Read a page of the deliveries of an endpoint; raises ``Missing``."""
    await get_endpoint(tx, endpoint_id)
    begin = instant_cursor(page)
    rows = await store.list_deliveries(tx, endpoint_id, page.size + 1, begin)
    shown = rows[: page.size]
    more = encode_cursor(NEWEST, shown[-1].created_at, shown[-1].id) if len(rows) > page.size else None
    return Log(shown, more)


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
