"""SQL for the keys of programs."""

from answerable.kernel.tx import Row, Tx

MOST = 500  # keys shown, of a person or of all
_FIELDS = """k.id, k.hash, k.hint, k.name, k.person_id, k.roles, k.scopes, k.created_by, k.created_at, k.expires_at,
    k.used_at, k.revoked_at"""


async def insert_key(tx: Tx, **values: object) -> None:
    """Store a new key: its hash, and what it is for."""
    await tx.run(
        """INSERT INTO users_key (id, hash, hint, name, person_id, roles, scopes, created_by, created_at, expires_at)
        VALUES (:id, :hash, :hint, :name, :person_id, :roles, :scopes, :created_by, :now, :expires_at)""",
        created_by=tx.actor.id,
        now=tx.now,
        **values,
    )


async def load_standing_key(tx: Tx, hashed: str) -> Row | None:
    """Return a key by its hash, good or not, with the person that it acts for as they are now."""
    rows = await tx.run(
        """SELECT k.id, k.name, k.person_id, k.roles, k.scopes, k.expires_at, k.revoked_at,
            p.name AS person_name, p.roles AS person_roles, p.active
        FROM users_key k LEFT JOIN users_person p ON p.id = k.person_id WHERE k.hash = :hash""",
        hash=hashed,
    )
    return rows[0] if rows else None


async def load_key(tx: Tx, key_id: str) -> Row | None:
    """Return a key by its id."""
    rows = await tx.run(f"SELECT {_FIELDS} FROM users_key k WHERE k.id = :id", id=key_id)
    return rows[0] if rows else None


async def list_keys(tx: Tx, person_id: str | None) -> list[Row]:
    """Return the keys that act for a person, or all, newest first, with the names of those they concern."""
    mine = "" if person_id is None else "WHERE k.person_id = :person_id"
    return await tx.run(
        f"""SELECT {_FIELDS}, p.name AS person_name, m.name AS maker_name FROM users_key k
        LEFT JOIN users_person p ON p.id = k.person_id LEFT JOIN users_person m ON m.id = k.created_by
        {mine} ORDER BY k.created_at DESC, k.id DESC LIMIT :most""",
        most=MOST,
        **({} if person_id is None else {"person_id": person_id}),
    )


async def count_good_keys(tx: Tx, created_by: str) -> int:
    """Count the keys made by a person that are good."""
    rows = await tx.run(
        """SELECT COUNT(*) AS n FROM users_key
        WHERE created_by = :created_by AND revoked_at IS NULL AND expires_at > :now""",
        created_by=created_by,
        now=tx.now,
    )
    return int(rows[0]["n"])


async def revoke_key(tx: Tx, key_id: str) -> Row | None:
    """End a key; ``None`` where it had ended before."""
    rows = await tx.run(
        """UPDATE users_key AS k SET revoked_at = :now WHERE k.id = :id AND k.revoked_at IS NULL
        RETURNING id, hash, name, person_id, roles, scopes, expires_at""",
        id=key_id,
        now=tx.now,
    )
    return rows[0] if rows else None


async def revoke_keys_of(tx: Tx, person_id: str) -> list[Row]:
    """End all keys that act for a person and are good, however many; return them."""
    return await tx.run(
        """UPDATE users_key AS k SET revoked_at = :now
        WHERE k.person_id = :person_id AND k.revoked_at IS NULL AND k.expires_at > :now
        RETURNING id, hash, name, person_id, roles, scopes, expires_at""",
        person_id=person_id,
        now=tx.now,
    )


async def touch_key(tx: Tx, key_id: str) -> None:
    """Note that a key was used now."""
    await tx.run("UPDATE users_key SET used_at = :now WHERE id = :id", id=key_id, now=tx.now)
