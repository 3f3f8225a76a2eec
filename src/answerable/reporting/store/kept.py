"""What is counted of tickets already, in parts of days, and what is not yet.

What a ticket is counted as stands in its own row, so that what the parts hold follows from the rows, always.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from answerable.kernel.days import PartKey, PartRange, in_lots
from answerable.kernel.tx import Row, Tx
from answerable.reporting.rules.kept import Numbers, Part

# These words are those of the index reporting_ticket_uncounted, which is only used for them.
AS_IT_IS = """status || ' ' || priority || ' ' || CASE WHEN sla_breached = 1 THEN '1' ELSE '0' END || ' '
        || COALESCE(CAST(resolution AS VARCHAR), '') || ' ' || CASE WHEN first_response_at IS NULL THEN '0' ELSE '1' END
        || ' ' || COALESCE(agent_id, '')"""
UNCOUNTED = f"last_sequence > 0 AND counted <> {AS_IT_IS}"
_AT_ONCE = 500
_KEPT = "days, part, tickets, agents"
_numbers = msgspec.json.Decoder(dict[str, Numbers])
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
        f"""SELECT counted, {AS_IT_IS} AS as_it_is FROM reporting_ticket
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
        f"""INSERT INTO reporting_kept ({_KEPT}) VALUES (:days, :part, :tickets, :agents)
        ON CONFLICT (days, part) DO UPDATE SET tickets = excluded.tickets, agents = excluded.agents""",
        [
            {
                "days": days,
                "part": number,
                "tickets": _encode(part.tickets).decode(),
                "agents": _encode(part.agents).decode(),
            }
            for (days, number), part in parts.items()
        ],
    )


async def list_parts(tx: Tx, ranges: Sequence[PartRange]) -> list[tuple[PartKey, Part]]:
    """Read the parts of some ranges."""
    values: dict[str, int] = {}
    parts = []
    for place, (days, first, last) in enumerate(ranges):
        values |= {f"days{place}": days, f"first{place}": first, f"last{place}": last}
        parts.append(
            f"""SELECT {_KEPT} FROM reporting_kept
            WHERE days = :days{place} AND part >= :first{place} AND part < :last{place}"""
        )
    rows = await tx.run(" UNION ALL ".join(parts), **values) if parts else []
    return [((row["days"], row["part"]), _part(row)) for row in rows]


async def list_counted(tx: Tx, after: str, limit: int) -> list[Row]:
    """Read what tickets are counted as, in the order of their ids, from behind ``after``."""
    return await tx.run(
        """SELECT ticket_id, created_at, counted FROM reporting_ticket
        WHERE ticket_id > :after AND counted <> '' ORDER BY ticket_id LIMIT :limit""",
        after=after,
        limit=limit,
    )


def _part(row: Row) -> Part:
    return Part(_numbers.decode(row["tickets"]), _numbers.decode(row["agents"]))
