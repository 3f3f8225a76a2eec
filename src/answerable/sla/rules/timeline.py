"""Working time: deadlines, time used, and what explains them, from a start, open time and the stops in between.

All instants and durations are UTC microseconds. A stop is ``[begin, end)``; an ``end`` of ``None`` is still going on.
Stops may overlap or come in any order: what counts is their union (rule 6 of ``docs/sla.md``).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from answerable.sla.rules.opening import ALWAYS, OpenTime, holidays_between

Stop: TypeAlias = tuple[int, int | None]

OPEN = "OPEN"
CLOSED = "CLOSED"
HOLIDAY = "HOLIDAY"
STOPPED = "PAUSED"


class Segment(NamedTuple):
    """A part of a time line: whether it counted, and why. ``detail`` names the holidays in it."""

    begin: int
    end: int
    why: str  # OPEN, CLOSED, HOLIDAY or PAUSED
    detail: str = ""

    @property
    def counts(self) -> bool:
        """Tell whether it is working time."""
        return self.why == OPEN


def union(start: int, stops: Iterable[Stop]) -> list[Stop]:
    """Return the stops after ``start`` as intervals that neither touch nor overlap, in order of time."""
    joined: list[Stop] = []
    for begin, end in sorted(stops, key=lambda stop: stop[0]):
        begin = max(begin, start)
        if end is not None and end <= begin:
            continue
        if joined and (joined[-1][1] is None or begin <= joined[-1][1]):
            last_begin, last_end = joined[-1]
            joined[-1] = (last_begin, None if last_end is None or end is None else max(last_end, end))
        else:
            joined.append((begin, end))
    return joined


def elapsed(start: int, stops: Sequence[Stop], until: int, hours: OpenTime = ALWAYS) -> int:
    """Return the working time from ``start`` to ``until``, less the stops; 0 before the start."""
    total = hours.worked(start, until)
    for begin, end in union(start, stops) if stops else ():
        total -= hours.worked(begin, until if end is None else min(end, until))
    return total


def due(start: int, stops: Sequence[Stop], target: int, hours: OpenTime = ALWAYS) -> int | None:
    """Return the earliest instant at which the working time since ``start`` reaches ``target`` (rule 1).

    ``None`` where it stands still before that, or where there is not so much open time. Landing on the begin of a stop
    is that instant, not its end.
    """
    position, left = start, target
    for begin, end in union(start, stops) if stops else ():
        worked = hours.worked(position, begin)
        if left <= worked:
            break
        left -= worked
        if end is None:
            return None
        position = end
    return hours.reach(position, left)


def timeline(start: int, stops: Sequence[Stop], until: int, hours: OpenTime = ALWAYS) -> list[Segment]:
    """Return what became of the time from ``start`` to ``until``: every segment that counted or did not, and why."""
    found: list[Segment] = []
    position = start
    for begin, end in [*union(start, stops), (until, until)]:
        _hours(found, position, min(begin, until), hours)
        position = until if end is None else min(end, until)
        if begin < position:
            found.append(Segment(begin, position, STOPPED))
    return found


def _hours(found: list[Segment], begin: int, end: int, hours: OpenTime) -> None:
    position = begin
    for opens, closes in [*hours.intervals(begin, end), (end, end)]:
        if position < opens:
            holidays = holidays_between(hours.calendars, position, opens)
            found.append(Segment(position, opens, HOLIDAY if holidays else CLOSED, ", ".join(holidays)))
        if opens < closes:
            found.append(Segment(opens, closes, OPEN))
        position = closes
