"""The outbox: messages are written in the transaction of what happened, and read from there by the relay."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from answerable.infra.stretch import Stretch
from answerable.kernel.actor import Actor
from answerable.kernel.tx import Row, Tx
from answerable.messages import CATALOGUE
from answerable.messages.base import MAX_DEPTH, Envelope, Message

if TYPE_CHECKING:
    from answerable.infra.database.port import DeskDatabase
    from answerable.infra.database.tx import SqliteTx

_INSERT = """INSERT INTO bus_outbox
    (id, topic, type, key, sequence, time, actor, actor_kind, cause, depth, trace, body)
VALUES (:id, :topic, :type, :key,
    (SELECT COALESCE(MAX(sequence), 0) + 1 FROM bus_outbox WHERE key = :key AND topic = :topic),
    :time, :actor, :actor_kind, :cause, :depth, :trace, :body)"""

TABLE = "bus_outbox"
PAGE = 50  # messages that are read without letting anybody between
# What a message brings along; its position and its sequence are given when it is written.
WRITTEN = ("id", "topic", "type", "key", "time", "actor", "actor_kind", "cause", "depth", "trace", "body")
KINDS = tuple("int8" if name in ("time", "depth") else "text" for name in WRITTEN)
_TOLD = ", ".join(f"n.{name}" for name in WRITTEN)
_COLUMNS = "position, id, topic, type, key, sequence, time, actor, actor_kind, cause, depth, trace, body"
_encoder = msgspec.json.Encoder()


class ChainTooLong(RuntimeError):
    """Messages caused messages caused messages: a loop, stopped."""


def insert(tx: "SqliteTx", message: Message) -> None:
    """Write a message with its envelope. Raises ``ChainTooLong`` at the end of a chain of ``MAX_DEPTH``."""
    tx.run_now(_INSERT, values_of(tx, message))


def insert_many(tx: "SqliteTx", messages: Sequence[Message]) -> None:
    """Write messages in their order. Raises ``ChainTooLong``."""
    tx.run_many_now(_INSERT, (values_of(tx, message) for message in messages))


def insert_many_at_once(given: str) -> str:
    """Write the insertion of many messages, for PostgreSQL; ``given`` is where its columns, ``WRITTEN``, come from.

    A position is one more than the greatest that is committed, so none can become visible behind a reader's back:
    whoever took the same one in another transaction gets an error (see 0010).
    """
    return f"""INSERT INTO bus_outbox (position, sequence, {", ".join(WRITTEN)})
        SELECT (SELECT COALESCE(MAX(position), 0) FROM bus_outbox) + n.place,
            (SELECT COALESCE(MAX(o.sequence), 0) FROM bus_outbox o WHERE o.key = n.key AND o.topic = n.topic)
                + ROW_NUMBER() OVER (PARTITION BY n.key, n.topic ORDER BY n.place), {_TOLD}
        FROM unnest({given}) WITH ORDINALITY AS n ({", ".join(WRITTEN)}, place)"""


def values_of(tx: Tx, message: Message) -> dict[str, Any]:
    """Return a message and its envelope as values of a row. Raises ``ChainTooLong`` at the end of a chain."""
    cause = tx.cause
    depth = cause.depth + 1 if cause else 0
    if depth > MAX_DEPTH:
        raise ChainTooLong(f"{message.TYPE} would be message {depth} of a chain that began elsewhere")
    return {
        "id": tx.new_id(),
        "topic": message.TOPIC,
        "type": message.TYPE,
        "key": message.key,
        "time": tx.now,
        "actor": tx.actor.id,
        "actor_kind": tx.actor.kind,
        "cause": cause.id if cause else None,
        "depth": depth,
        "trace": cause.trace if cause else None,
        "body": _encoder.encode(message).decode(),
    }


async def load_after(tx: Tx, position: int, limit: int) -> list[Envelope]:
    """Read the messages behind ``position``, oldest first."""
    rows = await tx.run(
        f"SELECT {_COLUMNS} FROM bus_outbox WHERE position > :position ORDER BY position LIMIT :limit",
        position=position,
        limit=limit,
    )
    return [envelope(row) for row in rows]


async def read_after(database: "DeskDatabase", actor: Actor, position: int, limit: int) -> list[Envelope]:
    """Read the messages behind ``position`` in pages; requests are served between two of them."""
    found: list[Envelope] = []
    stretch = Stretch()
    while len(found) < limit:
        await stretch.pause()
        size = min(PAGE, limit - len(found))
        page = await database.read(actor, load_after, position, size)
        found += page
        if len(page) < size:
            break
        position = page[-1].position
    return found


async def load_lean_after(tx: Tx, position: int, limit: int, types: Sequence[str]) -> list[Row]:
    """Read type, time, body and position of the messages of some types behind ``position``, oldest first."""
    names = {f"type{number}": name for number, name in enumerate(types)}
    return await tx.run(
        f"""SELECT type, time, body, position FROM bus_outbox
        WHERE position > :position AND type IN ({", ".join(f":{name}" for name in names)})
        ORDER BY position LIMIT :limit""",
        position=position,
        limit=limit,
        **names,
    )


async def load_last(tx: Tx, count: int, types: Sequence[str] = ()) -> list[Envelope]:
    """Read the newest messages, of some types or all, oldest first."""
    names = {f"type{number}": name for number, name in enumerate(types)}
    narrowed = f"WHERE type IN ({', '.join(f':{name}' for name in names)})" if names else ""
    rows = await tx.run(
        f"SELECT {_COLUMNS} FROM bus_outbox {narrowed} ORDER BY position DESC LIMIT :count", count=count, **names
    )
    return [envelope(row) for row in reversed(rows)]


async def load_one(tx: Tx, message_id: str) -> Envelope | None:
    """Read one message by its id."""
    rows = await tx.run(f"SELECT {_COLUMNS} FROM bus_outbox WHERE id = :id", id=message_id)
    return envelope(rows[0]) if rows else None


async def holds_more_than(tx: Tx, type_name: str) -> bool:
    """Tell whether the log has a message of another type."""
    return bool(await tx.run("SELECT 1 AS other FROM bus_outbox WHERE type <> :type LIMIT 1", type=type_name))


async def last_position_of(tx: Tx, after: int, types: Sequence[str]) -> int:
    """Return the place of the newest message of some types behind ``after``, which is returned where there is none."""
    names = {f"type{number}": name for number, name in enumerate(types)}
    rows = await tx.run(
        f"""SELECT position FROM bus_outbox
        WHERE position > :after AND type IN ({", ".join(f":{name}" for name in names)})
        ORDER BY position DESC LIMIT 1""",
        after=after,
        **names,
    )
    return int(rows[0]["position"]) if rows else after


async def keys_after(tx: Tx, after: int, types: Sequence[str], keys: Sequence[str]) -> set[str]:
    """Return those of ``keys`` about which there are messages of some types behind ``after``."""
    names = {f"type{number}": name for number, name in enumerate(types)}
    sought = {f"key{number}": key for number, key in enumerate(keys)}
    rows = await tx.run(
        f"""SELECT DISTINCT key FROM bus_outbox WHERE key IN ({", ".join(f":{name}" for name in sought)})
        AND position > :after AND type IN ({", ".join(f":{name}" for name in names)})""",
        after=after,
        **names,
        **sought,
    )
    return {row["key"] for row in rows}


async def last_position(tx: Tx) -> int:
    """Return the place of the newest message, 0 where there is none."""
    rows = await tx.run("SELECT COALESCE(MAX(position), 0) AS position FROM bus_outbox")
    return int(rows[0]["position"])


def envelope(row: Row) -> Envelope:
    """Make an envelope of an outbox row."""
    return Envelope(**dict(row))


@lru_cache(maxsize=256)
def _decoder(name: str) -> msgspec.json.Decoder[Message]:
    return msgspec.json.Decoder(CATALOGUE[name])


def open_envelope(sealed: Envelope) -> Message:
    """Read the message in an envelope. Raises ``KeyError`` for a type that the catalogue does not have."""
    return _decoder(sealed.type).decode(sealed.body)
