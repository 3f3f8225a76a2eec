"""Whole days of UTC, and longer parts that are made of them, in which things are counted beforehand.

Days are numbered from the Monday before 1970-01-01. A part is so many days as one of ``LENGTHS`` says, each a whole
number of the next shorter ones. A range of time is the whole days nearest to it, and at each end what is between the
midnight and the instant: that is counted one by one, and added or taken away.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

from answerable.kernel.span import Span
from answerable.kernel.times import DAY

T = TypeVar("T")
LENGTHS = (1, 7, 56, 448)  # days
WEEK = LENGTHS[:2]
_AHEAD = 3  # of 1970-01-01, which was a Thursday
FOREVER = LENGTHS[-1] * 10_000

PartKey: TypeAlias = tuple[int, int]  # how many days, and which part of so many
PartRange: TypeAlias = tuple[int, int, int]  # how many days, the first part and the one behind the last


@dataclass(frozen=True, slots=True)
class Edge:
    """What lies between a midnight and where a range begins or ends: to be added, or (``sign`` -1) taken away."""

    begin: int
    end: int
    sign: int

    @property
    def span(self) -> Span:
        """Return the same as a range of time."""
        return Span(self.begin, self.end)


@dataclass(frozen=True, slots=True)
class Days:
    """The whole days nearest to a range of time, from ``first`` to before ``last``, and what is at its edges."""

    first: int
    last: int
    edges: tuple[Edge, ...]

    @property
    def begin(self) -> int:
        """Return when the first day begins."""
        return begin_of(self.first)

    @property
    def end(self) -> int:
        """Return when the last day is over."""
        return begin_of(self.last)


def day_of(instant: int) -> int:
    """Return the number of the day of an instant."""
    return instant // DAY + _AHEAD


def begin_of(day: int) -> int:
    """Return when a day begins."""
    return (day - _AHEAD) * DAY


def days_of(span: Span) -> Days:
    """Return a range of time as whole days and edges."""
    first = 0 if span.start is None else nearest_day(span.start)
    last = FOREVER if span.end is None else nearest_day(span.end)
    edges = []
    for at, day, sign in ((span.start, first, 1), (span.end, last, -1)):
        if at is not None and at != begin_of(day):
            begin, end = sorted((at, begin_of(day)))
            edges.append(Edge(begin, end, sign if at == begin else -sign))
    return Days(first, last, tuple(edges))


def nearest_day(instant: int) -> int:
    """Return the day that begins nearest to an instant."""
    return min(max(day_of(instant + DAY // 2), 0), FOREVER)


def cover(days: Days, lengths: Sequence[int] = LENGTHS) -> list[PartRange]:
    """Return the fewest parts that make up whole days."""
    found = []
    first, last = days.first, days.last
    for length, longer in pairwise(lengths):
        up, down = -(-first // longer) * longer, last // longer * longer
        if up > down:
            up = down = last
        found += [(length, first // length, up // length), (length, down // length, last // length)]
        first, last = up, down
    found.append((lengths[-1], first // lengths[-1], last // lengths[-1]))
    return [part for part in found if part[1] < part[2]]


def in_lots(wanted: Iterable[PartKey], most: int) -> list[tuple[int, list[int]]]:
    """Return parts by their length, ``most`` of one length together."""
    by_length: dict[int, list[int]] = {}
    for days, part in wanted:
        by_length.setdefault(days, []).append(part)
    return [
        (days, parts[first : first + most]) for days, parts in by_length.items() for first in range(0, len(parts), most)
    ]


def longer_parts(days: Mapping[int, T], new: Callable[[], T], add: Callable[[T, T], None]) -> dict[PartKey, T]:
    """Add up what is counted in days to all parts that they are in: ``add`` adds the second to the first."""
    found: dict[PartKey, T] = {(1, day): part for day, part in days.items()}
    level = dict(days)
    for length, longer in pairwise(LENGTHS):
        above: dict[int, T] = {}
        for number, part in level.items():
            place = number * length // longer
            if place not in above:
                above[place] = new()
            add(above[place], part)
        found |= {(longer, number): part for number, part in above.items()}
        level = above
    return found
