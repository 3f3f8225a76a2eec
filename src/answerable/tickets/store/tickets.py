"""SQL for one ticket, and for those whose time has come."""

from typing import Any

from msgspec.structs import asdict

from answerable.kernel.errors import Missing, Stale
from answerable.kernel.tx import Row, Tx
from answerable.kernel.words import N_
from answerable.tickets import rules
from answerable.tickets.rules import Ticket

COLUMNS = ", ".join(f"t.{name}" for name in Ticket.__struct_fields__)
# What the life of a ticket changes; its words and its mirror of the SLA are saved apart, with their indexes.
_LIFE = (
    "status",
    "agent_id",
    "updated_at",
    "public_at",
    "resolved_at",
    "closed_at",
    "close_at",
    "reopenings",
    "version",
)
_SET = ", ".join(f"{name} = :{name}" for name in _LIFE)

# What a new ticket cannot have yet is left to the table: each value, absent ones above all, costs time to hand over.
_LATER = ("agent_id", "resolved_at", "closed_at", "close_at", "sla_due_at", "sla_breached", "reopenings")
_FIRST = tuple(name for name in Ticket.__struct_fields__ if name not in _LATER)
_INSERT_TICKET = f"""INSERT INTO tickets_ticket ({", ".join(_FIRST)}, priority_rank)
VALUES ({", ".join(f":{name}" for name in _FIRST)}, :priority_rank)"""
_LOAD_TICKET = f"SELECT {COLUMNS} FROM tickets_ticket t WHERE t.id = :id"
_SAVE_TICKET = f"UPDATE tickets_ticket SET {_SET} WHERE id = :id AND version = :was RETURNING 1 AS saved"


async def load_ticket(tx: Tx, ticket_id: str) -> Ticket:
    """Load a ticket that the caller may see. Raises ``Missing`` for any other."""
    ticket = await find_ticket(tx, ticket_id)
    if ticket is None or not rules.may_see(tx.actor, ticket):
        raise Missing("There is no such ticket.")
    return ticket


async def load_numbered(tx: Tx, number: int) -> Ticket:
    """Load a ticket that the caller may see by its number. Raises ``Missing`` for any other."""
    rows = await tx.run("SELECT id FROM tickets_ticket WHERE number = :number", number=number)
    return await load_ticket(tx, rows[0]["id"] if rows else "")


async def find_ticket(tx: Tx, ticket_id: str) -> Ticket | None:
    """Load a ticket for the desk itself, whoever may see it (consumers and timers only)."""
    rows = await tx.run(_LOAD_TICKET, id=ticket_id)
    return ticket_of(rows[0]) if rows else None


def ticket_of(row: Row) -> Ticket:
    """Make a ticket of a row of ``COLUMNS``."""
    values: Any = row  # a database row gives its values in order
    return Ticket(*values)


async def next_number(tx: Tx, name: str) -> int:
    """Take the next number of ``ticket`` or ``comment``; without gaps, for it is undone with the unit."""
    rows = await tx.run("UPDATE tickets_counter SET last = last + 1 WHERE name = :name RETURNING last", name=name)
    return int(rows[0]["last"])


async def insert_ticket(tx: Tx, ticket: Ticket) -> None:
    """Store a new ticket."""
    await tx.run(_INSERT_TICKET, priority_rank=rules.rank(ticket.priority), **asdict(ticket))


async def save_ticket(tx: Tx, ticket: Ticket, was: Ticket) -> None:
    """Store a ticket that moved on. Raises ``Stale`` where somebody else changed it since ``was`` was read."""
    values = {name: getattr(ticket, name) for name in _LIFE}
    if not await tx.run(_SAVE_TICKET, id=ticket.id, was=was.version, **values):
        raise Stale(N_("The ticket has changed since you read it. Read it again, then repeat your change."))


async def save_details(tx: Tx, ticket: Ticket) -> None:
    """Store what a ticket says: title, description, category, priority."""
    await tx.run(
        """UPDATE tickets_ticket SET title = :title, description = :description, category = :category,
        priority = :priority, priority_rank = :priority_rank WHERE id = :id""",
        id=ticket.id,
        title=ticket.title,
        description=ticket.description,
        category=ticket.category,
        priority=ticket.priority,
        priority_rank=rules.rank(ticket.priority),
    )


async def mirror_due(tx: Tx, ticket_id: str, due_at: int | None) -> None:
    """Note the resolution deadline that the SLA feature announced."""
    await tx.run("UPDATE tickets_ticket SET sla_due_at = :due_at WHERE id = :id", id=ticket_id, due_at=due_at)


async def mirror_breach(tx: Tx, ticket_id: str, breached: int) -> None:
    """Note that the promise was broken (1), or that a new cycle began with a clean sheet (0)."""
    await tx.run("UPDATE tickets_ticket SET sla_breached = :breached WHERE id = :id", id=ticket_id, breached=breached)


async def mirror_promise(tx: Tx, ticket_id: str, due_at: int | None) -> None:
    """Note the deadline of a resolution clock that begins, with a clean sheet."""
    await tx.run(
        "UPDATE tickets_ticket SET sla_due_at = :due_at, sla_breached = 0, sla_at_risk = 0 WHERE id = :id",
        id=ticket_id,
        due_at=due_at,
    )


async def mirror_risk(tx: Tx, ticket_id: str, at_risk: int) -> None:
    """Note that most of the promised time is used (1), or that a new cycle began or the promise has ended (0)."""
    await tx.run("UPDATE tickets_ticket SET sla_at_risk = :at_risk WHERE id = :id", id=ticket_id, at_risk=at_risk)


async def load_risk(tx: Tx, ticket_id: str) -> int:
    """Read whether most of the promised time is used (1)."""
    rows = await tx.run("SELECT sla_at_risk FROM tickets_ticket WHERE id = :id", id=ticket_id)
    return int(rows[0]["sla_at_risk"]) if rows else 0


async def load_held_by(tx: Tx, agent_id: str, limit: int) -> list[Ticket]:
    """Load open tickets of an agent, oldest first."""
    rows = await tx.run(
        f"""SELECT {COLUMNS} FROM tickets_ticket t WHERE t.agent_id = :agent
        AND t.status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING') ORDER BY t.number LIMIT :limit""",
        agent=agent_id,
        limit=limit,
    )
    return [ticket_of(row) for row in rows]


async def next_close(tx: Tx) -> int | None:
    """Return when the next resolved ticket closes by itself."""
    rows = await tx.run("SELECT MIN(close_at) AS close_at FROM tickets_ticket WHERE close_at IS NOT NULL")
    due: int | None = rows[0]["close_at"]
    return due


async def load_to_close(tx: Tx, limit: int) -> list[Ticket]:
    """Load resolved tickets whose time to close has come."""
    rows = await tx.run(
        f"""SELECT {COLUMNS} FROM tickets_ticket t WHERE t.close_at <= :now AND t.status = 'RESOLVED'
        ORDER BY t.close_at LIMIT :limit""",
        now=tx.now,
        limit=limit,
    )
    return [ticket_of(row) for row in rows]
