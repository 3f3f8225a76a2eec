"""Lists for reports. They may take long: run them away from the event loop."""

from collections.abc import Sequence
from typing import Any

from answerable.kernel.paging import COUNT_CAP, PageRequest, instant_cursor, total_text
from answerable.kernel.span import Span
from answerable.kernel.tx import Row, Tx
from answerable.sla.store.kept import raised

FEW = 500  # tickets, whose promises are found and sorted


async def list_broken(tx: Tx, span: Span, page: PageRequest) -> list[Row]:
    """Read broken promises on tickets raised in a span, the newest first; one more than a page."""
    broken, where, values = await _broken(tx, span)
    if (begin := instant_cursor(page)) is not None:
        where += f" AND ({broken}, c.id) < (:at, :id)"
        values |= {"at": begin[0], "id": begin[1]}
    return await tx.run(
        f"""SELECT c.id, c.ticket_id, c.target, c.cycle, c.policy, c.started_at, c.due_at, c.breached_at, c.ended_at,
            t.number, t.title, t.priority, t.category
        FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE {where} ORDER BY {broken} DESC, c.id DESC LIMIT :limit OFFSET :offset""",
        limit=page.size + 1,
        offset=page.offset,
        **values,
    )


async def _broken(tx: Tx, span: Span) -> tuple[str, str, dict[str, Any]]:
    """Return the instant of a breach, and the condition of those in a span, so written that the short way is taken.

    Where few tickets were raised in it, that is by way of them. Where many were, it is in the order of the breaches:
    few promises are broken, and none before its ticket was raised.
    """
    where, values = raised(span, "t.created_at")
    if values:
        few = f"SELECT 1 AS one FROM sla_ticket t WHERE {where} LIMIT {FEW + 1}"
        rows = await tx.run(f"SELECT COUNT(*) AS number FROM ({few}) x", **values)
        if rows[0]["number"] <= FEW:
            return "(c.breached_at + 0)", f"(c.breached_at + 0) IS NOT NULL AND {where}", values
    where, values = raised(span, "(t.created_at + 0)")
    if span.start is not None:
        where += " AND c.breached_at >= :span_start"
    return "c.breached_at", f"c.breached_at IS NOT NULL AND {where}", values


async def count_broken(tx: Tx, span: Span, *, exact: bool) -> str:
    """Count them, up to a thousand or exactly."""
    _, where, values = await _broken(tx, span)
    rows = await tx.run(
        f"""SELECT COUNT(*) AS number FROM (
            SELECT 1 AS one FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
            WHERE {where} {"" if exact else f"LIMIT {COUNT_CAP + 1}"}) x""",
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
