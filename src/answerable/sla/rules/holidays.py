"""Where holidays come from: the ``holidays`` package, and calendars in iCalendar form. Copied, not asked again.

Both packages are loaded when they are first wanted: a desk that runs needs neither.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_

FIRST_YEAR, LAST_YEAR = 1990, 2100
MOST_YEARS = 30
MOST_EVENTS = 4000
LONGEST_EVENT = 60  # days
_LINE_END = re.compile(r"\r\n|\n|\r")


def public_holidays(country: str, region: str | None, first: int, last: int) -> dict[str, str]:
    """Return the public holidays of a country (``DE``) and region (``BE``) of some years: date -> name.

    Raises ``Invalid`` for a place that the package does not know, or years beyond reason.
    """
    import holidays  # noqa: PLC0415

    if not (FIRST_YEAR <= first <= last <= LAST_YEAR and last - first < MOST_YEARS):
        told = f"must be at most {MOST_YEARS} years from {FIRST_YEAR} to {LAST_YEAR}"
        raise Invalid(f"The years {told}.", errors=(f"years: {told}",))
    regions = holidays.list_supported_countries().get(country)
    if regions is None:
        raise Invalid(f"No holidays are known of {country[:20]!r}.", errors=("country: must be a code such as DE",))
    if region is not None and region not in regions:
        known = f"must be one of {', '.join(regions)}" if regions else "is not known for this country; leave it out"
        raise Invalid(f"No region {region[:20]!r} is known in {country}.", errors=(f"region: {known}",))
    found = holidays.country_holidays(country, subdiv=region, years=range(first, last + 1))
    return {day.isoformat(): found[day][:100] for day in sorted(found) if first <= day.year <= last}


def read_ics(text: str) -> dict[str, str]:
    """Return the days of a calendar's all-day events (date -> name), each day of one that is longer.

    Raises ``Invalid`` naming the line of what is no calendar, or of an event that repeats by a rule: its days are then
    not written.
    """
    from icalendar import Calendar  # noqa: PLC0415

    lines = _LINE_END.split(text)
    try:
        events = list(Calendar.from_ical(text).walk("VEVENT"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        told = _mistake(lines) or str(error)[:200]
        raise Invalid(N_("This is not an iCalendar file."), errors=(f"ics: {told}",)) from error
    if len(events) > MOST_EVENTS:
        raise Invalid(f"The calendar has more than {MOST_EVENTS} events.", errors=("ics: has too many events",))
    places = (number for number, line in enumerate(lines, 1) if line.strip().upper() == "BEGIN:VEVENT")
    found: dict[str, str] = {}
    for event in events:
        place = next(places, 1)
        name = " ".join(str(event.get("SUMMARY", "Holiday")).split())[:100]
        begin, end = (_instant_of(event, each, lines, place) for each in ("DTSTART", "DTEND"))
        if not isinstance(begin, date) or isinstance(begin, datetime):
            continue  # an appointment is not a holiday
        if "RRULE" in event:
            told = f"{name!r} on {begin} repeats by a rule; export the calendar with its days written out"
            raise _wrong(told, place)
        length = (end - begin).days if isinstance(end, date) and not isinstance(end, datetime) else 1
        if length > LONGEST_EVENT:
            raise _wrong(f"{name!r} on {begin} is longer than {LONGEST_EVENT} days", place)
        found |= dict.fromkeys(_days(begin, max(length, 1)), name)
    if not found:
        raise Invalid(N_("The calendar has no event that takes whole days."), errors=("ics: has no all-day event",))
    return dict(sorted(found.items()))


def _wrong(told: str, line: int) -> Invalid:
    return Invalid(f"{told} (line {line}).", errors=(f"ics: {told} (line {line})",))


def _instant_of(event: Any, name: str, lines: Sequence[str], place: int) -> Any:
    try:
        return getattr(event.get(name), "dt", None)
    except ValueError as error:  # a part that could not be read says so only when it is looked at
        rest = enumerate(lines[place:], place + 1)
        line = next((number for number, text in rest if text.upper().startswith(name)), place)
        raise _wrong(f"{lines[line - 1][:60]!r} is no date", line) from error


def _mistake(lines: Sequence[str]) -> str:
    """Say what is wrong with the lines of something that is no calendar, and where; empty where that is not plain."""
    inside: list[str] = []
    begun = False
    last = 1
    for number, line in enumerate(lines, 1):
        if not line.strip() or line[0] in " \t":  # a line that goes on
            continue
        last = number
        name, colon, value = line.strip().upper().partition(":")
        if not colon or (not inside and name != "BEGIN") or (begun and not inside):
            return f"{line[:60]!r} is no part of a calendar (line {number})"
        if name == "BEGIN":
            inside.append(value)
            begun = True
        elif name == "END" and (not inside or inside.pop() != value):
            return f"{line[:60]!r} ends what did not begin (line {number})"
    if inside or not begun:
        return f"the calendar is not whole (line {last})"
    return ""


def _days(begin: date, count: int) -> Iterable[str]:
    return ((begin + timedelta(days=more)).isoformat() for more in range(count))
