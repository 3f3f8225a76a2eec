"""How promises are counted: what is counted already, in parts of days, and what is not yet.

What a promise is counted as stands in its own row, so that what the parts hold follows from the rows, always; a
report adds up the parts and puts right what has changed since.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from answerable.kernel.days import in_lots
from answerable.kernel.span import Span
from answerable.kernel.times import DAY
from answerable.kernel.tx import Row, Tx
from answerable.sla.rules.kept import ByTarget, Part, Places

# These words are those of the index sla_clock_uncounted, which is only used for them.
OUTCOME = """CASE
        WHEN c.state = 'FULFILLED' THEN CASE WHEN c.breached_at IS NULL THEN 'KEPT' ELSE 'LATE' END
        WHEN c.breached_at IS NOT NULL THEN 'BROKEN'
        WHEN c.state = 'CANCELLED' THEN 'GIVEN_UP'
        ELSE 'OPEN' END"""
UNCOUNTED = f"c.counted <> {OUTCOME}"
MOVED = "t.counted_as IS NOT NULL"
# What a ticket is counted as while that is what it is; see save_ticket for what it is when it is something else.
AS_IT_IS = "t.priority || ' ' || COALESCE(t.agent_id, '') || ' ' || t.category"
_DAY = f"(t.created_at / {DAY} + 3)"
_FEW = "(t.created_at + 0)"  # of few tickets that an index named already: looking in that of all would be the long way
_AT_ONCE = 500
_KEPT = "days, part, totals, named, times"
_TAKEN = "c.id, c.target, c.policy, c.edition, c.started_at, c.ended_at"
_totals = msgspec.json.Decoder(ByTarget)
_named = msgspec.json.Decoder(dict[str, dict[str, ByTarget]])
_times = msgspec.json.Decoder(dict[str, dict[str, Places]])
_encode = msgspec.json.Encoder().encode


# --- what is not counted yet ---------------------------------------------------------------------------------------


async def is_much_uncounted(tx: Tx, spared: int) -> bool:
    """Tell whether more promises, or more tickets, than so many are not counted as what they are; from an index alone.

    Where a promise must be looked at, that comes first, and the answer is no.
    """
    rows = await tx.run(
        f"""SELECT 1 AS one FROM (
            SELECT 1 AS one FROM (SELECT c.id FROM sla_clock c WHERE {UNCOUNTED} ORDER BY c.id
                LIMIT 1 OFFSET :spared) promises
            UNION ALL
            SELECT 1 AS one FROM (SELECT t.id FROM sla_ticket t WHERE {MOVED} ORDER BY t.id
                LIMIT 1 OFFSET :spared) tickets) found
        WHERE NOT EXISTS (SELECT 1 FROM sla_clock WHERE look_at <= :now)""",
        spared=spared,
        now=tx.now,
    )
    return bool(rows)


async def load_uncounted(tx: Tx, limit: int) -> list[Row]:
    """Load all clocks of some tickets that have one which is not counted as what it is, with what they are."""
    return await tx.run(
        f"""SELECT {_TAKEN}, c.ticket_id, c.state, c.counted, c.business, c.calendar, {OUTCOME} AS outcome,
            t.created_at, t.counted_as, {AS_IT_IS} AS as_it_is
        FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.ticket_id IN (
            SELECT promises.ticket_id FROM (
                SELECT c.ticket_id FROM sla_clock c WHERE {UNCOUNTED} ORDER BY c.id LIMIT :limit) promises
            UNION
            SELECT tickets.id FROM (
                SELECT t.id FROM sla_ticket t WHERE {MOVED} ORDER BY t.id LIMIT :limit) tickets)""",
        limit=limit,
    )


async def count_uncounted(tx: Tx, begin: int, end: int) -> list[Row]:
    """Count the clocks that are not counted as what they are, on tickets raised in a range, by that and by what as."""
    # SQLite keeps to the order of a CROSS JOIN: from the few that an index names to what belongs to them.
    parts = [
        f"""SELECT COALESCE(t.counted_as, {AS_IT_IS}) AS was, {AS_IT_IS} AS is_now, {_DAY} AS day,
            c.target, c.counted, {OUTCOME} AS outcome
        FROM {tables} WHERE c.ticket_id = t.id AND {which} > '' AND {_FEW} >= :begin AND {_FEW} < :end"""
        for tables, which in (
            ("sla_clock c CROSS JOIN sla_ticket t", f"{UNCOUNTED} AND c.id"),
            ("sla_ticket t CROSS JOIN sla_clock c", f"NOT ({UNCOUNTED}) AND {MOVED} AND t.id"),
        )
    ]
    return await tx.run(
        f"""SELECT was, is_now, day, target, counted, outcome, COUNT(*) AS number
        FROM ({" UNION ALL ".join(parts)}) found GROUP BY was, is_now, day, target, counted, outcome""",
        begin=begin,
        end=end,
    )


async def count_raised(tx: Tx, begin: int, end: int) -> list[Row]:
    """Count the clocks of tickets raised in a short range, one by one."""
    return await tx.run(
        f"""SELECT {AS_IT_IS} AS is_now, {_DAY} AS day, c.target, {OUTCOME} AS outcome, COUNT(*) AS number
        FROM sla_ticket t JOIN sla_clock c ON c.ticket_id = t.id
        WHERE t.created_at >= :begin AND t.created_at < :end GROUP BY {AS_IT_IS}, {_DAY}, c.target, {OUTCOME}""",
        begin=begin,
        end=end,
    )


async def list_untimed(tx: Tx, span: Span, after: str, limit: int) -> list[Row]:
    """Read the fulfilled clocks of which it is not kept how long they took, by their ids, from behind ``after``.

    Those of tickets raised in a span.
    """
    where, values = raised(span, _FEW)
    return await tx.run(
        f"""SELECT {_TAKEN} FROM sla_clock c CROSS JOIN sla_ticket t
        WHERE c.ticket_id = t.id AND {UNCOUNTED} AND c.state = 'FULFILLED' AND c.business IS NULL
        AND c.id > :after AND {where}
        ORDER BY c.id LIMIT :limit""",
        after=after,
        limit=limit,
        **values,
    )


async def list_stops(tx: Tx, *clocks: str) -> list[Row]:
    """Read when some clocks stood still and went on, in their order."""
    found: list[Row] = []
    for some in (clocks[first : first + _AT_ONCE] for first in range(0, len(clocks), _AT_ONCE)):
        names = {f"id{place}": clock_id for place, clock_id in enumerate(some)}
        found += await tx.run(
            f"""SELECT clock_id, kind, at FROM sla_metric WHERE clock_id IN ({", ".join(f":{name}" for name in names)})
            AND kind IN ('pause', 'resume') ORDER BY clock_id, number""",
            **names,
        )
    return found


async def save_counted(tx: Tx, clocks: Sequence[Mapping[str, Any]], tickets: Iterable[str]) -> None:
    """Note what clocks are counted as by now, and that their tickets are counted as what they are."""
    await tx.run_many(
        """UPDATE sla_clock SET counted = :outcome, raised_at = :raised_at, business = :business, calendar = :calendar
        WHERE id = :id""",
        clocks,
    )
    await tx.run_many(
        "UPDATE sla_ticket SET counted_as = NULL WHERE id = :id", [{"id": ticket_id} for ticket_id in tickets]
    )


# --- what is counted -----------------------------------------------------------------------------------------------


async def load_parts(tx: Tx, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Part]:
    """Load some parts, those of which there is something."""
    found: dict[tuple[int, int], Part] = {}
    for days, some in in_lots(wanted, _AT_ONCE):
        names = {f"part{place}": part for place, part in enumerate(some)}
        rows = await tx.run(
            f"""SELECT {_KEPT} FROM sla_kept
            WHERE days = :days AND part IN ({", ".join(f":{name}" for name in names)})""",
            days=days,
            **names,
        )
        found |= {(row["days"], row["part"]): _part(row) for row in rows}
    return found


async def save_parts(tx: Tx, parts: Mapping[tuple[int, int], Part]) -> None:
    """Store parts."""
    await tx.run_many(
        f"""INSERT INTO sla_kept ({_KEPT}) VALUES (:days, :part, :totals, :named, :times)
        ON CONFLICT (days, part) DO UPDATE SET
            totals = excluded.totals, named = excluded.named, times = excluded.times""",
        [
            {
                "days": days,
                "part": number,
                "totals": _encode(part.totals).decode(),
                "named": _encode(part.named).decode(),
                "times": _encode(part.times).decode(),
            }
            for (days, number), part in parts.items()
        ],
    )


async def list_totals(tx: Tx, ranges: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, ByTarget]]:
    """Read the totals of parts: how long each is, which, and its totals."""
    return [(row["days"], row["part"], _totals.decode(row["kept"])) for row in await _list_kept(tx, ranges, "totals")]


async def list_named(tx: Tx, ranges: Sequence[tuple[int, int, int]]) -> list[dict[str, dict[str, ByTarget]]]:
    """Read what parts count by priority, agent and category."""
    return [_named.decode(row["kept"]) for row in await _list_kept(tx, ranges, "named")]


async def list_times(tx: Tx, ranges: Sequence[tuple[int, int, int]]) -> list[dict[str, dict[str, Places]]]:
    """Read how many took about how long in parts."""
    return [_times.decode(row["kept"]) for row in await _list_kept(tx, ranges, "times")]


async def _list_kept(tx: Tx, ranges: Sequence[tuple[int, int, int]], what: str) -> list[Row]:
    """Read one column of parts: of each range their length, the first and the one behind the last."""
    values: dict[str, int] = {}
    parts = []
    for place, (days, first, last) in enumerate(ranges):
        values |= {f"days{place}": days, f"first{place}": first, f"last{place}": last}
        parts.append(
            f"""SELECT days, part, {what} AS kept FROM sla_kept
            WHERE days = :days{place} AND part >= :first{place} AND part < :last{place}"""
        )
    return await tx.run(" UNION ALL ".join(parts), **values) if parts else []


async def list_taken(tx: Tx, begin: int, end: int) -> list[Row]:
    """Read how long counted promises took on tickets raised in a short range."""
    return await tx.run(
        """SELECT c.target, c.business, c.calendar FROM sla_ticket t JOIN sla_clock c ON c.ticket_id = t.id
        WHERE t.created_at >= :begin AND t.created_at < :end AND c.business IS NOT NULL""",
        begin=begin,
        end=end,
    )


async def list_taken_at(
    tx: Tx, target: str, measure: str, span: Span, low: int, high: int, skip: int, take: int
) -> list[int]:
    """Read some of the times, from ``low`` to before ``high``, that promises of a target took, in their order.

    Those on tickets raised in a span.
    """
    where, values = raised(span, "c.raised_at")
    rows = await tx.run(
        f"""SELECT c.{measure} AS taken FROM sla_clock c
        WHERE c.target = :target AND c.{measure} >= :low AND c.{measure} < :high AND {where}
        ORDER BY c.{measure} LIMIT :take OFFSET :skip""",
        target=target,
        low=low,
        high=high,
        take=take,
        skip=skip,
        **values,
    )
    return [row["taken"] for row in rows]


async def list_counted(tx: Tx, after: str, limit: int) -> list[Row]:
    """Read what clocks are counted as, in the order of their ids, from behind ``after``."""
    return await tx.run(
        f"""SELECT c.id, c.target, c.counted, c.business, c.calendar, t.created_at,
            COALESCE(t.counted_as, {AS_IT_IS}) AS was
        FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.id > :after AND c.counted <> '' ORDER BY c.id LIMIT :limit""",
        after=after,
        limit=limit,
    )


async def list_parts(tx: Tx) -> dict[tuple[int, int], Part]:
    """Read all parts."""
    rows = await tx.run(f"SELECT {_KEPT} FROM sla_kept")
    return {(row["days"], row["part"]): _part(row) for row in rows}


def _part(row: Row) -> Part:
    return Part(_totals.decode(row["totals"]), _named.decode(row["named"]), _times.decode(row["times"]))


def raised(span: Span, column: str) -> tuple[str, dict[str, Any]]:
    """Return the condition that a ticket was raised in a span."""
    where, values = "1 = 1", {}
    if span.start is not None:
        where += f" AND {column} >= :span_start"
        values["span_start"] = span.start
    if span.end is not None:
        where += f" AND {column} < :span_end"
        values["span_end"] = span.end
    return where, values
