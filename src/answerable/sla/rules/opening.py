"""The open time of some calendars together, laid out as far as anybody has asked.

What is laid out are intervals in UTC and how much was worked by the end of each, so that a question costs two searches.
It grows by doubling: a calendar that opens for one minute a year is looked at day by day once, not for each question.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import NamedTuple

from answerable.kernel.times import DAY
from answerable.sla.rules.calendar import Calendar, Span, date_of, spans_of, weekday_of

FIRST_SPAN = 32  # days laid out at first
LONGEST_SPAN = 3653  # and at once
FOREVER = 2**62
LAST_DAY = 157_000  # in November 2399: what is not due before is never due
FIRST_DAY = -700_000  # in the year 53


class _Laid(NamedTuple):
    """What is laid out: all that is open between two instants, and how much was worked by the end of each interval."""

    opens: list[int]
    closes: list[int]
    worked: list[int]
    begin: int
    until: int

    def count(self, at: int) -> int:
        place = bisect_right(self.opens, at) - 1
        if place < 0:
            return 0
        left = self.closes[place] - at
        return self.worked[place] - left if left > 0 else self.worked[place]


class OpenTime:
    """When work counts: the union of the open time of some calendars (rule 8). With none, it never does.

    It answers the same whatever was asked before, from any thread; only the time it takes differs.
    """

    __slots__ = ("_day", "_end_day", "_growing", "_laid", "_spans", "calendars")

    def __init__(self, *calendars: Calendar) -> None:
        """Take the calendars."""
        self.calendars = calendars
        for calendar in calendars:
            _ = calendar.unusual  # made once and here, not while somebody waits for a deadline
        self._spans: list[Span] = []
        self._day = self._end_day = 0  # days whose windows are laid out
        self._growing = Lock()
        self._laid = _Laid([], [], [], FOREVER, -FOREVER)
        if any(calendar.always for calendar in calendars):
            self._laid = _Laid([-FOREVER], [FOREVER], [2 * FOREVER], -FOREVER, FOREVER)

    def worked(self, begin: int, end: int) -> int:
        """Return the working time between two instants."""
        if end <= begin:
            return 0
        laid = self._cover(begin, end)
        return laid.count(end) - laid.count(begin)

    def reach(self, start: int, amount: int) -> int | None:
        """Return the earliest instant at which ``amount`` was worked since ``start`` (rule 1), ``None`` for never.

        Nothing is reached when work begins; the end of the day's work is its closing time, not the next opening.
        """
        laid = self._cover(start, start)
        while True:
            opens, closes, worked, _, until = laid
            place = bisect_right(closes, start)
            if place < len(opens):
                # Working time by the beginning: by the start, or by the next opening, where that is later.
                goal = worked[place] - (closes[place] - (start if start > opens[place] else opens[place])) + amount
                found = bisect_left(worked, goal, place)
                if found < len(worked):
                    return closes[found] - (worked[found] - goal)
            if until == FOREVER:
                return None
            laid = self._grow(laid)

    def intervals(self, begin: int, end: int) -> Iterator[Span]:
        """Return the open intervals between two instants, cut to them."""
        laid = self._cover(begin, end)
        for place in range(bisect_right(laid.closes, begin), len(laid.opens)):
            if laid.opens[place] >= end:
                return
            yield max(begin, laid.opens[place]), min(end, laid.closes[place])

    def _cover(self, begin: int, end: int) -> _Laid:
        laid = self._laid
        if begin < laid.begin:
            laid = self._reach_back(begin)
        while laid.until <= end and laid.until != FOREVER:
            laid = self._grow(laid)
        return laid

    def _reach_back(self, begin: int) -> _Laid:
        with self._growing:
            if begin < self._laid.begin:
                wanted = max(begin // DAY - 9, FIRST_DAY)
                if self._laid.begin == FOREVER:
                    self._end_day = wanted
                else:
                    wanted = max(min(wanted, 2 * self._day - self._end_day), FIRST_DAY)
                    self._add(wanted, self._day)
                self._day = wanted
                self._laid = self._settled()
            return self._laid

    def _grow(self, seen: _Laid) -> _Laid:
        with self._growing:
            if self._laid is seen:
                span = min(max(FIRST_SPAN, self._end_day - self._day), LONGEST_SPAN)
                wanted = min(self._end_day + span, LAST_DAY)
                self._add(self._end_day, wanted)
                self._end_day = wanted
                self._laid = self._settled()
            return self._laid

    def _add(self, first: int, end: int) -> None:
        for calendar in self.calendars:
            self._spans += spans_of(calendar, first, end)

    # What a day opens lies within a day of it in UTC, and closes within two days of that: so much is kept aside.

    def _settled(self) -> _Laid:
        last = [calendar.last_special for calendar in self.calendars]
        over = self._end_day >= LAST_DAY or all(day is not None and day < self._end_day for day in last)
        begin = (self._day + 2) * DAY if self._day > FIRST_DAY else -FOREVER
        return _lay(self._spans, begin, FOREVER if over else (self._end_day - 1) * DAY)


def _lay(spans: list[Span], begin: int, until: int) -> _Laid:
    spans.sort()
    opens: list[int] = []
    closes: list[int] = []
    for first, last in spans:
        if first >= until:
            break
        if closes and first <= closes[-1]:
            closes[-1] = max(closes[-1], last)
        else:
            opens.append(first)
            closes.append(last)
    if closes:
        closes[-1] = min(closes[-1], until)
    total, worked = 0, []
    for first, last in zip(opens, closes, strict=True):
        total += last - first
        worked.append(total)
    return _Laid(opens, closes, worked, begin, until)


ALWAYS = OpenTime(Calendar(name="always", always=True))


def holidays_between(calendars: Sequence[Calendar], begin: int, end: int) -> list[str]:
    """Name the holidays but for which some of the time between two instants would be open, in their order."""
    first, last = begin // DAY - 2, end // DAY + 1
    found: dict[int, str] = {}
    for calendar in calendars:
        for day in calendar.holidays:
            if first <= day <= last and day not in calendar.special:
                usual = {day: calendar.week[weekday_of(day)]}
                if OpenTime(Calendar(zone=calendar.zone, special=usual)).worked(begin, end):
                    found.setdefault(day, calendar.holidays[day])
    return [f"{date_of(day)} {found[day]}".rstrip() for day in sorted(found)]
