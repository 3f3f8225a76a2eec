"""SQL for what managers look at."""

from collections.abc import Sequence

from answerable.kernel.tx import Row, Tx

_PRESSING = "c.target, t.id, t.number, t.title, t.priority, t.status, t.agent_id, p.name AS agent_name"


async def save_name(tx: Tx, person_id: str, name: str) -> None:
    """Note what somebody is called."""
    await tx.run(
        "INSERT INTO sla_person (id, name) VALUES (:id, :name) ON CONFLICT (id) DO UPDATE SET name = :name",
        id=person_id,
        name=name,
    )


async def list_names(tx: Tx, people: Sequence[str]) -> list[Row]:
    """Read what some people are called (id, name)."""
    if not people:
        return []
    names = {f"id{place}": person_id for place, person_id in enumerate(people)}
    return await tx.run(
        f"SELECT id, name FROM sla_person WHERE id IN ({', '.join(f':{name}' for name in names)})", **names
    )


async def find_people(tx: Tx, words: str, limit: int) -> list[Row]:
    """Find people of whose name each word is a part, by name (id, name)."""
    parts = [part.replace("!", "!!").replace("%", "!%").replace("_", "!_") for part in words.lower().split()[:4]]
    values = {f"part{place}": f"%{part}%" for place, part in enumerate(parts)}
    where = "".join(f" AND LOWER(p.name) LIKE :{name} ESCAPE '!'" for name in values)
    return await tx.run(
        f"SELECT p.id, p.name FROM sla_person p WHERE p.name <> ''{where} ORDER BY LOWER(p.name), p.id LIMIT :limit",
        limit=limit,
        **values,
    )


async def list_at_risk(tx: Tx, limit: int) -> list[Row]:
    """Read the promises that are at risk and not broken yet, the next to be due first."""
    return await tx.run(
        f"""SELECT {_PRESSING}, c.due_at AS at FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        LEFT JOIN sla_person p ON p.id = t.agent_id
        WHERE c.warned_at IS NOT NULL AND c.breached_at IS NULL AND c.ended_at IS NULL AND c.due_at IS NOT NULL
        ORDER BY c.due_at LIMIT :limit""",
        limit=limit,
    )


async def list_broken(tx: Tx, limit: int) -> list[Row]:
    """Read the open promises that were broken last, the newest first."""
    return await tx.run(
        f"""SELECT {_PRESSING}, c.breached_at AS at FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        LEFT JOIN sla_person p ON p.id = t.agent_id
        WHERE c.breached_at IS NOT NULL AND c.ended_at IS NULL ORDER BY c.breached_at DESC LIMIT :limit""",
        limit=limit,
    )


async def list_open_escalations(tx: Tx, limit: int) -> list[Row]:
    """Read the escalations that are open, the newest first, with their tickets and the people's names."""
    return await tx.run(
        f"""SELECT {_PRESSING.replace("c.target", "e.target")}, e.at, e.reason, e.manager_id, m.name AS manager_name
        FROM sla_escalation e JOIN sla_ticket t ON t.id = e.ticket_id
        LEFT JOIN sla_person p ON p.id = t.agent_id LEFT JOIN sla_person m ON m.id = e.manager_id
        WHERE e.ended_at IS NULL ORDER BY e.at DESC, e.id DESC LIMIT :limit""",
        limit=limit,
    )
