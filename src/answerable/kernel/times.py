"""Instants are UTC microseconds since 1970 (``int``) inside, ISO-8601 with ``Z`` outside."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EARLIEST, LATEST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1  # that can be written: the years 1 to 9999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # UTC all the same; half the time to write


def iso(instant: int) -> str:
    """Write an instant in microseconds as ISO-8601 UTC, with a fraction only where there is one."""
    second, fraction = divmod(instant, SECOND)
    return f"{_iso_second(second)}.{fraction:06d}Z" if fraction else f"{_iso_second(second)}Z"


@lru_cache(maxsize=8192)  # what happens now, and the same tickets that are listed again and again
def _iso_second(second: int) -> str:
    return (_NAIVE_EPOCH + timedelta(seconds=second)).isoformat()


def iso_or_none(instant: int | None) -> str | None:
    """Write an instant, or pass ``None`` on."""
    return None if instant is None else iso(instant)


def parse_iso(text: str) -> int:
    """Read an ISO-8601 date or instant (UTC where no offset is given) as microseconds.

    Raises ``ValueError`` where ``text`` is not one. It may lie a day before ``EARLIEST`` or behind ``LATEST``.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
