"""All SQL of the gateway: who people are and which keys sign their tokens, as the users feature told it."""

from answerable.kernel.tx import Row, Tx
from answerable.messages.users import ApiKeyChanged


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


async def save_api_key(tx: Tx, key: ApiKeyChanged) -> None:
    """Note a key of a program as an event describes it."""
    await tx.run(
        """INSERT INTO gateway_api_key (fingerprint, id, name, person_id, roles, scopes, expires_at, revoked)
        VALUES (:fingerprint, :id, :name, :person_id, :roles, :scopes, :expires_at, :revoked)
        ON CONFLICT (fingerprint) DO UPDATE SET revoked = :revoked""",
        fingerprint=key.fingerprint,
        id=key.key_id,
        name=key.name,
        person_id=key.person_id,
        roles=" ".join(key.roles),
        scopes=" ".join(key.scopes),
        expires_at=key.expires_at,
        revoked=int(key.revoked),
    )


async def load_api_key(tx: Tx, fingerprint: str) -> Row | None:
    """Return a key of a program, good or not, with the person that it acts for."""
    rows = await tx.run(
        """SELECT k.id, k.name, k.person_id, k.roles, k.scopes, k.expires_at, k.revoked,
            p.name AS person_name, p.roles AS person_roles, p.active
        FROM gateway_api_key k LEFT JOIN gateway_person p ON p.id = k.person_id WHERE k.fingerprint = :fingerprint""",
        fingerprint=fingerprint,
    )
    return rows[0] if rows else None


async def delete_api_keys(tx: Tx, person_id: str) -> None:
    """Forget the keys that act for a person."""
    await tx.run("DELETE FROM gateway_api_key WHERE person_id = :id", id=person_id)
