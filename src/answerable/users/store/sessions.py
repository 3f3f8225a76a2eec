"""SQL for refresh tokens and signing keys."""

from answerable.kernel.tx import Row, Tx

MOST_SHOWN = 50


async def insert_refresh(tx: Tx, *, hashed: str, family: str, person_id: str, jti: str, expires_at: int) -> None:
    """Store the hash of a new refresh token."""
    await tx.run(
        """INSERT INTO users_refresh (hash, family, person_id, jti, created_at, expires_at)
        VALUES (:hash, :family, :person_id, :jti, :now, :expires_at)""",
        hash=hashed,
        family=family,
        person_id=person_id,
        jti=jti,
        now=tx.now,
        expires_at=expires_at,
    )


async def load_refresh(tx: Tx, hashed: str) -> Row | None:
    """Return a refresh token by its hash, good or not."""
    rows = await tx.run("SELECT * FROM users_refresh WHERE hash = :hash", hash=hashed)
    return rows[0] if rows else None


async def use_refresh(tx: Tx, hashed: str) -> bool:
    """Use a refresh token up; false where it is not good (any more)."""
    rows = await tx.run(
        """UPDATE users_refresh SET used_at = :now
        WHERE hash = :hash AND used_at IS NULL AND revoked_at IS NULL AND expires_at > :now RETURNING hash""",
        hash=hashed,
        now=tx.now,
    )
    return bool(rows)


async def load_session_of(tx: Tx, jti: str) -> Row | None:
    """Return the session in which an access token was given out: family, person_id."""
    rows = await tx.run("SELECT family, person_id FROM users_refresh WHERE jti = :jti", jti=jti)
    return rows[0] if rows else None


async def list_families(tx: Tx, person_id: str) -> list[Row]:
    """Return the sessions of a person's programs, last used first: id, device, created_at, seen_at, expires_at."""
    return await tx.run(
        """SELECT family AS id, '' AS device, MIN(created_at) AS created_at, MAX(created_at) AS seen_at,
            MAX(expires_at) AS expires_at
        FROM users_refresh WHERE person_id = :person_id AND revoked_at IS NULL
        GROUP BY family HAVING MAX(expires_at) > :now ORDER BY MAX(created_at) DESC, family DESC LIMIT :most""",
        person_id=person_id,
        now=tx.now,
        most=MOST_SHOWN,
    )


async def revoke_family_of(tx: Tx, family: str, person_id: str) -> bool:
    """End a session of a person; false where it is none of theirs, or has ended."""
    rows = await tx.run(
        """UPDATE users_refresh SET revoked_at = :now
        WHERE family = :family AND person_id = :person_id AND revoked_at IS NULL RETURNING hash""",
        family=family,
        person_id=person_id,
        now=tx.now,
    )
    return bool(rows)


async def revoke_family(tx: Tx, family: str) -> int:
    """End a session; return how many of its refresh tokens were still good."""
    rows = await tx.run(
        """UPDATE users_refresh SET revoked_at = :now WHERE family = :family AND revoked_at IS NULL RETURNING hash""",
        family=family,
        now=tx.now,
    )
    return len(rows)


async def revoke_sessions(tx: Tx, person_id: str) -> None:
    """End all sessions of a person."""
    await tx.run(
        "UPDATE users_refresh SET revoked_at = :now WHERE person_id = :person_id AND revoked_at IS NULL",
        person_id=person_id,
        now=tx.now,
    )


async def insert_signing_key(tx: Tx, kid: str, private_key: str, public_key: str) -> None:
    """Store a signing key whose private part is sealed."""
    await tx.run(
        """INSERT INTO users_signing_key (kid, private_key, public_key, created_at)
        VALUES (:kid, :private_key, :public_key, :now)""",
        kid=kid,
        private_key=private_key,
        public_key=public_key,
        now=tx.now,
    )


async def load_signing_keys(tx: Tx) -> list[Row]:
    """Return the newest signing keys, oldest of them first."""
    rows = await tx.run(
        "SELECT kid, private_key, public_key FROM users_signing_key ORDER BY created_at DESC, kid DESC LIMIT 16"
    )
    return rows[::-1]


async def announce_signing_keys(tx: Tx) -> list[Row]:
    """Mark the keys that nobody was told of, and return them: kid, public_key."""
    return await tx.run(
        """UPDATE users_signing_key SET announced_at = :now WHERE announced_at IS NULL RETURNING kid, public_key""",
        now=tx.now,
    )
