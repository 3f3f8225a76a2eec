"""Managers who can be called in, and when they were."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, instant_cursor, total_text
from answerable.kernel.tx import Row, Tx
from answerable.sla.rules import Manager

ESCALATIONS = "-escalatedAt"  # the order of lists of escalations
_people = msgspec.json.Decoder(list[str]).decode


async def save_manager(tx: Tx, person_id: str, role: str, active: int) -> None:
    """Note somebody who can be called in."""
    await tx.run(
        """INSERT INTO sla_manager (id, role, active) VALUES (:id, :role, :active)
        ON CONFLICT (id) DO UPDATE SET role = :role, active = :active""",
        id=person_id,
        role=role,
        active=active,
    )


async def retire_manager(tx: Tx, person_id: str) -> None:
    """Note that somebody cannot be called in (any more)."""
    await tx.run("UPDATE sla_manager SET active = 0 WHERE id = :id", id=person_id)


async def knows_manager(tx: Tx, person_id: str) -> bool:
    """Tell whether somebody is or was one who can be called in."""
    return bool(await tx.run("SELECT 1 AS known FROM sla_manager WHERE id = :id", id=person_id))


async def load_managers(tx: Tx) -> list[Manager]:
    """Read who can be called in now."""
    rows = await tx.run("SELECT id, role, open_escalations, escalated_at FROM sla_manager WHERE active = 1")
    return [Manager(**dict(row)) for row in rows]


async def insert_escalation(tx: Tx, **values: Any) -> bool:
    """Store that a manager was called in; tell whether it is the first time for this clock and level.

    ``note_calls`` keeps their load.
    """
    new = await tx.run(
        """INSERT INTO sla_escalation
            (id, clock_id, level, ticket_id, agent_id, manager_id, role, priority, reason, at, target, cycle)
        VALUES (:id, :clock_id, :level, :ticket_id, :agent_id, :manager_id, :role, :priority, :reason, :at, :target,
            :cycle)
        ON CONFLICT (clock_id, level) DO NOTHING RETURNING 1 AS new""",
        **values,
    )
    return bool(new)


async def load_uncalled(tx: Tx, since: str, limit: int) -> list[Row]:
    """Read open escalations after the id ``since`` for which nobody was found, oldest first."""
    return await tx.run(
        """SELECT id, ticket_id, target, cycle, reason FROM sla_escalation
        WHERE id > :since AND manager_id IS NULL AND ended_at IS NULL ORDER BY id LIMIT :limit""",
        since=since,
        limit=limit,
    )


async def save_called(tx: Tx, escalation_id: str, manager_id: str, role: str) -> None:
    """Note who is called in after all."""
    await tx.run(
        "UPDATE sla_escalation SET manager_id = :manager_id, role = :role WHERE id = :id",
        id=escalation_id,
        manager_id=manager_id,
        role=role,
    )


async def note_calls(tx: Tx, calls: Mapping[str, int]) -> None:
    """Note that managers were called in now, each so many times."""
    await tx.run_many(
        "UPDATE sla_manager SET open_escalations = open_escalations + :calls, escalated_at = :at WHERE id = :id",
        [{"id": manager_id, "calls": count, "at": tx.now} for manager_id, count in calls.items()],
    )


async def insert_levels(tx: Tx, levels: Sequence[tuple[str, int, str, str]]) -> None:
    """Log levels that came: of which clock, its number, its name, and what was done."""
    await tx.run_many(
        """INSERT INTO sla_level (clock_id, number, name, at, done) VALUES (:clock_id, :number, :name, :at, :done)""",
        [
            {"clock_id": clock_id, "number": number, "name": name, "at": tx.now, "done": done}
            for clock_id, number, name, done in levels
        ],
    )


async def load_levels(tx: Tx, clock_id: str) -> list[Row]:
    """Read the log of the levels of a clock, in their order."""
    return await tx.run("SELECT name, at, done FROM sla_level WHERE clock_id = :id ORDER BY number", id=clock_id)


async def insert_told(tx: Tx, told: Sequence[tuple[str, int, str, str, Sequence[str]]]) -> None:
    """Note whom levels told because of their role: the clock, the level's number, the role, the level's name, ids."""
    await tx.run_many(
        """INSERT INTO sla_told (clock_id, number, role, level, at, people)
        VALUES (:clock_id, :number, :role, :level, :at, :people) ON CONFLICT DO NOTHING""",
        [
            {
                "clock_id": clock_id,
                "number": number,
                "role": role,
                "level": level,
                "at": tx.now,
                "people": _list(people),
            }
            for clock_id, number, role, level, people in told
        ],
    )


async def load_told(tx: Tx, role: str, since: int, limit: int) -> list[tuple[Row, list[str]]]:
    """Read the levels of promises still open that told a role after ``since``, and whom, oldest first."""
    rows = await tx.run(
        """SELECT t.clock_id, t.number, t.level, t.people, c.ticket_id, c.target, c.cycle, c.due_at
        FROM sla_told t JOIN sla_clock c ON c.id = t.clock_id
        WHERE t.role = :role AND t.at > :since AND c.ended_at IS NULL
        ORDER BY t.at, t.clock_id, t.number LIMIT :limit""",
        role=role,
        since=since,
        limit=limit,
    )
    return [(row, _people(row["people"])) for row in rows]


async def save_told(tx: Tx, clock_id: str, number: int, role: str, people: Sequence[str]) -> None:
    """Note whom a level told because of their role, after all."""
    await tx.run(
        "UPDATE sla_told SET people = :people WHERE clock_id = :clock_id AND number = :number AND role = :role",
        clock_id=clock_id,
        number=number,
        role=role,
        people=_list(people),
    )


def _list(people: Sequence[str]) -> str:
    return msgspec.json.encode(list(people)).decode()


async def end_escalations(tx: Tx, ticket_id: str, at: int) -> None:
    """Take the open escalations of a ticket off their managers."""
    ended = await tx.run(
        """UPDATE sla_escalation SET ended_at = :at WHERE ticket_id = :ticket_id AND ended_at IS NULL
        RETURNING manager_id""",
        ticket_id=ticket_id,
        at=at,
    )
    for row in ended:
        if row["manager_id"]:
            await tx.run(
                "UPDATE sla_manager SET open_escalations = open_escalations - 1 WHERE id = :id", id=row["manager_id"]
            )


async def list_escalations(tx: Tx, manager_id: str | None, page: PageRequest) -> Page[Row]:
    """Read a page of the escalations, of one manager or all, newest first."""
    whose = "1 = 1" if manager_id is None else "manager_id = :manager_id"
    narrowed = {} if manager_id is None else {"manager_id": manager_id}
    begin = instant_cursor(page)
    after = "" if begin is None else "AND (at, id) < (:at, :id)"
    limits = {} if begin is None else {"at": begin[0], "id": begin[1]}
    rows = await tx.run(
        f"""SELECT * FROM sla_escalation WHERE {whose} {after}
        ORDER BY at DESC, id DESC LIMIT :limit OFFSET :offset""",
        limit=page.size + 1,
        offset=page.offset,
        **narrowed,
        **limits,
    )
    next_cursor = None
    if len(rows) > page.size:
        rows = rows[: page.size]
        next_cursor = encode_cursor(ESCALATIONS, rows[-1]["at"], rows[-1]["id"])
    return Page(rows, next_cursor, await _count_escalations(tx, whose, narrowed, exact=page.exact_count))


async def _count_escalations(tx: Tx, whose: str, narrowed: dict[str, str], *, exact: bool) -> str:
    capped = "" if exact else f"LIMIT {COUNT_CAP + 1}"
    rows = await tx.run(
        f"SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM sla_escalation WHERE {whose} {capped}) x", **narrowed
    )
    counted = int(rows[0]["n"])
    return str(counted) if exact else total_text(counted)


async def list_wrong_loads(tx: Tx) -> list[Row]:
    """Read the managers whose count of open escalations differs from a recount (for the audit)."""
    return await tx.run(
        """SELECT m.id, m.open_escalations, COUNT(e.id) AS counted
        FROM sla_manager m LEFT JOIN sla_escalation e ON e.manager_id = m.id AND e.ended_at IS NULL
        GROUP BY m.id, m.open_escalations HAVING m.open_escalations <> COUNT(e.id)"""
    )


async def list_forgotten_escalations(tx: Tx) -> list[Row]:
    """Read escalations that are open although their ticket is not (for the audit)."""
    return await tx.run(
        """SELECT e.id, e.ticket_id FROM sla_escalation e JOIN sla_ticket t ON t.id = e.ticket_id
        WHERE e.ended_at IS NULL AND t.status IN ('RESOLVED', 'CLOSED', 'CANCELLED')"""
    )
