"""All SQL of the assignment feature."""

from collections.abc import Sequence
from typing import Any

from answerable.assignment.rules import Agent, Candidate, Load, Ticket
from answerable.kernel.tx import Row, Tx

_AGENT = ", ".join(f"a.{name}" for name in Agent.__struct_fields__)
_TICKET = ", ".join(f"t.{name}" for name in Ticket.__struct_fields__)
_SHOWN = "t.id, t.number, t.title, t.priority, t.status, t.agent_id, p.due_at"
_TICKET_NAMES = ", ".join(Ticket.__struct_fields__)
_TICKET_VALUES = ", ".join(f":{name}" for name in Ticket.__struct_fields__)
_TICKET_SET = ", ".join(f"{name} = :{name}" for name in Ticket.__struct_fields__ if name != "id")

# What ``rules.is_free`` and ``Ticket.waits`` say. The partial indexes have the same words.
_FIT = "a.is_agent = 1 AND a.active = 1 AND a.available = 1"
FREE = f"{_FIT} AND a.rests_until <= :now AND a.load < COALESCE(a.capacity, :default)"
_WAITS = "t.status = 'CREATED' AND t.agent_id IS NULL AND t.proposed_to IS NULL"

_NEXT_WAITING = f"""SELECT {_TICKET} FROM assignment_ticket t WHERE {_WAITS}
ORDER BY t.urgency, t.created_at, t.number LIMIT 1"""
_SHORTLIST = f"""SELECT * FROM (
    SELECT {_AGENT}, 1 AS skilled FROM assignment_agent a WHERE {FREE} AND a.id <> :but
    AND EXISTS (SELECT 1 FROM assignment_skill s WHERE s.agent_id = a.id AND s.category = :category)
    ORDER BY a.load, a.idle_since, a.id LIMIT 1) skilled
UNION ALL SELECT * FROM (
    SELECT {_AGENT}, 0 AS skilled FROM assignment_agent a WHERE {FREE} AND a.id <> :but
    ORDER BY a.load, a.idle_since, a.id LIMIT 1) others"""

# --- agents --------------------------------------------------------------------------------------------------------


async def load_agent(tx: Tx, agent_id: str) -> Agent | None:
    """Load a person."""
    rows = await tx.run(f"SELECT {_AGENT} FROM assignment_agent a WHERE a.id = :id", id=agent_id)
    return Agent(**dict(rows[0])) if rows else None


async def save_person(tx: Tx, person_id: str, name: str, is_agent: int, active: int, sequence: int = 0) -> None:
    """Note a person as message ``sequence`` of the users feature has them; what was refused may be tried again."""
    await tx.run(
        """INSERT INTO assignment_agent (id, name, is_agent, active, idle_since, last_sequence)
        VALUES (:id, :name, :is_agent, :active, :now, :sequence)
        ON CONFLICT (id) DO UPDATE SET name = :name, is_agent = :is_agent, active = :active,
            last_sequence = :sequence, refusals = 0, rests_until = 0""",
        sequence=sequence,
        id=person_id,
        name=name,
        is_agent=is_agent,
        active=active,
        now=tx.now,
    )


async def save_availability(tx: Tx, agent: Agent) -> None:
    """Store how much an agent takes."""
    await tx.run(
        """UPDATE assignment_agent SET available = :available, capacity = :capacity,
        refusals = :refusals, rests_until = :rests_until WHERE id = :id""",
        id=agent.id,
        available=agent.available,
        capacity=agent.capacity,
        refusals=agent.refusals,
        rests_until=agent.rests_until,
    )


async def list_skills(tx: Tx, agent_id: str) -> list[str]:
    """Read the category codes of an agent in their order."""
    rows = await tx.run("SELECT category FROM assignment_skill WHERE agent_id = :id ORDER BY place", id=agent_id)
    return [row["category"] for row in rows]


async def replace_skills(tx: Tx, agent_id: str, skills: Sequence[str]) -> None:
    """Store the category codes of an agent."""
    await tx.run("DELETE FROM assignment_skill WHERE agent_id = :id", id=agent_id)
    for place, category in enumerate(skills):
        await tx.run(
            "INSERT INTO assignment_skill (agent_id, category, place) VALUES (:id, :category, :place)",
            id=agent_id,
            category=category,
            place=place,
        )


async def shortlist(tx: Tx, category: str, but: str = "") -> list[Candidate]:
    """Read the free agents among whom the one to choose must be: the next skilled one, and the next of all.

    All ``but`` one.
    """
    default = tx.settings.assignment.capacity
    rows = await tx.run(_SHORTLIST, category=category, default=default, now=tx.now, but=but)
    return [
        Candidate(agent=Agent(**{name: row[name] for name in Agent.__struct_fields__}), skilled=row["skilled"])
        for row in rows
    ]


