"""The breach clock: it sleeps until the next clock must be looked at. Its cost grows with what is due, never with what
is open; state and message are one transaction, so a warning or breach is neither lost nor doubled by a crash.
"""

import asyncio

from answerable.kernel.actor import service
from answerable.kernel.manifest import Unheard
from answerable.kernel.tx import Database, Tx
from answerable.sla import store
from answerable.sla.actions import clocks, kept, terms

BATCH = 200
CROWD = 32  # units at once that tell of broken promises, where so many are due
TOLD = 400  # in each of them: to tell costs half as much as to look, and each unit may want a commit of its own
SPARED = 500  # in one unit, of those that are due while the desk is behind
FOLLOWED = 4  # units at once of what comes with that and after it: while they run, more may come due
COUNTED = 50  # tickets at once whose promises are counted anew: a millisecond, in which nobody else is served
UNCOUNTED = 400  # promises that may wait for it: a report counts so many one by one in a millisecond or two
_DESK = service("sla")


async def next_look(tx: Tx) -> int | None:
    """Return when the next clock must be looked at."""
    return await store.next_look(tx)


async def look(database: Database) -> int:
    """Look at some clocks that are due, in one unit; return how many."""
    return await database.write(_DESK, clocks.look_at_due_clocks, BATCH)


async def keep_up(database: Database) -> int:
    """Look at clocks that are due, in one unit; in more where that is not enough. Return how many.

    Of a crowd, all that are broken are told first, in units that are queued together and so run before what the first
    of them caused; who is to be called in for them, and what other features make of it, comes behind.
    """
    due = await database.read(_DESK, store.count_due, FOLLOWED * BATCH)
    if due < BATCH:
        return await look(database)
    overdue = await database.read(_DESK, store.count_overdue, CROWD * TOLD)
    told = await asyncio.gather(*(_tell(database) for _ in range(0, overdue, TOLD)))
    looked = await asyncio.gather(*(look(database) for _ in range(0, due, BATCH)))
    return max(sum(told), sum(looked))


async def spare(database: Database, unheard: Unheard) -> int:
    """Look at clocks that are due, but not at those of tickets of which news is on its way; return how many.

    A ticket that was resolved in time is not late because the desk is busy; all others are told of in time.
    """
    due = await database.read(_DESK, store.list_due, SPARED)
    left = await unheard(sorted(set(due.values())))
    if left is None:
        return await keep_up(database)
    ready = [clock_id for clock_id, ticket_id in due.items() if ticket_id not in left]
    return await database.write(_DESK, clocks.look_at_clocks, ready) if ready else 0


async def _tell(database: Database) -> int:
    return await database.write(_DESK, clocks.look_at_overdue_clocks, TOLD)


async def next_terms(tx: Tx) -> int | None:
    """Return when open clocks must follow other terms."""
    return await store.next_following(tx)


async def follow_terms(database: Database) -> int:
    """Let some open clocks follow the terms that hold, in one unit; return how many were looked at."""
    return await database.write(_DESK, terms.follow_terms, BATCH)


async def next_count(tx: Tx) -> int | None:
    """Return that promises must be counted now, where many are not: each is counted once for all that became of it."""
    return tx.now if await store.is_much_uncounted(tx, UNCOUNTED) else None


async def count(database: Database) -> int:
    """Count the promises of some tickets, in one unit; return of how many."""
    return await database.write(_DESK, kept.count, COUNTED)
