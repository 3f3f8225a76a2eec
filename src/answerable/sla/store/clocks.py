"""Tickets as their last events described them, their clocks, and the metric events that explain those."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict

from answerable.kernel.errors import Stale
from answerable.kernel.tx import Row, Tx
from answerable.messages.tickets import TicketRef
from answerable.sla.rules import Clock, Metric

_REF = ("id", "number", "title", "category", "priority", "status", "requester_id", "agent_id", "created_at")
_REF_NAMES = ", ".join(_REF)
_REF_COLUMNS = ", ".join(f"t.{name} AS ticket_{name}" for name in _REF)
_REF_IN_ROWS = tuple((name, f"ticket_{name}") for name in _REF)
_CLOCK = Clock.__struct_fields__
_CLOCK_COLUMNS = ", ".join(f"c.{name}" for name in _CLOCK)
_CLOCK_NAMES = ", ".join(_CLOCK)
_FIXED = ("id", "ticket_id", "target", "cycle", "started_at")

_METRIC = Metric.__struct_fields__
# Which edition held: asked along with what is written anyway, so that it costs no statement of its own.
_HELD = (
    """COALESCE((SELECT e.id FROM sla_edition e WHERE e.effective_from <= {at} ORDER BY e.number DESC LIMIT 1), '')"""
)
_INSERT_TICKET = f"""INSERT INTO sla_ticket ({_REF_NAMES}) VALUES ({", ".join(f":{name}" for name in _REF)})
ON CONFLICT (id) DO NOTHING RETURNING {_HELD.format(at=":created_at")} AS held, {_HELD.format(at=":now")} AS holds"""
# Its promises are counted by these (see kept.py): as what they were, until that is put right.
# When it was raised never changes.
_COUNTED_AS = """CASE WHEN counted_as IS NULL AND (priority <> :priority OR category <> :category
        OR COALESCE(agent_id, '') <> COALESCE(:agent_id, ''))
    THEN priority || ' ' || COALESCE(agent_id, '') || ' ' || category ELSE counted_as END"""
_SAVE_TICKET = f"""UPDATE sla_ticket SET
{", ".join(f"{name} = :{name}" for name in _REF if name not in ("id", "created_at"))}, counted_as = {_COUNTED_AS}
WHERE id = :id RETURNING {_HELD.format(at=":at")} AS held"""
_INSERT_METRIC = f"""INSERT INTO sla_metric (clock_id, {", ".join(_METRIC)})
VALUES (:clock_id, {", ".join(f":{name}" for name in _METRIC)})"""
_INSERT_CLOCK = f"INSERT INTO sla_clock ({_CLOCK_NAMES}) VALUES ({', '.join(f':{name}' for name in _CLOCK)})"
_MOVED = ("look_at", "warned_at", "breached_at", "levels_ahead", "levels_done", "version")  # by the time alone
_SAVE_LOOKED = f"""UPDATE sla_clock SET {", ".join(f"{name} = :{name}" for name in _MOVED)}
WHERE id = :id AND version = :was"""
_SAVE_CLOCK = f"""UPDATE sla_clock SET {", ".join(f"{name} = :{name}" for name in _CLOCK if name not in _FIXED)}
WHERE id = :id AND version = :was RETURNING 1 AS saved"""


# --- tickets -------------------------------------------------------------------------------------------------------


async def insert_ticket(tx: Tx, ticket: TicketRef) -> tuple[str, str] | None:
    """Note a ticket; return the ids of the editions that held when it was raised and that hold now.

    ``None`` where it was known.
    """
    rows = await tx.run(_INSERT_TICKET, now=tx.now, **_noted(ticket))
    return (rows[0]["held"], rows[0]["holds"]) if rows else None


async def save_ticket(tx: Tx, ticket: TicketRef, at: int) -> str | None:
    """Note what became of a ticket; return the id of the edition that held at ``at``, ``None`` where it was unknown."""
    rows = await tx.run(_SAVE_TICKET, at=at, **_noted(ticket))
    return rows[0]["held"] if rows else None


async def save_holder(tx: Tx, ticket: TicketRef, at: int) -> None:
    """Note who has a ticket from ``at`` on."""
    await tx.run(
        """INSERT INTO sla_holder (ticket_id, since, agent_id) VALUES (:ticket_id, :since, :agent_id)
        ON CONFLICT (ticket_id, since) DO UPDATE SET agent_id = :agent_id""",
        ticket_id=ticket.id,
        since=at,
        agent_id=ticket.agent_id,
    )


async def load_ticket(tx: Tx, ticket_id: str) -> TicketRef | None:
    """Read a ticket as its last event described it."""
    rows = await tx.run(f"SELECT {_REF_COLUMNS} FROM sla_ticket t WHERE t.id = :id", id=ticket_id)
    return _ticket_of(rows[0]) if rows else None


def _ticket_of(row: Row) -> TicketRef:
    return TicketRef(**{name: row[column] for name, column in _REF_IN_ROWS})


def _noted(ticket: TicketRef) -> dict[str, Any]:
    return {name: getattr(ticket, name) for name in _REF}


# --- clocks --------------------------------------------------------------------------------------------------------


async def insert_clock(tx: Tx, clock: Clock) -> None:
    """Store a new clock."""
    await tx.run(_INSERT_CLOCK, **asdict(clock))


async def save_clock(tx: Tx, clock: Clock, was: int) -> None:
    """Store a changed clock. Raises ``Stale`` where somebody else changed it; the message is then tried again."""
    if not await tx.run(_SAVE_CLOCK, was=was, **asdict(clock)):
        raise Stale("The clock has changed since it was read.")


async def save_looked(tx: Tx, looked: Sequence[tuple[Clock, int]]) -> None:
    """Store what the time made of clocks that had a version each when this unit read them.

    They have it still: units write one after the other. If one did not, the metric event of its next version would be
    there already, and storing it again undoes the unit.
    """
    await tx.run_many(_SAVE_LOOKED, [{"was": was, **asdict(clock)} for clock, was in looked])


def clock_of(row: Row) -> Clock:
    """Make a clock of a row."""
    return Clock(**{name: row[name] for name in _CLOCK})


async def load_standing(tx: Tx, ticket_id: str) -> list[Clock]:
    """Load the clocks of a ticket that an event may concern: open ones, and those of first response and resolution."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS} FROM sla_clock c
        WHERE c.ticket_id = :ticket_id AND (c.ended_at IS NULL OR c.target <> 'NEXT_RESPONSE')
        ORDER BY c.target, c.cycle""",
        ticket_id=ticket_id,
    )
    return [clock_of(row) for row in rows]


async def last_cycle(tx: Tx, ticket_id: str, target: str) -> int:
    """Return the number of the last cycle of a target, 0 where there was none."""
    rows = await tx.run(
        "SELECT COALESCE(MAX(cycle), 0) AS cycle FROM sla_clock WHERE ticket_id = :ticket_id AND target = :target",
        ticket_id=ticket_id,
        target=target,
    )
    return int(rows[0]["cycle"])


async def list_clocks(tx: Tx, ticket_id: str, limit: int) -> list[Clock]:
    """Read the clocks of a ticket, newest cycles first where there are more than ``limit``."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS} FROM sla_clock c WHERE c.ticket_id = :ticket_id
        ORDER BY c.cycle DESC, c.target LIMIT :limit""",
        ticket_id=ticket_id,
        limit=limit,
    )
    return [clock_of(row) for row in rows]


async def next_look(tx: Tx) -> int | None:
    """Return when the next clock must be looked at."""
    rows = await tx.run("SELECT MIN(look_at) AS look_at FROM sla_clock WHERE look_at IS NOT NULL")
    at: int | None = rows[0]["look_at"]
    return at


async def count_running(tx: Tx) -> tuple[int, int | None]:
    """Count the clocks that run, and return when the next of them is late that is not late yet; from an index alone."""
    rows = await tx.run(
        """SELECT (SELECT COUNT(*) FROM sla_clock WHERE state = 'RUNNING') AS running,
            (SELECT MIN(due_at) FROM sla_clock WHERE state = 'RUNNING' AND breached_at IS NULL) AS due_at"""
    )
    return rows[0]["running"], rows[0]["due_at"]


async def load_due(tx: Tx, limit: int) -> list[tuple[Clock, TicketRef]]:
    """Load clocks that must be looked at now, the longest due first, with their tickets."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS}, {_REF_COLUMNS} FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.look_at <= :now ORDER BY c.look_at LIMIT :limit""",
        now=tx.now,
        limit=limit,
    )
    return [(clock_of(row), _ticket_of(row)) for row in rows]


