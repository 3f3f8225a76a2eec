"""SQL for single-use links and the mails that carry them, and for forgetting what is old."""

from answerable.kernel.tx import Row, Tx
from answerable.users.rules import fold, token_hash
from answerable.users.store.people import literal

_PRUNED = {  # what expires, and what its rows are known by
    "users_refresh": "hash",
    "users_browser": "hash",
    "users_link": "id",
    "users_mail": "id",
    "users_pending": "id",
    "users_try": "key",
    "users_challenge": "hash",
}


async def insert_link(
    tx: Tx, *, link_id: str, purpose: str, person_id: str | None, token: str, expires_at: int
) -> None:
    """Store a link by the hash of its token."""
    await tx.run(
        """INSERT INTO users_link (id, purpose, person_id, token_hash, created_at, expires_at)
        VALUES (:id, :purpose, :person_id, :token_hash, :now, :expires_at)""",
        id=link_id,
        purpose=purpose,
        person_id=person_id,
        token_hash=token_hash(token),
        now=tx.now,
        expires_at=expires_at,
    )


async def load_link(tx: Tx, token: str) -> Row | None:
    """Return the link with this token where it is still good: id, purpose, person_id."""
    rows = await tx.run(
        """SELECT id, purpose, person_id FROM users_link
        WHERE token_hash = :token_hash AND used_at IS NULL AND expires_at > :now""",
        token_hash=token_hash(token),
        now=tx.now,
    )
    return rows[0] if rows else None


async def use_link(tx: Tx, link_id: str) -> bool:
    """Use a link up; false where somebody else did or it is too late."""
    rows = await tx.run(
        """UPDATE users_link SET used_at = :now
        WHERE id = :id AND used_at IS NULL AND expires_at > :now RETURNING id""",
        id=link_id,
        now=tx.now,
    )
    return bool(rows)


async def burn_links(tx: Tx, person_id: str) -> None:
    """Make all unused links of a person useless."""
    await tx.run(
        "UPDATE users_link SET used_at = :now WHERE person_id = :person_id AND used_at IS NULL",
        person_id=person_id,
        now=tx.now,
    )


async def burn_setup_links(tx: Tx) -> None:
    """Make all unused links for a first administrator useless."""
    await tx.run("UPDATE users_link SET used_at = :now WHERE purpose = 'SETUP' AND used_at IS NULL", now=tx.now)


# --- mails -----------------------------------------------------------------------------------------------------------


async def insert_mail(
    tx: Tx, *, mail_id: str, kind: str, recipient: str, language: str, link_id: str | None, expires_at: int, state: str
) -> None:
    """Store a mail that is DUE at once, or one that goes to NOBODY; ``language`` is for who has chosen none."""
    await tx.run(
        """INSERT INTO users_mail (id, kind, recipient, recipient_key, language, link_id, state, attempts, due_at,
            created_at, expires_at)
        VALUES (:id, :kind, :recipient, :recipient_key, :language, :link_id, :state, 0, :due_at, :now,
            :expires_at)""",
        id=mail_id,
        kind=kind,
        recipient=recipient,
        recipient_key=fold(recipient),
        language=language,
        link_id=link_id,
        state=state,
        due_at=tx.now if state == "DUE" else None,
        now=tx.now,
        expires_at=expires_at,
    )


async def count_mails(tx: Tx, recipient: str, since: int) -> int:
    """Count the mails to an address since an instant."""
    rows = await tx.run(
        "SELECT COUNT(*) AS n FROM users_mail WHERE recipient_key = :key AND created_at > :since",
        key=fold(recipient),
        since=since,
    )
    return int(rows[0]["n"])


async def count_domain_mails(tx: Tx, domain: str, since: int, most: int) -> int:
    """Count the mails to a domain since an instant, as far as ``most``."""
    rows = await tx.run(
        """SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM users_mail
        WHERE created_at > :since AND recipient_key LIKE :domain ESCAPE '!' LIMIT :most) counted""",
        domain=f"%@{literal(fold(domain[:255]))}",  # as long as a domain may be; what is longer gets no mail
        since=since,
        most=most,
    )
    return int(rows[0]["n"])


async def next_mail(tx: Tx) -> int | None:
    """Return when the next mail is due."""
    rows = await tx.run("SELECT MIN(due_at) AS at FROM users_mail WHERE due_at IS NOT NULL")
    return rows[0]["at"] if rows else None


async def claim_mail(tx: Tx, lease_until: int) -> Row | None:
    """Take one mail that is due; nobody else gets it before ``lease_until``."""
    rows = await tx.run(
        """UPDATE users_mail SET due_at = :lease_until, attempts = attempts + 1
        WHERE due_at <= :now AND id =
            (SELECT id FROM users_mail WHERE due_at <= :now ORDER BY due_at, id LIMIT 1)
        RETURNING id, kind, recipient, language, link_id, attempts, expires_at""",
        lease_until=lease_until,
        now=tx.now,
    )
    return rows[0] if rows else None


async def finish_mail(tx: Tx, mail_id: str, attempts: int, state: str, due_at: int | None) -> None:
    """Note how a try ended, if it is still the latest one."""
    await tx.run(
        "UPDATE users_mail SET state = :state, due_at = :due_at WHERE id = :id AND attempts = :attempts",
        id=mail_id,
        attempts=attempts,
        state=state,
        due_at=due_at,
    )


# --- forgetting ------------------------------------------------------------------------------------------------------


async def oldest_expiry(tx: Tx) -> int | None:
    """Return when the first of all that can expire did or will."""
    found = [(await tx.run(f"SELECT MIN(expires_at) AS at FROM {table}"))[0]["at"] for table in _PRUNED]
    return min((at for at in found if at is not None), default=None)


async def prune(tx: Tx, before: int, most: int) -> int:
    """Forget what expired before an instant, up to ``most`` rows of each kind; return how many went."""
    gone = 0
    for table, key in _PRUNED.items():
        rows = await tx.run(
            f"""DELETE FROM {table} WHERE {key} IN
                (SELECT {key} FROM {table} WHERE expires_at <= :before ORDER BY expires_at LIMIT :most)
            RETURNING 1 AS gone""",
            before=before,
            most=most,
        )
        gone += len(rows)
    return gone
