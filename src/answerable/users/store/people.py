"""SQL for people, and for registrations that wait for their confirmation."""

from dataclasses import dataclass
from typing import Any

from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, instant_cursor, total_text
from answerable.kernel.tx import Row, Tx
from answerable.users.rules import NewPerson, Person, fold

NEWEST = "newest"
MOST_AGENTS = 1000


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


async def load_standing(tx: Tx, person_id: str, jti: str) -> Row | None:
    """Return what a token is held against at each request: name, roles, active, session_version, ended.

    ``ended`` is when the session ended in which the token was given out, null where it goes on.
    """
    rows = await tx.run(
        """SELECT name, roles, active, session_version,
            (SELECT revoked_at FROM users_refresh WHERE jti = :jti) AS ended
        FROM users_person WHERE id = :id""",
        id=person_id,
        jti=jti,
    )
    return rows[0] if rows else None


async def count_other_admins(tx: Tx, person_id: str) -> int:
    """Count the active administrators beside a person."""
    rows = await tx.run(
        """SELECT COUNT(*) AS n FROM users_person
        WHERE roles <> 'USER' AND roles LIKE '%ADMIN%' AND active = 1 AND id <> :id""",
        id=person_id,
    )
    return int(rows[0]["n"])


async def list_agents(tx: Tx) -> list[Row]:
    """Return the active agents by name: id, name, email."""
    return await tx.run(
        """SELECT id, name, email FROM users_person
        WHERE roles <> 'USER' AND roles LIKE '%AGENT%' AND active = 1 ORDER BY name_key, id LIMIT :most""",
        most=MOST_AGENTS,
    )


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """Which people are wanted; ``q`` is part of a name or an address."""

    q: str | None = None
    role: str | None = None
    active: bool | None = None


async def list_people(tx: Tx, wanted: PeopleFilter, page: PageRequest) -> Page[Person]:
    """Read a page of people, newest first."""
    conditions, values = ["1 = 1"], dict[str, Any]()
    if wanted.q:
        conditions.append("(name_key LIKE :q ESCAPE '!' OR email_key LIKE :q ESCAPE '!')")
        values["q"] = f"%{literal(fold(wanted.q))}%"
    if wanted.role:
        conditions.append("roles LIKE :role" + ("" if wanted.role == "USER" else " AND roles <> 'USER'"))
        values["role"] = f"%{wanted.role}%"
    if wanted.active is not None:
        conditions.append("active = :active")
        values["active"] = int(wanted.active)
    where = " AND ".join(conditions)
    limits: dict[str, Any] = {"limit": page.size + 1, "offset": page.offset}
    after = ""
    if (begin := instant_cursor(page)) is not None:
        after = " AND (created_at, id) < (:after_at, :after_id)"
        limits |= {"after_at": begin[0], "after_id": begin[1]}
    rows = await tx.run(
        f"""SELECT * FROM users_person WHERE {where}{after}
        ORDER BY created_at DESC, id DESC LIMIT :limit OFFSET :offset""",
        **values,
        **limits,
    )
    people = [person_of(row) for row in rows[: page.size]]
    more = len(rows) > page.size
    cursor = encode_cursor(NEWEST, people[-1].created_at, people[-1].id) if more else None
    cap = 2**62 if page.exact_count else COUNT_CAP
    counted = (
        await tx.run(
            f"SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM users_person WHERE {where} LIMIT :most) counted",
            **values,
            most=cap + 1,
        )
    )[0]["n"]
    return Page(people, cursor, str(counted) if page.exact_count else total_text(counted))


def literal(text: str) -> str:
    """Return a text as a part of a pattern that stands for itself, with ``!`` as the escape."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


# --- waiting for their confirmation ----------------------------------------------------------------------------------


async def insert_pending(tx: Tx, pending_id: str, new: NewPerson, expires_at: int) -> None:
    """Store a registration that waits until its address is confirmed."""
    await tx.run(
        """INSERT INTO users_pending (id, name, email, email_key, password_hash, created_at, expires_at)
        VALUES (:id, :name, :email, :email_key, :password_hash, :now, :expires_at)""",
        id=pending_id,
        name=new.name,
        email=new.email,
        email_key=fold(new.email),
        password_hash=new.password_hash,
        now=tx.now,
        expires_at=expires_at,
    )


async def load_pending(tx: Tx, pending_id: str) -> NewPerson | None:
    """Return a registration that waits."""
    rows = await tx.run("SELECT * FROM users_pending WHERE id = :id", id=pending_id)
    return _pending_of(rows[0]) if rows else None


async def load_pending_by_email(tx: Tx, email: str) -> NewPerson | None:
    """Return the newest registration that waits for an address."""
    rows = await tx.run(
        """SELECT * FROM users_pending WHERE email_key = :key AND expires_at > :now
        ORDER BY created_at DESC, id DESC LIMIT 1""",
        key=fold(email),
        now=tx.now,
    )
    return _pending_of(rows[0]) if rows else None


def _pending_of(row: Row) -> NewPerson:
    return NewPerson(row["name"], row["email"], password_hash=row["password_hash"], id=row["id"])
