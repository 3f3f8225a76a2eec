"""SQL of the agents' workspace: rows of its lists, counts of its views, the tail of a conversation."""

from collections.abc import Sequence
from typing import Any

from answerable.kernel.paging import PageRequest
from answerable.kernel.tx import Row, Tx
from answerable.tickets import rules
from answerable.tickets.rules.views import WorkFilter
from answerable.tickets.store import near
from answerable.tickets.store.lists import SORT_COLUMNS
from answerable.tickets.store.search import found_sql, search_condition
from answerable.tickets.store.ways import MINE, arms, ways

OPEN = "t.status IN ('CREATED', 'ASSIGNED', 'IN_PROGRESS', 'WAITING')"
# The same, said so that no index of statuses is taken: where another index finds fewer tickets, or has the order.
_NOT_ENDED = "t.status NOT IN ('RESOLVED', 'CLOSED', 'CANCELLED')"
_BY_ORDER = {
    "open": _NOT_ENDED,
    "solved": "t.status NOT IN ('CREATED', 'ASSIGNED', 'IN_PROGRESS', 'WAITING', 'CLOSED', 'CANCELLED')",
}
_ORDERS = ("-updatedAt", "-createdAt", "-priority")  # that have an index of their own, with what is open near its end
# At risk and not late: a promise that stands still is not at risk now.
_VIEWS = {
    "mine": "t.agent_id = :me AND t.status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING')",
    "unassigned": "t.agent_id IS NULL AND t.status = 'CREATED'",
    "at-risk": f"t.sla_at_risk = 1 AND t.sla_breached = 0 AND t.sla_due_at IS NOT NULL AND {_NOT_ENDED}",
    "breached": f"t.sla_breached = 1 AND {_NOT_ENDED}",
    "waiting": "t.status = 'WAITING'",
    "solved": "t.status = 'RESOLVED'",
    "open": OPEN,
    "all": "1 = 1",
}
_STATUSES = {
    "mine": "'ASSIGNED', 'IN_PROGRESS', 'WAITING'",
    "open": "'CREATED', 'ASSIGNED', 'IN_PROGRESS', 'WAITING'",
    "waiting": "'WAITING'",
    "solved": "'RESOLVED'",
}
_NOT_QUEUED = ("mine", "waiting", "solved")  # what waits in the queue is in none of these
_BY_FLAG = ("at-risk", "breached")  # these have indexes of their own, and find fewer tickets than wait in the queue
_QUEUED = "t.agent_id IS NULL AND t.status || '' = 'CREATED'"  # as in ``arms``, but the index of the flag is taken
_MANY = 1000
_NEAR = 2000
_EXCERPT = 200  # characters
_ROW = f"""t.number, t.id, t.title, t.status, t.priority, t.priority_rank, t.category, t.requester_id, t.agent_id,
    t.created_at, t.updated_at, t.sla_due_at, t.sla_breached, t.sla_at_risk, t.version,
    SUBSTR(t.description, 1, {_EXCERPT}) AS description, p.name AS requester_name, a.name AS agent_name,
    c.number AS said_number, c.author_id AS said_by, c.internal AS said_internal,
    SUBSTR(c.body, 1, {_EXCERPT}) AS said, r.seen"""
_JOINS = """LEFT JOIN tickets_known_person p ON p.id = t.requester_id
    LEFT JOIN tickets_known_person a ON a.id = t.agent_id
    LEFT JOIN tickets_comment c ON c.number = (SELECT MAX(x.number) FROM tickets_comment x WHERE x.ticket_id = t.id)
    LEFT JOIN tickets_reader r ON r.ticket_id = t.id AND r.person_id = :me"""


