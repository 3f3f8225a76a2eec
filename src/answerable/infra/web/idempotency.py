"""``Idempotency-Key``: the same POST within 24 hours is done once and answered the same.

The answer is stored in the transaction of the effect, so not even a crash between the two can double anything. It
may hold tokens and is therefore encrypted with the desk's secret.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from cryptography.fernet import Fernet, InvalidToken

from answerable.kernel.actor import Actor
from answerable.kernel.errors import Invalid, Reused
from answerable.kernel.times import DAY
from answerable.kernel.tx import Tx

LONGEST_KEY = 255


class Answer(msgspec.Struct, frozen=True):
    """An answer as it went out."""

    status: int
    headers: dict[str, str]
    content: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A key, whose it is, and what was asked with it."""

    caller: str
    key: str
    request: str


def claim(key: str, actor: Actor, address: str, fingerprint: str) -> Claim:
    """Check a key. Raises ``Invalid`` for an empty, long or unprintable one."""
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise Invalid(
            f"Idempotency-Key must have 1 to {LONGEST_KEY} printable characters.",
            errors=(f"Idempotency-Key: must have 1 to {LONGEST_KEY} printable characters",),
        )
    return Claim(actor.id or f"address {address}", key, fingerprint)


async def once(tx: Tx, claimed: Claim, unit: Callable[[Tx], Awaitable[Answer]]) -> Answer:
    """Run ``unit`` for a new key; give the stored answer for a known one.

    Raises ``Reused`` where the key came before with another request.
    """
    rows = await tx.run(
        "SELECT request, answer, created_at FROM bus_idempotency WHERE caller = :caller AND key = :key",
        caller=claimed.caller,
        key=claimed.key,
    )
    if rows and rows[0]["created_at"] > tx.now - DAY:
        if rows[0]["request"] != claimed.request:
            raise Reused("This Idempotency-Key was used for another request.")
        known = _open(rows[0]["answer"], tx.settings.storage.secret)
        if known is not None:
            return known
    answer = await unit(tx)
    await tx.run(
        """INSERT INTO bus_idempotency (caller, key, request, status, answer, created_at)
        VALUES (:caller, :key, :request, :status, :answer, :now)
        ON CONFLICT (caller, key) DO UPDATE
        SET request = :request, status = :status, answer = :answer, created_at = :now""",
        caller=claimed.caller,
        key=claimed.key,
        request=claimed.request,
        status=answer.status,
        answer=_cipher(tx.settings.storage.secret).encrypt(msgspec.json.encode(answer)).decode(),
        now=tx.now,
    )
    return answer


def _open(sealed: str, secret: str) -> Answer | None:
    try:
        return msgspec.json.decode(_cipher(secret).decrypt(sealed.encode()), type=Answer)
    except InvalidToken as error:  # the desk's secret was changed: doing it twice would be worse than saying so
        raise Reused("This Idempotency-Key was used before the desk's secret changed.") from error


@lru_cache(maxsize=4)
def _cipher(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"idempotency" + secret.encode()).digest()))
