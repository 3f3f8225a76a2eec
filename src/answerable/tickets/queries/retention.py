"""How long tickets of each category keep their words, for administrators."""

import msgspec

from answerable.kernel.tx import Tx
from answerable.tickets import store
from answerable.tickets.store import erasure


class KeepingView(msgspec.Struct, frozen=True, rename="camel"):
    """A category, and for how many days after they were closed its tickets keep their words; 0 for always."""

    category: str
    keep_days: int


async def list_retention(tx: Tx) -> list[KeepingView]:
    """Return how long each category keeps words, in the order of the categories."""
    days = {row["category"]: row["keep_days"] for row in await erasure.list_retention(tx)}
    return [KeepingView(code, days.get(code, 0)) for code in await store.list_categories(tx)]
