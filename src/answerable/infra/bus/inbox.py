"""The inbox: a consumer does each message once, in order per key; what fails is tried again, then parked.

Effect, inbox row and, where it failed, the retry row are one transaction, so a crash at any moment neither loses nor
doubles a message.
"""

import msgspec
import structlog

from answerable.infra.bus.outbox import load_one, open_envelope
from answerable.infra.bus.redaction import forget_here
from answerable.kernel.manifest import Consumer
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Row, Tx
from answerable.messages.base import Envelope
from answerable.messages.tickets import TicketErased
from answerable.messages.users import PersonErased

MAX_ATTEMPTS = 8
FIRST_PAUSE = SECOND // 5
LONGEST_PAUSE = 30 * SECOND
# What is to wait for longer was told by a clock that was ahead, and was set back since.
AHEAD = 2 * LONGEST_PAUSE
NEVER = 2**62  # waits behind another message of its key
_ERASURES = frozenset({PersonErased.TYPE, TicketErased.TYPE})
_log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


def pause_after(attempts: int) -> int:
    """Return how long to wait after so many failed attempts: doubling from 0.2 s to 30 s, in microseconds."""
    return int(min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE))


class Inbox:
    """One consumer's way of doing messages.

    ``blocked`` holds the keys that may have to wait behind a failed message; whether they do, the table says, for
    another process may have done that one.
    """

    def __init__(self, consumer: str, handlers: dict[str, Consumer]) -> None:
        self.consumer = consumer
        self.handlers = handlers
        self.blocked: set[str] = set()

    async def receive(self, tx: Tx, message: Envelope) -> None:
        """Do a message that comes from the wire, unless it was done before or must wait behind another."""
        if not await self._is_new(tx, message.id):
            return
        if message.key in self.blocked:
            if await self._waits(tx, message.key):
                await self._keep_for_later(tx, message, attempts=0, next_at=NEVER, error=None)
                return
            self.blocked.discard(message.key)
        await self._do(tx, message)

    async def postpone(self, tx: Tx, message: Envelope, error: Exception) -> None:
        """Keep a message that could not be done, in place of what it did; its key waits behind it."""
        _log.warning("consumer failed", consumer=self.consumer, type=message.type, id=message.id, error=repr(error))
        await self._is_new(tx, message.id)
        self.blocked.add(message.key)
        await self._keep_for_later(tx, message, attempts=1, next_at=tx.now + pause_after(1), error=repr(error))

    async def retry(self, tx: Tx, message: Envelope) -> None:
        """Do a kept message again. Once it is done or parked, the next message of its key may go on."""
        claimed = await tx.run(
            "DELETE FROM bus_retry WHERE consumer = :consumer AND message = :message RETURNING 1 AS claimed",
            consumer=self.consumer,
            message=message.id,
        )
        if not claimed:
            return  # another process was quicker
        await self._do(tx, message)
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

    async def _do(self, tx: Tx, message: Envelope) -> None:
        await self.handlers[message.type](tx, open_envelope(message))
        if message.type in _ERASURES:  # for all consumers of this database, whoever of them hears it
            await forget_here(tx, message.key)

    async def _wake_next(self, tx: Tx, key: str) -> None:
        await tx.run(
            """UPDATE bus_retry SET next_at = :now
            WHERE consumer = :consumer AND key = :key AND parked_at IS NULL AND position = (
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

    async def _waits(self, tx: Tx, key: str) -> bool:
        return bool(
            await tx.run(
                """SELECT 1 AS waits FROM bus_retry
                WHERE consumer = :consumer AND key = :key AND parked_at IS NULL LIMIT 1""",
                consumer=self.consumer,
                key=key,
            )
        )

    async def _keep_for_later(
        self, tx: Tx, message: Envelope, *, attempts: int, next_at: int, error: str | None
    ) -> None:
        # The position counts within a key, in the order of arrival: what comes over a wire has no place in our outbox.
        await tx.run(
            """INSERT INTO bus_retry
                (consumer, message, type, topic, key, position, attempts, next_at, error, envelope)
            VALUES (:consumer, :message, :type, :topic, :key,
                (SELECT COALESCE(MAX(position), 0) + 1 FROM bus_retry WHERE consumer = :consumer AND key = :key),
                :attempts, :next_at, :error, :envelope)
            ON CONFLICT DO NOTHING""",
            consumer=self.consumer,
            message=message.id,
            type=message.type,
            topic=message.topic,
            key=message.key,
            envelope=_encoder.encode(message).decode(),
            attempts=attempts,
            next_at=next_at,
            error=error[:500] if error else None,
        )


async def next_retry(tx: Tx) -> int | None:
    """Return when a kept message is to be tried again, ``None`` where none waits."""
    rows = await tx.run(
        """SELECT MIN(next_at) AS next_at, MAX(next_at) AS latest FROM bus_retry
        WHERE parked_at IS NULL AND next_at < :never""",
        never=NEVER,
    )
    first, latest = rows[0]["next_at"], rows[0]["latest"]
    return tx.now if latest is not None and latest > tx.now + AHEAD else first


async def due(tx: Tx) -> list[tuple[str, Envelope, int]]:
    """Read the kept messages that are to be tried now: consumer, message, attempts so far."""
    rows = await tx.run(
        """SELECT consumer, message, envelope, attempts FROM bus_retry
        WHERE parked_at IS NULL AND (next_at <= :now OR next_at > :ahead AND next_at < :never)
        ORDER BY next_at, position LIMIT 100""",
        now=tx.now,
        ahead=tx.now + AHEAD,
        never=NEVER,
    )
    return [(row["consumer"], sealed, row["attempts"]) for row in rows if (sealed := await _sealed(tx, row))]


async def _sealed(tx: Tx, row: Row) -> Envelope | None:
    if row["envelope"] is None:  # kept before messages were kept whole
        return await load_one(tx, row["message"])
    return _decoder.decode(row["envelope"])


async def waiting_keys(tx: Tx) -> list[tuple[str, str]]:
    """Read the consumers and keys for which a message waits."""
    rows = await tx.run("SELECT DISTINCT consumer, key FROM bus_retry WHERE parked_at IS NULL")
    return [(row["consumer"], row["key"]) for row in rows]


async def parked(tx: Tx, limit: int = 500) -> list[Row]:
    """Read the parked messages with what they are, newest first."""
    return await tx.run(
        """SELECT consumer, message, key, attempts, error, parked_at, type, topic FROM bus_retry
        WHERE parked_at IS NOT NULL ORDER BY parked_at DESC LIMIT :limit""",
        limit=limit,
    )


async def load_parked(tx: Tx, message_id: str) -> list[tuple[Row, Envelope | None]]:
    """Read a parked message for each consumer that could not do it: what is kept of it, and the message itself."""
    rows = await tx.run(
        """SELECT consumer, message, key, attempts, error, parked_at, type, topic, envelope FROM bus_retry
        WHERE parked_at IS NOT NULL AND message = :message ORDER BY consumer""",
        message=message_id,
    )
    return [(row, await _sealed(tx, row)) for row in rows]


async def uncopied(tx: Tx) -> list[tuple[str, Envelope, str]]:
    """Read the parked messages that are not among the dead letters yet: consumer, message, error."""
    rows = await tx.run(
        """SELECT consumer, message, envelope, error FROM bus_retry
        WHERE parked_at IS NOT NULL AND copied_at IS NULL ORDER BY parked_at LIMIT 100"""
    )
    return [(row["consumer"], sealed, row["error"] or "") for row in rows if (sealed := await _sealed(tx, row))]


async def note_copied(tx: Tx, consumer: str, message_id: str) -> None:
    """Note that a parked message is among the dead letters."""
    await tx.run(
        "UPDATE bus_retry SET copied_at = :now WHERE consumer = :consumer AND message = :message",
        now=tx.now,
        consumer=consumer,
        message=message_id,
    )


async def count_parked(tx: Tx) -> int:
    """Return how many messages are parked."""
    rows = await tx.run("SELECT COUNT(*) AS parked FROM bus_retry WHERE parked_at IS NOT NULL")
    return int(rows[0]["parked"])


async def unpark(tx: Tx, message_id: str | None) -> int:
    """Let parked messages (one, or all where ``message_id`` is ``None``) be tried again; return how many."""
    rows = await tx.run(
        """UPDATE bus_retry SET parked_at = NULL, copied_at = NULL, attempts = 0, next_at = :now
        WHERE parked_at IS NOT NULL AND (CAST(:message AS TEXT) IS NULL OR message = :message) RETURNING message""",
        now=tx.now,
        message=message_id,
    )
    return len(rows)
