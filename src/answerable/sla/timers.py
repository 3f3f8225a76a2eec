"""The breach clock: it sleeps until the next clock must be looked at. Its cost grows with what is due, never with what
is open; state and message are one transaction, so a warning or breach is neither lost nor doubled by a crash.
"""

import asyncio

from answerable.kernel.actor import service
from answerable.kernel.tx import Database, Tx
from answerable.sla import store
from answerable.sla.actions import clocks, terms

BATCH = 200
CROWD = 32  # units at once, where so many are due: what follows from them is done when they are told
_DESK = service("sla")


async def next_look(tx: Tx) -> int | None:
    """Return when the next clock must be looked at."""
    return await store.next_look(tx)


async def look(database: Database) -> int:
    """Look at some clocks that are due, in one unit; return how many."""
    return await database.write(_DESK, clocks.look_at_due_clocks, BATCH)


async def keep_up(database: Database) -> int:
    """Look at some clocks that are due, in as many units as it takes where one is full; return how many.

    Units that are queued together run before what the first of them caused: thousands of promises that are broken at
    once are all told before the first of them is followed up.
    """
    done = await look(database)
    if done == BATCH:
        due = await database.read(_DESK, store.count_due, CROWD * BATCH)
        done += sum(await asyncio.gather(*(look(database) for _ in range(0, due, BATCH))))
    return done


async def next_terms(tx: Tx) -> int | None:
    """Return when open clocks must follow other terms."""
    return await store.next_following(tx)


async def follow_terms(database: Database) -> int:
    """Let some open clocks follow the terms that hold, in one unit; return how many were looked at."""
    return await database.write(_DESK, terms.follow_terms, BATCH)
