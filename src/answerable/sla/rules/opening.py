"""The open time of some calendars together, laid out as far as anybody has asked.

What is laid out are intervals in UTC and how much was worked by the end of each, so that a question costs two searches.
It grows by doubling: a calendar that opens for one minute a year is looked at day by day once, not for each question.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from answerable.kernel.times import DAY
from answerable.sla.rules.calendar import Calendar, Span, date_of, spans_of, weekday_of

FIRST_SPAN = 32  # days laid out at first
LONGEST_SPAN = 3653  # and at once
FOREVER = 2**62
LAST_DAY = 157_000  # in November 2399: what is not due before is never due
FIRST_DAY = -700_000  # in the year 53


class OpenTime:
    """When work counts: the union of the open time of some calendars (rule 8). With none, it never does.

    It answers the same whatever was asked before; only the time it takes differs.
    """

    __slots__ = ("_closes", "_day", "_end_day", "_from", "_opens", "_spans", "_until", "_worked", "calendars")

    def __init__(self, *calendars: Calendar) -> None:
        """Take the calendars; raises ``ValueError`` where one is in an unknown time zone."""
        self.calendars = calendars
        self._spans: list[Span] = []
        self._opens: list[int] = []
        self._closes: list[int] = []
        self._worked: list[int] = []  # by the end of each interval
        self._day = self._end_day = 0  # days whose windows are laid out
        self._from, self._until = FOREVER, -FOREVER  # instants between which all is known
        if any(calendar.always for calendar in calendars):
            self._lay([(-FOREVER, FOREVER)], -FOREVER, FOREVER)

    def worked(self, begin: int, end: int) -> int:
        """Return the working time between two instants."""
        if end <= begin:
            return 0
        self._cover(begin, end)
        return self._count(end) - self._count(begin)

    def reach(self, start: int, amount: int) -> int | None:
        """Return the earliest instant at which ``amount`` was worked since ``start`` (rule 1), ``None`` for never.

        Nothing is reached when work begins; the end of the day's work is its closing time, not the next opening.
        """
        self._cover(start, start)
        while True:
            place = bisect_right(self._closes, start)
            if place < len(self._opens):
                goal = self._count(max(start, self._opens[place])) + amount
                found = bisect_left(self._worked, goal, place)
                if found < len(self._worked):
                    return self._closes[found] - (self._worked[found] - goal)
            if not self._extend():
                return None

    def intervals(self, begin: int, end: int) -> Iterator[Span]:
        """Return the open intervals between two instants, cut to them."""
        self._cover(begin, end)
        for place in range(bisect_right(self._closes, begin), len(self._opens)):
            if self._opens[place] >= end:
                return
            yield max(begin, self._opens[place]), min(end, self._closes[place])

    def _count(self, at: int) -> int:
        place = bisect_right(self._opens, at) - 1
        return 0 if place < 0 else self._worked[place] - max(0, self._closes[place] - at)

    # What a day opens lies within a day of it in UTC, and closes within two days of that: so much is kept aside.

    def _cover(self, begin: int, end: int) -> None:
        if begin < self._from:
            wanted = max(begin // DAY - 9, FIRST_DAY)
            if self._from == FOREVER:
                self._day, self._end_day = wanted, wanted
            else:
                wanted = max(min(wanted, 2 * self._day - self._end_day), FIRST_DAY)
                self._add(wanted, self._day)
                self._day = wanted
            self._settle()
        while self._until <= end and self._extend():
            pass

    def _extend(self) -> bool:
        """Lay out more days; tell whether there were any left."""
        if self._until == FOREVER:
            return False
        span = min(max(FIRST_SPAN, self._end_day - self._day), LONGEST_SPAN)
        wanted = min(self._end_day + span, LAST_DAY)
        self._add(self._end_day, wanted)
        self._end_day = wanted
        self._settle()
        return True

    def _add(self, first: int, end: int) -> None:
        for calendar in self.calendars:
            self._spans += spans_of(calendar, first, end)

    def _settle(self) -> None:
        last = [calendar.last_special for calendar in self.calendars]
        over = self._end_day >= LAST_DAY or all(day is not None and day < self._end_day for day in last)
        begin = (self._day + 2) * DAY if self._day > FIRST_DAY else -FOREVER
        self._lay(self._spans, begin, FOREVER if over else (self._end_day - 1) * DAY)

    def _lay(self, spans: list[Span], begin: int, until: int) -> None:
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
        self._opens, self._closes, self._worked = opens, closes, worked
        self._from, self._until = begin, until


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
