"""The steps of a report over time: days, weeks or months, as they begin where the reader is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from answerable.kernel.span import midnight
from answerable.kernel.times import SECOND

MOST_DAYS = 92
MOST_WEEKS = 104
MOST_STEPS = 400  # beyond them the oldest are left out


class Edges(msgspec.Struct, frozen=True):
    """Where steps begin and the last one ends, in UTC microseconds; ``step`` is day, week or month.

    ``days`` names each step by its first day. There is one edge more than there are days.
    """

    step: str
    days: list[str]
    edges: list[int]


def edges_of(start: int, end: int, zone: ZoneInfo) -> Edges:
    """Part the time from ``start`` to before ``end`` into days, or where those were too many into weeks or months."""
    if start >= end:
        return Edges("day", [], [])
    first, last = _day_of(start, zone), _day_of(end - 1, zone)
    count = (last - first).days + 1
    step = "day" if count <= MOST_DAYS else "week" if count <= MOST_WEEKS * 7 else "month"
    days = [first]
    while len(days) < count and (following := _next(days[-1], step)) <= last:
        days.append(following)
    days = days[-MOST_STEPS:]
    edges = [max(start, midnight(day, zone)) for day in days]
    return Edges(step, [day.isoformat() for day in days], [*edges, end])


def _day_of(at: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(at // SECOND, UTC).astimezone(zone).date()


def _next(day: date, step: str) -> date:
    if step == "day":
        return day + timedelta(days=1)
    if step == "week":
        return day + timedelta(days=7 - day.weekday())
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
