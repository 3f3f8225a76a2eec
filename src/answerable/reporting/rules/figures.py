"""What each figure of the reports means. Every report takes its figures from here, so they are equal everywhere."""

from collections.abc import Iterable, Sequence

import msgspec

from answerable.kernel.times import MINUTE, SECOND
from answerable.reporting.rules.facts import DONE, OPEN, PRIORITIES, STATUSES, Tally


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of some tickets.

    * ``total``: all tickets; it is ``open`` + ``resolved`` + the cancelled ones.
    * ``by_status``, ``by_priority``: every status in the order of a ticket's life and every priority from LOW to
      CRITICAL, zeros included.
    * ``open_by_priority``: the open ones alone.
    * ``open``: CREATED, ASSIGNED, IN_PROGRESS or WAITING. A cancelled ticket is not open.
    * ``unassigned``: open and without an agent.
    * ``resolved``: answered for good and not opened again: RESOLVED or CLOSED.
    * ``closed``: CLOSED; each of them is one of the ``resolved``.
    * ``breached``: the promised resolution was missed in the current cycle, whatever the status is now.
    * ``kept_by_priority``, ``breached_by_priority``: of each priority the ``resolved`` whose promise was kept, and the
      ``breached``.
    * ``attainment``: the share of promises that were kept: kept ones of kept and ``breached`` ones, four decimals;
      ``None`` where there are neither.
    * ``average_minutes``: from raised to resolved, of the ``resolved``, in minutes with two decimals; ``None`` where
      there is none.
    """

    total: int
    by_status: dict[str, int]
    by_priority: dict[str, int]
    open_by_priority: dict[str, int]
    open: int
    unassigned: int
    resolved: int
    closed: int
    breached: int
    kept_by_priority: dict[str, int]
    breached_by_priority: dict[str, int]
    attainment: float | None
    measured: int
    average_minutes: float | None


def figures(tallies: Iterable[Tally]) -> Figures:
    """Add up the figures of some tickets."""
    by_status = dict.fromkeys(STATUSES, 0)
    by_priority = dict.fromkeys(PRIORITIES, 0)
    open_by_priority = dict.fromkeys(PRIORITIES, 0)
    kept, broken = dict.fromkeys(PRIORITIES, 0), dict.fromkeys(PRIORITIES, 0)
    total = unassigned = measured = duration = 0
    for tally in tallies:
        total += tally.tickets
        by_status[tally.status] += tally.tickets
        by_priority[tally.priority] += tally.tickets
        open_by_priority[tally.priority] += tally.tickets if tally.status in OPEN else 0
        broken[tally.priority] += tally.tickets if tally.breached else 0
        kept[tally.priority] += tally.tickets if tally.status in DONE and not tally.breached else 0
        unassigned += tally.tickets if tally.status in OPEN and not tally.assigned else 0
        measured += tally.measured
        duration += tally.seconds * SECOND + tally.micros
    return Figures(
        total=total,
        by_status=by_status,
        by_priority=by_priority,
        open_by_priority=open_by_priority,
        open=sum(by_status[status] for status in OPEN),
        unassigned=unassigned,
        resolved=sum(by_status[status] for status in DONE),
        closed=by_status["CLOSED"],
        breached=sum(broken.values()),
        kept_by_priority=kept,
        breached_by_priority=broken,
        attainment=share_kept(sum(kept.values()), sum(broken.values())),
        measured=measured,
        average_minutes=mean_minutes(duration, measured),
    )


def share_kept(kept: int, broken: int) -> float | None:
    """Return the share of promises that were kept, with four decimals; ``None`` where there was none."""
    return round(kept / (kept + broken), 4) if kept + broken else None


def mean_minutes(total: int, count: int) -> float | None:
    """Return the mean of ``count`` durations that are ``total`` microseconds together, in minutes, two decimals."""
    return round(total / count / MINUTE, 2) if count else None


def median_place(count: int) -> tuple[int, int]:
    """Return where the middle of ``count`` sorted values is: how many to skip and how many to take."""
    return (max(0, count - 1) // 2, 2 - count % 2)


def median_minutes(middle: Sequence[int]) -> float | None:
    """Return the median of the one or two values in the middle (microseconds), in minutes, two decimals."""
    return mean_minutes(sum(middle), len(middle))
