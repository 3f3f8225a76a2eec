"""SQL for who comes in by an OpenID Connect provider."""

from answerable.kernel.tx import Tx


async def load_identity(tx: Tx, issuer: str, subject: str) -> str | None:
    """Return the id of the person whom a provider calls ``subject``."""
    rows = await tx.run(
        "SELECT person_id FROM users_identity WHERE issuer = :issuer AND subject = :subject",
        issuer=issuer,
        subject=subject,
    )
    return rows[0]["person_id"] if rows else None


async def save_identity(tx: Tx, issuer: str, subject: str, person_id: str) -> None:
    """Note what a provider calls a person, and that they came."""
    await tx.run(
        """INSERT INTO users_identity (issuer, subject, person_id, created_at, seen_at)
        VALUES (:issuer, :subject, :person_id, :now, :now)
        ON CONFLICT (issuer, subject) DO UPDATE SET person_id = :person_id, seen_at = :now""",
        issuer=issuer,
        subject=subject,
        person_id=person_id,
        now=tx.now,
    )


async def delete_identities(tx: Tx, person_id: str) -> None:
    """Forget what providers call a person."""
    await tx.run("DELETE FROM users_identity WHERE person_id = :person_id", person_id=person_id)