async def claim_place(tx: Tx, agent_id: str) -> bool:
    """Take a place of an agent who is still free; tell whether it worked."""
    rows = await tx.run(
        f"""UPDATE assignment_agent AS a SET load = load + 1, idle_since = :now
        WHERE a.id = :id AND {FREE} RETURNING 1 AS claimed""",
        id=agent_id,
        default=tx.settings.assignment.capacity,
        now=tx.now,
    )
    return bool(rows)


async def change_load(tx: Tx, agent_id: str, change: Load) -> None:
    """Count an agent's tickets. One who takes a ticket is not refused any more; one not known yet is kept for later."""
    await tx.run(
        """INSERT INTO assignment_agent (id, name, is_agent, active, open_tickets, load, idle_since)
        VALUES (:id, '', 0, 0, :open_tickets, :load, :now)
        ON CONFLICT (id) DO UPDATE SET
            open_tickets = assignment_agent.open_tickets + :open_tickets,
            load = assignment_agent.load + :load,
            refusals = CASE WHEN :open_tickets > 0 THEN 0 ELSE assignment_agent.refusals END,
            idle_since = :now""",
        id=agent_id,
        open_tickets=change.open_tickets,
        load=change.load,
        now=tx.now,
    )


async def rest(tx: Tx, agent: Agent) -> None:
    """Store until when an agent is offered nothing."""
    await tx.run(
        "UPDATE assignment_agent SET refusals = :refusals, rests_until = :rests_until WHERE id = :id",
        id=agent.id,
        refusals=agent.refusals,
        rests_until=agent.rests_until,
    )


async def next_place_at(tx: Tx) -> int | None:
    """Return when a free place can be used (an instant that may be long past), ``None`` where there is none."""
    rows = await tx.run(
        f"""SELECT MIN(a.rests_until) AS at FROM assignment_agent a
        WHERE {_FIT} AND a.load < COALESCE(a.capacity, :default)""",
        default=tx.settings.assignment.capacity,
    )
    at: int | None = rows[0]["at"]
    return at


async def list_agents(tx: Tx, after: tuple[str, str] | None, limit: int, offset: int) -> list[Row]:
    """Read agents who work here or still have open tickets, by name, behind the name and id in ``after``."""
    name, key = after or ("", "")
    return await tx.run(
        f"""SELECT {_AGENT} FROM assignment_agent a
        WHERE a.is_agent = 1 AND (a.active = 1 OR a.open_tickets > 0) AND (a.name, a.id) > (:name, :key)
        ORDER BY a.name, a.id LIMIT :limit OFFSET :offset""",
        name=name,
        key=key,
        limit=limit,
        offset=offset,
    )


async def count_agents(tx: Tx, most: int) -> int:
    """Count the agents that ``list_agents`` reads, up to ``most``."""
    rows = await tx.run(
        """SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM assignment_agent a
        WHERE a.is_agent = 1 AND (a.active = 1 OR a.open_tickets > 0) LIMIT :most) counted""",
        most=most,
    )
    return int(rows[0]["n"])


# --- tickets -------------------------------------------------------------------------------------------------------


async def load_ticket(tx: Tx, ticket_id: str) -> Ticket | None:
    """Load a ticket to change it: nobody else changes it until this unit is done."""
    rows = await tx.run(
        f"UPDATE assignment_ticket AS t SET category = category WHERE t.id = :id RETURNING {_TICKET_NAMES}",
        id=ticket_id,
    )
    return _ticket(rows[0]) if rows else None


async def read_ticket(tx: Tx, ticket_id: str) -> Ticket | None:
    """Read a ticket to look at it."""
    rows = await tx.run(f"SELECT {_TICKET} FROM assignment_ticket t WHERE t.id = :id", id=ticket_id)
    return _ticket(rows[0]) if rows else None


async def insert_ticket(tx: Tx, ticket: Ticket) -> None:
    """Store a ticket that was not known."""
    await tx.run(f"INSERT INTO assignment_ticket ({_TICKET_NAMES}) VALUES ({_TICKET_VALUES})", **_values(ticket))


async def save_ticket(tx: Tx, ticket: Ticket) -> None:
    """Store a known ticket."""
    await tx.run(f"UPDATE assignment_ticket SET {_TICKET_SET} WHERE id = :id", **_values(ticket))


async def claim_ticket(tx: Tx, ticket: Ticket) -> bool:
    """Note whom a waiting ticket is offered to, unless somebody else did; tell whether it worked."""
    rows = await tx.run(
        f"""UPDATE assignment_ticket AS t
        SET proposed_to = :proposed_to, proposed_by = :proposed_by, proposed_at = :proposed_at
        WHERE t.id = :id AND {_WAITS} RETURNING 1 AS claimed""",
        id=ticket.id,
        proposed_to=ticket.proposed_to,
        proposed_by=ticket.proposed_by,
        proposed_at=ticket.proposed_at,
    )
    return bool(rows)


