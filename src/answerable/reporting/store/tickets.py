"""SQL for tickets: what is known of each, how many are alike, breaches, agents."""

from collections.abc import Sequence
from typing import Any

import msgspec

from answerable.kernel.paging import COUNT_CAP
from answerable.kernel.span import Span
from answerable.kernel.tx import Row, Tx
from answerable.messages.tickets import TicketRef
from answerable.reporting.rules import AgentTally, Facts, Tally

_FACTS = Facts.__struct_fields__
_CHANGING = tuple(name for name in _FACTS if name not in ("ticket_id", "requester_id", "created_at"))
_SAVE = f"""UPDATE reporting_ticket SET {", ".join(f"{name} = :{name}" for name in _CHANGING)}, resolution = :resolution
    WHERE ticket_id = :ticket_id"""

# An upsert that changes nothing: the row is there afterwards, and ours until the unit commits.
_CLAIM = f"""INSERT INTO reporting_ticket
    (ticket_id, status, priority, category, requester_id, agent_id, created_at)
VALUES (:id, :status, :priority, :category, :requester_id, :agent_id, :created_at)
ON CONFLICT (ticket_id) DO UPDATE SET last_sequence = reporting_ticket.last_sequence
RETURNING {", ".join(_FACTS)}"""

_SUMS = """COUNT(*) AS tickets, COUNT(resolution) AS measured, COALESCE(SUM(resolution / 1000000), 0) AS seconds,
    COALESCE(SUM(resolution % 1000000), 0) AS micros"""
AGENT = "(agent_id || '')"  # of a span, which has an index: those by agent hold the tickets of all time
_OF_AGENT = "COUNT(*) AS tickets, COUNT(resolution) AS measured, COUNT(first_response_at) AS responded"
_ASSIGNED = "CASE WHEN agent_id IS NULL THEN 0 ELSE 1 END"
FEW = 500  # tickets of a span: more are not sorted for one page
AT_ONCE = 100  # agents in one statement


# --- tickets -------------------------------------------------------------------------------------------------------


async def claim_facts(tx: Tx, ticket: TicketRef) -> Facts:
    """Read what is known of a ticket, and begin with a stub where nothing is."""
    rows = await tx.run(
        _CLAIM,
        id=ticket.id,
        status=ticket.status,
        priority=ticket.priority,
        category=ticket.category,
        requester_id=ticket.requester_id,
        agent_id=ticket.agent_id,
        created_at=ticket.created_at,
    )
    return Facts(**dict(rows[0]))


async def save_facts(tx: Tx, facts: Facts) -> None:
    """Store what is known of a ticket."""
    values = msgspec.structs.asdict(facts)
    del values["requester_id"], values["created_at"]  # never change, and creation is indexed
    await tx.run(_SAVE, **values, resolution=facts.resolution)


# --- counters ------------------------------------------------------------------------------------------------------


async def add_to_count(tx: Tx, change: Tally) -> None:
    """Add a change to its counter."""
    await tx.run(
        """INSERT INTO reporting_count (status, priority, assigned, breached, tickets, measured, seconds, micros)
        VALUES (:status, :priority, :assigned, :breached, :tickets, :measured, :seconds, :micros)
        ON CONFLICT (status, priority, assigned, breached) DO UPDATE SET
            tickets = reporting_count.tickets + excluded.tickets,
            measured = reporting_count.measured + excluded.measured,
            seconds = reporting_count.seconds + excluded.seconds,
            micros = reporting_count.micros + excluded.micros""",
        **msgspec.structs.asdict(change),
    )


async def add_to_agent_count(tx: Tx, change: AgentTally) -> None:
    """Add a change to its counter of an agent."""
    await tx.run(
        """INSERT INTO reporting_agent_count (agent_id, status, priority, breached, tickets, measured, responded)
        VALUES (:agent_id, :status, :priority, :breached, :tickets, :measured, :responded)
        ON CONFLICT (agent_id, status, priority, breached) DO UPDATE SET
            tickets = reporting_agent_count.tickets + excluded.tickets,
            measured = reporting_agent_count.measured + excluded.measured,
            responded = reporting_agent_count.responded + excluded.responded""",
        **msgspec.structs.asdict(change),
    )


