"""SQL for the audit log: it is added to and read, and the details of a person can be forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, instant_cursor, total_text
from answerable.kernel.tx import Row, Tx
from answerable.users.rules import fold
from answerable.users.rules.acts import ERASED, FIRST, Act, Link
from answerable.users.store.people import literal

NEWEST = "newest-act"
_LINK = "number, digest, hash, mark"


async def insert_act(tx: Tx, act: Act, link: Link) -> None:
    """Store an act at its place in the chain."""
    await tx.run(
        """INSERT INTO users_act (number, id, at, actor_id, actor_kind, act, about, about_id, digest, hash, mark)
        VALUES (:number, :id, :at, :actor_id, :actor_kind, :act, :about, :about_id, :digest, :hash, :mark)""",
        number=link.number,
        id=act.id,
        at=act.at,
        actor_id=act.actor_id,
        actor_kind=act.actor_kind,
        act=act.act,
        about=act.about,
        about_id=act.about_id,
        digest=link.digest,
        hash=link.hash,
        mark=link.mark,
    )
    await tx.run(
        "INSERT INTO users_act_detail (act_id, named, changes) VALUES (:act_id, :named, :changes)",
        act_id=act.id,
        named=act.named,
        changes=act.changes,
    )


async def load_last(tx: Tx) -> Link:
    """Return the newest place of the chain, ``FIRST`` where nothing is there."""
    rows = await tx.run(f"SELECT {_LINK} FROM users_act ORDER BY number DESC LIMIT 1")
    return link_of(rows[0]) if rows else FIRST


async def load_after(tx: Tx, number: int, limit: int) -> list[Row]:
    """Return acts in their order, with their details (null where they were forgotten)."""
    return await tx.run(
        """SELECT a.*, d.named, d.changes FROM users_act a LEFT JOIN users_act_detail d ON d.act_id = a.id
        WHERE a.number > :number ORDER BY a.number LIMIT :limit""",
        number=number,
        limit=limit,
    )


async def load_hash(tx: Tx, noted: str) -> int | None:
    """Return the number of the act with a hash."""
    rows = await tx.run("SELECT number FROM users_act WHERE hash = :hash LIMIT 1", hash=noted)
    return rows[0]["number"] if rows else None


async def is_erased(tx: Tx, about: str, about_id: str) -> bool:
    """Tell whether a person (or a key of theirs) was erased, and with them the details of what was done to them."""
    rows = await tx.run(
        "SELECT 1 AS found FROM users_act WHERE about = :about AND about_id = :id AND act = :act LIMIT 1",
        about=about,
        id=about_id,
        act=ERASED,
    )
    return bool(rows)


async def count_strays(tx: Tx) -> int:
    """Count details that belong to no act."""
    rows = await tx.run(
        """SELECT COUNT(*) AS n FROM users_act_detail d
        WHERE NOT EXISTS (SELECT 1 FROM users_act a WHERE a.id = d.act_id)"""
    )
    return int(rows[0]["n"])


async def delete_details(tx: Tx, about: str, about_id: str) -> None:
    """Forget the details of all that was done to a person, or to something of theirs."""
    await tx.run(
        """DELETE FROM users_act_detail WHERE act_id IN
            (SELECT id FROM users_act WHERE about = :about AND about_id = :about_id)""",
        about=about,
        about_id=about_id,
    )


async def take_old(tx: Tx, limit: int) -> Sequence[Row]:
    """Take out lines of the record that was kept before there was a chain, oldest first."""
    return await tx.run(
        """SELECT id, at, actor_id, actor_kind, person_id, action, detail FROM users_audit
        ORDER BY at, id LIMIT :limit""",
        limit=limit,
    )


async def delete_old(tx: Tx, line_id: str) -> None:
    """Take away a line that is part of the chain now."""
    await tx.run("DELETE FROM users_audit WHERE id = :id", id=line_id)


def link_of(row: Row) -> Link:
    """Read a place of the chain."""
    return Link(row["number"], row["digest"], row["hash"], row["mark"])


def act_of(row: Row) -> Act:
    """Read an act, with empty details where they were forgotten."""
    return Act(
        id=row["id"],
        at=row["at"],
        actor_id=row["actor_id"],
        actor_kind=row["actor_kind"],
        act=row["act"],
        about=row["about"],
        about_id=row["about_id"],
        named=row["named"] or "",
        changes=row["changes"] or "{}",
    )


@dataclass(frozen=True, slots=True)
class ActFilter:
    """Which acts are wanted; ``who`` is part of the name or address of who did it or whom it was done to.

    ``start`` is inclusive and ``end`` exclusive, in UTC microseconds.
    """

    who: str | None = None
    about: str | None = None
    about_id: str | None = None
    act: str | None = None
    start: int | None = None
    end: int | None = None


ALL = ActFilter()


async def list_acts(tx: Tx, page: PageRequest, wanted: ActFilter = ALL) -> Page[Row]:
    """Read a page of the log, newest first, with the names of today."""
    conditions, values = _conditions(wanted)
    after, limits = "", dict[str, Any](limit=page.size + 1, offset=page.offset)
    if (begin := instant_cursor(page)) is not None:
        after = " AND (a.at, a.id) < (:after_at, :after_id)"
        limits |= {"after_at": begin[0], "after_id": begin[1]}
    rows = await tx.run(
        f"""SELECT a.*, d.named, d.changes, actor.name AS actor_name, person.name AS person_name FROM users_act a
        LEFT JOIN users_act_detail d ON d.act_id = a.id
        LEFT JOIN users_person actor ON actor.id = a.actor_id
        LEFT JOIN users_person person ON person.id = a.about_id
        WHERE {conditions}{after} ORDER BY a.at DESC, a.id DESC LIMIT :limit OFFSET :offset""",
        **values,
        **limits,
    )
    shown = rows[: page.size]
    cursor = encode_cursor(NEWEST, shown[-1]["at"], shown[-1]["id"]) if len(rows) > page.size else None
    cap = 2**62 if page.exact_count else COUNT_CAP
    counted = (
        await tx.run(
            f"SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM users_act a WHERE {conditions} LIMIT :most) counted",
            **values,
            most=cap + 1,
        )
    )[0]["n"]
    return Page(shown, cursor, str(counted) if page.exact_count else total_text(counted))


def _conditions(wanted: ActFilter) -> tuple[str, dict[str, Any]]:
    conditions, values = ["1 = 1"], dict[str, Any]()
    if wanted.who:
        found = "SELECT id FROM users_person WHERE name_key LIKE :who ESCAPE '!' OR email_key LIKE :who ESCAPE '!'"
        conditions.append(f"(a.about_id IN ({found}) OR a.actor_id IN ({found}))")
        values["who"] = f"%{literal(fold(wanted.who))}%"
    limits = {
        "a.about = :about": wanted.about,
        "a.about_id = :about_id": wanted.about_id,
        "a.act = :act": wanted.act,
        "a.at >= :begin": wanted.start,
        "a.at < :until": wanted.end,
    }
    for condition, value in limits.items():
        if value is not None:
            conditions.append(condition)
            values[condition.rpartition(":")[2]] = value
    return " AND ".join(conditions), values
