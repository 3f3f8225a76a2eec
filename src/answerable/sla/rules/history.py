"""What explains a clock: its metric events, and what they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from answerable.sla.rules.timeline import HOLIDAY, STOPPED, Segment, Stop

RUNNING = "RUNNING"
PAUSED = "PAUSED"
FULFILLED = "FULFILLED"
CANCELLED = "CANCELLED"
WAITING = "Waiting for the requester"
RESOLVED = "Resolved"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what explains a clock. The last three say which terms begin to hold, where some do."""

    number: int
    kind: str  # activate, pause, resume, apply_policy, warn, breach, level, fulfil or cancel
    at: int
    target_micros: int | None = None
    detail: str = ""
    policy: str | None = None
    edition: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What a clock's metric events add up to."""

    start: int
    stops: tuple[Stop, ...]
    target_micros: int
    state: str
    ended_at: int | None
    policy: str | None = None
    edition: str | None = None
    reasons: tuple[str, ...] = ()  # of the stops


def history_of(metrics: Sequence[Metric]) -> History:
    """Add up a clock's metric events, given in their order."""
    start, target_micros, state = metrics[0].at, 0, RUNNING
    policy = edition = None
    stops: list[Stop] = []
    reasons: list[str] = []
    stopped: int | None = None
    ended: int | None = None
    for metric in metrics:
        if metric.target_micros is not None:
            target_micros, policy, edition = metric.target_micros, metric.policy, metric.edition
        if metric.kind == "pause":
            stopped, state = metric.at, PAUSED
            reasons.append(metric.detail or WAITING)
        elif metric.kind == "resume" and stopped is not None:
            stops.append((stopped, metric.at))
            stopped, state = None, RUNNING
        elif metric.kind in ("fulfil", "cancel"):
            ended, state = metric.at, FULFILLED if metric.kind == "fulfil" else CANCELLED
    if stopped is not None:
        stops.append((stopped, ended))
    return History(start, tuple(stops), target_micros, state, ended, policy, edition, tuple(reasons))


def words_for(segment: Segment, history: History) -> str:
    """Say why a segment of a clock's time counted or did not."""
    if segment.why == HOLIDAY:
        return f"Closed: {segment.detail}"
    if segment.why != STOPPED:
        return "Open" if segment.counts else "Outside the opening hours"
    within = [
        why
        for (begin, end), why in zip(history.stops, history.reasons, strict=True)
        if begin < segment.end and (end is None or segment.begin < end)
    ]
    return ", then ".join(dict.fromkeys(within))
