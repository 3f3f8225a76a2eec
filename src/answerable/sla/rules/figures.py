"""What is counted of promises, defined once: for back-tests, reports and tables.

A promise is *kept* when it was fulfilled in time, *broken* when it was due before that, and *open* while neither is
known. One that was given up (cancelled, or promised by no policy any more) before it was due counts nowhere.
Attainment is kept of kept and broken.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from answerable.kernel.times import DAY
from answerable.sla.rules.history import CANCELLED, FULFILLED

KEPT, BROKEN, OPEN, GIVEN_UP = "KEPT", "BROKEN", "OPEN", "GIVEN_UP"
NOBODY = ""  # the agent of a ticket that has none
BY = ("priority", "agent", "category", "week")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many promises were kept and broken, and how many are open; ``attainment`` is a share, ``None`` of nothing."""

    kept: int = 0
    broken: int = 0
    open: int = 0
    attainment: float | None = None


def outcome(state: str, breached: object) -> str:
    """Return what a promise counts as."""
    if breached:
        return BROKEN
    return {FULFILLED: KEPT, CANCELLED: GIVEN_UP}.get(state, OPEN)


@lru_cache(maxsize=4096)
def _week_of_day(day: int) -> str:
    year, week, _ = (date(1970, 1, 1) + timedelta(days=day)).isocalendar()
    return f"{year}-W{week:02}"


def week_of(instant: int) -> str:
    """Return the ISO week of an instant in UTC: ``2026-W09``."""
    return _week_of_day(instant // DAY)


class Counter:
    """Counts outcomes of promises by target, and by what their tickets are."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str, str, str], int] = {}

    def add(self, group: tuple[str, str, str, str], target: str, what: str, number: int = 1) -> None:
        """Count an outcome. ``group`` is the ticket's priority, agent, category and week, in the order of ``BY``."""
        key = (*group, target, what)
        self._counts[key] = self._counts.get(key, 0) + number

    def tallies(self) -> dict[tuple[str, str, str], Tally]:
        """Return what was counted under ``(by, name, target)``, by ``all`` (with an empty name) first."""
        sums: dict[tuple[str, str, str], dict[str, int]] = {}
        for (*group, target, what), number in self._counts.items():
            for by, name in (("all", ""), *zip(BY, group, strict=True)):
                counted = sums.setdefault((by, name, target), {})
                counted[what] = counted.get(what, 0) + number
        order = {by: place for place, by in enumerate(("all", *BY))}
        return {key: _tally(sums[key]) for key in sorted(sums, key=lambda key: (order[key[0]], key[1], key[2]))}


def _tally(counted: Mapping[str, int]) -> Tally:
    kept, broken = counted.get(KEPT, 0), counted.get(BROKEN, 0)
    share = round(kept / (kept + broken), 4) if kept + broken else None
    return Tally(kept=kept, broken=broken, open=counted.get(OPEN, 0), attainment=share)


def middle(values: Sequence[int]) -> float | None:
    """Return the median of sorted values."""
    half = len(values) // 2
    if not values:
        return None
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def ninth_tenth(values: Sequence[int]) -> float | None:
    """Return the 90th percentile of sorted values: the smallest that nine tenths do not pass."""
    return values[-(-9 * len(values) // 10) - 1] if values else None
