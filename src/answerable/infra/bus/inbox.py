"""The inbox: a consumer does each message once, in order per key; what fails is tried again, then parked.

Effect, inbox row and, where it failed, the retry row are one transaction, so a crash at any moment neither loses nor
doubles a message.
"""

import structlog

from answerable.infra.bus.outbox import open_envelope
from answerable.kernel.manifest import Consumer
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Row, Tx
from answerable.messages.base import Envelope

MAX_ATTEMPTS = 8
FIRST_PAUSE = SECOND // 5
LONGEST_PAUSE = 30 * SECOND
NEVER = 2**62  # waits behind another message of its key
_log = structlog.get_logger(__name__)


def pause_after(attempts: int) -> int:
    """Return how long to wait after so many failed attempts: doubling from 0.2 s to 30 s, in microseconds."""
    return int(min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE))


class Inbox:
    """One consumer's way of doing messages. ``blocked`` holds the keys that wait behind a failed message."""

    def __init__(self, consumer: str, handlers: dict[str, Consumer]) -> None:
        self.consumer = consumer
        self.handlers = handlers
        self.blocked: set[str] = set()

    async def receive(self, tx: Tx, message: Envelope) -> None:
        """Do a message that comes from the wire, unless it was done before or must wait behind another."""
        if not await self._is_new(tx, message.id):
            return
        if message.key in self.blocked:
            await self._keep_for_later(tx, message, attempts=0, next_at=NEVER, error=None)
            return
        await self.handlers[message.type](tx, open_envelope(message))

    async def postpone(self, tx: Tx, message: Envelope, error: Exception) -> None:
        """Keep a message that could not be done, in place of what it did; its key waits behind it."""
        _log.warning("consumer failed", consumer=self.consumer, type=message.type, id=message.id, error=repr(error))
        await self._is_new(tx, message.id)
        self.blocked.add(message.key)
        await self._keep_for_later(tx, message, attempts=1, next_at=tx.now + pause_after(1), error=repr(error))

    async def retry(self, tx: Tx, message: Envelope) -> None:
        """Do a kept message again. Once it is done or parked, the next message of its key may go on."""
        await self.handlers[message.type](tx, open_envelope(message))
        await tx.run(
            "DELETE FROM bus_retry WHERE consumer = :consumer AND message = :message",
            consumer=self.consumer,
            message=message.id,
        )
        await self._wake_next(tx, message.key)

    async def postpone_again(self, tx: Tx, message: Envelope, attempts: int, error: Exception) -> None:
        """Keep a message that failed once more (``attempts`` times before); park it after ``MAX_ATTEMPTS``."""
        attempts += 1
        parked = tx.now if attempts >= MAX_ATTEMPTS else None
        await tx.run(
            """UPDATE bus_retry SET attempts = :attempts, next_at = :next_at, error = :error, parked_at = :parked
            WHERE consumer = :consumer AND message = :message""",
            attempts=attempts,
            next_at=tx.now + pause_after(attempts),
            error=repr(error)[:500],
            parked=parked,
            consumer=self.consumer,
            message=message.id,
        )
        if parked:
            _log.error("message parked", consumer=self.consumer, type=message.type, id=message.id, error=repr(error))
            await self._wake_next(tx, message.key)

    async def _wake_next(self, tx: Tx, key: str) -> None:
        await tx.run(
            """UPDATE bus_retry SET next_at = :now WHERE consumer = :consumer AND position = (
                SELECT MIN(position) FROM bus_retry WHERE consumer = :consumer AND key = :key AND parked_at IS NULL)""",
            now=tx.now,
            consumer=self.consumer,
            key=key,
        )

    async def _is_new(self, tx: Tx, message_id: str) -> bool:
        return bool(
            await tx.run(
                """INSERT INTO bus_inbox (consumer, message) VALUES (:consumer, :message)
                ON CONFLICT DO NOTHING RETURNING 1 AS new""",
                consumer=self.consumer,
                message=message_id,
            )
        )

    async def _keep_for_later(
        self, tx: Tx, message: Envelope, *, attempts: int, next_at: int, error: str | None
    ) -> None:
        await tx.run(
            """INSERT INTO bus_retry (consumer, message, key, position, attempts, next_at, error)
            VALUES (:consumer, :message, :key, :position, :attempts, :next_at, :error) ON CONFLICT DO NOTHING""",
            consumer=self.consumer,
            message=message.id,
            key=message.key,
            position=message.position,
            attempts=attempts,
            next_at=next_at,
            error=error[:500] if error else None,
        )


async def next_retry(tx: Tx) -> int | None:
    """Return when a kept message is to be tried again, ``None`` where none waits."""
    rows = await tx.run(
        "SELECT MIN(next_at) AS next_at FROM bus_retry WHERE parked_at IS NULL AND next_at < :never", never=NEVER
    )
    return rows[0]["next_at"] if rows else None


async def due(tx: Tx) -> list[Row]:
    """Read the kept messages that are to be tried now, oldest first."""
    return await tx.run(
        """SELECT consumer, message, attempts FROM bus_retry
        WHERE parked_at IS NULL AND next_at <= :now ORDER BY position LIMIT 100""",
        now=tx.now,
    )


async def parked(tx: Tx, limit: int = 500) -> list[Row]:
    """Read the parked messages with what they are, newest first."""
    return await tx.run(
        """SELECT r.consumer, r.message, r.key, r.attempts, r.error, r.parked_at, o.type, o.topic
        FROM bus_retry r JOIN bus_outbox o ON o.id = r.message
        WHERE r.parked_at IS NOT NULL ORDER BY r.parked_at DESC LIMIT :limit""",
        limit=limit,
    )


async def count_parked(tx: Tx) -> int:
    """Return how many messages are parked."""
    rows = await tx.run("SELECT COUNT(*) AS parked FROM bus_retry WHERE parked_at IS NOT NULL")
    return int(rows[0]["parked"])


async def unpark(tx: Tx, message_id: str | None) -> int:
    """Let parked messages (one, or all where ``message_id`` is ``None``) be tried again; return how many."""
    rows = await tx.run(
        """UPDATE bus_retry SET parked_at = NULL, attempts = 0, next_at = :now
        WHERE parked_at IS NOT NULL AND (CAST(:message AS TEXT) IS NULL OR message = :message) RETURNING message""",
        now=tx.now,
        message=message_id,
    )
    return len(rows)
