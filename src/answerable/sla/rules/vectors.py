"""The format of test vectors: created instant, calendars, pauses and target, each with the due instant it must give."""

from datetime import date, datetime, timedelta

import msgspec

from answerable.kernel.errors import Invalid
from answerable.kernel.times import MINUTE, parse_iso
from answerable.sla.rules.calendar import Calendar, Windows, day_of, instant, window, zone_of
from answerable.sla.rules.opening import OpenTime
from answerable.sla.rules.timeline import Stop, due


class VectorCalendar(msgspec.Struct, frozen=True):
    """Opening hours as vectors write them; the days of the week are ``0`` (Monday) to ``6``."""

    tz: str
    week: dict[str, list[tuple[str, str]]] = {}
    holidays: list[str] = []
    special: dict[str, list[tuple[str, str]]] = {}
    always: bool = False


class Vector(msgspec.Struct, frozen=True):
    """One case. Without ``created_utc``, ``created_local`` in ``tz`` counts."""

    id: str
    target_minutes: float
    calendars: list[VectorCalendar] = []
    created_utc: str | None = None
    created_local: str | None = None
    created_fold: int = 0
    tz: str | None = None
    pauses_utc: list[tuple[str, str | None]] = []


class _File(msgspec.Struct, frozen=True):
    vectors: list[Vector]


def read_vectors(text: bytes) -> list[Vector]:
    """Read a file of vectors: ``{"vectors": [...]}``, or the list alone. Raises ``Invalid`` naming what is wrong."""
    try:
        if text.lstrip()[:1] == b"[":
            return msgspec.json.decode(text, type=list[Vector])
        return msgspec.json.decode(text, type=_File).vectors
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"This is not a file of vectors: {error}.") from error


def due_of(vector: Vector) -> int | None:
    """Return when a vector is due, ``None`` for never. Raises ``Invalid`` naming the vector and what is wrong."""
    try:
        hours = OpenTime(*map(_calendar, vector.calendars))
        stops: list[Stop] = [
            (parse_iso(begin), end if end is None else parse_iso(end)) for begin, end in vector.pauses_utc
        ]
        return due(_created(vector), stops, _target(vector.target_minutes), hours)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"Vector {vector.id[:60]}: {error}.") from error


def _stop(begin: str, end: str | None) -> Stop:
    return parse_iso(begin), None if end is None else parse_iso(end)


def _target(minutes: float) -> int:
    if not 0 <= minutes < 10**9:
        raise ValueError(f"target_minutes is {minutes}")
    return round(minutes * MINUTE)


def _created(vector: Vector) -> int:
    if vector.created_utc is not None:
        return parse_iso(vector.created_utc)
    if vector.created_local is None or vector.tz is None:
        raise ValueError("needs created_utc, or created_local and tz")
    wall = datetime.fromisoformat(vector.created_local)
    day, rest = day_of(wall.date()), timedelta(hours=wall.hour, minutes=wall.minute)
    at = instant(zone_of(vector.tz), day, rest // timedelta(minutes=1), vector.created_fold)
    return at + (wall.second * 1_000_000 + wall.microsecond)


def _calendar(written: VectorCalendar) -> Calendar:
    unknown = [day for day in written.week if day not in "0123456" or len(day) != 1]
    if unknown:
        raise ValueError(f"week has the day {unknown[0][:20]!r}; the days are 0 (Monday) to 6")
    zone_of(written.tz)
    return Calendar(
        zone=written.tz,
        week=tuple(_windows(written.week.get(str(day), [])) for day in range(7)),
        holidays={day_of(date.fromisoformat(day)): "" for day in written.holidays},
        special={day_of(date.fromisoformat(day)): _windows(hours) for day, hours in written.special.items()},
        always=written.always,
    )


def _windows(written: list[tuple[str, str]]) -> Windows:
    return tuple(window(opens, closes) for opens, closes in written)