async def list_work(tx: Tx, wanted: WorkFilter, page: PageRequest) -> list[Row]:
    """Read the rows of a list that staff see, one more than a page where there are more."""
    values: dict[str, Any] = {"me": tx.actor.id, "limit": page.size + 1}
    rare = await _rare(tx, wanted)
    conditions = _conditions(wanted, values, rare)
    sort = wanted.order
    column, down = SORT_COLUMNS[sort.lstrip("-")], sort.startswith("-")
    order = f"{column} DESC, t.number DESC" if down else f"{column}, t.number"
    after = []
    if page.cursor:
        after = [f"({column}, t.number) {'<' if down else '>'} (:after_value, :after_number)"]
        values |= {"after_value": page.cursor[0], "after_number": page.cursor[1]}
    many = not rare and await _holds_many(tx, wanted.view)
    if wanted.q:
        return await _search(tx, wanted, conditions, after, order, values, page.size + 1, many=many)
    if many:
        first = _near(" OR ".join(f"({arm})" for arm in _work_arms(tx)), conditions, after, order)
        rows = await _read_rows(tx, first, order, values | {"near": _NEAR})
        if len(rows) > page.size:
            return rows
    by_order = sort in _ORDERS and not wanted.is_narrow and tx.actor.may("ticket.read_all")
    if wanted.view in _BY_ORDER and by_order and many:
        conditions[0] = _BY_ORDER[wanted.view]
    arms_here = _work_arms(tx, wanted.view) if many or rare else _by_status(tx, wanted.view)
    return await _read_rows(tx, _each(arms_here, [*conditions, *after], order), order, values)


async def _search(
    tx: Tx,
    wanted: WorkFilter,
    conditions: list[str],
    after: list[str],
    order: str,
    values: dict[str, Any],
    most: int,
    *,
    many: bool,
) -> list[Row]:
    """Read the rows of a list that have some words.

    Many have a common word; the few of a view are asked for it, or the first of a long one. Where that does not suffice
    the index of words is asked, once.
    """
    found = found_sql(tx, wanted.q, values)
    own = {name: value for name, value in values.items() if name != "me"}
    if many and not (wanted.view == "all" and tx.actor.may("ticket.read_all")):
        walk: near.Walk = near.Sieve(tx, _work_arms(tx), conditions, after, order, own)
    else:
        arms_here = _work_arms(tx, wanted.view) if many else _by_status(tx, wanted.view)
        seen = [" AND ".join([arm, *conditions, *after]) for arm in arms_here]
        walk = near.Walk(tx, seen, (), order, own)
        if not many:
            walk.sort(SORT_COLUMNS[wanted.order.lstrip("-")])
    near_by, common = await near.first(walk, most)
    if near_by is not None:
        names = {f"number{place}": number for place, number in enumerate(near_by)}
        return await _read_rows(tx, ", ".join(f":{name}" for name in names) or "NULL", order, values | names)
    if wanted.view in _BY_ORDER:
        conditions[0] = _BY_ORDER[wanted.view]
    # Of a common word the tickets of the list are asked whether they have it, not all those that have it what they are.
    conditions.append(f"t.number{' + 0' if common else ''} IN (SELECT * FROM f)")
    each = _each(_work_arms(tx, wanted.view), [*conditions, *after], order)
    return await _read_rows(tx, each, order, values, f"WITH f AS MATERIALIZED ({found})")


def _each(arms_here: list[str], conditions: list[str], order: str) -> str:
    """Write what the numbers of the first tickets are that meet conditions, of each way to see a ticket."""
    found = []
    for number, arm in enumerate(arms_here):
        where = " AND ".join([arm, *conditions])
        part = f"SELECT t.number AS n FROM tickets_ticket t WHERE {where} ORDER BY {order} LIMIT :limit"
        found.append(f"SELECT n FROM ({part}) a{number}")
    return " UNION ALL ".join(found)