async def list_due(tx: Tx, limit: int) -> dict[str, str]:
    """List the ids of clocks that must be looked at now, the longest due first, each with that of its ticket."""
    rows = await tx.run(
        "SELECT id, ticket_id FROM sla_clock WHERE look_at <= :now ORDER BY look_at LIMIT :limit",
        now=tx.now,
        limit=limit,
    )
    return {row["id"]: row["ticket_id"] for row in rows}


async def load_due_of(tx: Tx, ids: Sequence[str]) -> list[tuple[Clock, TicketRef]]:
    """Load those of some clocks that must be looked at now, the longest due first, with their tickets."""
    names = {f"id{number}": each for number, each in enumerate(ids)}
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS}, {_REF_COLUMNS} FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.id IN ({", ".join(f":{name}" for name in names)}) AND c.look_at <= :now ORDER BY c.look_at""",
        now=tx.now,
        **names,
    )
    return [(clock_of(row), _ticket_of(row)) for row in rows]


async def load_overdue(tx: Tx, limit: int) -> list[tuple[Clock, TicketRef]]:
    """Load clocks that are due and not told to be broken, the longest due first, with their tickets."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS}, {_REF_COLUMNS} FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.state = 'RUNNING' AND c.breached_at IS NULL AND c.due_at <= :now ORDER BY c.due_at LIMIT :limit""",
        now=tx.now,
        limit=limit,
    )
    return [(clock_of(row), _ticket_of(row)) for row in rows]


