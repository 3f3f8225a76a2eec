"""A hash chain over the event log: whoever changes, removes, adds or swaps a message afterwards is found out.

Every few seconds the new messages are sealed together: HMAC-SHA-256 over the seal before and every column of every
message, under a key that is made of the desk's secret and is not in the database. Sealing happens after the commit and
away from requests; what is not sealed yet is the tail of a few seconds.

Of a message's body a seal covers a digest, made with a random number of its own. So a body can lose its words later
(``redaction.py``) and the chain still holds; without the number nobody can try out what the words were.
"""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from answerable.infra.database.errors import StorageFault
from answerable.infra.database.port import DeskDatabase
from answerable.infra.stretch import Stretch
from answerable.kernel.actor import service
from answerable.kernel.tx import Row, Tx

BLOCK = 1000  # messages under one seal at most
PAGE = 50  # of them that are read at once
SHARE = 0.1  # of the time, where much has to be sealed: people go first
PAUSE = 5.0  # seconds between two rounds of sealing
LAST_SECONDS = 0.5
IDLE_SECONDS = 30.0
SEALER = service("sealer")
SALT = 32  # characters of a message's number: 128 bits
_COLUMNS = "position, id, topic, type, key, sequence, time, actor, actor_kind, cause, depth, trace, body"
_SEAL = "number, last, messages, hash, mark, sealed_at, salts, former"
_log = structlog.get_logger(__name__)
_pack = msgspec.msgpack.Encoder().encode


class Seal(msgspec.Struct, frozen=True):
    """One link of the chain, its columns in this order. ``last`` is the position of the last message under it.

    ``mark`` tells which key it was made with; ``sealed_at`` is in microseconds. ``salts`` holds the number of each
    message, ``None`` in a seal over the bodies themselves, as they were made once; ``former`` is its hash from then.
    """

    number: int
    last: int
    messages: int
    hash: str
    mark: str
    sealed_at: int
    salts: str | None = None
    former: str | None = None


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
        made, rewritten = await next_seal(self._db)
        if made is None:
            return 0
        await self._db.write(SEALER, insert_seal, made, rewritten)
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