async def _rare(tx: Tx, wanted: WorkFilter) -> str:
    """Return the column of a filter that fewer than ``_MANY`` tickets fit, empty where there is none.

    Its index finds them all, where walking down the list would ask every ticket of the desk.
    """
    asked = _exact(wanted)
    if not asked:
        return ""
    few = f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM tickets_ticket WHERE {{0}} = :{{0}} LIMIT {_MANY}) x"
    counts = [f"({few.format(column)}) AS {column}" for column in asked]
    found = (await tx.run(f"SELECT {', '.join(counts)}", **asked))[0]
    fewest = min(asked, key=lambda column: int(found[column]))
    return fewest if found[fewest] < _MANY else ""


def _near(seen: str, conditions: list[str], after: list[str], order: str) -> str:
    """Look for a page among the next few tickets in an order, which an index has: where much fits, a page is there.

    Sorting all that fits would cost tens of milliseconds. All values are SQL of this file.
    """
    where = f"WHERE {after[0]}" if after else ""
    few = f"SELECT {near.ASKED} FROM tickets_ticket t {where} ORDER BY {order} LIMIT :near"
    return f"SELECT t.number FROM ({few}) t WHERE ({seen}) AND {' AND '.join(conditions)} ORDER BY {order} LIMIT :limit"


async def _read_rows(tx: Tx, numbers: str, order: str, values: dict[str, Any], before: str = "") -> list[Row]:
    sql = f"""{before} SELECT {_ROW} FROM tickets_ticket t {_JOINS}
        WHERE t.number IN ({numbers}) ORDER BY {order} LIMIT :limit"""
    return await tx.run(sql, **values)


async def _holds_many(tx: Tx, view: str) -> bool:
    """Tell whether a page of a view is soon found in its order; of a few, all are found by status and sorted."""
    return (await count_work(tx, [WorkFilter(view=view)], _MANY))[0] >= _MANY


async def count_work(tx: Tx, wanted: Sequence[WorkFilter], most: int) -> list[int]:
    """Count what several filters find, each up to ``most``, in one statement."""
    values: dict[str, Any] = {}
    counts = []
    for number, one in enumerate(wanted):
        own: dict[str, Any] = {}
        where = _conditions(one, own)
        if one.q:
            where.append(search_condition(tx, one.q, own))
        for name in sorted(own, key=len, reverse=True):
            where = [condition.replace(f":{name}", f":{name}_{number}") for condition in where]
            values[f"{name}_{number}"] = own[name]
        arms_here = []
        for place, arm in enumerate(_work_arms(tx, one.view)):
            found = f"SELECT 1 AS one FROM tickets_ticket t WHERE {' AND '.join([arm, *where])} LIMIT :most"
            arms_here.append(f"(SELECT COUNT(*) FROM ({found}) x{number}_{place})")
        counts.append(f"{' + '.join(arms_here)} AS n{number}")
    if not counts:
        return []
    rows = await tx.run(f"SELECT {', '.join(counts)}", me=tx.actor.id, most=most, **values)
    return [min(int(rows[0][f"n{number}"]), most) for number in range(len(counts))]


def _work_arms(tx: Tx, view: str = "") -> list[str]:
    """Return what staff work at: what they see without what they ask themselves."""
    found = arms(tx.actor)[:2]
    if len(found) < 2:
        return found
    if view in _NOT_QUEUED:
        return found[:1]
    if view == "unassigned":
        return found[1:]
    return [found[0], _QUEUED] if view in _BY_FLAG else found


def _by_status(tx: Tx, view: str) -> list[str]:
    """Return the same for a view of few: of what an agent holds, those are found whose status it has.

    Any other index that knows whose tickets are leads past all that they ever held.
    """
    found = _work_arms(tx, view)
    if found[0] != MINE or view not in _STATUSES:
        return found
    held = f"SELECT h.number FROM tickets_ticket h WHERE h.agent_id = :me AND h.status IN ({_STATUSES[view]})"
    return [f"t.number IN ({held}) AND t.agent_id || '' = :me", *found[1:]]


