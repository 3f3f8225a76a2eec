"""A hash chain over the event log: whoever changes, removes, adds or swaps a message afterwards is found out.

Every few seconds the new messages are sealed together: HMAC-SHA-256 over the seal before and every column of every
message, under a key that is made of the desk's secret and is not in the database. Sealing happens after the commit and
away from requests; what is not sealed yet is the tail of a few seconds.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from answerable.infra.database.errors import StorageFault
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.tx import Row, Tx

BLOCK = 1000  # messages under one seal at most
SHARE = 0.1  # of the time, where much has to be sealed: people go first
PAUSE = 5.0  # seconds between two rounds of sealing
LAST_SECONDS = 0.5
IDLE_SECONDS = 30.0
SEALER = service("sealer")
_COLUMNS = "position, id, topic, type, key, sequence, time, actor, actor_kind, cause, depth, trace, body"
_SEAL = "number, last, messages, hash, mark, sealed_at"
_log = structlog.get_logger(__name__)
_pack = msgspec.msgpack.Encoder().encode


class Seal(msgspec.Struct, frozen=True):
    """One link of the chain, its columns in this order. ``last`` is the position of the last message under it.

    ``mark`` tells which key it was made with; ``sealed_at`` is in microseconds.
    """

    number: int
    last: int
    messages: int
    hash: str
    mark: str
    sealed_at: int


NOTHING = Seal(0, 0, 0, "", "", 0)  # what the first seal follows


class Sealing:
    """Seals what is new, in the background."""

    def __init__(self, database: DeskDatabase) -> None:
        self._db = database
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Seal from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="sealing")

    async def stop(self) -> None:
        """Seal what is left, then stop."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(StorageFault, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.seal()

    async def seal(self) -> int:
        """Seal what is new; return how many messages that was."""
        sealed = 0
        while made := await self._seal_once():
            sealed += made
        return sealed

    async def _seal_once(self) -> int:
        made = await self._db.scan(SEALER, next_seal)
        if made is None:
            return 0
        await self._db.write(SEALER, insert_seal, made)
        return made.messages

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            seen = self._db.pulse.count
            try:
                if await self._db.lead():  # one process is enough; two would only do each other's work
                    begun = loop.time()
                    while await self._seal_once():
                        await asyncio.sleep((loop.time() - begun) * (1 / SHARE - 1))
                        begun = loop.time()
                    seen = self._db.pulse.count  # the seal itself is no news
            except StorageFault:
                pass  # the database tells of its own troubles, and this has time
            except Exception:
                _log.exception("sealing failed")
            await asyncio.sleep(PAUSE)
            await self._db.pulse.wait(seen, IDLE_SECONDS)


async def next_seal(tx: Tx) -> Seal | None:
    """Make the next seal, without storing it; ``None`` where nothing is unsealed."""
    before = await last_seal(tx)
    rows = await _load(tx, before.last, BLOCK)
    if not rows:
        return None
    key = _key(tx)
    number = before.number + 1
    made = _hash(key, f"{number} {tx.now} {before.hash}", rows)
    return Seal(number, int(rows[-1]["position"]), len(rows), made, _mark(key), tx.now)


async def insert_seal(tx: Tx, seal: Seal) -> None:
    """Store a seal; where another process was quicker, its one stays."""
    await tx.run(
        """INSERT INTO bus_seal (number, last, messages, hash, mark, sealed_at)
        VALUES (:number, :last, :messages, :hash, :mark, :sealed_at) ON CONFLICT (number) DO NOTHING""",
        **msgspec.structs.asdict(seal),
    )


async def last_seal(tx: Tx) -> Seal:
    """Return the newest seal, ``NOTHING`` where there is none."""
    rows = await tx.run(
        "SELECT number, last, messages, hash, mark, sealed_at FROM bus_seal ORDER BY number DESC LIMIT 1"
    )
    return _seal(rows[0]) if rows else NOTHING


async def broken_seals(tx: Tx, most: int) -> list[str]:
    """Check the whole chain; return a line per seal that does not hold, ``most`` at most."""
    key, before = _key(tx), NOTHING
    mark, found = _mark(key), list[str]()
    while len(found) < most:
        rows = await tx.run(
            f"SELECT {_SEAL} FROM bus_seal WHERE number > :number ORDER BY number LIMIT 1",
            number=before.number,
        )
        if not rows:
            break
        seal = _seal(rows[0])
        if seal.number != before.number + 1:
            found.append(f"seal {before.number + 1}: is missing")
        elif seal.mark != mark:
            found.append(f"seal {seal.number}: was made with another secret and cannot be checked")
        else:
            covered = await _load(tx, before.last, seal.messages + 1, seal.last)
            expected = _hash(key, f"{seal.number} {seal.sealed_at} {before.hash}", covered)
            if len(covered) != seal.messages or not hmac.compare_digest(expected, seal.hash):
                found.append(
                    f"seal {seal.number}: messages {before.last + 1} to {seal.last} are not what was sealed; something "
                    "was changed, removed, added or put in another order"
                )
        before = seal
    return found


async def holds_seal(tx: Tx, noted: str) -> bool:
    """Tell whether the chain has the seal whose hash somebody noted elsewhere."""
    return bool(await tx.run("SELECT 1 AS found FROM bus_seal WHERE hash = :hash LIMIT 1", hash=noted))


async def _load(tx: Tx, after: int, limit: int, until: int = 2**62) -> list[Row]:
    return await tx.run(
        f"""SELECT {_COLUMNS} FROM bus_outbox WHERE position > :after AND position <= :until
        ORDER BY position LIMIT :limit""",
        after=after,
        until=until,
        limit=limit,
    )


def _seal(row: Row) -> Seal:
    return Seal(row["number"], row["last"], row["messages"], row["hash"], row["mark"], row["sealed_at"])


def _key(tx: Tx) -> bytes:
    return hmac.new(tx.settings.storage.secret.encode(), b"seals of the event log", hashlib.sha256).digest()


def _mark(key: bytes) -> str:
    return hmac.new(key, b"mark", hashlib.sha256).hexdigest()[:16]


def _hash(key: bytes, before: str, rows: Iterable[Row]) -> str:
    digest = hmac.new(key, before.encode(), hashlib.sha256)
    for row in rows:
        values: Any = row  # a database row gives its values in order
        digest.update(_pack(tuple(values)))  # with the length of each value: no two rows pack to the same
    return digest.hexdigest()