async def load_agent_count(tx: Tx, agents: Sequence[str] | None = None) -> list[AgentTally]:
    """Read the counters of some agents, or all: some dozens for each, however many tickets there are."""
    found: list[AgentTally] = []
    lots: list[Sequence[str] | None] = [None]
    if agents is not None:
        lots = [agents[at : at + AT_ONCE] for at in range(0, len(agents), AT_ONCE)]
    for some in lots:
        values = {f"agent{place}": agent_id for place, agent_id in enumerate(some or ())}
        only = "" if some is None else f"AND agent_id IN ({', '.join(f':{name}' for name in values)})"
        rows = await tx.run(
            f"""SELECT agent_id, status, priority, breached, tickets, measured, responded FROM reporting_agent_count
            WHERE (tickets <> 0 OR measured <> 0 OR responded <> 0) {only}
            ORDER BY agent_id, status, priority, breached""",
            **values,
        )
        found += [AgentTally(**dict(row)) for row in rows]
    return found


async def recount_agents(tx: Tx) -> list[AgentTally]:
    """Count the tickets of all agents, one by one."""
    rows = await tx.run(
        f"""SELECT agent_id, status, priority, sla_breached AS breached, {_OF_AGENT} FROM reporting_ticket
        WHERE agent_id IS NOT NULL AND last_sequence > 0 GROUP BY agent_id, status, priority, sla_breached"""
    )
    return [AgentTally(**dict(row)) for row in rows]


async def load_count(tx: Tx) -> list[Tally]:
    """Read the counters: a hundred rows, however many tickets there are."""
    rows = await tx.run(
        """SELECT status, priority, assigned, breached, tickets, measured, seconds, micros
        FROM reporting_count WHERE tickets <> 0 ORDER BY status, priority, assigned, breached"""
    )
    return [_tally(row) for row in rows]


async def count_tickets(tx: Tx, span: Span) -> list[Tally]:
    """Count the tickets of a span, one by one."""
    where, values = selection(span)
    rows = await tx.run(
        f"""SELECT status, priority, {_ASSIGNED} AS assigned, sla_breached AS breached, {_SUMS}
        FROM reporting_ticket WHERE {where}
        GROUP BY status, priority, {_ASSIGNED}, sla_breached ORDER BY 1, 2, 3, 4""",
        **values,
    )
    return [_tally(row) for row in rows]


async def count_tickets_of_agents(tx: Tx, span: Span) -> list[AgentTally]:
    """Count the tickets of a span for each agent who has some."""
    where, values = selection(span)
    rows = await tx.run(
        f"""SELECT {AGENT} AS agent_id, status, priority, sla_breached AS breached, {_OF_AGENT}
        FROM reporting_ticket WHERE {AGENT} IS NOT NULL AND {where}
        GROUP BY {AGENT}, status, priority, sla_breached""",
        **values,
    )
    return [AgentTally(**dict(row)) for row in rows]


# --- over time -----------------------------------------------------------------------------------------------------


async def first_raised_at(tx: Tx) -> int | None:
    """Return when the oldest ticket was raised, ``None`` where there is none."""
    rows = await tx.run("SELECT MIN(created_at) AS at FROM reporting_ticket WHERE last_sequence > 0")
    at: int | None = rows[0]["at"]
    return at


