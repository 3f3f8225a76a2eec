"""Words leave the event log: what an erased person said or was called, while the chain of seals still holds.

A sealed message is known to its seal by a digest, made of its words and a random number (``seals.py``). When the words
go, the digest stays, in ``bus_redaction``, and the number is blotted out; ``proof`` ties what is left of the message to
the desk's secret, so that only the desk can have done it, and no more than this.
"""

from collections.abc import AsyncIterator, Callable, Collection

import msgspec

from answerable.infra.bus import seals
from answerable.infra.bus.outbox import open_envelope
from answerable.kernel.ids import unix_ms_of, uuid7
from answerable.kernel.times import MINUTE
from answerable.kernel.tx import Row, Tx
from answerable.messages.base import Envelope, Event, Message
from answerable.messages.erasure import without_author, without_person, without_words
from answerable.messages.tickets import CommentAdded

AT_ONCE = 500  # messages in memory
SOON_MS = 200
SCRUB_LEASE = 15 * MINUTE  # whoever clears away and dies is followed by another
_BLOTTED = "0" * seals.SALT
_encode = msgspec.json.Encoder().encode
_COLUMNS = "position, id, topic, type, key, sequence, time, actor, actor_kind, cause, depth, trace, body"


async def redact(
    tx: Tx, topic: str, key: str, rewrite: Callable[[Message], Message], *, beside: Collection[str] = ()
) -> int:
    """Rewrite what was said under one topic and key; return how many messages lost words.

    ``rewrite`` gives back a message as it came, or one of the same type with less in it. Messages that wait to be done
    again, and so have a copy, are rewritten there too. ``beside`` are ids that were made in the same units as the
    messages, one for each: those are looked for first, for a stream may be long, and all of it is read only where one
    is not found.
    """
    changed = 0
    for made in beside:
        async for row in _rows_beside(tx, topic, key, made):
            changed += await _redact_row(tx, row, rewrite)
    if not beside or changed < len(beside):
        async for row in _rows_of(tx, topic, key):
            changed += await _redact_row(tx, row, rewrite)
    await _redact_copies(tx, topic, key, rewrite)
    if changed:
        await ask_to_scrub(tx)
    return changed


async def _rows_of(tx: Tx, topic: str, key: str) -> AsyncIterator[Row]:
    """Give all messages of a stream, some at a time."""
    behind, rows = 0, list[Row]()
    while not behind or len(rows) == AT_ONCE:
        rows = await tx.run(
            f"""SELECT {_COLUMNS} FROM bus_outbox WHERE key = :key AND topic = :topic AND sequence > :behind
            ORDER BY sequence LIMIT :most""",
            key=key,
            topic=topic,
            behind=behind,
            most=AT_ONCE,
        )
        for row in rows:
            behind = row["sequence"]
            yield row
        if not rows:
            return


async def _rows_beside(tx: Tx, topic: str, key: str, made: str) -> AsyncIterator[Row]:
    """Give the messages of a stream whose ids were made soon after another id."""
    soon = uuid7(unix_ms_of(made) + SOON_MS, 0, "0" * 16)
    # The index by id is the one to use, not the stream's: hence the key is no bare column here.
    for row in await tx.run(
        f"""SELECT {_COLUMNS} FROM bus_outbox WHERE id > :made AND id < :soon AND key || '' = :key AND topic = :topic
        ORDER BY id LIMIT :most""",
        made=made,
        soon=soon,
        key=key,
        topic=topic,
        most=AT_ONCE,
    ):
        yield row


async def _redact_row(tx: Tx, row: Row, rewrite: Callable[[Message], Message]) -> int:
    body = _rewritten(Envelope(**dict(row)), rewrite)
    if body == row["body"]:
        return 0
    await _blot(tx, row, body)
    return 1


def _rewritten(sealed: Envelope, rewrite: Callable[[Message], Message]) -> str:
    message = open_envelope(sealed)
    less = rewrite(message)
    return sealed.body if less == message else _encode(less).decode()


async def _blot(tx: Tx, row: Row, body: str) -> None:
    """Put ``body`` in the place of what a message said."""
    position = row["position"]
    known = await tx.run("SELECT digest FROM bus_redaction WHERE position = :position", position=position)
    digest = known[0]["digest"] if known else await _digest_of(tx, row)
    if digest is None:  # not sealed yet: it will be as it is then
        await tx.run("UPDATE bus_rewriting SET times = times + 1 WHERE id = 1")
    else:
        await tx.run(
            """INSERT INTO bus_redaction (position, digest, proof, at) VALUES (:position, :digest, :proof, :now)
            ON CONFLICT (position) DO UPDATE SET proof = :proof, at = :now""",
            position=position,
            digest=digest,
            proof=seals.proof_of(tx, position, digest, body),
            now=tx.now,
        )
    await tx.run("UPDATE bus_outbox SET body = :body WHERE position = :position", body=body, position=position)


