"""The breach clock: it sleeps until the next clock must be looked at. Its cost grows with what is due, never with what
is open; state and message are one transaction, so a warning or breach is neither lost nor doubled by a crash.
"""

from answerable.kernel.actor import service
from answerable.kernel.tx import Database, Tx
from answerable.sla import actions, store

BATCH = 200
_DESK = service("sla")


async def next_look(tx: Tx) -> int | None:
    """Return when the next clock must be looked at."""
    return await store.next_look(tx)


async def look(database: Database) -> int:
    """Look at some clocks that are due, in one unit; return how many."""
    return await database.write(_DESK, actions.look_at_due_clocks, BATCH)
