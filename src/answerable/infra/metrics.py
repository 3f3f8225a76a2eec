"""Numbers about the process, in Prometheus' format."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client import ProcessCollector as _ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from answerable.kernel.manifest import Gauge as OfferedGauge

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Requests(Collector):
    """Counts requests in plain numbers, made into metrics when somebody asks.

    The library's own counters take a lock for each number; that was a fiftieth of a request.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, int], int] = {}
        self._times: dict[tuple[str, str], list[float]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        answer = (method, route, status)
        self._answers[answer] = self._answers.get(answer, 0) + 1
        times = self._times.get((method, route))
        if times is None:
            times = self._times[method, route] = [0.0] * (len(BUCKETS) + 2)
        times[bisect_left(BUCKETS, seconds)] += 1
        times[-1] += seconds

    def collect(self) -> Iterator[Metric]:
        """Return the numbers so far."""
        answers = CounterMetricFamily(
            "answerable_http_requests", "Requests answered.", labels=["method", "route", "status"]
        )
        for (method, route, status), number in self._answers.items():
            answers.add_metric([method, route, str(status)], number)
        yield answers
        spans = HistogramMetricFamily(
            "answerable_http_request_seconds", "Time to answer a request.", labels=["method", "route"]
        )
        for (method, route), times in self._times.items():
            counted = 0.0
            buckets: list[tuple[str, float]] = []
            for bound, amount in zip([*map(str, BUCKETS), "+Inf"], times[:-1], strict=True):
                counted += amount
                buckets.append((bound, counted))
            spans.add_metric([method, route], buckets, times[-1])
        yield spans


class _Offered(Collector):
    """What features say of themselves, as they last said it."""

    def __init__(self) -> None:
        self.said: dict[str, OfferedGauge] = {}

    def collect(self) -> Iterator[Metric]:
        """Return the numbers that there are."""
        for gauge in self.said.values():
            if gauge.value is not None:
                yield GaugeMetricFamily(f"answerable_{gauge.name}", gauge.doc, gauge.value)


REGISTRY = CollectorRegistry()
_ProcessCollector(registry=REGISTRY)
_REQUESTS = _Requests()
REGISTRY.register(_REQUESTS)
_OFFERED = _Offered()
REGISTRY.register(_OFFERED)
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
    _REQUESTS.count(method if method in _METHODS else "OTHER", route, status, seconds)


def note(gauges: Iterable[OfferedGauge]) -> None:
    """Note what a feature says of itself."""
    _OFFERED.said.update({gauge.name: gauge for gauge in gauges})


def exposition() -> bytes:
    """Write all numbers."""
    return generate_latest(REGISTRY)
