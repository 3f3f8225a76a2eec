"""All SQL of the SLA feature."""

from collections.abc import Sequence
from typing import Any

from answerable.kernel.errors import Stale
from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, instant_cursor, total_text
from answerable.kernel.tx import Row, Tx
from answerable.messages.tickets import TicketRef
from answerable.sla.rules import Clock, Manager, Metric

ESCALATIONS = "-escalatedAt"  # the order of lists of escalations

_REF = ("id", "number", "title", "category", "priority", "status", "requester_id", "agent_id", "created_at")
_REF_NAMES = ", ".join(_REF)
_REF_COLUMNS = ", ".join(f"t.{name} AS ticket_{name}" for name in _REF)
_CLOCK = Clock.__struct_fields__
_CLOCK_COLUMNS = ", ".join(f"c.{name}" for name in _CLOCK)
_CLOCK_NAMES = ", ".join(_CLOCK)
_FIXED = ("id", "ticket_id", "target", "cycle", "started_at")

_PRESSING = "c.target, t.id, t.number, t.title, t.priority, t.status, t.agent_id, p.name AS agent_name"

_INSERT_TICKET = f"""INSERT INTO sla_ticket ({_REF_NAMES}) VALUES ({", ".join(f":{name}" for name in _REF)})
ON CONFLICT (id) DO NOTHING RETURNING 1 AS new"""
_SAVE_TICKET = f"""UPDATE sla_ticket SET {", ".join(f"{name} = :{name}" for name in _REF if name != "id")}
WHERE id = :id RETURNING 1 AS known"""
_INSERT_CLOCK = f"INSERT INTO sla_clock ({_CLOCK_NAMES}) VALUES ({', '.join(f':{name}' for name in _CLOCK)})"
_SAVE_CLOCK = f"""UPDATE sla_clock SET {", ".join(f"{name} = :{name}" for name in _CLOCK if name not in _FIXED)}
WHERE id = :id AND version = :was RETURNING 1 AS saved"""


# --- tickets -------------------------------------------------------------------------------------------------------


async def insert_ticket(tx: Tx, ticket: TicketRef) -> bool:
    """Note a ticket; tell whether it was unknown."""
    return bool(await tx.run(_INSERT_TICKET, **_noted(ticket)))


async def save_ticket(tx: Tx, ticket: TicketRef) -> bool:
    """Note what became of a ticket; tell whether it was known."""
    return bool(await tx.run(_SAVE_TICKET, **_noted(ticket)))


async def load_ticket(tx: Tx, ticket_id: str) -> TicketRef | None:
    """Read a ticket as its last event described it."""
    rows = await tx.run(f"SELECT {_REF_COLUMNS} FROM sla_ticket t WHERE t.id = :id", id=ticket_id)
    return _ticket_of(rows[0]) if rows else None


def _ticket_of(row: Row) -> TicketRef:
    return TicketRef(**{name: row[f"ticket_{name}"] for name in _REF})


def _noted(ticket: TicketRef) -> dict[str, Any]:
    return {name: getattr(ticket, name) for name in _REF}


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


# --- clocks --------------------------------------------------------------------------------------------------------


async def insert_clock(tx: Tx, clock: Clock) -> None:
    """Store a new clock."""
    await tx.run(_INSERT_CLOCK, **_fields(clock))


async def claim_clock(tx: Tx, clock: Clock, was: int) -> bool:
    """Store a changed clock if it still has the version ``was``; tell whether it had."""
    return bool(await tx.run(_SAVE_CLOCK, was=was, **_fields(clock)))


async def save_clock(tx: Tx, clock: Clock, was: int) -> None:
    """Store a changed clock. Raises ``Stale`` where somebody else changed it; the message is then tried again."""
    if not await claim_clock(tx, clock, was):
        raise Stale("The clock has changed since it was read.")


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


async def insert_metrics(tx: Tx, clock_id: str, metrics: Sequence[Metric]) -> None:
    """Store what explains a change of a clock."""
    for metric in metrics:
        await tx.run(
            """INSERT INTO sla_metric (clock_id, number, kind, at, target_micros, detail)
            VALUES (:clock_id, :number, :kind, :at, :target_micros, :detail)""",
            clock_id=clock_id,
            **_fields(metric),
        )


async def load_metrics(tx: Tx, clock_id: str) -> list[Metric]:
    """Read the metric events of a clock in their order."""
    rows = await tx.run(
        "SELECT number, kind, at, target_micros, detail FROM sla_metric WHERE clock_id = :id ORDER BY number",
        id=clock_id,
    )
    return [Metric(**dict(row)) for row in rows]


async def list_open_clocks(tx: Tx, after: str, limit: int) -> list[Clock]:
    """Read open clocks in the order of their ids, from behind ``after`` (for the audit)."""
    rows = await tx.run(
        f"""SELECT {_CLOCK_COLUMNS} FROM sla_clock c
        WHERE c.ended_at IS NULL AND c.id > :after ORDER BY c.id LIMIT :limit""",
        after=after,
        limit=limit,
    )
    return [clock_of(row) for row in rows]


# --- managers and escalations --------------------------------------------------------------------------------------


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
    """Store that a manager was called in; tell whether it is the first time for this clock and level."""
    new = await tx.run(
        """INSERT INTO sla_escalation
            (id, clock_id, level, ticket_id, agent_id, manager_id, role, priority, reason, at, target, cycle)
        VALUES (:id, :clock_id, :level, :ticket_id, :agent_id, :manager_id, :role, :priority, :reason, :at, :target,
            :cycle)
        ON CONFLICT (clock_id, level) DO NOTHING RETURNING 1 AS new""",
        **values,
    )
    if new and values["manager_id"]:
        await tx.run(
            """UPDATE sla_manager SET open_escalations = open_escalations + 1, escalated_at = :at
            WHERE id = :manager_id""",
            at=values["at"],
            manager_id=values["manager_id"],
        )
    return bool(new)


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


# --- what managers look at -----------------------------------------------------------------------------------------


async def save_name(tx: Tx, person_id: str, name: str) -> None:
    """Note what somebody is called."""
    await tx.run(
        "INSERT INTO sla_person (id, name) VALUES (:id, :name) ON CONFLICT (id) DO UPDATE SET name = :name",
        id=person_id,
        name=name,
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
