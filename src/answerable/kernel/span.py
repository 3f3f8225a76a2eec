"""A range of time, as programs write it and as people choose it: by days that begin and end where they are."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from answerable.kernel.errors import Invalid
from answerable.kernel.times import SECOND, parse_iso
from answerable.kernel.words import N_

A_DAY = N_("must be a day such as 2026-03-02")
NOT_BEFORE = N_("must not be before the first day")


@dataclass(frozen=True, slots=True)
class Span:
    """What is at or after ``start`` and before ``end`` (UTC microseconds); ``None`` is no bound."""

    start: int | None = None
    end: int | None = None

    @property
    def is_always(self) -> bool:
        """Tell whether there is no bound."""
        return self.start is None and self.end is None

    def holds(self, at: int) -> bool:
        """Tell whether an instant is in it."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


ALWAYS = Span()


def read_span(start: str | None, end: str | None) -> Span:
    """Read the parameters ``from`` (inclusive) and ``to`` (exclusive): an ISO-8601 date or instant each.

    A plain date is midnight UTC; so is every instant without an offset UTC. Empty is left out.
    Raises ``Invalid`` naming the parameter that is wrong, or ``to`` where the range is empty.
    """
    span = Span(read_instant("from", start), read_instant("to", end))
    if span.start is not None and span.end is not None and span.start >= span.end:
        raise Invalid(N_("The time range is empty: from must be before to."), errors=("to: must be after from",))
    return span


def read_instant(name: str, text: str | None) -> int | None:
    """Read a parameter that is a date or an instant, as UTC microseconds; empty is ``None``.

    Raises ``Invalid`` naming it where it is neither.
    """
    if not text:
        return None
    try:
        return parse_iso(text)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            f"{name} must be an ISO-8601 date or instant.",
            errors=(f"{name}: must look like 2026-03-02 or 2026-03-02T09:00:00Z",),
        ) from error


def days_between(first: str, last: str, zone: ZoneInfo) -> Span:
    """Read the days that a person chose, both of them included, as they begin and end in a zone; empty is no bound.

    Raises ``Invalid`` naming the field that is wrong, ``from`` or ``to``.
    """
    begin, end = _day("from", first), _day("to", last)
    if begin is not None and end is not None and begin > end:
        raise Invalid(N_("The last day is before the first one."), errors=(f"to: {NOT_BEFORE}",))
    return Span(
        None if begin is None else midnight(begin, zone),
        None if end is None else midnight(end + timedelta(days=1), zone),
    )


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return when a day begins in a zone, in UTC microseconds."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (begin.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        return day if date(1970, 1, 1) <= day <= date(9000, 1, 1) else date.fromisoformat("")
    except ValueError as error:
        raise Invalid(N_("Please choose a day."), errors=(f"{name}: {A_DAY}",)) from error
