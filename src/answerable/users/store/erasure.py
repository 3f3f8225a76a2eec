"""SQL for forgetting a person, and for all that is kept about one."""

from answerable.kernel.tx import Row, Tx
from answerable.users.rules import Person, fold

MOST = 100_000  # of a kind
_OF_A_PERSON = (
    "users_refresh",
    "users_link",
    "users_browser",
    "users_preference",
    "users_key",
    "users_second",
    "users_recovery",
    "users_challenge",
    "users_identity",
)


async def erase_person(tx: Tx, person: Person) -> None:
    """Store what is left of a person."""
    await tx.run(
        """UPDATE users_person SET name = :name, name_key = :name_key, email = :email, email_key = :email_key,
            password_hash = '', roles = :roles, active = 0, session_version = :session_version, verified_at = NULL,
            updated_at = :now, erased_at = :now WHERE id = :id""",
        id=person.id,
        name=person.name,
        name_key=fold(person.name),
        email=person.email,
        email_key=fold(person.email),
        roles=" ".join(person.roles),
        session_version=person.session_version,
        now=tx.now,
    )


async def list_key_ids(tx: Tx, person_id: str) -> list[str]:
    """Read the ids of the keys that act for a person."""
    return [row["id"] for row in await tx.run("SELECT id FROM users_key WHERE person_id = :id", id=person_id)]


async def erase_belongings(tx: Tx, person_id: str, email: str) -> None:
    """Forget a person's sessions, links, wishes and mails, and registrations that wait for their address."""
    for table in _OF_A_PERSON:
        await tx.run(f"DELETE FROM {table} WHERE person_id = :id", id=person_id)
    await tx.run("DELETE FROM users_mail WHERE recipient_key = :key", key=fold(email))
    await tx.run("DELETE FROM users_pending WHERE email_key = :key", key=fold(email))


async def list_sessions(tx: Tx, person_id: str) -> list[Row]:
    """Read the browsers and programs that a person signed in with."""
    return await tx.run(
        """SELECT 'browser' AS kind, device, zone, created_at, seen_at, expires_at FROM users_browser
        WHERE person_id = :id
        UNION ALL SELECT 'program', '', '', created_at, used_at, expires_at FROM users_refresh
        WHERE person_id = :id ORDER BY created_at LIMIT :most""",
        id=person_id,
        most=MOST,
    )


async def list_mails_to(tx: Tx, email: str) -> list[Row]:
    """Read the mails about a person's account."""
    return await tx.run(
        """SELECT kind, recipient, state, created_at FROM users_mail
        WHERE recipient_key = :key ORDER BY created_at LIMIT :most""",
        key=fold(email),
        most=MOST,
    )


async def list_keys(tx: Tx, person_id: str) -> list[Row]:
    """Read the keys of a person's programs, without what they open with."""
    return await tx.run(
        """SELECT name, hint, roles, scopes, created_at, expires_at, used_at, revoked_at FROM users_key
        WHERE person_id = :id ORDER BY created_at LIMIT :most""",
        id=person_id,
        most=MOST,
    )


async def load_second_factor(tx: Tx, person_id: str) -> list[Row]:
    """Read whether a person has a second factor, and since when."""
    return await tx.run("SELECT state, since AS since_at FROM users_second WHERE person_id = :id", id=person_id)


async def list_identities(tx: Tx, person_id: str) -> list[Row]:
    """Read by whom else a person is known to sign in."""
    return await tx.run(
        "SELECT issuer, subject, created_at, seen_at FROM users_identity WHERE person_id = :id", id=person_id
    )


async def load_wishes(tx: Tx, person_id: str) -> list[Row]:
    """Read how a person likes the desk."""
    return await tx.run(
        "SELECT theme, density, language, zone, keys_on FROM users_preference WHERE person_id = :id", id=person_id
    )


async def list_acts(tx: Tx, person_id: str) -> list[Row]:
    """Read what the audit log says of a person: what was done to them, and what they did."""
    return await tx.run(
        """SELECT a.at, a.actor_id, a.act, a.about, a.about_id, d.named, d.changes FROM users_act a
        LEFT JOIN users_act_detail d ON d.act_id = a.id
        WHERE (a.about = 'person' AND a.about_id = :id) OR a.actor_id = :id ORDER BY a.number LIMIT :most""",
        id=person_id,
        most=MOST,
    )
