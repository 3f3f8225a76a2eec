"""SQL for lists of tickets: scoped, filtered, in a defined order, by keyset or offset."""

from collections.abc import Mapping, Sequence
from typing import Any

from answerable.kernel.paging import COUNT_CAP, Page, PageRequest, encode_cursor, total_text
from answerable.kernel.tx import Row, Tx
from answerable.tickets import rules
from answerable.tickets.rules import Ticket
from answerable.tickets.rules.filter import TicketFilter
from answerable.tickets.store import near, search
from answerable.tickets.store.tickets import COLUMNS, ticket_of
from answerable.tickets.store.ways import EVERY, MINE, NUMBER, OWN, arms, ways, within

NO_DUE = 2**62

# The column behind each sort key; ties by number in the same direction.
SORT_COLUMNS: Mapping[str, str] = {
    "createdAt": "t.number",
    "updatedAt": "t.updated_at",
    "priority": "t.priority_rank",
    "slaDueAt": f"COALESCE(t.sla_due_at, {NO_DUE})",
}
# Orders in which all tickets have an index, and what conditions of lists ask of a ticket.
_WALKED = ("t.updated_at", SORT_COLUMNS["slaDueAt"])
_ASKED = "t.number, t.requester_id, t.agent_id, t.status, t.category, t.priority_rank, t.updated_at, t.sla_due_at"
_FAR = (30, 120)  # tickets for each that is looked for, before all that is somebody's is sorted instead
_FARTHEST = 15_000
_USUAL = (10, 20, 25, 50, 100)  # sizes of a page
_DEEP = 500  # from here on, a page is not found by sorting all that is before it


async def list_tickets(tx: Tx, wanted: TicketFilter, page: PageRequest) -> Page[Ticket]:
    """Read a page of the tickets that the caller may see."""
    conditions, values = _conditions(tx, wanted)
    column = SORT_COLUMNS[wanted.sort.lstrip("-")]
    if column == "t.updated_at" and not rules.may_note(tx.actor):
        column = "t.public_at"
    down = wanted.sort.startswith("-")
    order = f"{column} DESC, t.number DESC" if down else f"{column}, t.number"
    limited = list(conditions)
    if page.cursor:
        limited.append(f"({column}, t.number) {'<' if down else '>'} (:after_value, :after_number)")
        values |= {"after_value": page.cursor[0], "after_number": page.cursor[1]}
    if wanted.q and wanted.q.strip():
        rows, counted = await search.find(tx, wanted.q, conditions, limited, column, order, values, page)
    else:
        rows, counted = await _list(tx, conditions, limited, column, order, values, page)
    tickets = [rules.as_seen(tx.actor, ticket_of(row)) for row in rows[: page.size]]
    next_cursor = None
    if len(rows) > page.size:
        next_cursor = encode_cursor(wanted.sort, _sort_value(tickets[-1], wanted.sort), tickets[-1].number)
    return Page(tickets, next_cursor, str(counted) if page.exact_count else total_text(counted))


async def _list(
    tx: Tx,
    conditions: list[str],
    limited: list[str],
    column: str,
    order: str,
    values: dict[str, Any],
    page: PageRequest,
) -> tuple[list[Row], int]:
    """Return a page of what meets ``limited``, and how many meet ``conditions``."""
    counted = await _count(tx, conditions, values, None if page.exact_count else COUNT_CAP)
    if counted == 0:
        return [], 0
    few = counted <= COUNT_CAP
    if not few and column != NUMBER and arms(tx.actor) != [OWN]:
        rows = None
        if column == "t.priority_rank":
            rows = await _by_rank(tx, conditions, order, values, page)
        elif column in _WALKED:
            rows = await _walk(tx, conditions, limited[len(conditions) :], order, values, page)
        if rows is not None:
            return rows, counted
        # So many are not sorted: the order has an index.
        limited = [condition.replace("t.status =", "t.status || '' =") for condition in limited]
        limited = [condition.replace("t.category =", "t.category || '' =") for condition in limited]
        if column != "t.priority_rank":
            limited = [condition.replace("t.priority_rank =", "t.priority_rank + 0 =") for condition in limited]
    return await _select(tx, limited, column, order, values, page, few=few), counted


