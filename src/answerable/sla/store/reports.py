"""Reads over all clocks, for reports. They may take long: run them away from the event loop."""

from typing import Any

from answerable.kernel.times import DAY
from answerable.kernel.tx import Row, Tx
from answerable.sla.rules.span import Span

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


async def list_stops(tx: Tx, after: str, last: str) -> list[Row]:
    """Read when the clocks between two ids stood still and went on, in their order."""
    return await tx.run(
        """SELECT clock_id, kind, at FROM sla_metric
        WHERE clock_id > :after AND clock_id <= :last AND kind IN ('pause', 'resume') ORDER BY clock_id, number""",
        after=after,
        last=last,
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
