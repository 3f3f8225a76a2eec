"""The keys of programs, as those who keep them see them; the keys themselves are nowhere to be read."""

import msgspec

from answerable.infra.web.tokens import API_KEY
from answerable.kernel.times import iso
from answerable.kernel.tx import Row, Tx
from answerable.users.store import keys


class KeyView(msgspec.Struct, frozen=True, rename="camel"):
    """A key: what it may do, for whom, and when it was used last. ``hint`` is how it begins and ends.

    One that acts for nobody has a ``role`` and no ``personId``. ``state`` is ``ACTIVE``, ``EXPIRED`` or ``REVOKED``.
    """

    id: str
    name: str
    hint: str
    scopes: list[str]
    person_id: str | None
    person_name: str | None
    role: str | None
    made_by: str
    created_at: str
    expires_at: str
    used_at: str | None
    state: str


def state_of(row: Row, now: int) -> str:
    """Return what has become of a key."""
    if row["revoked_at"] is not None:
        return "REVOKED"
    return "EXPIRED" if row["expires_at"] <= now else "ACTIVE"


def hint_of(row: Row) -> str:
    """Return how a key begins and ends."""
    return f"{API_KEY}…{row['hint']}"


def view(row: Row, now: int) -> KeyView:
    """Show a key."""
    return KeyView(
        row["id"],
        row["name"],
        hint_of(row),
        row["scopes"].split(),
        row["person_id"] or None,
        row["person_name"],
        row["roles"] or None,
        row["maker_name"] or row["created_by"],
        iso(row["created_at"]),
        iso(row["expires_at"]),
        None if row["used_at"] is None else iso(row["used_at"]),
        state_of(row, now),
    )


async def list_own(tx: Tx) -> list[Row]:
    """Read the keys that act for the caller, newest first."""
    return await keys.list_keys(tx, tx.actor.id)


async def list_all(tx: Tx) -> list[Row]:
    """Read everybody's keys, newest first."""
    return await keys.list_keys(tx, None)
