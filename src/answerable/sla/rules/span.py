"""A range of time that tickets were raised in."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from answerable.kernel.days import bounds_of
from answerable.kernel.errors import Invalid
from answerable.kernel.times import parse_iso


@dataclass(frozen=True, slots=True)
class Span:
    """Tickets raised from ``start`` to before ``end`` (microseconds); ``None`` is open."""

    start: int | None = None
    end: int | None = None

    def holds(self, at: int) -> bool:
        """Tell whether a ticket raised at an instant is in it."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


def read_span(start: str | None, end: str | None) -> Span:
    """Read ``from`` and ``to``: an ISO-8601 date (midnight UTC) or instant each, empty is left out.

    Raises ``Invalid`` naming the one that is wrong, or both where the range is empty.
    """
    span = Span(_instant("from", start), _instant("to", end))
    if span.start is not None and span.end is not None and span.start >= span.end:
        raise Invalid("The time range is empty: from must be before to.", errors=("to: must be after from",))
    return span


def days_between(first: str, last: str, zone: ZoneInfo) -> Span:
    """Read the days that a person chose, both included. Raises ``Invalid`` naming the field that is wrong."""
    return Span(*bounds_of(first, last, zone))


def _instant(name: str, text: str | None) -> int | None:
    try:
        return parse_iso(text) if text else None
    except (ValueError, OverflowError):
        told = f"{name}: must look like 2026-03-02 or 2026-03-02T09:00:00Z"
        raise Invalid(f"{told}.", errors=(told,)) from None
