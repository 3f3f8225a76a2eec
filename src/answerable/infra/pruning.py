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

    An inbox row may go once its message cannot be delivered again: where the log is this database, when its consumer's
    stored offset has passed it; over Kafka, when the topics have forgotten it (which they may do a day late).
    """
    keep, bus = tx.settings.storage.keep_messages_days, tx.settings.bus
    days = max(keep, bus.retention_days + 2) if bus.servers else keep
    oldest_kept = uuid7(max(0, (tx.now - days * DAY) // 1000), 0, "0" * 16)  # message ids sort by time
    forgotten = await (_forget_by_age if bus.servers else _forget_by_offset)(tx, oldest_kept)
    answers = await tx.run(
        "DELETE FROM bus_idempotency WHERE created_at < :before RETURNING 1 AS gone", before=tx.now - DAY
    )
    return forgotten + len(answers)


async def _forget_by_age(tx: Tx, oldest_kept: str) -> int:
    rows = await tx.run(
        """DELETE FROM bus_inbox WHERE (consumer, message) IN (
            SELECT consumer, message FROM bus_inbox i WHERE message < :oldest AND NOT EXISTS (
                SELECT 1 FROM bus_retry r WHERE r.consumer = i.consumer AND r.message = i.message) LIMIT :rows)
        RETURNING 1 AS gone""",
        oldest=oldest_kept,
        rows=ROWS,
    )
    return len(rows)


async def _forget_by_offset(tx: Tx, oldest_kept: str) -> int:
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
    return forgotten
