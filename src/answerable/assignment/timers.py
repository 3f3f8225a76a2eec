"""What assignment does because time passed: it takes up what still waits while somebody is free.

Messages do this at once; the timer does what is too much for one unit of work, what a long chain left, and what a
refused agent's rest held up.
"""

from answerable.assignment import actions, store
from answerable.kernel.actor import service
from answerable.kernel.tx import Database, Tx

_DESK = service("assignment")


async def next_take_up(tx: Tx) -> int | None:
    """Return when a waiting ticket can be offered to somebody."""
    if await store.next_waiting(tx) is None:
        return None
    return await store.next_place_at(tx)


async def take_up(database: Database) -> int:
    """Offer waiting tickets to free agents."""
    return await database.write(_DESK, actions.take_up)
