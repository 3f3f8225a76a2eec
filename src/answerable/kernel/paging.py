"""Pages of lists: keyset cursors (opaque to clients) and the older page/size, both bounded."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_

MAX_SIZE = 1000
MAX_OFFSET = 10_000
COUNT_CAP = 1000

T = TypeVar("T")
_write_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list is wanted: ``size`` rows after ``cursor`` (sort value, id) or from ``offset``.

    ``exact_count`` asks for the true total, however large; otherwise it is counted up to ``COUNT_CAP``.
    """

    size: int = 10
    offset: int = 0
    cursor: tuple[str | int | None, str | int] | None = None
    exact_count: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of a list, the cursor of the next ones (``None`` at the end) and the total as text."""

    rows: Sequence[T]
    next_cursor: str | None = None
    total: str = "0"
    extra: dict[str, str] = field(default_factory=dict)


def encode_cursor(sort: str, value: str | int | None, key: str | int) -> str:
    """Pack the last row of a page: the list's ``sort`` name, the row's sort value and its unique key."""
    raw = _write_json([sort, value, key]).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_cursor(text: str, sort: str) -> tuple[str | int | None, str | int]:
    """Unpack a cursor made for the list sorted by ``sort``; raises ``Invalid`` for any other text."""
    try:
        raw = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        made_for, value, key = json.loads(raw)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid("The cursor is not valid.", errors=("cursor: not a cursor of this list",)) from error
    well_typed = isinstance(value, str | int | None) and isinstance(key, str | int)
    fits = all(not isinstance(part, int) or abs(part) < 2**63 for part in (value, key))
    if made_for != sort or not well_typed or not fits:
        raise Invalid("The cursor is not valid.", errors=("cursor: not a cursor of this list and order",))
    return value, key


def instant_cursor(page: PageRequest) -> tuple[int, str] | None:
    """Return the cursor of a list that is ordered by an instant and an id; raises ``Invalid`` for another.

    A cursor is not signed: somebody may have written it themselves.
    """
    if page.cursor is None:
        return None
    at, key = page.cursor
    if isinstance(at, bool) or not isinstance(at, int) or not isinstance(key, str):
        raise Invalid("The cursor is not valid.", errors=("cursor: not a cursor of this list",))
    return at, key


def page_request(*, page: int, size: int, cursor: str | None, count: str | None, sort: str) -> PageRequest:
    """Check the paging parameters of a request; raises ``Invalid`` naming the one that is wrong."""
    if not 1 <= size <= MAX_SIZE:
        raise Invalid(f"size must be 1 to {MAX_SIZE}.", errors=(f"size: must be 1 to {MAX_SIZE}",))
    if page < 0:
        raise Invalid(N_("page must be 0 or more."), errors=("page: must be 0 or more",))
    if page * size > MAX_OFFSET:
        raise Invalid(
            f"page * size must not pass {MAX_OFFSET}; follow the cursor in the Link header to read further.",
            errors=(f"page: page * size must not pass {MAX_OFFSET}; use the cursor of the Link header",),
        )
    if count not in (None, "exact"):
        raise Invalid("count must be exact, or left out.", errors=("count: must be 'exact'",))
    after = decode_cursor(cursor, sort) if cursor else None
    return PageRequest(size, 0 if after else page * size, after, count == "exact")


def total_text(counted: int) -> str:
    """Write a count that stopped at ``COUNT_CAP`` + 1 as ``1000+``."""
    return f"{COUNT_CAP}+" if counted > COUNT_CAP else str(counted)
