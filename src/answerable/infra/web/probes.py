"""What whoever runs the desk reads of each process: is it alive, is it ready, and its numbers."""

import ipaddress

import msgspec
from litestar import Response, get

from answerable.infra import metrics
from answerable.infra.bus.inbox import count_parked
from answerable.infra.probe import PROBING, Bus, Probe
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Missing, Unavailable

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})


class Health(msgspec.Struct, omit_defaults=True):
    """How the desk is; ``waiting`` says what people do not wait for, but what follows from their work does."""

    status: str
    waiting: list[str] = msgspec.field(default_factory=list)


@get("/healthz", opt=needs(PUBLIC), tags=["Operation"])
async def healthz() -> Health:
    """Tell that the process answers."""
    return Health("alive")


@get("/readyz", opt=needs(PUBLIC), tags=["Operation"])
async def readyz(request: DeskRequest) -> Health:
    """Tell whether the desk can work: database, migrations and bus.

    On Kafka, requests are taken while it is away or behind, so that is no reason to send nobody here.
    """
    probe: Probe = request.parts["probe"]
    bus: Bus = request.parts["bus"]
    desk = request.parts["desk"]
    features = [feature.name for feature in desk.features]
    reasons = await probe.reasons_against(desk.database, bus, features)
    waiting = [reason for reason in reasons if reason.startswith("bus:") and request.desk_settings.bus.servers]
    if len(waiting) < len(reasons):
        raise Unavailable("The desk is not ready.", errors=reasons, retry_after=2)
    return Health("ready", waiting)


@get("/metrics", opt=needs(PUBLIC), tags=["Operation"])
async def numbers(request: DeskRequest) -> Response[bytes]:
    """Read the numbers of this process in Prometheus' format, from the networks that may."""
    if not _is_near(request):
        raise Missing("There is nothing here.")
    bus: Bus = request.parts["bus"]
    for consumer, behind in (await bus.lag()).items():
        metrics.LAG.labels(consumer).set(behind)
    for feature in request.parts["desk"].features:
        if feature.gauges:
            metrics.note(await request.database.scan(PROBING, feature.gauges))  # they count
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


ROUTES = [healthz, readyz, numbers]
