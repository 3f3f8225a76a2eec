"""A naive clock that shares nothing with the engine: it goes minute by minute, from UTC to the wall and never back."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import compress, islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

MINUTE = timedelta(minutes=1)
DAYS = 8  # that are walked through
LENGTH = DAYS * 24 * 60


@dataclass
class Hours:
    """Opening hours as a person would write them: weekday or date -> [(minute, minute)]; the second may be smaller."""

    zone: str
    week: dict[int, list[tuple[int, int]]]
    holidays: set[date] = field(default_factory=set)
    special: dict[date, list[tuple[int, int]]] = field(default_factory=dict)
    always: bool = False


@dataclass
class Case:
    """A promise: when it begins, what it is held to, what stands still; minutes count from its beginning."""

    start: datetime
    hours: list[Hours]
    pauses: list[tuple[int, int | None]]
    target: int


@cache
def zones() -> list[str]:
    return sorted(available_timezones())


def wall(zone: ZoneInfo, at: datetime) -> datetime:
    offset = zone.fromutc(at.replace(tzinfo=zone)).utcoffset()
    assert offset is not None
    return at + offset


def shown(zone: ZoneInfo, what: datetime, offsets: set[timedelta]) -> tuple[datetime, datetime]:
    """Return the first and the last instant at which the wall shows ``what``; where it never does, when it is past."""
    found = sorted(what - offset for offset in offsets if wall(zone, what - offset) == what)
    if not found:
        at = what - max(offsets)
        while wall(zone, at) < what:
            at += MINUTE
        found = [at]
    return found[0], found[-1]


def open_minutes(case: Case) -> bytearray:
    """Return a 1 for each minute from the start on at which the desk is open."""
    marks = bytearray(LENGTH)
    for hours in case.hours:
        if hours.always:
            return bytearray(b"\1" * LENGTH)
        zone = ZoneInfo(hours.zone)
        here = wall(zone, case.start)
        offsets = {wall(zone, at) - at for at in (case.start + timedelta(days=step) for step in range(-4, DAYS + 4))}
        for away in range(-2, DAYS + 2):
            day = here.date() + timedelta(days=away)
            windows = [] if day in hours.holidays else hours.week.get(day.weekday(), [])
            for opens, closes in hours.special.get(day, windows):
                midnight = datetime(day.year, day.month, day.day)
                begin, _ = shown(zone, midnight + opens * MINUTE, offsets)
                later = closes if closes > opens else closes + 1440
                _, end = shown(zone, midnight + later * MINUTE, offsets)
                first, last = (max(0, min(LENGTH, (at - case.start) // MINUTE)) for at in (begin, end))
                if first < last:
                    marks[first:last] = b"\1" * (last - first)
    return marks


def worked_minutes(case: Case) -> bytearray:
    """Return a 1 for each minute that counts."""
    marks = open_minutes(case)
    for begin, end in case.pauses:
        first, last = max(0, begin), LENGTH if end is None else min(LENGTH, max(0, end))
        if first < last:
            marks[first:last] = bytes(last - first)
    return marks


def due_minute(case: Case) -> int | None:
    """Return the minute at which the target is reached, ``None`` where that is not among those walked through."""
    if case.target == 0:
        first = open_minutes(case).find(1)
        return None if first < 0 else first
    minute = next(islice(compress(range(LENGTH), worked_minutes(case)), case.target - 1, None), None)
    return None if minute is None else minute + 1


# --- cases ---------------------------------------------------------------------------------------------------------


def make_case(rng: random.Random) -> Case:
    """Make up a case in any zone between 1990 and 2037, often near a change of its clocks."""
    hours = [make_hours(rng, rng.choice(zones())) for _ in range(rng.choice((1, 1, 1, 1, 2, 3)))]
    start = datetime(1990, 1, 1) + timedelta(minutes=rng.randrange(48 * 365 * 24 * 60))
    if rng.random() < 0.5:
        start = near_change(rng, ZoneInfo(hours[0].zone), start.year) or start
    for each in hours:
        days = [start.date() + timedelta(days=away) for away in range(-2, DAYS)]
        each.holidays = set(rng.sample(days, rng.choice((0, 0, 1, 2, 5))))
        each.special = {day: make_windows(rng) for day in rng.sample(days, rng.choice((0, 0, 0, 1, 2)))}
    pauses: list[tuple[int, int | None]] = []
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        begin = rng.randrange(-600, LENGTH // 2)
        pauses.append((begin, None if rng.random() < 0.05 else begin + rng.randrange(-10, 3000)))
    return Case(start, hours, pauses, rng.choice((0, 1, 5, 60, 480, 1440, rng.randrange(1, 5000))))


def make_hours(rng: random.Random, zone: str) -> Hours:
    if rng.random() < 0.05:
        return Hours(zone, {}, always=True)
    if rng.random() < 0.5:  # the same every day
        windows = make_windows(rng)
        return Hours(zone, dict.fromkeys(rng.sample(range(7), rng.randrange(8)), windows))
    return Hours(zone, {day: make_windows(rng) for day in range(7)})


def make_windows(rng: random.Random) -> list[tuple[int, int]]:
    """Make up hours: on the quarter, odd, over midnight, all day, overlapping."""
    step = rng.choice((1, 15, 30, 60))
    return [
        (rng.randrange(0, 1440, step), rng.choice((rng.randrange(0, 1441, step), 1440)))
        for _ in range(rng.choice((0, 1, 1, 2, 3)))
    ]


def near_change(rng: random.Random, zone: ZoneInfo, year: int) -> datetime | None:
    """Find an instant at most two days before the zone's clocks change in a year."""
    found = changes(zone, year)
    return rng.choice(found) + timedelta(minutes=rng.randrange(-600, 2880)) if found else None


@cache
def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    places = [datetime(year, 1, 1) + timedelta(days=step) for step in range(0, 366, 2)]
    offsets = [wall(zone, at) - at for at in places]
    return [at for at, (one, two) in zip(places, pairwise(offsets), strict=False) if one != two]


def micros(at: datetime) -> int:
    return (at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def stops_of(case: Case) -> Sequence[tuple[int, int | None]]:
    start = micros(case.start)
    return [(start + b * 60_000_000, None if e is None else start + e * 60_000_000) for b, e in case.pauses]
