"""What is counted of promises, defined once: for back-tests, reports and tables.

A promise is *kept* when it was fulfilled in time, *broken* when it was due before that, and *open* while neither is
known. One that was given up (cancelled, or promised by no policy any more) before it was due counts nowhere.
Attainment is kept of kept and broken.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import TypeAlias

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


Outcomes: TypeAlias = tuple[tuple[str, int, str], ...]  # of one ticket: target, cycle, and what it counts as
_ENDED = {FULFILLED: KEPT, CANCELLED: GIVEN_UP}


def outcome(state: str, breached: object) -> str:
    """Return what a promise counts as."""
    return BROKEN if breached else _ENDED.get(state, OPEN)


def differences_of(one: Outcomes, other: Outcomes) -> int:
    """Count the promises that are not in both with the same outcome."""
    before, after = ({each[:2]: each[2] for each in side} for side in (one, other))
    return sum(before.get(key) != after.get(key) for key in before.keys() | after.keys())


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
        self._kinds: dict[Outcomes, int] = {}  # few: what may become of a ticket, numbered
        self._tickets: list[dict[tuple[str, int], int]] = [{} for _ in BY]  # of each name and kind, how many

    def add(self, group: tuple[str, str, str, str], target: str, what: str, number: int = 1) -> None:
        """Count an outcome. ``group`` is the ticket's priority, agent, category and week, in the order of ``BY``."""
        key = (*group, target, what)
        self._counts[key] = self._counts.get(key, 0) + number

    def add_ticket(self, group: tuple[str, str, str, str], outcomes: Outcomes) -> None:
        """Count the outcomes of a ticket's promises: the same as one by one, where there are very many tickets."""
        kind = self._kinds.setdefault(outcomes, len(self._kinds))
        for name, tickets in zip(group, self._tickets, strict=True):
            key = (name, kind)
            tickets[key] = tickets.get(key, 0) + 1

    def _of_tickets(self) -> Iterator[tuple[str, str, str, str, int]]:
        """Yield what was counted by ticket: by what, the name, the target, the outcome, and how many."""
        kinds = list(self._kinds)
        for by, tickets in zip(BY, self._tickets, strict=True):
            for (name, kind), number in tickets.items():
                for target, _, what in kinds[kind]:
                    yield by, name, target, what, number
                    if by == BY[0]:
                        yield "all", "", target, what, number

    def tallies(self) -> dict[tuple[str, str, str], Tally]:
        """Return what was counted under ``(by, name, target)``, by ``all`` (with an empty name) first."""
        sums: dict[tuple[str, str, str], dict[str, int]] = {}
        for (*group, target, what), number in self._counts.items():
            for by, name in (("all", ""), *zip(BY, group, strict=True)):
                counted = sums.setdefault((by, name, target), {})
                counted[what] = counted.get(what, 0) + number
        for by, name, target, what, number in self._of_tickets():
            counted = sums.setdefault((by, name, target), {})
            counted[what] = counted.get(what, 0) + number
        order = {by: place for place, by in enumerate(("all", *BY))}
        return {key: _tally(sums[key]) for key in sorted(sums, key=lambda key: (order[key[0]], key[1], key[2]))}


def _tally(counted: Mapping[str, int]) -> Tally:
    return tally_of(counted.get(KEPT, 0), counted.get(BROKEN, 0), counted.get(OPEN, 0))


def tally_of(kept: int, broken: int, still_open: int) -> Tally:
    """Return how many were kept, broken and are open, with the share that was kept."""
    share = round(kept / (kept + broken), 4) if kept + broken else None
    return Tally(kept=kept, broken=broken, open=still_open, attainment=share)


def middle(values: Sequence[int]) -> float | None:
    """Return the median of sorted values."""
    half = len(values) // 2
    if not values:
        return None
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


def ninth_tenth(values: Sequence[int]) -> float | None:
    """Return the 90th percentile of sorted values: the smallest that nine tenths do not pass."""
    return values[-(-9 * len(values) // 10) - 1] if values else None
