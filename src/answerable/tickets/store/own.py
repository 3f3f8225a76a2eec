"""SQL for what people see of their own tickets, and for finding people."""

from collections.abc import Sequence

from answerable.kernel.tx import Row, Tx
from answerable.tickets.rules import Ticket
from answerable.tickets.rules.own import DONE, OPEN, YOURS
from answerable.tickets.store import near
from answerable.tickets.store.tickets import COLUMNS, ticket_of
from answerable.tickets.store.ways import NUMBER, OWN, arms, ways

_STATUSES = {"open": OPEN, "done": DONE}


async def list_own(tx: Tx, part: str, words: str, after: tuple[int, int] | None, limit: int) -> list[Ticket]:
    """Read the caller's own tickets, newest first: ``part`` is open, done or all, ``words`` what is searched for.

    Those that wait for the caller come first where only open ones are read; ``after`` is (turn, number) of the last.
    """
    where = list[str]()
    values: dict[str, int | str] = {}
    if part in _STATUSES:
        where.append(_among("t.status", _STATUSES[part]))
    turn = f"CASE WHEN {_among('t.status', YOURS)} THEN 1 ELSE 0 END" if part == "open" else "0"
    if after is not None:
        where.append(f"({turn}, t.number) < (:turn, :number)")
        values |= {"turn": after[0], "number": after[1]}
    order = f"{turn} DESC, t.number DESC" if part == "open" else "t.number DESC"
    if words:
        number = words.lstrip("#")
        numbered = number.isascii() and number.isdigit() and len(number) <= 15
        values |= {"q": words[:500], "asked_number": int(number) if numbered else 0}
        walk = near.Walk(tx, [OWN], where, order, values, near.NOTES)
        near_by = await near.numbers(walk, limit)
        if near_by is not None:
            return [ticket_of(row) for row in await walk.read(near_by)]
        sql = f"""WITH f AS MATERIALIZED ({_FOUND}) SELECT {COLUMNS} FROM tickets_ticket t
            WHERE {" AND ".join([_THEIRS, *where])} ORDER BY {order} LIMIT :limit"""
        return [ticket_of(row) for row in await tx.run(sql, me=tx.actor.id, limit=limit, **values)]
    parts = [
        f"SELECT * FROM (SELECT t.number FROM tickets_ticket t WHERE {way} ORDER BY {order} LIMIT :limit) a{place}"
        for place, way in enumerate(ways([OWN], where, "" if part == "open" else NUMBER))
    ]
    sql = f"""SELECT {COLUMNS} FROM tickets_ticket t WHERE t.number IN ({" UNION ALL ".join(parts)})
        ORDER BY {order} LIMIT :limit"""
    return [ticket_of(row) for row in await tx.run(sql, me=tx.actor.id, limit=limit, **values)]


async def count_own(tx: Tx, part: str, cap: int) -> int:
    """Count the caller's own tickets, up to ``cap`` + 1."""
    rows = await tx.run(
        f"""SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM tickets_ticket t
        WHERE t.requester_id = :me AND {_among("t.status", _STATUSES[part])} LIMIT :most) x""",
        me=tx.actor.id,
        most=cap + 1,
    )
    return int(rows[0]["n"])


async def list_open_words(tx: Tx, requester_id: str, limit: int) -> list[Row]:
    """Read what a person's newest open tickets are about: number, id, title and the beginning of the description.

    What the caller may not see is left out.
    """
    seen = " OR ".join(f"({arm})" for arm in arms(tx.actor))
    return await tx.run(
        f"""SELECT t.number, t.id, t.title, SUBSTR(t.description, 1, 500) AS beginning, t.created_at
        FROM tickets_ticket t WHERE t.requester_id = :requester AND {_among("t.status", OPEN)} AND ({seen})
        ORDER BY t.number DESC LIMIT :limit""",
        requester=requester_id,
        me=tx.actor.id,
        limit=limit,
    )


