"""SQL for second factors, recovery codes and sign-ins that wait for their second step."""

from collections.abc import Sequence

from answerable.kernel.tx import Row, Tx


async def load_second(tx: Tx, person_id: str) -> Row | None:
    """Return a person's second factor: state, secret (sealed), last_step, since."""
    rows = await tx.run(
        "SELECT state, secret, last_step, since FROM users_second WHERE person_id = :person_id", person_id=person_id
    )
    return rows[0] if rows else None


async def save_second(tx: Tx, person_id: str, state: str, secret: str, last_step: int, since: int) -> None:
    """Store a second factor."""
    await tx.run(
        """INSERT INTO users_second (person_id, state, secret, last_step, since)
        VALUES (:person_id, :state, :secret, :last_step, :since)
        ON CONFLICT (person_id) DO UPDATE
        SET state = :state, secret = :secret, last_step = :last_step, since = :since""",
        person_id=person_id,
        state=state,
        secret=secret,
        last_step=last_step,
        since=since,
    )


async def use_step(tx: Tx, person_id: str, step: int) -> bool:
    """Use the code of a time step up; false where it, or a later one, was used before."""
    rows = await tx.run(
        """UPDATE users_second SET last_step = :step
        WHERE person_id = :person_id AND last_step < :step RETURNING person_id""",
        person_id=person_id,
        step=step,
    )
    return bool(rows)


async def delete_second(tx: Tx, person_id: str) -> bool:
    """Take a second factor away, with its recovery codes; false where there was none."""
    await tx.run("DELETE FROM users_recovery WHERE person_id = :person_id", person_id=person_id)
    await tx.run("DELETE FROM users_challenge WHERE person_id = :person_id", person_id=person_id)
    rows = await tx.run("DELETE FROM users_second WHERE person_id = :person_id RETURNING state", person_id=person_id)
    return bool(rows) and rows[0]["state"] == "ON"


async def replace_recovery(tx: Tx, person_id: str, hashes: Sequence[str]) -> None:
    """Store new recovery codes in the place of all."""
    await tx.run("DELETE FROM users_recovery WHERE person_id = :person_id", person_id=person_id)
    for hashed in hashes:
        await tx.run(
            "INSERT INTO users_recovery (hash, person_id, created_at) VALUES (:hash, :person_id, :now)",
            hash=hashed,
            person_id=person_id,
            now=tx.now,
        )


async def use_recovery(tx: Tx, person_id: str, hashed: str) -> bool:
    """Use a recovery code up; false where it is none."""
    rows = await tx.run(
        "DELETE FROM users_recovery WHERE hash = :hash AND person_id = :person_id RETURNING hash",
        hash=hashed,
        person_id=person_id,
    )
    return bool(rows)


async def count_recovery(tx: Tx, person_id: str) -> int:
    """Count the recovery codes that were not used."""
    rows = await tx.run("SELECT COUNT(*) AS n FROM users_recovery WHERE person_id = :person_id", person_id=person_id)
    return int(rows[0]["n"])


async def insert_challenge(tx: Tx, hashed: str, person_id: str, version: int, purpose: str, expires_at: int) -> None:
    """Store a sign-in that waits for its second step."""
    await tx.run(
        """INSERT INTO users_challenge (hash, person_id, session_version, purpose, expires_at)
        VALUES (:hash, :person_id, :version, :purpose, :expires_at)""",
        hash=hashed,
        person_id=person_id,
        version=version,
        purpose=purpose,
        expires_at=expires_at,
    )


async def load_challenge(tx: Tx, hashed: str) -> Row | None:
    """Return a sign-in that waits and is not too old: person_id, session_version, purpose."""
    rows = await tx.run(
        """SELECT person_id, session_version, purpose FROM users_challenge
        WHERE hash = :hash AND expires_at > :now""",
        hash=hashed,
        now=tx.now,
    )
    return rows[0] if rows else None


async def delete_challenge(tx: Tx, hashed: str) -> bool:
    """Use a waiting sign-in up; false where somebody else did."""
    rows = await tx.run("DELETE FROM users_challenge WHERE hash = :hash RETURNING hash", hash=hashed)
    return bool(rows)
