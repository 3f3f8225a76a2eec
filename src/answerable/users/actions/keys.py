"""Keys of programs come and go. The key itself is shown once, to whoever makes it, and stored nowhere."""

import secrets
from dataclasses import dataclass
from typing import Any

from answerable.infra.web.tokens import API_KEY
from answerable.kernel.errors import Conflict, Missing, Refused
from answerable.kernel.times import DAY
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.users import ApiKeyChanged
from answerable.users.actions.audit import record
from answerable.users.actions.revoking import end_key
from answerable.users.rules import token_hash
from answerable.users.rules.keys import MOST_KEYS, NewKey, check_key
from answerable.users.store import keys, people


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key, and the one time that it can be read: ``secret``."""

    id: str
    name: str
    secret: str
    expires_at: int


async def make_key(tx: Tx, wanted: NewKey) -> MadeKey:
    """Make a key that acts for the caller; an administrator's may act for anybody, or by itself with a role.

    Raises ``Invalid`` for what cannot be, ``Refused`` for a key with the rights of others, ``Missing`` for nobody to
    act for, ``Conflict`` for too many.
    """
    new = check_key(wanted)
    if (new.role or new.person_id not in ("", tx.actor.id)) and not tx.actor.may("user.admin"):
        raise Refused(N_("Only an administrator makes a key for somebody else."))
    person_id = "" if new.role else new.person_id or tx.actor.id
    person = await people.load_person(tx, person_id) if person_id else None
    if person_id and (person is None or not person.active):
        raise Missing("There is no such person.")
    if await keys.count_good_keys(tx, tx.actor.id) >= MOST_KEYS:
        raise Conflict(f"You have {MOST_KEYS} keys. Please revoke one first.")
    key_id, secret = tx.new_id(), API_KEY + secrets.token_urlsafe(32)
    expires_at = tx.now + new.days * DAY
    await keys.insert_key(
        tx,
        id=key_id,
        hash=token_hash(secret),
        hint=secret[-4:],
        name=new.name,
        person_id=person_id,
        roles=new.role,
        scopes=" ".join(new.scopes),
        expires_at=expires_at,
    )
    tx.publish(
        ApiKeyChanged(
            key_id=key_id,
            fingerprint=token_hash(secret),
            name=new.name,
            person_id=person_id,
            roles=new.role.split(),
            scopes=list(new.scopes),
            expires_at=expires_at,
            revoked=False,
        )
    )
    changes: dict[str, list[Any]] = {"scopes": [None, list(new.scopes)], "role": [None, new.role]}
    await record(tx, "KEY_MADE", about="key", about_id=key_id, named=new.name, changes=changes)
    return MadeKey(key_id, new.name, secret, expires_at)


async def revoke_key(tx: Tx, key_id: str) -> None:
    """End a key at once: one's own, as an administrator any. Raises ``Missing``; one that has ended stays so."""
    known = await keys.load_key(tx, key_id)
    if known is None or not (tx.actor.may("user.admin") or known["person_id"] == tx.actor.id):
        raise Missing(N_("There is no such key."))
    if await end_key(tx, key_id):
        await record(tx, "KEY_REVOKED", about="key", about_id=key_id, named=known["name"])


async def note_use(tx: Tx, key_id: str) -> None:
    """Note that a program came with a key."""
    await keys.touch_key(tx, key_id)