async def list_newest_comments(tx: Tx, ticket_id: str, before: int | None, limit: int) -> list[Row]:
    """Read the newest public comments of a visible ticket, newest first, with the author's present name."""
    return await tx.run(
        f"""SELECT c.number, c.id, c.author_id, c.body, c.created_at, COALESCE(p.name, '') AS author_name
        FROM tickets_comment c LEFT JOIN tickets_known_person p ON p.id = c.author_id
        WHERE c.ticket_id = :ticket_id AND c.internal = 0 {"AND c.number < :before" if before is not None else ""}
        ORDER BY c.number DESC LIMIT :limit""",
        ticket_id=ticket_id,
        limit=limit,
        **({} if before is None else {"before": before}),
    )


async def last_public_comments(tx: Tx, ticket_ids: Sequence[str]) -> dict[str, Row]:
    """Read the last public comment of each of some tickets, with its author's name."""
    if not ticket_ids:
        return {}
    values = {f"id{place}": ticket_id for place, ticket_id in enumerate(ticket_ids)}
    rows = await tx.run(
        f"""SELECT c.ticket_id, c.author_id, c.created_at, COALESCE(p.name, '') AS author_name
        FROM tickets_comment c LEFT JOIN tickets_known_person p ON p.id = c.author_id
        WHERE c.number IN (SELECT MAX(l.number) FROM tickets_comment l
            WHERE l.ticket_id IN ({", ".join(f":{name}" for name in values)}) AND l.internal = 0
            GROUP BY l.ticket_id)""",
        **values,
    )
    return {row["ticket_id"]: row for row in rows}


async def load_names(tx: Tx, person_ids: Sequence[str]) -> dict[str, str]:
    """Read the names of some people."""
    if not person_ids:
        return {}
    values = {f"id{place}": person_id for place, person_id in enumerate(person_ids)}
    rows = await tx.run(
        f"SELECT id, name FROM tickets_known_person WHERE id IN ({', '.join(f':{name}' for name in values)})", **values
    )
    return {row["id"]: row["name"] for row in rows}


async def find_people(tx: Tx, words: str, limit: int) -> list[Row]:
    """Find active people of whose name each word is a part, by name."""
    parts = words.lower().split()[:4]
    values = {f"part{place}": f"%{_literally(part)}%" for place, part in enumerate(parts)}
    where = "".join(f" AND LOWER(p.name) LIKE :{name} ESCAPE '!'" for name in values)
    return await tx.run(
        f"""SELECT p.id, p.name FROM tickets_known_person p WHERE p.active = 1{where}
        ORDER BY LOWER(p.name), p.id LIMIT :limit""",
        limit=limit,
        **values,
    )


# --- when they will hear from somebody ---------------------------------------------------------------------------


async def mirror_answer_due(tx: Tx, ticket_id: str, due_at: int | None) -> None:
    """Note when the requester was promised an answer, ``None`` where no such promise runs."""
    if due_at is None:
        await tx.run("DELETE FROM tickets_answer_due WHERE ticket_id = :id", id=ticket_id)
        return
    await tx.run(
        """INSERT INTO tickets_answer_due (ticket_id, due_at) VALUES (:id, :due_at)
        ON CONFLICT (ticket_id) DO UPDATE SET due_at = :due_at""",
        id=ticket_id,
        due_at=due_at,
    )


async def load_answers_due(tx: Tx, ticket_ids: Sequence[str]) -> dict[str, int]:
    """Read when the requesters of some tickets were promised to hear from somebody."""
    if not ticket_ids:
        return {}
    values = {f"id{place}": ticket_id for place, ticket_id in enumerate(ticket_ids)}
    rows = await tx.run(
        f"""SELECT ticket_id, due_at FROM tickets_answer_due
        WHERE ticket_id IN ({", ".join(f":{name}" for name in values)})""",
        **values,
    )
    return {row["ticket_id"]: row["due_at"] for row in rows}


# Where few have the words, they are found first: the index of words has what is one person's together.
_FOUND = """SELECT x.number FROM FOUND_IN(tickets_ticket, :q, :me) x
    UNION ALL SELECT (SELECT s.number FROM tickets_comment c JOIN tickets_ticket s ON s.id = c.ticket_id
        WHERE c.number = y.number AND c.internal = 0) FROM FOUND_IN(tickets_comment, :q, :me) y
    UNION ALL SELECT CAST(:asked_number AS BIGINT)"""
_THEIRS = "t.number IN (SELECT * FROM f) AND t.requester_id || '' = :me"


def _among(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"  # constants of rules/own.py


def _literally(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