async def count_over_time(tx: Tx, ranges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Count in each range what was raised, solved (and is still) and became late (and still is), one by one."""
    if not ranges:
        return []

    def within(column: str, place: int) -> str:
        return f"{column} >= :begin{place} AND {column} < :end{place}"

    parts = [
        f"""SELECT {place} AS place,
        (SELECT COUNT(*) FROM reporting_ticket WHERE last_sequence > 0 AND {within("created_at", place)}) AS raised,
        (SELECT COUNT(*) FROM reporting_ticket WHERE resolution IS NOT NULL
            AND {within("resolved_at", place)}) AS solved,
        (SELECT COUNT(*) FROM reporting_ticket WHERE sla_breached = 1 AND last_sequence > 0
            AND {within("breached_at", place)}) AS late"""
        for place in range(len(ranges))
    ]
    values: dict[str, int] = {}
    for place, (begin, end) in enumerate(ranges):
        values |= {f"begin{place}": begin, f"end{place}": end}
    rows = await tx.run(f"SELECT * FROM ({' UNION ALL '.join(parts)}) steps ORDER BY place", **values)
    return [[row["raised"], row["solved"], row["late"]] for row in rows]


# --- breaches ------------------------------------------------------------------------------------------------------


async def list_breaches(tx: Tx, span: Span, after: tuple[int, str] | None, skip: int, take: int) -> list[Row]:
    """Read tickets whose resolution is late, the latest breach first, behind the row ``after`` (breached_at, id).

    Where few tickets were raised in the span, they are sorted. Where many were, it is read in the order of the
    breaches: none was before its ticket was raised.
    """
    where, values = selection(span)
    if values:
        few = f"SELECT 1 AS one FROM reporting_ticket WHERE {where} LIMIT {FEW + 1}"
        rows = await tx.run(f"SELECT COUNT(*) AS found FROM ({few}) x", **values)
        if rows[0]["found"] > FEW:
            where, values = selection(span, created="(created_at + 0)")
            where += " AND breached_at >= :span_start" if span.start is not None else ""
    if after is not None:
        where += " AND (breached_at, ticket_id) < (:after_at, :after_id)"
        values |= {"after_at": after[0], "after_id": after[1]}
    return await tx.run(
        f"""SELECT ticket_id, breached_at, status, priority, agent_id FROM reporting_ticket
        WHERE sla_breached = 1 AND {where} ORDER BY breached_at DESC, ticket_id DESC LIMIT :take OFFSET :skip""",
        take=take,
        skip=skip,
        **values,
    )


async def read_titles(tx: Tx, tickets: Sequence[str]) -> dict[str, Row]:
    """Read number and title of some tickets, by id."""
    if not tickets:
        return {}
    names = {f"id{place}": ticket_id for place, ticket_id in enumerate(tickets)}
    rows = await tx.run(
        f"""SELECT ticket_id, number, title FROM reporting_ticket
        WHERE ticket_id IN ({", ".join(f":{name}" for name in names)})""",
        **names,
    )
    return {row["ticket_id"]: row for row in rows}


async def count_breaches_to_cap(tx: Tx, span: Span) -> int:
    """Count late tickets of a span, at most ``COUNT_CAP`` + 1."""
    where, values = selection(span)
    rows = await tx.run(
        f"""SELECT COUNT(*) AS found FROM (
            SELECT 1 AS one FROM reporting_ticket WHERE sla_breached = 1 AND {where} LIMIT :cap) AS late""",
        cap=COUNT_CAP + 1,
        **values,
    )
    return int(rows[0]["found"])


# --- agents --------------------------------------------------------------------------------------------------------


async def save_agent(tx: Tx, agent_id: str, name: str, active: int, sequence: int) -> None:
    """Remember an agent as message ``sequence`` about them says, unless a newer one has spoken."""
    await tx.run(
        """INSERT INTO reporting_agent (id, name, name_key, active, last_sequence)
        VALUES (:id, :name, :name_key, :active, :sequence)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
            active = excluded.active, last_sequence = excluded.last_sequence
        WHERE excluded.last_sequence > reporting_agent.last_sequence""",
        id=agent_id,
        name=name,
        name_key=name.casefold(),
        active=active,
        sequence=sequence,
    )


async def retire_agent(tx: Tx, agent_id: str, name: str, sequence: int) -> None:
    """Remember that somebody is an agent no more, where they were one; everybody else is not kept."""
    await tx.run(
        """UPDATE reporting_agent SET name = :name, name_key = :name_key, active = 0, last_sequence = :sequence
        WHERE id = :id AND last_sequence < :sequence AND last_sequence > 0""",
        id=agent_id,
        name=name,
        name_key=name.casefold(),
        sequence=sequence,
    )


async def expect_agent(tx: Tx, agent_id: str) -> None:
    """Keep a place for somebody who has tickets, where nothing was heard of them yet."""
    await tx.run(
        """INSERT INTO reporting_agent (id, name, name_key, active, last_sequence) VALUES (:id, '', '', 0, 0)
        ON CONFLICT (id) DO NOTHING""",
        id=agent_id,
    )


async def list_active(tx: Tx, after: tuple[str, str] | None, most: int) -> list[Row]:
    """Read agents who are active, by name and id, from behind ``after``."""
    behind = "" if after is None else "AND (name_key, id) > (:after_key, :after_id)"
    values = {} if after is None else {"after_key": after[0], "after_id": after[1]}
    return await tx.run(
        f"""SELECT id, name, name_key, last_sequence FROM reporting_agent WHERE active = 1 {behind}
        ORDER BY name_key, id LIMIT :most""",
        most=most,
        **values,
    )


async def list_former(tx: Tx, days: tuple[int, int] | None) -> list[Row]:
    """Read everybody who is no active agent, and whether (``has``) they have tickets: of some days, or of all time."""
    has = "SELECT 1 FROM reporting_agent_count c WHERE c.agent_id = a.id AND c.tickets <> 0"
    values: dict[str, int] = {}
    if days is not None:
        has = """SELECT 1 FROM reporting_agent_kept k
            WHERE k.agent_id = a.id AND k.days = 1 AND k.part >= :first AND k.part < :last"""
        values = {"first": days[0], "last": days[1]}
    return await tx.run(
        f"""SELECT a.id, a.name, a.name_key, a.last_sequence, CASE WHEN EXISTS ({has}) THEN 1 ELSE 0 END AS has
        FROM reporting_agent a WHERE a.active = 0""",
        **values,
    )


async def count_all_agents(tx: Tx) -> int:
    """Count everybody who is or was an agent."""
    rows = await tx.run("SELECT COUNT(*) AS found FROM reporting_agent")
    return int(rows[0]["found"])


async def names_of(tx: Tx, agents: Sequence[str]) -> dict[str, str]:
    """Read the names of some who are or were agents, by id."""
    names = {f"agent{place}": agent_id for place, agent_id in enumerate(agents)}
    if not names:
        return {}
    rows = await tx.run(
        f"""SELECT id, name FROM reporting_agent
        WHERE last_sequence > 0 AND id IN ({", ".join(f":{name}" for name in names)})""",
        **names,
    )
    return {row["id"]: row["name"] for row in rows}


async def list_unfolded(tx: Tx, most: int) -> list[Row]:
    """Read agents whose names were kept before they were folded for their order."""
    return await tx.run("SELECT id, name FROM reporting_agent WHERE name_key IS NULL LIMIT :most", most=most)


async def save_folded(tx: Tx, agents: Sequence[Row]) -> None:
    """Keep the names of agents as they are ordered."""
    await tx.run_many(
        "UPDATE reporting_agent SET name_key = :name_key WHERE id = :id",
        [{"id": row["id"], "name_key": row["name"].casefold()} for row in agents],
    )


def selection(
    span: Span, counted: str = "last_sequence > 0", created: str = "created_at"
) -> tuple[str, dict[str, Any]]:
    """Return the condition that every report shares: counted tickets, created in the span."""
    where: str = counted
    values: dict[str, Any] = {}
    if span.start is not None:
        where += f" AND {created} >= :span_start"
        values["span_start"] = span.start
    if span.end is not None:
        where += f" AND {created} < :span_end"
        values["span_end"] = span.end
    return where, values


def _tally(row: Row) -> Tally:
    return Tally(
        row["status"],
        row["priority"],
        row["assigned"],
        row["breached"],
        int(row["tickets"]),  # some engines sum integers into decimals
        int(row["measured"]),
        int(row["seconds"]),
        int(row["micros"]),
    )
