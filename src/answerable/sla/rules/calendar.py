"""A calendar: when a desk is open, in the words of its own wall clock.

Days are counted from 1970-01-01, minutes from local midnight; a window may close after midnight (up to 48:00) and
belongs to the day on which it opens. Instants are UTC microseconds.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from answerable.kernel.times import DAY, MINUTE, SECOND

DAY_MINUTES = 24 * 60
LONGEST_ZONE = 64
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # a wall clock has no zone
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_THURSDAY = 3  # 1970-01-01


class Window(NamedTuple):
    """Open from ``opens`` to before ``closes`` (rule 2), in minutes of the wall clock."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{clock_text(self.opens)}-{clock_text(self.closes)}"


Windows: TypeAlias = tuple[Window, ...]
Span: TypeAlias = tuple[int, int]
NEVER: tuple[Windows, ...] = ((),) * 7


class Unusual(NamedTuple):
    """The days on which the hours of the week do not hold: a byte for each from ``first`` on, 1 where it is one.

    So a day that is closed takes no step of Python: a desk may be closed on all days but one a year.
    """

    first: int
    marks: bytes

    def between(self, first: int, end: int) -> bytearray:
        """Return the marks of the days from ``first`` to before ``end``."""
        found = bytearray(end - first)
        begin, until = max(first, self.first), min(end, self.first + len(self.marks))
        if begin < until:
            found[begin - first : until - first] = self.marks[begin - self.first : until - self.first]
        return found


class Calendar(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Opening hours: seven days of ``week`` from Monday on, ``holidays`` (day -> name) without them, ``special`` days
    with hours of their own, also where they are holidays. ``always`` is open and knows no hours.
    """

    name: str = ""
    zone: str = "UTC"
    week: tuple[Windows, ...] = NEVER
    holidays: Mapping[int, str] = msgspec.field(default_factory=dict)
    special: Mapping[int, Windows] = msgspec.field(default_factory=dict)
    always: bool = False

    @cached_property
    def unusual(self) -> Unusual:
        """Return the holidays and special days."""
        days = [*self.holidays, *self.special]
        if not days:
            return Unusual(0, b"")
        first = min(days)
        marks = bytearray(max(days) - first + 1)
        for day in days:
            marks[day - first] = 1
        return Unusual(first, bytes(marks))

    @property
    def last_special(self) -> int | None:
        """Return the last day with hours where there are none of a week, ``None`` where the week goes on for ever."""
        return None if any(self.week) else max(self.special, default=-(10**6))


def day_of(day: date) -> int:
    """Count a date's days from 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of(day: int) -> date:
    """Return the date of a day."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def weekday_of(day: int) -> int:
    """Return 0 for Monday to 6 for Sunday."""
    return (day + _THURSDAY) % 7


def clock_text(minute: int) -> str:
    """Write a minute of the day as ``09:00``; after midnight as it is on the clock, but for ``24:00`` itself."""
    shown = minute if minute <= DAY_MINUTES else minute - DAY_MINUTES
    return f"{shown // 60:02}:{shown % 60:02}"


def clock_minute(text: str) -> int:
    """Read ``09:00``, up to ``24:00``. Raises ``ValueError`` for anything else."""
    hours, colon, minutes = text.partition(":")
    fits = colon and len(hours) in (1, 2) and len(minutes) == 2 and (hours + minutes).isascii()
    if not fits or not (hours + minutes).isdigit():
        raise ValueError(f"{text[:20]!r} is not a time such as 09:00")
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > DAY_MINUTES:
        raise ValueError(f"{text[:20]!r} is not a time from 00:00 to 24:00")
    return minute


def window(opens: str, closes: str) -> Window:
    """Read a window; one that does not close later on its day closes on the next. Raises ``ValueError``."""
    first, last = clock_minute(opens), clock_minute(closes)
    if first == DAY_MINUTES:
        raise ValueError(f"{opens!r} opens on the next day; write it there as 00:00")
    return Window(first, last if last > first else last + DAY_MINUTES)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises ``ValueError`` for a name that is none."""
    try:
        return ZoneInfo(name if len(name) <= LONGEST_ZONE else "")  # which it would take apart step by step
    except (ZoneInfoNotFoundError, ValueError, OSError, UnicodeError) as error:
        raise ValueError(f"{name[:40]!r} is not a time zone such as Europe/Berlin") from error


def spans_of(calendar: Calendar, first: int, end: int) -> Iterator[Span]:
    """Return the open time of the days from ``first`` to before ``end``, window by window, in UTC (rule 3)."""
    zone = zone_of(calendar.zone)
    marks = calendar.unusual.between(first, end)
    for weekday, windows in enumerate(calendar.week):
        if windows:
            begin = (weekday - weekday_of(first)) % 7
            weeks = marks[begin::7]
            place = weeks.find(0)
            while place >= 0:
                yield from _spans(zone, first + begin + 7 * place, windows)
                place = weeks.find(0, place + 1)
    for day, windows in calendar.special.items():
        if first <= day < end:
            yield from _spans(zone, day, windows)


def _spans(zone: ZoneInfo, day: int, windows: Windows) -> Iterator[Span]:
    for opens, closes in windows:
        begin, end = instant(zone, day, opens, 0), instant(zone, day, closes, 1)
        if begin < end:
            yield begin, end


def instant(zone: ZoneInfo, day: int, minute: int, turn: int) -> int:
    """Return when the wall clock of ``zone`` shows a time.

    One that it shows twice is the first or the second (``turn`` 0 or 1); one that it leaves out is the instant at which
    it does (rule 4).
    """
    wall = _EPOCH + timedelta(days=day, minutes=minute)
    micros = day * DAY + minute * MINUTE
    before, after = _micros(zone, wall), _micros(zone, wall.replace(fold=1))
    if before == after:
        return micros - before
    if before > after:
        return micros - (after if turn else before)
    return _transition(zone, micros - after, micros - before, after)


def _micros(zone: ZoneInfo, wall: datetime) -> int:
    offset = zone.utcoffset(wall)
    assert offset is not None
    return (offset.days * 86_400 + offset.seconds) * SECOND


def _transition(zone: ZoneInfo, early: int, late: int, after: int) -> int:
    """Find the second between two instants from which on the offset of the zone is ``after``."""
    first, last = early // SECOND, late // SECOND
    while last - first > 1:
        middle = (first + last) // 2
        if _micros_at(zone, middle) == after:
            last = middle
        else:
            first = middle
    return last * SECOND


def _micros_at(zone: ZoneInfo, second: int) -> int:
    offset = (_EPOCH_UTC + timedelta(seconds=second)).astimezone(zone).utcoffset()
    assert offset is not None
    return (offset.days * 86_400 + offset.seconds) * SECOND
