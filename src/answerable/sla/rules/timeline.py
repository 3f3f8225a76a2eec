"""Working time on the 24x7 calendar: elapsed time and deadlines from a start and the stops in between.

All instants and durations are UTC microseconds. A stop is ``[begin, end)``; an ``end`` of ``None`` is still going on.
Stops may overlap or come in any order: what counts is their union (rule 6 of ``docs/sla.md``).
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Stop: TypeAlias = tuple[int, int | None]


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


def elapsed(start: int, stops: Sequence[Stop], until: int) -> int:
    """Return the working time from ``start`` to ``until``, less the stops; 0 before the start."""
    total = max(0, until - start)
    for begin, end in union(start, stops):
        total -= max(0, (until if end is None else min(end, until)) - begin)
    return total


def reach(start: int, stops: Sequence[Stop], amount: int) -> int | None:
    """Return the earliest instant at which the working time since ``start`` reaches ``amount`` (rule 1).

    ``None`` where it stands still before that. Landing on the begin of a stop is that instant, not its end.
    """
    position, left = start, amount
    for begin, end in union(start, stops):
        if left <= begin - position:
            break
        left -= begin - position
        if end is None:
            return None
        position = end
    return position + left
