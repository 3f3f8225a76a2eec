"""All SQL of the users feature."""

from answerable.kernel.tx import Row, Tx
from answerable.users.rules import Person, fold

# --- people ----------------------------------------------------------------------------------------------------------


def person_of(row: Row) -> Person:
    """Read a person from a row of ``users_person``."""
    return Person(
        id=row["id"],
        name=row["name"],
        email=row["email"],
        password_hash=row["password_hash"],
        roles=tuple(row["roles"].split()),
        active=bool(row["active"]),
        session_version=row["session_version"],
        verified_at=row["verified_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def insert_person(tx: Tx, person: Person) -> bool:
    """Store a new person; false where the address is taken."""
    rows = await tx.run(
        """INSERT INTO users_person (id, name, name_key, email, email_key, password_hash, roles, active,
            session_version, verified_at, created_at, updated_at)
        VALUES (:id, :name, :name_key, :email, :email_key, :password_hash, :roles, :active,
            :session_version, :verified_at, :created_at, :updated_at)
        ON CONFLICT (email_key) DO NOTHING RETURNING id""",
        created_at=person.created_at,
        email_key=fold(person.email),
        **_changing(person),
    )
    return bool(rows)


async def update_person(tx: Tx, person: Person) -> None:
    """Store what changed about a person. The address stays."""
    await tx.run(
        """UPDATE users_person SET name = :name, name_key = :name_key, email = :email, password_hash = :password_hash,
            roles = :roles, active = :active, session_version = :session_version, verified_at = :verified_at,
            updated_at = :updated_at
        WHERE id = :id""",
        **_changing(person),
    )


def _changing(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "name": person.name,
        "name_key": fold(person.name),
        "email": person.email,
        "password_hash": person.password_hash,
        "roles": " ".join(person.roles),
        "active": int(person.active),
        "session_version": person.session_version,
        "verified_at": person.verified_at,
        "updated_at": person.updated_at,
    }


async def load_person(tx: Tx, person_id: str) -> Person | None:
    """Return a person by id."""
    rows = await tx.run("SELECT * FROM users_person WHERE id = :id", id=person_id)
    return person_of(rows[0]) if rows else None


async def load_person_by_email(tx: Tx, email: str) -> Person | None:
    """Return a person by address, however it is written."""
    rows = await tx.run("SELECT * FROM users_person WHERE email_key = :key", key=fold(email))
    return person_of(rows[0]) if rows else None


async def load_standing(tx: Tx, person_id: str) -> Row | None:
    """Return what a token is held against at each request: name, roles, active, session_version."""
    rows = await tx.run("SELECT name, roles, active, session_version FROM users_person WHERE id = :id", id=person_id)
    return rows[0] if rows else None


# --- refresh tokens --------------------------------------------------------------------------------------------------


async def insert_refresh(tx: Tx, *, token_hash: str, family: str, person_id: str, jti: str, expires_at: int) -> None:
    """Store the hash of a new refresh token."""
    await tx.run(
        """INSERT INTO users_refresh (hash, family, person_id, jti, created_at, expires_at)
        VALUES (:hash, :family, :person_id, :jti, :now, :expires_at)""",
        hash=token_hash,
        family=family,
        person_id=person_id,
        jti=jti,
        now=tx.now,
        expires_at=expires_at,
    )


# --- signing keys ----------------------------------------------------------------------------------------------------


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
    """Return all signing keys, oldest first."""
    return await tx.run("SELECT kid, private_key, public_key FROM users_signing_key ORDER BY created_at, kid LIMIT 16")