async def _select(
    tx: Tx, conditions: list[str], column: str, order: str, values: dict[str, Any], page: PageRequest, *, few: bool
) -> list[Row]:
    """Read a page, and one more, of what the caller sees and what meets ``conditions``, in ``order``.

    Both are SQL of this feature's queries, never input. Numbers are found first: the indexes of somebody's own tickets
    know what lists are filtered by.
    """
    seen, limit = ways(arms(tx.actor), conditions, column, few=few), page.size + 1
    values = values | {"me": tx.actor.id, "limit": limit, "offset": page.offset, "most": limit + page.offset}
    if len(seen) == 1 and (tx.actor.may("ticket.read_all") or (column == NUMBER and not page.offset)):
        # An index gives them one after the other.
        sql = f"SELECT {COLUMNS} FROM tickets_ticket t WHERE {seen[0]} ORDER BY {order} LIMIT :limit OFFSET :offset"
        return await tx.run(_usual(sql, page), **values)
    if page.offset >= _DEEP and not few:
        return await _select_deep(tx, seen, column, order, values)
    down = " DESC" if order.endswith("DESC") else ""
    # Few that are found by a filter are sorted: no index that only has their order is to be taken.
    within_way = order.replace(NUMBER, f"{NUMBER} + 0", 1) if few and column == NUMBER and conditions else order
    found = f"""SELECT n FROM ({_first(seen, column, within_way)}) found
        ORDER BY s{down}, n{down} LIMIT :limit OFFSET :offset"""
    sql = f"SELECT {COLUMNS} FROM tickets_ticket t WHERE t.number IN ({found}) ORDER BY {order}"
    return await tx.run(_usual(sql, page), **values)


def _usual(sql: str, page: PageRequest) -> str:
    """Write into a statement how much it reads, where that is usual: PostgreSQL plans it once, not each time.

    It takes a plan for all values only if that is as good as one for these, and does not know how little they ask for.
    """
    if page.offset or page.size not in _USUAL:
        return sql
    return sql.replace(":limit", str(page.size + 1)).replace(":most", str(page.size + 1)).replace(":offset", "0")


def _first(seen: Sequence[str], column: str, order: str) -> str:
    """Write what the first ``:most`` on each way are: their numbers and what they are sorted by."""
    parts = [
        f"SELECT t.number AS n, {column} AS s FROM tickets_ticket t WHERE {way} ORDER BY {order} LIMIT :most"
        for way in seen
    ]
    return " UNION ALL ".join(f"SELECT * FROM ({part}) a{place}" for place, part in enumerate(parts))


async def _select_deep(tx: Tx, seen: list[str], column: str, order: str, values: dict[str, Any]) -> list[Row]:
    """Read a page that is far from the beginning: the way on which most are has an index, in which one counts on.

    As many as there are on the other ways may come before a page, so that many fewer are passed over, and then sorted.
    """
    main = seen[0] if seen[0].startswith(MINE) else seen[-1]
    down = " DESC" if order.endswith("DESC") else ""
    others = _first([way for way in seen if way != main], column, order) or "SELECT 0 AS n, 0 AS s WHERE 1 = 0"
    sql = f"""WITH others AS MATERIALIZED ({others}),
        passed AS MATERIALIZED (SELECT x.beside, CASE WHEN x.beside < :offset THEN :offset - x.beside ELSE 0 END AS many
            FROM (SELECT COUNT(*) AS beside FROM others) x),
        main AS (SELECT t.number AS n, {column} AS s FROM tickets_ticket t WHERE {main} ORDER BY {order}
            LIMIT (SELECT beside FROM passed) + :limit OFFSET (SELECT many FROM passed))
        SELECT {COLUMNS} FROM tickets_ticket t WHERE t.number IN (
            SELECT n FROM (SELECT n, s FROM others UNION ALL SELECT n, s FROM main) found
            ORDER BY s{down}, n{down} LIMIT :limit OFFSET :offset - (SELECT many FROM passed)) ORDER BY {order}"""
    return await tx.run(sql, **values)


