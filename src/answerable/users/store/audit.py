"""SQL for the record of who changed whom."""

from dataclasses import dataclass
from typing import Any

from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, instant_cursor, total_text
from answerable.kernel.tx import Row, Tx
from answerable.users.rules import fold
from answerable.users.store.people import literal

NEWEST = "newest-change"


async def insert_audit(tx: Tx, person_id: str, action: str, detail: str) -> None:
    """Record what ``tx.actor`` did to a person; ``detail`` is JSON."""
    await tx.run(
        """INSERT INTO users_audit (id, at, actor_id, actor_kind, person_id, action, detail)
        VALUES (:id, :at, :actor_id, :actor_kind, :person_id, :action, :detail)""",
        id=tx.new_id(),
        at=tx.now,
        actor_id=tx.actor.id,
        actor_kind=tx.actor.kind,
        person_id=person_id,
        action=action,
        detail=detail,
    )


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which changes are wanted; ``who`` is part of the name or address of who did it or whom it was done to.

    ``start`` is inclusive and ``end`` exclusive, in UTC microseconds.
    """

    who: str | None = None
    person_id: str | None = None
    action: str | None = None
    start: int | None = None
    end: int | None = None


ALL = AuditFilter()


async def list_audit(tx: Tx, page: PageRequest, wanted: AuditFilter = ALL) -> Page[Row]:
    """Read a page of the record, newest first, with the names of today."""
    conditions, values = _conditions(wanted)
    after, limits = "", dict[str, Any](limit=page.size + 1, offset=page.offset)
    if (begin := instant_cursor(page)) is not None:
        after = " AND (a.at, a.id) < (:after_at, :after_id)"
        limits |= {"after_at": begin[0], "after_id": begin[1]}
    rows = await tx.run(
        f"""SELECT a.*, actor.name AS actor_name, person.name AS person_name FROM users_audit a
        LEFT JOIN users_person actor ON actor.id = a.actor_id
        LEFT JOIN users_person person ON person.id = a.person_id
        WHERE {conditions}{after} ORDER BY a.at DESC, a.id DESC LIMIT :limit OFFSET :offset""",
        **values,
        **limits,
    )
    shown = rows[: page.size]
    cursor = encode_cursor(NEWEST, shown[-1]["at"], shown[-1]["id"]) if len(rows) > page.size else None
    cap = 2**62 if page.exact_count else COUNT_CAP
    counted = (
        await tx.run(
            f"SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM users_audit a WHERE {conditions} LIMIT :most) counted",
            **values,
            most=cap + 1,
        )
    )[0]["n"]
    return Page(shown, cursor, str(counted) if page.exact_count else total_text(counted))


def _conditions(wanted: AuditFilter) -> tuple[str, dict[str, Any]]:
    conditions, values = ["1 = 1"], dict[str, Any]()
    if wanted.who:
        found = "SELECT id FROM users_person WHERE name_key LIKE :who ESCAPE '!' OR email_key LIKE :who ESCAPE '!'"
        conditions.append(f"(a.person_id IN ({found}) OR a.actor_id IN ({found}))")
        values["who"] = f"%{literal(fold(wanted.who))}%"
    limits = {
        "a.person_id = :person_id": wanted.person_id,
        "a.action = :action": wanted.action,
        "a.at >= :begin": wanted.start,
        "a.at < :until": wanted.end,
    }
    for condition, value in limits.items():
        if value is not None:
            conditions.append(condition)
            values[condition.rpartition(":")[2]] = value
    return " AND ".join(conditions), values