async def count_overdue(tx: Tx, most: int) -> int:
    """Count the clocks that are due and not told to be broken, at most so many."""
    rows = await tx.run(
        """SELECT COUNT(*) AS due FROM (
            SELECT 1 AS one FROM sla_clock
            WHERE state = 'RUNNING' AND breached_at IS NULL AND due_at <= :now LIMIT :most) x""",
        now=tx.now,
        most=most,
    )
    return int(rows[0]["due"])


async def count_due(tx: Tx, most: int) -> int:
    """Count the clocks that must be looked at now, at most so many."""
    rows = await tx.run(
        "SELECT COUNT(*) AS due FROM (SELECT 1 AS one FROM sla_clock WHERE look_at <= :now LIMIT :most) x",
        now=tx.now,
        most=most,
    )
    return int(rows[0]["due"])


async def list_late(tx: Tx, limit: int) -> list[Row]:
    """Read the open resolution promises that are broken, noted or not yet, the longest first."""
    return await tx.run(
        """SELECT late.ticket_id, late.due_at, (
            SELECT COUNT(*) FROM sla_escalation e WHERE e.ticket_id = late.ticket_id) AS escalations
        FROM (
            SELECT ticket_id, due_at, breached_at AS since FROM sla_clock
            WHERE breached_at IS NOT NULL AND ended_at IS NULL AND target = 'RESOLUTION'
            UNION ALL
            SELECT ticket_id, due_at, due_at AS since FROM sla_clock
            WHERE look_at <= :now AND due_at <= :now AND breached_at IS NULL AND target = 'RESOLUTION'
        ) late ORDER BY late.since, late.ticket_id LIMIT :limit""",
        now=tx.now,
        limit=limit,
    )


# --- metric events -------------------------------------------------------------------------------------------------


async def insert_metrics(tx: Tx, metrics: Sequence[tuple[str, Metric]]) -> None:
    """Store what explains changes of clocks, each with the id of its clock."""
    await tx.run_many(_INSERT_METRIC, [{"clock_id": clock_id, **asdict(metric)} for clock_id, metric in metrics])


async def load_metrics(tx: Tx, clock_id: str) -> list[Metric]:
    """Read the metric events of a clock in their order."""
    rows = await tx.run(
        f"SELECT {', '.join(_METRIC)} FROM sla_metric WHERE clock_id = :id ORDER BY number",
        id=clock_id,
    )
    return [Metric(**dict(row)) for row in rows]


async def list_open_clocks(tx: Tx, after: str, limit: int) -> list[Clock]:
    """Read open clocks in the order of their ids, from behind ``after``."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS} FROM sla_clock c
        WHERE c.ended_at IS NULL AND c.id > :after ORDER BY c.id LIMIT :limit""",
        after=after,
        limit=limit,
    )
    return [clock_of(row) for row in rows]


async def list_open_promises(tx: Tx, after: str, limit: int) -> list[tuple[Clock, TicketRef]]:
    """Read open clocks with their tickets in the order of the clocks' ids, from behind ``after``."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS}, {_REF_COLUMNS} FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.ended_at IS NULL AND c.id > :after ORDER BY c.id LIMIT :limit""",
        after=after,
        limit=limit,
    )
    return [(clock_of(row), _ticket_of(row)) for row in rows]


async def list_verdicts(tx: Tx, after: str, limit: int) -> list[Row]:
    """Read what became of clocks in the order of their ids, from behind ``after``."""
    return await tx.run(
        """SELECT id, ticket_id, target, cycle, state, breached_at, ended_at FROM sla_clock
        WHERE id > :after ORDER BY id LIMIT :limit""",
        after=after,
        limit=limit,
    )
