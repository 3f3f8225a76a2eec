"""The audit log as a chain: what is kept of an act, and the hash that ties it to the one before. Pure."""

import hashlib
import hmac
from dataclasses import dataclass

import msgspec

PERSON = "person"
ERASED = "PERSON_ERASED"
_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did as an administrator; ``changes`` is JSON, ``at`` in microseconds."""

    id: str
    at: int
    actor_id: str
    actor_kind: str
    act: str
    about: str
    about_id: str
    named: str
    changes: str


@dataclass(frozen=True, slots=True)
class Link:
    """An act's place in the chain. ``mark`` tells which secret it was made with."""

    number: int
    digest: str
    hash: str
    mark: str


FIRST = Link(0, "", "", "")  # what the first act follows


class Chain:
    """Ties acts together under a key made of the desk's secret, which is not in the database."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), b"audit log", hashlib.sha256).digest()
        self.mark = self._sign("mark")[:16]

    def next(self, before: Link, act: Act) -> Link:
        """Return the place of an act behind another."""
        digest = self.digest(act.id, act.named, act.changes)
        return Link(before.number + 1, digest, self.hash(before.hash, before.number + 1, act, digest), self.mark)

    def digest(self, act_id: str, named: str, changes: str) -> str:
        """Return what the chain holds of the details, so that they can be forgotten and the chain still holds."""
        return self._sign("details", act_id, named, changes)

    def hash(self, before: str, number: int, act: Act, digest: str) -> str:
        """Return what ties an act to the hash before it."""
        return self._sign(
            before, number, act.id, act.at, act.actor_id, act.actor_kind, act.act, act.about, act.about_id, digest
        )

    def _sign(self, *values: str | int) -> str:
        # packed with the length of each value: no two acts pack to the same
        return hmac.new(self._key, _pack(values), hashlib.sha256).hexdigest()