def _exact(wanted: WorkFilter) -> dict[str, Any]:
    """Return the values that columns with an index of their own must have."""
    exact: dict[str, Any] = {"status": wanted.status, "category": wanted.category, "agent_id": wanted.agent}
    exact["priority_rank"] = rules.rank(wanted.priority) if wanted.priority else None
    return {column: value for column, value in exact.items() if value not in ("", None)}


def _conditions(wanted: WorkFilter, values: dict[str, Any], rare: str | None = None) -> list[str]:
    """Return what tickets of a list must meet, so written that the index of the ``rare`` column is taken, if any.

    Without one, they are for counting: there is no order whose index would be better.
    """
    conditions = [_VIEWS[wanted.view].replace("t.status", "t.status || ''") if rare else _VIEWS[wanted.view]]
    for column, value in _exact(wanted).items():
        unindexed = f"t.{column} + 0" if column == "priority_rank" else f"t.{column} || ''"
        # A view has fewer tickets than a priority or a category; among all tickets the order has an index, and most of
        # a status would be too much to sort.
        if rare:
            by_index = column == rare
        elif wanted.view == "all":
            by_index = rare is None or column == "agent_id"
        else:
            by_index = column in ("agent_id", "status")
        conditions.append(f"{f't.{column}' if by_index else unindexed} = :{column}")
        values[column] = value
    return conditions


async def list_last_comments(tx: Tx, ticket_id: str, limit: int) -> list[Row]:
    """Read the last comments of a visible ticket that the caller may see, newest first, with the author's name."""
    hidden = "" if rules.may_note(tx.actor) else "AND c.internal = 0"
    return await tx.run(
        f"""SELECT c.*, p.name AS author_name FROM tickets_comment c
        LEFT JOIN tickets_known_person p ON p.id = c.author_id
        WHERE c.ticket_id = :ticket_id {hidden} ORDER BY c.number DESC LIMIT :limit""",
        ticket_id=ticket_id,
        limit=limit,
    )


async def list_last_history(tx: Tx, ticket_id: str, limit: int) -> list[Row]:
    """Read the last lines of a ticket's history, newest first, with the name of whoever did it."""
    return await tx.run(
        """SELECT h.*, p.name AS performer_name FROM tickets_history h
        LEFT JOIN tickets_known_person p ON p.id = h.performed_by
        WHERE h.ticket_id = :ticket_id ORDER BY h.id DESC LIMIT :limit""",
        ticket_id=ticket_id,
        limit=limit,
    )


async def list_agents(tx: Tx, limit: int) -> list[Row]:
    """Read the active agents by name (id, name), with how many tickets each has open."""
    return await tx.run(
        """SELECT p.id, p.name, (
            SELECT COUNT(*) FROM tickets_ticket t
            WHERE t.agent_id = p.id AND t.status IN ('ASSIGNED', 'IN_PROGRESS', 'WAITING')) AS open
        FROM tickets_known_person p WHERE p.is_agent = 1 AND p.active = 1 ORDER BY p.name, p.id LIMIT :limit""",
        limit=limit,
    )


async def list_others_of(tx: Tx, requester_id: str, without: str, limit: int) -> list[Row]:
    """Read the newest other tickets of a requester that the caller may see."""
    seen = ways(arms(tx.actor), ["t.requester_id = :requester_id", "t.id <> :without"])
    parts = [f"SELECT t.number FROM tickets_ticket t WHERE {way} ORDER BY t.number DESC LIMIT :limit" for way in seen]
    found = [f"SELECT * FROM ({part}) a{place}" for place, part in enumerate(parts)]
    return await tx.run(
        f"""SELECT t.id, t.number, t.title, t.status, t.updated_at FROM tickets_ticket t
        WHERE t.number IN ({" UNION ALL ".join(found)}) ORDER BY t.number DESC LIMIT :limit""",
        me=tx.actor.id,
        requester_id=requester_id,
        without=without,
        limit=limit,
    )
