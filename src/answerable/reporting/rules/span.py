"""The time range of a report: which tickets it is about."""

from zoneinfo import ZoneInfo

import msgspec

from answerable.kernel.days import bounds_of, midnight
from answerable.kernel.errors import Invalid
from answerable.kernel.times import parse_iso

__all__ = ["ALWAYS", "Span", "days_between", "midnight", "read_span"]


class Span(msgspec.Struct, frozen=True):
    """The tickets created at or after ``start`` and before ``end`` (UTC microseconds); ``None`` is no bound."""

    start: int | None = None
    end: int | None = None

    @property
    def is_always(self) -> bool:
        """Tell whether this is about all tickets."""
        return self.start is None and self.end is None


ALWAYS = Span()


def read_span(start: str | None, end: str | None) -> Span:
    """Read the parameters ``from`` (inclusive) and ``to`` (exclusive): an ISO-8601 date or instant each.

    A plain date is midnight UTC; so is every instant without an offset UTC. Empty is left out.
    Raises ``Invalid`` naming the parameter that is wrong.
    """
    span = Span(_instant("from", start), _instant("to", end))
    if span.start is not None and span.end is not None and span.start >= span.end:
        raise Invalid("The time range is empty: from must be before to.", errors=("to: must be after from",))
    return span


def days_between(first: str, last: str, zone: ZoneInfo) -> Span:
    """Read the days that a person chose, both of them included, as they begin and end where that person is.

    Empty is no bound. Raises ``Invalid`` naming the field that is wrong.
    """
    return Span(*bounds_of(first, last, zone))


def _instant(name: str, text: str | None) -> int | None:
    if not text:
        return None
    try:
        return parse_iso(text)
    except (ValueError, OverflowError) as error:
        raise Invalid(
            f"{name} must be an ISO-8601 date or instant.",
            errors=(f"{name}: must look like 2026-03-02 or 2026-03-02T09:00:00Z",),
        ) from error
