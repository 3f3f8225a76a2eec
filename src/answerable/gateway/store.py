"""All SQL of the gateway: who people are and which keys sign their tokens, as the users feature told it."""

from answerable.kernel.tx import Row, Tx


async def save_person(tx: Tx, person_id: str, name: str, roles: str, active: int, session_version: int) -> None:
    """Note a person as an event describes them."""
    await tx.run(
        """INSERT INTO gateway_person (id, name, roles, active, session_version)
        VALUES (:id, :name, :roles, :active, :session_version)
        ON CONFLICT (id) DO UPDATE
        SET name = :name, roles = :roles, active = :active, session_version = :session_version""",
        id=person_id,
        name=name,
        roles=roles,
        active=active,
        session_version=session_version,
    )


async def load_person(tx: Tx, person_id: str) -> Row | None:
    """Return what is known of a person: name, roles, active, session_version."""
    rows = await tx.run("SELECT name, roles, active, session_version FROM gateway_person WHERE id = :id", id=person_id)
    return rows[0] if rows else None


async def save_key(tx: Tx, kid: str, public_key: str) -> None:
    """Note a public key that tokens are signed with."""
    await tx.run(
        "INSERT INTO gateway_key (kid, public_key) VALUES (:kid, :public_key) ON CONFLICT (kid) DO NOTHING",
        kid=kid,
        public_key=public_key,
    )


async def load_keys(tx: Tx) -> list[Row]:
    """Return the public keys: kid, public_key."""
    return await tx.run("SELECT kid, public_key FROM gateway_key ORDER BY kid")
