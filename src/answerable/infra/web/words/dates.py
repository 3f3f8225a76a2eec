"""Instants as people say them. All of them come as UTC microseconds and are shown in the viewer's zone and language."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_skeleton, format_time, format_timedelta

from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND

RELATIVE_FOR = 7 * DAY
_zone_names: dict[tuple[str, str, timedelta | None, timedelta | None], str] = {}  # the library looks long for each


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    return Locale.parse("en_GB" if language == "en" else language)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / SECOND, UTC).astimezone(zone)


def iso_of(at: int) -> str:
    """Write an instant for ``<time datetime>``."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact(at: int, zone: ZoneInfo, language: str) -> str:
    """Write an instant whole: ``Monday, 2 March 2026, 10:00 CET``."""
    local = _local(at, zone)
    return f"{_whole_day(local.date(), language)}, {local:%H:%M} {_zone_name(local, zone, language)}"


def _zone_name(local: datetime, zone: ZoneInfo, language: str) -> str:
    """Return what people call the time of a zone, in summer or winter as it may be."""
    key = (zone.key, language, local.utcoffset(), local.dst())
    if key not in _zone_names:
        _zone_names[key] = format_time(local, "z", locale=_locale(language))
    return _zone_names[key]


def day(at: int, zone: ZoneInfo, language: str) -> str:
    """Write the day of an instant: ``2 Mar 2026``."""
    return _short_day(_local(at, zone).date(), language)


def clock(at: int, zone: ZoneInfo) -> str:
    """Write the time of day of an instant: ``14:05``."""
    return _local(at, zone).strftime("%H:%M")


def ago(at: int, now: int, zone: ZoneInfo, language: str) -> str:
    """Write how far an instant is from now, in the past or to come; beyond seven days, its date."""
    distance = at - now
    if abs(distance) >= RELATIVE_FOR:
        local, same = _local(at, zone), _local(now, zone)
        return (_day_of_year if local.year == same.year else _short_day)(local.date(), language)
    if abs(distance) < MINUTE:
        return {"de": "gerade eben"}.get(language, "just now") if distance <= 0 else _in_words(MINUTE, language)
    # Whole units only, as times.js has them, or "4 days ago" becomes "3 days ago" a moment after the page came.
    unit = next(unit for unit in (DAY, HOUR, MINUTE) if abs(distance) >= unit)
    return _in_words(abs(distance) // unit * unit * (1 if distance > 0 else -1), language)


def moment(at: int, now: int, zone: ZoneInfo, language: str) -> str:
    """Write an instant as one names it in a promise: ``14:30``, ``tomorrow at 14:30``, ``Friday at 14:30``."""
    local, today = _local(at, zone), _local(now, zone).date()
    clock, days = f"{local:%H:%M}", (local.date() - today).days
    at_, near = {"de": ("um", {-1: "gestern", 1: "morgen"})}.get(language, ("at", {-1: "yesterday", 1: "tomorrow"}))
    if days == 0:
        return clock
    if days in near:
        return f"{near[days]} {at_} {clock}"
    return f"{(_weekday if 0 < days < 7 else _month_and_day)(local.date(), language)} {at_} {clock}"


def span(length: int, language: str) -> str:
    """Write a length of time in its two largest units: ``2 h 41 min``."""
    return _in_units(length, ((DAY, {"de": "T"}.get(language, "d")), *_hours_in(language)))


def worked(length: int, language: str) -> str:
    """Write a length of working time: in hours and minutes, because a day of it has as many as its calendar says."""
    return _in_units(length, _hours_in(language)) if length >= MINUTE else "0 min"


def _hours_in(language: str) -> tuple[tuple[int, str], ...]:
    return (HOUR, {"de": "Std."}.get(language, "h")), (MINUTE, "min")


def _in_units(length: int, units: tuple[tuple[int, str], ...]) -> str:
    rest, parts = abs(length), []
    for unit, name in units:
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or f"{rest // SECOND} s"


@lru_cache(maxsize=1024)  # of the few lengths within a week that are whole units
def _in_words(distance: int, language: str) -> str:
    # Days are counted from 24 hours on: Babel alone would say "1 day" after 20.
    length = timedelta(microseconds=distance)
    return format_timedelta(length, add_direction=True, threshold=1.0, locale=_locale(language))


@lru_cache(maxsize=2048)
def _whole_day(day: date, language: str) -> str:
    return format_date(day, "full", _locale(language))


@lru_cache(maxsize=2048)
def _short_day(day: date, language: str) -> str:
    return format_date(day, "medium", _locale(language))


@lru_cache(maxsize=64)
def _weekday(day: date, language: str) -> str:
    return format_date(day, "EEEE", _locale(language))


@lru_cache(maxsize=2048)
def _month_and_day(day: date, language: str) -> str:
    return str(format_skeleton("MMMMd", day, locale=_locale(language)))


@lru_cache(maxsize=2048)
def _day_of_year(day: date, language: str) -> str:
    return str(format_skeleton("MMMd", day, locale=_locale(language)))
