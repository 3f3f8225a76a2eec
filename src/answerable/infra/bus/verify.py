"""The proof that the event log is whole: sequences without gaps, causes that exist, types that are known.

Over Kafka the log of this database holds what its own services have said. What another one said, as a cause or as a
message that was done here, is in that one's log and proved there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from answerable.infra.bus import seals
from answerable.infra.bus.outbox import load_after, open_envelope
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.tx import Tx

MAX_LINES = 200
_AUDITOR = service("auditor")


def _tell_nobody(done: int, total: int) -> None:
    pass


async def verify_log(database: DeskDatabase, tell: Callable[[int, int], None] = _tell_nobody) -> tuple[int, list[str]]:
    """Check every message; return how many there are and a line per difference (at most ``MAX_LINES``).

    ``tell`` hears how many were read so far and how many there are.
    """
    checked = await database.scan(_AUDITOR, _count)
    found: list[str] = []
    alone = not database.settings.bus.servers
    for check in (_gaps, _causes, _offsets, *([_strangers, _inbox] if alone else [])):
        found += await database.scan(_AUDITOR, check)
    found += await database.scan(_AUDITOR, seals.broken_seals, MAX_LINES)
    position, done = 0, 0
    while len(found) < MAX_LINES and (part := await database.scan(_AUDITOR, _unreadable, position)).read:
        found += part.lines
        position = part.position
        done += part.read
        tell(done, checked)
    return checked, found[:MAX_LINES]


async def _count(tx: Tx) -> int:
    rows = await tx.run("SELECT COUNT(*) AS n FROM bus_outbox")
    return int(rows[0]["n"])


async def _gaps(tx: Tx) -> list[str]:
    rows = await tx.run(
        """SELECT topic, key, COUNT(*) AS n, MIN(sequence) AS first, MAX(sequence) AS last FROM bus_outbox
        GROUP BY key, topic HAVING MIN(sequence) <> 1 OR MAX(sequence) <> COUNT(*) LIMIT :most""",
        most=MAX_LINES,
    )
    return [f"{r['topic']} {r['key']}: {r['n']} messages numbered {r['first']} to {r['last']}" for r in rows]


async def _causes(tx: Tx) -> list[str]:
    rows = await tx.run(
        """SELECT m.id, m.type, m.cause FROM bus_outbox m JOIN bus_outbox c ON c.id = m.cause
        WHERE c.depth + 1 <> m.depth OR c.position >= m.position LIMIT :most""",
        most=MAX_LINES,
    )
    return [f"{r['type']} {r['id']}: its cause {r['cause']} does not come before it" for r in rows]


async def _strangers(tx: Tx) -> list[str]:
    rows = await tx.run(
        """SELECT m.id, m.type, m.cause FROM bus_outbox m LEFT JOIN bus_outbox c ON c.id = m.cause
        WHERE m.cause IS NOT NULL AND c.id IS NULL LIMIT :most""",
        most=MAX_LINES,
    )
    return [f"{r['type']} {r['id']}: its cause {r['cause']} is missing" for r in rows]


async def _offsets(tx: Tx) -> list[str]:
    rows = await tx.run(
        """SELECT consumer, position FROM bus_offset
        WHERE position > (SELECT COALESCE(MAX(position), 0) FROM bus_outbox)"""
    )
    return [f"{r['consumer']}: has read up to {r['position']}, behind the end of the log" for r in rows]


async def _inbox(tx: Tx) -> list[str]:
    rows = await tx.run(
        """SELECT i.consumer, i.message FROM bus_inbox i LEFT JOIN bus_outbox o ON o.id = i.message
        WHERE o.id IS NULL LIMIT :most""",
        most=MAX_LINES,
    )
    return [f"{r['consumer']}: did a message {r['message']} that is not in the log" for r in rows]


@dataclass(frozen=True)
class _Part:
    lines: list[str]
    position: int
    read: int


async def _unreadable(tx: Tx, position: int) -> _Part:
    """Read some messages behind ``position`` as their types say."""
    found: list[str] = []
    messages = await load_after(tx, position, 5000)
    for sealed in messages:
        try:
            key = open_envelope(sealed).key
        except Exception as error:
            found.append(f"{sealed.type} {sealed.id}: cannot be read ({error!r})")
            continue
        if key != sealed.key:
            found.append(f"{sealed.type} {sealed.id}: is about {key} but filed under {sealed.key}")
    return _Part(found, messages[-1].position if messages else position, len(messages))
