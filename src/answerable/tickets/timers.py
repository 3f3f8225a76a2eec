"""What tickets do because time passed: resolved ones close by themselves."""

from answerable.kernel.actor import service
from answerable.kernel.tx import Database, Tx
from answerable.tickets import actions, store

_DESK = service("tickets")


async def next_close(tx: Tx) -> int | None:
    """Return when the next resolved ticket closes."""
    return await store.next_close(tx)


async def close_due(database: Database) -> int:
    """Close some tickets whose time has come."""
    return await database.write(_DESK, actions.close_due_tickets)
