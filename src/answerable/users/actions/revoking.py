"""Keys of programs end: at once, in every process."""

from answerable.kernel.tx import Row, Tx
from answerable.messages.users import ApiKeyChanged
from answerable.users.store import keys


async def end_key(tx: Tx, key_id: str) -> bool:
    """End a key; false for one that has ended, which stays as it is."""
    ended = await keys.revoke_key(tx, key_id)
    if ended is not None:
        tx.publish(_revoked(ended))
    return ended is not None


async def end_keys_of(tx: Tx, person_id: str) -> None:
    """End all keys that act for a person."""
    tx.publish(*(_revoked(ended) for ended in await keys.revoke_keys_of(tx, person_id)))


def _revoked(row: Row) -> ApiKeyChanged:
    return ApiKeyChanged(
        key_id=row["id"],
        fingerprint=row["hash"],
        name=row["name"],
        person_id=row["person_id"],
        roles=row["roles"].split(),
        scopes=row["scopes"].split(),
        expires_at=row["expires_at"],
        revoked=True,
    )
