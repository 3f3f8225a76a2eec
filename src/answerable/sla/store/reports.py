"""Reads over all clocks, for reports. They may take long: run them away from the event loop."""

from collections.abc import Sequence
from typing import Any

from answerable.kernel.paging import COUNT_CAP, PageRequest, instant_cursor, total_text
from answerable.kernel.span import Span
from answerable.kernel.times import DAY
from answerable.kernel.tx import Row, Tx

# Weeks are counted from the Monday before 1970-01-01, in UTC.
_WEEK = f"(t.created_at / {DAY} + 3) / 7"


async def count_outcomes(tx: Tx, span: Span) -> list[Row]:
    """Count the clocks of tickets raised in a span that are alike in what reports tell apart."""
    where, values = _raised(span)
    return await tx.run(
        f"""SELECT t.priority, t.agent_id, t.category, {_WEEK} AS week, c.target, c.state,
            CASE WHEN c.breached_at IS NULL THEN 0 ELSE 1 END AS breached, COUNT(*) AS number
        FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id WHERE {where}
        GROUP BY t.priority, t.agent_id, t.category, {_WEEK}, c.target, c.state,
            CASE WHEN c.breached_at IS NULL THEN 0 ELSE 1 END""",
        **values,
    )


async def list_fulfilled(tx: Tx, span: Span, after: str, limit: int) -> list[Row]:
    """Read the fulfilled clocks of tickets raised in a span in the order of their ids, from behind ``after``."""
    where, values = _raised(span)
    return await tx.run(
        f"""SELECT c.id, c.target, c.policy, c.edition, c.started_at, c.ended_at
        FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.state = 'FULFILLED' AND c.id > :after AND {where} ORDER BY c.id LIMIT :limit""",
        after=after,
        limit=limit,
        **values,
    )


async def list_stops(tx: Tx, first: str, last: str) -> list[Row]:
    """Read when the clocks from one id to another stood still and went on, in their order."""
    return await tx.run(
        """SELECT clock_id, kind, at FROM sla_metric
        WHERE clock_id >= :first AND clock_id <= :last AND kind IN ('pause', 'resume') ORDER BY clock_id, number""",
        first=first,
        last=last,
    )


async def list_broken(tx: Tx, span: Span, page: PageRequest) -> list[Row]:
    """Read broken promises on tickets raised in a span, the newest first; one more than a page."""
    where, values = _raised(span)
    if (begin := instant_cursor(page)) is not None:
        where += " AND (c.breached_at, c.id) < (:at, :id)"
        values |= {"at": begin[0], "id": begin[1]}
    return await tx.run(
        f"""SELECT c.id, c.ticket_id, c.target, c.cycle, c.policy, c.started_at, c.due_at, c.breached_at, c.ended_at,
            t.number, t.title, t.priority, t.category
        FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.breached_at IS NOT NULL AND {where}
        ORDER BY c.breached_at DESC, c.id DESC LIMIT :limit OFFSET :offset""",
        limit=page.size + 1,
        offset=page.offset,
        **values,
    )


async def count_broken(tx: Tx, span: Span, *, exact: bool) -> str:
    """Count them, up to a thousand or exactly."""
    where, values = _raised(span)
    rows = await tx.run(
        f"""SELECT COUNT(*) AS number FROM (
            SELECT 1 AS one FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
            WHERE c.breached_at IS NOT NULL AND {where} {"" if exact else f"LIMIT {COUNT_CAP + 1}"}) x""",
        **values,
    )
    return str(rows[0]["number"]) if exact else total_text(rows[0]["number"])


async def list_holders(tx: Tx, tickets: Sequence[str]) -> list[Row]:
    """Read who had some tickets from when on, in order of time."""
    if not tickets:
        return []
    names = {f"id{place}": ticket_id for place, ticket_id in enumerate(tickets)}
    return await tx.run(
        f"""SELECT h.ticket_id, h.since, h.agent_id, p.name
        FROM sla_holder h LEFT JOIN sla_person p ON p.id = h.agent_id
        WHERE h.ticket_id IN ({", ".join(f":{name}" for name in names)}) ORDER BY h.ticket_id, h.since""",
        **names,
    )


async def list_names(tx: Tx, people: Sequence[str]) -> list[Row]:
    """Read what some people are called."""
    if not people:
        return []
    names = {f"id{place}": person_id for place, person_id in enumerate(people)}
    return await tx.run(
        f"SELECT id, name FROM sla_person WHERE id IN ({', '.join(f':{name}' for name in names)})", **names
    )


def _raised(span: Span) -> tuple[str, dict[str, Any]]:
    where, values = "1 = 1", {}
    if span.start is not None:
        where += " AND t.created_at >= :span_start"
        values["span_start"] = span.start
    if span.end is not None:
        where += " AND t.created_at < :span_end"
        values["span_end"] = span.end
    return where, values
