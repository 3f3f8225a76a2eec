"""Days that a person chose, as they begin and end where that person is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from answerable.kernel.errors import Invalid
from answerable.kernel.times import SECOND
from answerable.kernel.words import N_

A_DAY = N_("must be a day such as 2026-03-02")
NOT_BEFORE = N_("must not be before the first day")


def bounds_of(first: str, last: str, zone: ZoneInfo) -> tuple[int | None, int | None]:
    """Return when the days from ``first`` to ``last`` begin and end, both included; empty is no bound (``None``).

    Raises ``Invalid`` naming the field that is wrong, ``from`` or ``to``.
    """
    begin, end = _day("from", first), _day("to", last)
    if begin is not None and end is not None and begin > end:
        raise Invalid(N_("The last day is before the first one."), errors=(f"to: {NOT_BEFORE}",))
    return (
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