async def _walk(
    tx: Tx, conditions: list[str], after: list[str], order: str, values: dict[str, Any], page: PageRequest
) -> list[Row] | None:
    """Look for a page of somebody's many tickets among the next of all in an order: that has an index.

    Sorting what is theirs would cost tens of milliseconds. ``None`` where the page does not end that near.
    """
    seen = arms(tx.actor)
    if tx.actor.may("ticket.read_all"):
        return None  # what they see has the index itself
    wanted = page.offset + page.size + 1
    where = " AND ".join([f"({' OR '.join(f'({arm})' for arm in seen)})", *conditions])
    begin = f"WHERE {after[0]}" if after else ""
    for far in (each * wanted for each in _FAR if each * wanted <= _FARTHEST):
        few = f"SELECT {_ASKED} FROM tickets_ticket t {begin} ORDER BY {order} LIMIT {far}"
        found = f"SELECT t.number FROM ({few}) t WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset"
        sql = f"SELECT {COLUMNS} FROM tickets_ticket t WHERE t.number IN ({found}) ORDER BY {order}"
        rows = await tx.run(sql, me=tx.actor.id, limit=page.size + 1, offset=page.offset, **values)
        if len(rows) > page.size:
            return rows
    return None


async def _count(tx: Tx, conditions: list[str], values: dict[str, Any], cap: int | None) -> int:
    """Count visible tickets that meet ``conditions``, up to ``cap`` + 1 where there is a cap."""
    seen = ways(arms(tx.actor), conditions, few=True)
    parts = [f"SELECT 1 AS one FROM tickets_ticket t WHERE {way}" for way in seen]
    most = EVERY if cap is None else cap + 1  # in the text, see _usual
    rows = await tx.run(
        f"SELECT COUNT(*) AS n FROM ({' UNION ALL '.join(parts)} LIMIT {most}) x", me=tx.actor.id, **values
    )
    return int(rows[0]["n"])


async def _by_rank(
    tx: Tx, conditions: list[str], order: str, values: dict[str, Any], page: PageRequest
) -> list[Row] | None:
    """Read a page in the order of priorities: of each, the index of somebody's own tickets has the newest or oldest.

    Sorting all that is theirs costs much more. ``None`` for who sees all: that order has an index.
    """
    if tx.actor.may("ticket.read_all"):
        return None
    down = order.endswith("DESC")
    ranks = range(len(rules.PRIORITIES))
    first, _ = page.cursor or (None, None)
    wanted, found = page.offset + page.size + 1, list[int]()
    for rank in reversed(ranks) if down else ranks:
        if first is not None and (rank > int(first) if down else rank < int(first)):
            continue
        here = [*conditions, "t.priority_rank = :rank"]
        if rank == first:
            here.append(f"t.number {'<' if down else '>'} :after_number")
        parts = [
            f"""SELECT n FROM (SELECT t.number AS n FROM tickets_ticket t WHERE {within(arm, here)}
            ORDER BY t.number{" DESC" if down else ""} LIMIT :most) a{place}"""
            for place, arm in enumerate(arms(tx.actor))
        ]
        sql = f"SELECT n FROM ({' UNION ALL '.join(parts)}) x ORDER BY n{' DESC' if down else ''} LIMIT :most"
        rows = await tx.run(sql, me=tx.actor.id, rank=rank, most=wanted - len(found), **values)
        found += [row["n"] for row in rows]
        if len(found) >= wanted:
            break
    return await near.read(tx, found[page.offset :], order)


def _sort_value(ticket: Ticket, sort: str) -> int:
    name = sort.lstrip("-")
    if name == "updatedAt":
        return ticket.updated_at
    if name == "priority":
        return rules.rank(ticket.priority)
    if name == "slaDueAt":
        return NO_DUE if ticket.sla_due_at is None else ticket.sla_due_at
    return ticket.number


def _conditions(tx: Tx, wanted: TicketFilter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if wanted.status:
        conditions.append(f"t.status = '{rules.known_status(wanted.status)}'")
    exact = {
        "t.priority_rank": rules.rank(rules.known_priority(wanted.priority)) if wanted.priority else None,
        "t.category": wanted.category,
        "t.agent_id": wanted.assigned_to,
        "t.requester_id": wanted.created_by,
    }
    for column, value in exact.items():
        if value is not None:
            name = column.removeprefix("t.")
            conditions.append(f"{column} = :{name}")
            values[name] = value
    return conditions, values
