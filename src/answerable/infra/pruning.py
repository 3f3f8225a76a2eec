"""Forgetting what only protects against repeats, once it is old."""

from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.ids import uuid7
from answerable.kernel.manifest import Timer
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Database, Tx

ROWS = 2000
_PRUNER = service("pruning")


def pruning(database: DeskDatabase) -> Timer:
    """Return the timer that forgets old inbox rows and idempotency answers, hourly, a few thousand rows at once."""
    next_at = database.clock() + HOUR

    async def due(tx: Tx) -> int | None:
        return next_at

    async def run(db: Database) -> int:
        nonlocal next_at
        forgotten = await db.write(_PRUNER, forget)
        if forgotten < ROWS:
            next_at = db.clock() + HOUR
        return 1

    return Timer("pruning", due, run)


async def forget(tx: Tx) -> int:
    """Forget what is older than ``storage.keep_messages_days``; return how many rows went.

    An inbox row may go once its consumer's stored offset has passed the message: it cannot be delivered again.
    """
    before = tx.now - tx.settings.storage.keep_messages_days * DAY
    oldest_kept = uuid7(max(0, before // 1000), 0, bytes(8))  # message ids sort by time
    forgotten = 0
    for reader in await tx.run("SELECT consumer, position FROM bus_offset"):
        rows = await tx.run(
            """DELETE FROM bus_inbox WHERE consumer = :consumer AND message IN (
                SELECT i.message FROM bus_inbox i JOIN bus_outbox o ON o.id = i.message
                WHERE i.consumer = :consumer AND i.message < :oldest AND o.position <= :position LIMIT :rows)
            RETURNING 1 AS gone""",
            consumer=reader["consumer"],
            position=reader["position"],
            oldest=oldest_kept,
            rows=ROWS,
        )
        forgotten += len(rows)
    answers = await tx.run(
        "DELETE FROM bus_idempotency WHERE created_at < :before RETURNING 1 AS gone", before=tx.now - DAY
    )
    return forgotten + len(answers)