async def next_waiting(tx: Tx) -> Ticket | None:
    """Read the ticket to find an agent for next: the most urgent, then the oldest."""
    rows = await tx.run(_NEXT_WAITING)
    return _ticket(rows[0]) if rows else None


async def list_waiting(tx: Tx, limit: int) -> list[Row]:
    """Read the tickets that wait for an agent, the most urgent and oldest first, with their deadlines."""
    return await tx.run(
        f"""SELECT {_SHOWN} FROM assignment_ticket t LEFT JOIN assignment_promise p ON p.ticket_id = t.id
        WHERE {_WAITS} ORDER BY t.urgency, t.created_at, t.number LIMIT :limit""",
        limit=limit,
    )


async def count_waiting(tx: Tx, most: int) -> int:
    """Count the tickets that wait for an agent, up to ``most``."""
    rows = await tx.run(
        f"SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM assignment_ticket t WHERE {_WAITS} LIMIT :most) counted",
        most=most,
    )
    return int(rows[0]["n"])


async def list_held(tx: Tx, agents: Sequence[str], each: int, offset: int = 0) -> list[Row]:
    """Read the open tickets of some agents, the most urgent first, at most so many of ``each``."""
    if not agents:
        return []
    parts = [
        f"""SELECT * FROM (SELECT {_SHOWN} FROM assignment_ticket t
        LEFT JOIN assignment_promise p ON p.ticket_id = t.id
        WHERE t.agent_id = :agent{place} AND t.status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING')
        ORDER BY t.urgency, t.created_at, t.number LIMIT :each OFFSET :offset) held{place}"""
        for place in range(len(agents))
    ]
    values = {f"agent{place}": agent_id for place, agent_id in enumerate(agents)}
    return await tx.run(" UNION ALL ".join(parts), each=each, offset=offset, **values)


async def read_shown(tx: Tx, ticket_id: str) -> Row | None:
    """Read a ticket as lists show it."""
    rows = await tx.run(
        f"""SELECT {_SHOWN} FROM assignment_ticket t LEFT JOIN assignment_promise p ON p.ticket_id = t.id
        WHERE t.id = :id""",
        id=ticket_id,
    )
    return rows[0] if rows else None


def _ticket(row: Row) -> Ticket:
    return Ticket(**dict(row))


def _values(ticket: Ticket) -> dict[str, Any]:
    return {name: getattr(ticket, name) for name in ticket.__struct_fields__}


# --- promises ------------------------------------------------------------------------------------------------------


async def mirror_due(tx: Tx, ticket_id: str, due_at: int | None) -> None:
    """Note the resolution deadline that the SLA feature announced."""
    await tx.run(
        """INSERT INTO assignment_promise (ticket_id, due_at) VALUES (:id, :due_at)
        ON CONFLICT (ticket_id) DO UPDATE SET due_at = :due_at""",
        id=ticket_id,
        due_at=due_at,
    )


async def mirror_escalation(tx: Tx, ticket_id: str, escalated: int) -> None:
    """Note that a manager was called in (1), or that a new cycle began (0)."""
    await tx.run(
        """INSERT INTO assignment_promise (ticket_id, escalated) VALUES (:id, :escalated)
        ON CONFLICT (ticket_id) DO UPDATE SET escalated = :escalated""",
        id=ticket_id,
        escalated=escalated,
    )


async def load_promise(tx: Tx, ticket_id: str) -> tuple[int | None, bool]:
    """Read a ticket's resolution deadline, and whether it was escalated."""
    rows = await tx.run("SELECT due_at, escalated FROM assignment_promise WHERE ticket_id = :id", id=ticket_id)
    return (rows[0]["due_at"], bool(rows[0]["escalated"])) if rows else (None, False)


# --- the recount ---------------------------------------------------------------------------------------------------


async def counted(tx: Tx) -> dict[str, Load]:
    """Read the counters of everybody whose counters are not zero."""
    rows = await tx.run("SELECT id, open_tickets, load FROM assignment_agent WHERE open_tickets <> 0 OR load <> 0")
    return {row["id"]: Load(row["open_tickets"], row["load"]) for row in rows}


async def recount(tx: Tx) -> dict[str, Load]:
    """Count the tickets themselves."""
    rows = await tx.run(
        """SELECT agent_id, SUM(open_tickets) AS open_tickets, SUM(load) AS load FROM (
            SELECT agent_id, COUNT(*) AS open_tickets, COUNT(*) AS load FROM assignment_ticket
            WHERE status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING') AND agent_id IS NOT NULL GROUP BY agent_id
            UNION ALL
            SELECT proposed_to, 0, COUNT(*) FROM assignment_ticket
            WHERE proposed_to IS NOT NULL GROUP BY proposed_to) held
        GROUP BY agent_id"""
    )
    return {row["agent_id"]: Load(int(row["open_tickets"]), int(row["load"])) for row in rows}
