"""What is counted of tickets already, in parts of days, and what is not yet.

What a ticket is counted as stands in its own row, so that what the parts hold follows from the rows, always.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from answerable.kernel.days import PartKey, PartRange, in_lots
from answerable.kernel.tx import Row, Tx
from answerable.reporting.rules.kept import WAY, Numbers, OwnKey, OwnPart, Part, Steps
from answerable.reporting.store.tickets import AT_ONCE

# These words are those of the index reporting_ticket_uncounted, which is only used for them.
AS_IT_IS = f"""'{WAY} ' || status || ' ' || priority || ' ' || CASE WHEN sla_breached = 1 THEN '1' ELSE '0' END || ' '
        || COALESCE(CAST(resolution AS VARCHAR), '') || ' '
        || COALESCE(CAST(first_response_at - created_at AS VARCHAR), '') || ' ' || COALESCE(agent_id, '') || ' '
        || CASE WHEN resolution IS NULL THEN '' ELSE COALESCE(CAST(resolved_at / 86400000000 + 3 AS VARCHAR), '') END
        || ' '
        || CASE WHEN sla_breached = 1 THEN COALESCE(CAST(breached_at / 86400000000 + 3 AS VARCHAR), '') ELSE '' END"""
UNCOUNTED = f"last_sequence > 0 AND counted <> {AS_IT_IS}"
_AT_ONCE = 500
_KEPT = "days, part, tickets, times"
_THIS_PART = "WHERE agent_id = :agent_id AND days = :days AND part = :part"
_numbers = msgspec.json.Decoder(dict[str, Numbers])
_times = msgspec.json.Decoder(Steps)
_own = msgspec.json.Decoder(OwnPart)
_encode = msgspec.json.Encoder().encode


# --- what is not counted yet ---------------------------------------------------------------------------------------


async def is_much_uncounted(tx: Tx, spared: int) -> bool:
    """Tell whether more tickets than so many are not counted as what they are; from an index alone."""
    rows = await tx.run(
        f"""SELECT ticket_id FROM reporting_ticket WHERE {UNCOUNTED} AND ticket_id > ''
        ORDER BY ticket_id LIMIT 1 OFFSET :spared""",
        spared=spared,
    )
    return bool(rows)


async def load_uncounted(tx: Tx, limit: int) -> list[Row]:
    """Load some tickets that are not counted as what they are."""
    return await tx.run(
        f"""SELECT ticket_id, created_at, counted, {AS_IT_IS} AS as_it_is FROM reporting_ticket
        WHERE {UNCOUNTED} AND ticket_id > '' ORDER BY ticket_id LIMIT :limit""",
        limit=limit,
    )


async def list_uncounted(tx: Tx, begin: int, end: int) -> list[Row]:
    """Read the tickets raised in a range that are not counted as what they are: few."""
    return await tx.run(
        f"""SELECT created_at, counted, {AS_IT_IS} AS as_it_is FROM reporting_ticket
        WHERE {UNCOUNTED} AND ticket_id > '' AND created_at + 0 >= :begin AND created_at + 0 < :end""",
        begin=begin,
        end=end,
    )


async def list_raised(tx: Tx, begin: int, end: int) -> list[Row]:
    """Read what the tickets raised in a short range are."""
    return await tx.run(
        f"""SELECT {AS_IT_IS} AS as_it_is FROM reporting_ticket
        WHERE last_sequence > 0 AND created_at >= :begin AND created_at < :end""",
        begin=begin,
        end=end,
    )


async def save_counted(tx: Tx, tickets: Sequence[Mapping[str, str]]) -> None:
    """Note what tickets are counted as by now."""
    await tx.run_many("UPDATE reporting_ticket SET counted = :as_it_is WHERE ticket_id = :ticket_id", tickets)


# --- what is counted -----------------------------------------------------------------------------------------------


async def load_parts(tx: Tx, wanted: Iterable[PartKey]) -> dict[PartKey, Part]:
    """Load some parts, those of which there is something."""
    found: dict[PartKey, Part] = {}
    for days, some in in_lots(wanted, _AT_ONCE):
        names = {f"part{place}": part for place, part in enumerate(some)}
        rows = await tx.run(
            f"""SELECT {_KEPT} FROM reporting_kept
            WHERE days = :days AND part IN ({", ".join(f":{name}" for name in names)})""",
            days=days,
            **names,
        )
        found |= {(row["days"], row["part"]): _part(row) for row in rows}
    return found


async def save_parts(tx: Tx, parts: Mapping[PartKey, Part]) -> None:
    """Store parts."""
    await tx.run_many(
        f"""INSERT INTO reporting_kept ({_KEPT}) VALUES (:days, :part, :tickets, :times)
        ON CONFLICT (days, part) DO UPDATE SET tickets = excluded.tickets, times = excluded.times""",
        [
            {
                "days": days,
                "part": number,
                "tickets": _encode(part.tickets).decode(),
                "times": _encode(part.times).decode(),
            }
            for (days, number), part in parts.items()
        ],
    )


async def list_parts(tx: Tx, ranges: Sequence[PartRange]) -> list[tuple[PartKey, Part]]:
    """Read the parts of some ranges."""
    text, values = _within(f"SELECT {_KEPT} FROM reporting_kept", ranges)
    return [((row["days"], row["part"]), _part(row)) for row in (await tx.run(text, **values) if text else ())]


def _within(select: str, ranges: Sequence[PartRange], also: str = "") -> tuple[str, dict[str, int]]:
    """Return the statement that selects the parts of some ranges, empty where there are none, and its values."""
    values: dict[str, int] = {}
    parts = []
    for place, (days, first, last) in enumerate(ranges):
        values |= {f"days{place}": days, f"first{place}": first, f"last{place}": last}
        parts.append(f"{select} WHERE {also} days = :days{place} AND part >= :first{place} AND part < :last{place}")
    return " UNION ALL ".join(parts), values


async def add_to_days(tx: Tx, days: Mapping[int, Sequence[int]]) -> None:
    """Add to how many were raised, solved and late on days."""
    await tx.run_many(
        """INSERT INTO reporting_day (day, raised, solved, late) VALUES (:day, :raised, :solved, :late)
        ON CONFLICT (day) DO UPDATE SET raised = reporting_day.raised + excluded.raised,
            solved = reporting_day.solved + excluded.solved, late = reporting_day.late + excluded.late""",
        [
            {"day": day, "raised": raised, "solved": solved, "late": late}
            for day, (raised, solved, late) in sorted(days.items())
        ],
    )


async def list_days(tx: Tx, first: int, last: int) -> dict[int, list[int]]:
    """Read how many were raised, solved and late on each day, from ``first`` to before ``last``, that has something."""
    rows = await tx.run(
        """SELECT day, raised, solved, late FROM reporting_day
        WHERE day >= :first AND day < :last AND (raised <> 0 OR solved <> 0 OR late <> 0)""",
        first=first,
        last=last,
    )
    return {row["day"]: [row["raised"], row["solved"], row["late"]] for row in rows}


async def list_counted(tx: Tx, after: str, limit: int) -> list[Row]:
    """Read what tickets are counted as, in the order of their ids, from behind ``after``."""
    return await tx.run(
        """SELECT ticket_id, created_at, counted FROM reporting_ticket
        WHERE ticket_id > :after AND counted <> '' ORDER BY ticket_id LIMIT :limit""",
        after=after,
        limit=limit,
    )


def _part(row: Row) -> Part:
    return Part(_numbers.decode(row["tickets"]), _times.decode(row["times"]))


# --- what is counted of each agent's -------------------------------------------------------------------------------


async def load_own_parts(tx: Tx, wanted: Iterable[OwnKey]) -> dict[OwnKey, OwnPart]:
    """Load some parts of agents, those of which there is something."""
    agents: dict[PartKey, list[str]] = {}
    for agent_id, days, part in wanted:
        agents.setdefault((days, part), []).append(agent_id)
    found: dict[OwnKey, OwnPart] = {}
    for (days, part), of_part in agents.items():
        for some in _lots(of_part):
            names = {f"agent{place}": agent_id for place, agent_id in enumerate(some)}
            rows = await tx.run(
                f"""SELECT agent_id, kept FROM reporting_agent_kept
                WHERE agent_id IN ({_places(names)}) AND days = :days AND part = :part""",
                days=days,
                part=part,
                **names,
            )
            found |= {(row["agent_id"], days, part): _own.decode(row["kept"]) for row in rows}
    return found


async def save_own_parts(tx: Tx, parts: Mapping[OwnKey, OwnPart], there: Collection[OwnKey]) -> None:
    """Store parts of agents, of which some are ``there`` already. What counts nothing goes."""
    new, changed, gone = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    for key, part in parts.items():
        row = dict(zip(("agent_id", "days", "part"), key, strict=True))
        if not any(part.numbers):
            gone.append(row)
        else:
            (changed if key in there else new).append({**row, "kept": _encode(part.tidy()).decode()})
    await tx.run_many(
        "INSERT INTO reporting_agent_kept (agent_id, days, part, kept) VALUES (:agent_id, :days, :part, :kept)", new
    )
    await tx.run_many(f"UPDATE reporting_agent_kept SET kept = :kept {_THIS_PART}", changed)
    await tx.run_many(f"DELETE FROM reporting_agent_kept {_THIS_PART}", gone)


async def list_own_parts(tx: Tx, agents: Sequence[str], ranges: Sequence[PartRange]) -> list[tuple[str, OwnPart]]:
    """Read the parts of some ranges of some agents: whose each is, and what it counts."""
    found: list[tuple[str, OwnPart]] = []
    for some in _lots(agents) if ranges else ():
        names = {f"agent{place}": agent_id for place, agent_id in enumerate(some)}
        select = "SELECT agent_id, kept FROM reporting_agent_kept"
        text, values = _within(select, ranges, f"agent_id IN ({_places(names)}) AND")
        rows = await tx.run(text, **values, **names)
        found += [(row["agent_id"], _own.decode(row["kept"])) for row in rows]
    return found


async def page_of_own_parts(tx: Tx, after: OwnKey, limit: int) -> list[tuple[OwnKey, OwnPart]]:
    """Read parts of agents in the order of their keys, from behind ``after``."""
    rows = await tx.run(
        """SELECT agent_id, days, part, kept FROM reporting_agent_kept
        WHERE (agent_id, days, part) > (:agent_id, :days, :part) ORDER BY agent_id, days, part LIMIT :limit""",
        agent_id=after[0],
        days=after[1],
        part=after[2],
        limit=limit,
    )
    return [((row["agent_id"], row["days"], row["part"]), _own.decode(row["kept"])) for row in rows]


def _lots(agents: Sequence[str]) -> Iterable[Sequence[str]]:
    return (agents[first : first + AT_ONCE] for first in range(0, len(agents), AT_ONCE))


def _places(names: Iterable[str]) -> str:
    return ", ".join(f":{name}" for name in names)