async def _digest_of(tx: Tx, row: Row) -> str | None:
    """Return the digest by which a seal knows a message, and blot out its number; ``None`` where there is no seal."""
    found = await tx.run(
        "SELECT number, salts FROM bus_seal WHERE last >= :position ORDER BY last LIMIT 1", position=row["position"]
    )
    if not found:
        return None
    number, salts = found[0]["number"], found[0]["salts"]
    if salts is None:
        await seals.modernise(tx)
        again = await tx.run("SELECT salts FROM bus_seal WHERE number = :number", number=number)
        salts = again[0]["salts"]
        if salts is None:  # it does not hold, and verify will go on saying so
            return ""
    before = await tx.run("SELECT last FROM bus_seal WHERE number = :before", before=number - 1)
    counted = await tx.run(
        "SELECT COUNT(*) AS n FROM bus_outbox WHERE position > :after AND position < :position",
        after=before[0]["last"] if before else 0,
        position=row["position"],
    )
    begin = int(counted[0]["n"]) * seals.SALT
    salt = salts[begin : begin + seals.SALT]
    await tx.run(
        "UPDATE bus_seal SET salts = :salts WHERE number = :number",
        salts=salts[:begin] + _BLOTTED + salts[begin + seals.SALT :],
        number=number,
    )
    return seals.digest_of(salt, row["body"])


async def _redact_copies(tx: Tx, topic: str, key: str, rewrite: Callable[[Message], Message]) -> None:
    kept = await tx.run(
        "SELECT consumer, message, envelope FROM bus_retry WHERE key = :key AND topic = :topic", key=key, topic=topic
    )
    for row in kept:
        if row["envelope"] is None:
            continue
        sealed = msgspec.json.decode(row["envelope"], type=Envelope)
        try:
            body = _rewritten(sealed, rewrite)
        except (KeyError, msgspec.MsgspecError):
            body = "{}"  # this version cannot read it; its words go all the same
        if body != sealed.body:
            await tx.run(
                """UPDATE bus_retry SET envelope = :envelope, error = 'erased'
                WHERE consumer = :consumer AND message = :message""",
                envelope=_encode(msgspec.structs.replace(sealed, body=body)).decode(),
                consumer=row["consumer"],
                message=row["message"],
            )


async def forget_here(tx: Tx, key: str) -> None:
    """Forget what the bus of this database has of a person or ticket that others have erased.

    Where services run apart, each has copies of what others said and it could not do yet; done again, they would bring
    back what was erased. And each answers for itself to requests that may be repeated.
    """
    await forget_answers(tx, key)
    topics = await tx.run("SELECT DISTINCT topic FROM bus_retry WHERE key = :key", key=key)
    for row in topics:
        await _redact_copies(tx, row["topic"], key, lambda message: without_person(without_words(message)))
    await _forget_author(tx, key)
    await ask_to_scrub(tx)


async def _forget_author(tx: Tx, person_id: str) -> None:
    """Take the name of a person out of what waits of what they said about tickets of others."""
    rows = await tx.run(
        "SELECT DISTINCT topic, key FROM bus_retry WHERE type = :type AND envelope LIKE :part",
        type=CommentAdded.TYPE,
        part=f"%{person_id}%",
    )
    for row in rows:
        await _redact_copies(tx, row["topic"], row["key"], lambda message: without_author(message, person_id))


async def leave_it_to_the_bus(tx: Tx, event: Event) -> None:
    """Hear of an erasure, for a service that keeps nothing of it but what its bus has: ``forget_here`` does the work.

    Names that it keeps beside that change with ``USER_CHANGED``.
    """


async def forget_answers(tx: Tx, person_id: str) -> None:
    """Forget what a person was answered to requests that may be repeated."""
    await tx.run("DELETE FROM bus_idempotency WHERE caller = :caller", caller=person_id)


# --- afterwards ------------------------------------------------------------------------------------------------------


async def ask_to_scrub(tx: Tx) -> None:
    """Let the database clear away, soon, what the engine still holds of rows that were changed or deleted.

    Also where it is being cleared away just now: that may have begun too early.
    """
    await tx.run(
        "UPDATE bus_rewriting SET scrub_at = :at WHERE id = 1 AND (scrub_at IS NULL OR scrub_at > :at)", at=tx.now
    )


async def next_scrub(tx: Tx) -> int | None:
    """Return when to clear away, ``None`` where nothing was erased."""
    rows = await tx.run("SELECT scrub_at FROM bus_rewriting WHERE id = 1")
    return rows[0]["scrub_at"] if rows else None


async def begin_scrub(tx: Tx) -> int:
    """Note that what was erased until now is being cleared away, until a lease ends; return when it does."""
    lease = tx.now + SCRUB_LEASE
    await tx.run("UPDATE bus_rewriting SET scrub_at = :lease WHERE id = 1", lease=lease)
    return lease


async def end_scrub(tx: Tx, lease: int) -> None:
    """Note that it is cleared away, unless more was erased meanwhile."""
    await tx.run("UPDATE bus_rewriting SET scrub_at = NULL WHERE id = 1 AND scrub_at = :lease", lease=lease)