async def next_seal(database: DeskDatabase) -> tuple[Seal | None, int]:
    """Make the next seal, without storing it; ``None`` where nothing is unsealed.

    Also return how often unsealed messages were rewritten until then. What is rewritten while it is made makes it void:
    so no snapshot is needed, and it is made page by page between requests. A thread that did so would hold them up for
    longer: it gives Python's lock away every five milliseconds.
    """
    before, rewritten, key, now = await database.read(SEALER, _begin)
    number, last, messages, salts, stretch = before.number + 1, before.last, 0, "", Stretch()
    chain = _chain(key, f"{number} {now} {before.hash}")
    while messages < BLOCK:
        await stretch.pause()
        rows = await database.read(SEALER, _load, last, PAGE)
        if not rows:
            break
        salted = secrets.token_hex(SALT // 2 * len(rows))
        _append(chain, rows, _digests(rows, salted))
        last, messages, salts = int(rows[-1]["position"]), messages + len(rows), salts + salted
    made = Seal(number, last, messages, chain.hexdigest(), _mark(key), now, salts) if messages else None
    return made, rewritten


async def _begin(tx: Tx) -> tuple[Seal, int, bytes, int]:
    return await last_seal(tx), await _times_rewritten(tx), _key(tx), tx.now


async def insert_seal(tx: Tx, seal: Seal, rewritten: int) -> None:
    """Store a seal; where another process was quicker, its one stays.

    Not where a message that it may cover was rewritten since it was made: then it has to be made again.
    """
    if await _times_rewritten(tx) != rewritten:
        return
    await tx.run(
        """INSERT INTO bus_seal (number, last, messages, hash, mark, sealed_at, salts, former)
        VALUES (:number, :last, :messages, :hash, :mark, :sealed_at, :salts, :former)
        ON CONFLICT (number) DO NOTHING""",
        **msgspec.structs.asdict(seal),
    )


async def last_seal(tx: Tx) -> Seal:
    """Return the newest seal, ``NOTHING`` where there is none."""
    rows = await tx.run(
        """SELECT number, last, messages, hash, mark, sealed_at, NULL AS salts, former FROM bus_seal
        ORDER BY number DESC LIMIT 1"""
    )
    return _seal(rows[0]) if rows else NOTHING


async def broken_seals(tx: Tx, most: int) -> list[str]:
    """Check the whole chain; return a line per seal or rewritten message that does not hold, ``most`` at most."""
    key, before = _key(tx), NOTHING
    mark, found = _mark(key), list[str]()
    while len(found) < most and (rows := await _seals_after(tx, before.number, 1)):
        seal = rows[0]
        if seal.number != before.number + 1:
            found.append(f"seal {before.number + 1}: is missing")
        elif seal.mark != mark:
            found.append(f"seal {seal.number}: was made with another secret and cannot be checked")
        else:
            covered = await _load(tx, before.last, seal.messages + 1, seal.last)
            digests, lines = await _known_digests(tx, key, covered, seal)
            found += lines
            if not _holds(key, before, seal, covered, digests):
                found.append(
                    f"seal {seal.number}: messages {before.last + 1} to {seal.last} are not what was sealed; something "
                    "was changed, removed, added or put in another order"
                )
        before = seal
    return found[:most]


async def modernise(tx: Tx) -> None:
    """Make the seals over bodies anew, over digests, up to the first that does not hold.

    They keep their former hash beside the new one.
    """
    key, before = _key(tx), NOTHING
    while rows := await _seals_after(tx, before.number, 1):
        seal = rows[0]
        if seal.salts is None:
            covered = await _load(tx, before.last, seal.messages + 1, seal.last)
            if seal.number != before.number + 1 or seal.mark != _mark(key):
                return
            if not _holds(key, before, seal, covered, None):
                return
            salts = secrets.token_hex(SALT // 2 * len(covered))
            made = _hash(key, f"{seal.number} {seal.sealed_at} {before.hash}", covered, _digests(covered, salts))
            seal = msgspec.structs.replace(seal, hash=made, salts=salts, former=seal.hash)
            await tx.run(
                "UPDATE bus_seal SET hash = :hash, salts = :salts, former = :former WHERE number = :number",
                hash=made,
                salts=salts,
                former=seal.former,
                number=seal.number,
            )
        before = seal


async def holds_seal(tx: Tx, noted: str) -> bool:
    """Tell whether the chain has the seal whose hash somebody noted elsewhere."""
    return bool(
        await tx.run("SELECT 1 AS found FROM bus_seal WHERE hash = :hash OR former = :hash LIMIT 1", hash=noted)
    )


def digest_of(salt: str, body: str) -> str:
    """Return what a seal covers of a message's body."""
    return hashlib.sha256(f"{salt} {body}".encode()).hexdigest()


def proof_of(tx: Tx, position: int, digest: str, body: str) -> str:
    """Return the proof that the desk itself left ``body`` of a message whose digest was sealed."""
    return _proof(_key(tx), position, digest, body)


def _proof(key: bytes, position: int, digest: str, body: str) -> str:
    return hmac.new(key, _pack(("redaction", position, digest, body)), hashlib.sha256).hexdigest()


async def _known_digests(tx: Tx, key: bytes, covered: Sequence[Row], seal: Seal) -> tuple[list[str] | None, list[str]]:
    """Return the digests of messages under a seal, and a line for each that lost words but not by the desk's hand."""
    if seal.salts is None:
        return None, []
    digests, lines = _digests(covered, seal.salts), list[str]()
    places = {row["position"]: place for place, row in enumerate(covered)}
    for lost in await tx.run(
        "SELECT position, digest, proof FROM bus_redaction WHERE position > :after AND position <= :last",
        after=covered[0]["position"] - 1 if covered else seal.last,
        last=seal.last,
    ):
        place = places.get(lost["position"])
        if place is None:
            continue  # the message is gone, which the seal shows
        expected = _proof(key, lost["position"], lost["digest"], covered[place]["body"])
        if hmac.compare_digest(expected, lost["proof"]):
            digests[place] = lost["digest"]
        else:
            lines.append(f"message {lost['position']}: is not what was left of it when its words were erased")
    return digests, lines


def _holds(key: bytes, before: Seal, seal: Seal, covered: Sequence[Row], digests: list[str] | None) -> bool:
    follows = before.hash if digests is not None else (before.former or before.hash)
    expected = _hash(key, f"{seal.number} {seal.sealed_at} {follows}", covered, digests)
    return len(covered) == seal.messages and hmac.compare_digest(expected, seal.hash)


def _digests(rows: Sequence[Row], salts: str) -> list[str]:
    return [digest_of(salts[place * SALT : (place + 1) * SALT], row["body"]) for place, row in enumerate(rows)]


async def _seals_after(tx: Tx, number: int, limit: int) -> list[Seal]:
    rows = await tx.run(
        f"SELECT {_SEAL} FROM bus_seal WHERE number > :number ORDER BY number LIMIT :limit", number=number, limit=limit
    )
    return [_seal(row) for row in rows]


async def _times_rewritten(tx: Tx) -> int:
    rows = await tx.run("SELECT times FROM bus_rewriting WHERE id = 1")
    return int(rows[0]["times"]) if rows else 0


async def _load(tx: Tx, after: int, limit: int, until: int = 2**62) -> list[Row]:
    return await tx.run(
        f"""SELECT {_COLUMNS} FROM bus_outbox WHERE position > :after AND position <= :until
        ORDER BY position LIMIT :limit""",
        after=after,
        until=until,
        limit=limit,
    )


def _seal(row: Row) -> Seal:
    return Seal(**{name: row[name] for name in Seal.__struct_fields__})


def mark_of(secret: str) -> str:
    """Return by what a seal shows the secret it was made with, without telling it."""
    return _mark(_key_of(secret))


def _key(tx: Tx) -> bytes:
    return _key_of(tx.settings.storage.secret)


def _key_of(secret: str) -> bytes:
    return hmac.new(secret.encode(), b"seals of the event log", hashlib.sha256).digest()


def _mark(key: bytes) -> str:
    return hmac.new(key, b"mark", hashlib.sha256).hexdigest()[:16]


def _hash(key: bytes, before: str, rows: Iterable[Row], digests: list[str] | None) -> str:
    """Hash messages onto what was before: with ``digests`` in the place of bodies, or (once) with the bodies."""
    chain = _chain(key, before)
    _append(chain, rows, digests)
    return chain.hexdigest()


def _chain(key: bytes, before: str) -> hmac.HMAC:
    return hmac.new(key, before.encode(), hashlib.sha256)


def _append(chain: hmac.HMAC, rows: Iterable[Row], digests: list[str] | None) -> None:
    for place, row in enumerate(rows):
        values: Any = row  # a database row gives its values in order, the body last
        packed = tuple(values) if digests is None else (*tuple(values)[:-1], digests[place])
        chain.update(_pack(packed))  # with the length of each value: no two rows pack to the same
