"""What operators and programs read: probes, numbers, the OpenAPI document and the built assets."""

import ipaddress
from typing import Any

import msgspec
from litestar import Response, get

from answerable.gateway.actions import PROBING, Bus, Probe
from answerable.infra import metrics
from answerable.infra.bus.inbox import count_parked
from answerable.infra.web.assets import built_assets
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.openapi import document_of
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Missing, Unavailable

NOTHING_HERE = "There is nothing here."
FOREVER = "public, max-age=31536000, immutable"


class Health(msgspec.Struct):
    """How the desk is."""

    status: str


@get("/healthz", opt=needs(PUBLIC), tags=["Operation"])
async def healthz() -> Health:
    """Tell that the process answers."""
    return Health("alive")


@get("/readyz", opt=needs(PUBLIC), tags=["Operation"])
async def readyz(request: DeskRequest) -> Health:
    """Tell whether the desk can work: database, migrations and bus."""
    probe: Probe = request.app.state.probe
    bus: Bus = request.app.state.bus
    features = [feature.name for feature in request.app.state.desk.features]
    if reasons := await probe.reasons_against(request.database, bus, features):
        raise Unavailable("The desk is not ready.", errors=reasons, retry_after=2)
    return Health("ready")


@get("/metrics", opt=needs(PUBLIC), tags=["Operation"])
async def numbers(request: DeskRequest) -> Response[bytes]:
    """Read the numbers of this process in Prometheus' format, from the networks that may."""
    if not _is_near(request):
        raise Missing(NOTHING_HERE)
    bus: Bus = request.app.state.bus
    for consumer, behind in (await bus.lag()).items():
        metrics.LAG.labels(consumer).set(behind)
    metrics.PARKED.set(await request.database.read(PROBING, count_parked))
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")


def _is_near(request: DeskRequest) -> bool:
    """Tell whether the client is in ``server.metrics_networks``; through a proxy, nobody knows where it is."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        address = ipaddress.ip_address(request.address.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    networks = (ipaddress.ip_network(text, strict=False) for text in request.desk_settings.server.metrics_networks)
    return any(address in network for network in networks)


@get("/api/openapi.json", opt=needs(PUBLIC), tags=["Reference"])
async def openapi_document(request: DeskRequest) -> Response[dict[str, Any]]:
    """Read this interface as an OpenAPI 3.1 document."""
    state = request.app.state
    if "openapi_bytes" not in state:
        state["openapi_bytes"] = msgspec.json.encode(document_of(request.app))
    return Response(state["openapi_bytes"], media_type="application/json", headers={"Cache-Control": "no-cache"})


@get("/static/{name:str}", opt=needs(PUBLIC))
async def static_file(request: DeskRequest, name: str) -> Response[bytes]:
    """Read a style sheet or picture of the desk; an address with its version may be kept for ever."""
    asset = built_assets().get(name)
    if asset is None:
        raise Missing(NOTHING_HERE)
    tag = f'"{asset.version}"'
    keep = FOREVER if request.query_params.get("v") == asset.version else "no-cache"
    headers = {"ETag": tag, "Cache-Control": keep}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


ROUTES = [healthz, readyz, numbers, openapi_document, static_file]
