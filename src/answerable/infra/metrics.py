"""Numbers about the process, in Prometheus' format."""

from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import ProcessCollector as _ProcessCollector

REGISTRY = CollectorRegistry()
_ProcessCollector(registry=REGISTRY)
_REQUESTS = Counter("answerable_http_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY)
_SECONDS = Histogram(
    "answerable_http_request_seconds",
    "Time to answer a request.",
    ["method", "route"],
    registry=REGISTRY,
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
LAG = Gauge("answerable_consumer_lag", "Messages not yet read by a consumer.", ["consumer"], registry=REGISTRY)
PARKED = Gauge("answerable_messages_parked", "Messages that were tried and set aside.", registry=REGISTRY)
RELAYED = Counter("answerable_messages_relayed", "Messages that Kafka has acknowledged.", registry=REGISTRY)
DEAD = Counter(
    "answerable_dead_letters",
    "Records that could not be read or done, and went aside.",
    ["consumer"],
    registry=REGISTRY,
)
UNKNOWN = Counter(
    "answerable_messages_unknown",
    "Messages of types that this version does not know, passed over.",
    ["consumer"],
    registry=REGISTRY,
)
STREAMS = Gauge("answerable_live_streams", "Open live streams.", registry=REGISTRY)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one request; ``route`` is the path's template, never the path (which people choose)."""
    counter, histogram = _children(method if method in _METHODS else "OTHER", route, status)
    counter.inc()
    histogram.observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@lru_cache(maxsize=4096)
def _children(method: str, route: str, status: int) -> tuple[Any, Any]:
    return _REQUESTS.labels(method, route, str(status)), _SECONDS.labels(method, route)


def exposition() -> bytes:
    """Write all numbers."""
    return generate_latest(REGISTRY)
