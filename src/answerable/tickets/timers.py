"""What tickets do because time passed: resolved ones close by themselves, and what is old is forgotten."""

from answerable.kernel.actor import service
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Database, Tx
from answerable.tickets import actions, store
from answerable.tickets.actions import erasure
from answerable.tickets.store.erasure import has_to_erase

KEEP_DRAFTS = 90 * DAY  # since somebody last typed
KEEP_READERS = 180 * DAY  # since somebody last looked; what they have read counts as unread again
PRUNED_AT_ONCE = 500  # rows of each kind
_DESK = service("tickets")


async def next_close(tx: Tx) -> int | None:
    """Return when the next resolved ticket closes."""
    return await store.next_close(tx)


async def close_due(database: Database) -> int:
    """Close some tickets whose time has come."""
    return await database.write(_DESK, actions.close_due_tickets)


async def next_pruning(tx: Tx) -> int | None:
    """Return the full hour after which a draft or the mark of a reader is old enough."""
    oldest = await store.oldest_on_desks(tx, KEEP_DRAFTS, KEEP_READERS)
    return None if oldest is None else oldest // HOUR * HOUR + HOUR


async def prune(database: Database) -> int:
    """Forget some drafts that nobody went on with, and who has read what long ago."""
    now = database.clock()
    return await database.write(_DESK, store.prune_desks, now - KEEP_DRAFTS, now - KEEP_READERS, PRUNED_AT_ONCE)


async def next_erasure(tx: Tx) -> int | None:
    """Return now where tickets of erased people wait to lose their words."""
    return tx.now if await has_to_erase(tx) else None


async def erase(database: Database) -> int:
    """Erase what erased people wrote on some tickets."""
    return await database.write(_DESK, erasure.erase_some)


async def next_ending(tx: Tx) -> int | None:
    """Return when the time of the next closed ticket to keep its words is over."""
    return await erasure.next_ending(tx)


async def empty(database: Database) -> int:
    """Take the words out of some closed tickets whose time is over."""
    return await database.write(_DESK, erasure.empty_some)
