"""How promises stand, added up beforehand (``kernel/days.py``): a report adds up few numbers and no promises."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from answerable.kernel.days import PartKey, begin_of, longer_parts
from answerable.sla.rules.figures import BROKEN, BY, GIVEN_UP, KEPT, OPEN, Tally, tally_of, week_of

LATE = "LATE"  # fulfilled, but broken before
COUNTED = (OPEN, KEPT, LATE, BROKEN, GIVEN_UP)
_PLACES = {what: place for place, what in enumerate(COUNTED)}
BUSINESS, CALENDAR = MEASURES = ("business", "calendar")
NAMED = BY[:3]  # priority, agent, category
NEVER = -(1 << 62)
FINE = 4  # kinds of durations between one and its double

Numbers: TypeAlias = list[int]  # how many are counted as what, in the order of COUNTED
ByTarget: TypeAlias = dict[str, Numbers]
Places: TypeAlias = dict[int, int]  # how many took about how long
Group: TypeAlias = tuple[str, str, str]  # in the order of NAMED
Key: TypeAlias = tuple[str, str, str]  # by what, name, target


class Part(msgspec.Struct):
    """What is counted of the tickets raised in some days."""

    totals: ByTarget
    named: dict[str, dict[str, ByTarget]]
    times: dict[str, dict[str, Places]]

    def add(self, group: Group, target: str, what: str, number: int) -> None:
        """Count some promises (or no longer, below zero) that are alike."""
        place = _PLACES[what]
        _numbers(self.totals, target)[place] += number
        for by, name in zip(NAMED, group, strict=True):
            _numbers(self.named.setdefault(by, {}).setdefault(name, {}), target)[place] += number

    def add_time(self, measure: str, target: str, about: int, number: int = 1) -> None:
        """Count some promises that took about so long in a measure."""
        places = self.times.setdefault(measure, {}).setdefault(target, {})
        places[about] = places.get(about, 0) + number

    def add_part(self, other: "Part") -> None:
        """Add what another part counts."""
        for target, numbers in other.totals.items():
            _add(_numbers(self.totals, target), numbers)
        for by, names in other.named.items():
            own = self.named.setdefault(by, {})
            for name, targets in names.items():
                of_name = own.setdefault(name, {})
                for target, numbers in targets.items():
                    _add(_numbers(of_name, target), numbers)
        for measure, targets_ in other.times.items():
            for target, places in targets_.items():
                add_places(self.times.setdefault(measure, {}).setdefault(target, {}), places)

    def tidy(self) -> "Part":
        """Return the same without what is no longer there."""
        named = {by: {name: _some(targets) for name, targets in names.items()} for by, names in self.named.items()}
        return Part(
            _some(self.totals),
            {by: {name: targets for name, targets in names.items() if targets} for by, names in named.items()},
            self.times,
        )


def nothing() -> Part:
    """Return a part of which nothing is counted."""
    return Part({}, {}, {})


def all_parts(days: Mapping[int, Part]) -> dict[PartKey, Part]:
    """Add up what is counted in days to all parts that they are in."""
    return longer_parts(days, nothing, Part.add_part)


def _numbers(targets: ByTarget, target: str) -> Numbers:
    found = targets.get(target)
    if found is None:
        found = targets[target] = [0] * len(COUNTED)
    return found


def _some(targets: ByTarget) -> ByTarget:
    return {target: numbers for target, numbers in targets.items() if any(numbers)}


# --- adding up -----------------------------------------------------------------------------------------------------


class Sum:
    """Adds up what is counted: all, by priority, agent, category and week."""

    def __init__(self) -> None:
        self._numbers: dict[Key, Numbers] = {}

    def add(self, group: Group, day: int, target: str, what: str, number: int) -> None:
        """Count some promises (or no longer, below zero) on tickets of a group, raised on a day."""
        place = _PLACES[what]
        for by, name in (("all", ""), *zip(NAMED, group, strict=True), ("week", week_of(begin_of(day)))):
            self._of((by, name, target))[place] += number

    def add_totals(self, length: int, part: int, totals: ByTarget) -> None:
        """Add the totals of a day or a week."""
        week = week_of(begin_of(part * length))
        for target, numbers in totals.items():
            for key in (("all", "", target), ("week", week, target)):
                _add(self._of(key), numbers)

    def add_named(self, named: Mapping[str, Mapping[str, ByTarget]]) -> None:
        """Add what a part counts by priority, agent and category."""
        for by, names in named.items():
            for name, targets in names.items():
                for target, numbers in targets.items():
                    _add(self._of((by, name, target)), numbers)

    def _of(self, key: Key) -> Numbers:
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = [0] * len(COUNTED)
        return found

    def tallies(self) -> dict[Key, Tally]:
        """Return what was counted under ``(by, name, target)``, by ``all`` (with an empty name) first."""
        order = {by: place for place, by in enumerate(("all", *BY))}
        found = sorted((order[key[0]], key[1:], key) for key, numbers in self._numbers.items() if any(numbers))
        return {key: _tally(self._numbers[key]) for _, _, key in found}


def _add(to: Numbers, numbers: Numbers) -> None:
    for place, number in enumerate(numbers):
        to[place] += number


def _tally(numbers: Numbers) -> Tally:
    still_open, kept, late, broken, _ = numbers
    return tally_of(kept, late + broken, still_open)


# --- durations -----------------------------------------------------------------------------------------------------


def about_of(duration: int) -> int:
    """Return about how long a duration is: a number that grows with it, and is the same for those that are near."""
    if duration < FINE:
        return max(duration, -1)
    half = duration.bit_length() - FINE.bit_length()
    return (half + 1) * FINE + (duration >> half) - FINE


def bounds_of(about: int) -> tuple[int, int]:
    """Return the durations that are about so long: the least, and the one behind the greatest."""
    if about < FINE:
        return (NEVER, 0) if about < 0 else (about, about + 1)
    half = about // FINE - 1
    low = (about % FINE + FINE) << half
    return low, low + (1 << half)


def add_places(to: Places, places: Mapping[int, int], sign: int = 1) -> None:
    """Add how many took about how long."""
    for about, number in places.items():
        to[about] = to.get(about, 0) + sign * number


def found_at(places: Mapping[int, int], place: int) -> tuple[int, int]:
    """Return about how long the one at a place of the order took, and its place among those that took about so long."""
    for about in sorted(places):
        if place < places[about]:
            return about, place
        place -= places[about]
    raise LookupError("There are not so many.")


def middle_places(number: int) -> tuple[int, ...]:
    """Return the places of the one or two in the middle of so many."""
    return tuple(sorted({(number - 1) // 2, number // 2})) if number else ()


def ninth_tenth_place(number: int) -> int:
    """Return the place of the smallest that nine tenths of so many do not pass."""
    return -(-9 * number // 10) - 1
