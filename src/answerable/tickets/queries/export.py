"""Everything that the tickets feature keeps about one person."""

from typing import Any

from answerable.kernel.times import iso, iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.tickets.store import export as store


async def export(tx: Tx, person_id: str) -> dict[str, Any]:
    """Return a person's tickets with what was said on them, what they said elsewhere, and what is on their desk."""
    return {
        "ticketsRaised": [_shown(row) for row in await store.list_raised(tx, person_id)],
        "comments": [_shown(row) for row in await store.list_said(tx, person_id)],
        "done": [_shown(row) for row in await store.list_done(tx, person_id)],
        "drafts": [_shown(row) for row in await store.list_drafts_of(tx, person_id)],
        "savedFilters": [_shown(row) for row in await store.list_filters_of(tx, person_id)],
    }


def _shown(row: Row) -> dict[str, Any]:
    return {name: _instant(value) if name.endswith("_at") else value for name, value in dict(row).items()}


def _instant(value: Any) -> Any:
    return iso(value) if isinstance(value, int) else iso_or_none(value)
