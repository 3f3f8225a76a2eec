"""SQL for signed-in browsers and for how people like the desk."""

from answerable.kernel.tx import Row, Tx
from answerable.kernel.visit import Preferences
from answerable.users.rules import fold

MOST_SHOWN = 50


async def insert_browser(
    tx: Tx, *, hashed: str, browser_id: str, person_id: str, version: int, device: str, zone: str, until: int, ends: int
) -> None:
    """Store a browser that has just signed in."""
    await tx.run(
        """INSERT INTO users_browser (hash, id, person_id, session_version, device, zone, created_at, seen_at,
            expires_at, ends_at)
        VALUES (:hash, :id, :person_id, :version, :device, :zone, :now, :now, :until, :ends)""",
        hash=hashed,
        id=browser_id,
        person_id=person_id,
        version=version,
        device=device,
        zone=zone,
        now=tx.now,
        until=until,
        ends=ends,
    )


async def load_visit(tx: Tx, hashed: str) -> Row | None:
    """Return a browser that is good by its dates, with its person and their preferences (null where they have none)."""
    rows = await tx.run(
        """SELECT b.id, b.person_id, b.session_version AS held, b.seen_at, b.expires_at, b.zone AS browser_zone,
            p.name, p.roles, p.active, p.session_version, f.theme, f.density, f.language, f.zone, f.keys_on
        FROM users_browser b JOIN users_person p ON p.id = b.person_id
        LEFT JOIN users_preference f ON f.person_id = b.person_id
        WHERE b.hash = :hash AND b.expires_at > :now""",
        hash=hashed,
        now=tx.now,
    )
    return rows[0] if rows else None


async def touch_browser(tx: Tx, browser_id: str, idle: int) -> None:
    """Note that a browser was used; it stays signed in for ``idle`` microseconds more, but not beyond its end."""
    await tx.run(
        """UPDATE users_browser SET seen_at = :now,
            expires_at = CASE WHEN ends_at < :until THEN ends_at ELSE :until END
        WHERE id = :id AND expires_at > :now""",
        id=browser_id,
        now=tx.now,
        until=tx.now + idle,
    )


async def list_browsers(tx: Tx, person_id: str) -> list[Row]:
    """Return the browsers in which a person is signed in, last used first.

    Each with id, device, created_at, seen_at and expires_at.
    """
    return await tx.run(
        """SELECT b.id, b.device, b.created_at, b.seen_at, b.expires_at
        FROM users_browser b JOIN users_person p ON p.id = b.person_id AND p.session_version = b.session_version
        WHERE b.person_id = :person_id AND b.expires_at > :now ORDER BY b.seen_at DESC, b.id DESC LIMIT :most""",
        person_id=person_id,
        now=tx.now,
        most=MOST_SHOWN,
    )


async def delete_browser(tx: Tx, browser_id: str, person_id: str) -> bool:
    """Sign one browser of a person out; false where it was not signed in."""
    rows = await tx.run(
        "DELETE FROM users_browser WHERE id = :id AND person_id = :person_id RETURNING id",
        id=browser_id,
        person_id=person_id,
    )
    return bool(rows)


async def delete_browsers(tx: Tx, person_id: str, but: str = "") -> None:
    """Sign all browsers of a person out, ``but`` one."""
    await tx.run("DELETE FROM users_browser WHERE person_id = :person_id AND id <> :but", person_id=person_id, but=but)


async def keep_browser(tx: Tx, browser_id: str, version: int) -> None:
    """Let a browser stay signed in over a change of its person's session version."""
    await tx.run("UPDATE users_browser SET session_version = :version WHERE id = :id", id=browser_id, version=version)


async def load_language(tx: Tx, email: str) -> str:
    """Read the language that the person with an address chose, empty where they did not."""
    rows = await tx.run(
        """SELECT f.language FROM users_person p JOIN users_preference f ON f.person_id = p.id
        WHERE p.email_key = :email_key""",
        email_key=fold(email),
    )
    return str(rows[0]["language"]) if rows else ""


async def load_told_language(tx: Tx, person_id: str) -> str:
    """Read the language that others know a person chose, empty where they know of none."""
    rows = await tx.run(
        "SELECT language FROM users_preference WHERE person_id = :person_id AND language_told = 1", person_id=person_id
    )
    return str(rows[0]["language"]) if rows else ""


async def mark_languages_told(tx: Tx, limit: int) -> list[Row]:
    """Mark some chosen languages that others were not told of, and return them: person_id, language."""
    return await tx.run(
        """UPDATE users_preference SET language_told = 1 WHERE person_id IN (
            SELECT person_id FROM users_preference WHERE language_told = 0 AND language <> '' LIMIT :limit)
        RETURNING person_id, language""",
        limit=limit,
    )


async def save_preferences(tx: Tx, person_id: str, liked: Preferences) -> None:
    """Store how a person likes the desk."""
    await tx.run(
        """INSERT INTO users_preference (person_id, theme, density, language, zone, keys_on, language_told, updated_at)
        VALUES (:person_id, :theme, :density, :language, :zone, :keys_on, 1, :now)
        ON CONFLICT (person_id) DO UPDATE SET theme = :theme, density = :density, language = :language, zone = :zone,
            keys_on = :keys_on, language_told = 1, updated_at = :now""",
        person_id=person_id,
        theme=liked.theme,
        density=liked.density,
        language=liked.language,
        zone=liked.zone,
        keys_on=int(liked.keys),
        now=tx.now,
    )
