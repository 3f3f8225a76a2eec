"""Tickets are counted for the reports of spans once enough of them have changed."""

from answerable.kernel.actor import service
from answerable.kernel.tx import Database, Tx
from answerable.reporting import actions
from answerable.reporting.store import kept

COUNTED = 200  # in one unit
UNCOUNTED = 400  # that may wait: a report counts so many one by one in a millisecond or two
_DESK = service("reporting")


async def next_count(tx: Tx) -> int | None:
    """Return that tickets must be counted now, where many are not: each is counted once for all that became of it."""
    return tx.now if await kept.is_much_uncounted(tx, UNCOUNTED) else None


async def count(database: Database) -> int:
    """Count some tickets, in one unit; return how many."""
    return await database.write(_DESK, actions.count, COUNTED)
