"""SQL for searches: the near end of a list is asked first, then the index of words."""

from typing import Any

from answerable.kernel.paging import COUNT_CAP, PageRequest
from answerable.kernel.tx import Row, Tx
from answerable.tickets import rules
from answerable.tickets.rules import Ticket
from answerable.tickets.store import near
from answerable.tickets.store.tickets import ticket_of
from answerable.tickets.store.ways import EVERY, EVERYTHING, NUMBER, OWN, arms, within

_FEW = 200  # tickets that have some words, or comments
_FOUND = "t.number IN (SELECT * FROM f)"


async def find(
    tx: Tx,
    words: str,
    conditions: list[str],
    limited: list[str],
    column: str,
    order: str,
    values: dict[str, Any],
    page: PageRequest,
) -> tuple[list[Row], int]:
    """Return a page of what has the words and meets ``limited``, and how many have them and meet ``conditions``.

    What ``limited`` has more than ``conditions`` is where the page begins. The values of the words go into ``values``.
    """
    found = found_sql(tx, words, values)
    seen = arms(tx.actor)
    rows, counted, few = None, None, False
    if seen == [OWN]:
        rows, counted, few = await _search_own(tx, conditions, limited, order, values, page)
    elif not page.exact_count:
        rows, counted = await near.look(tx, seen, conditions, limited, order, values, page)
    if rows is not None and counted is not None:
        return rows, counted
    after = limited[len(conditions) :]
    return await _search_index(tx, conditions, after, found, column, order, values, page, few=few)


async def _search_own(
    tx: Tx, conditions: list[str], limited: list[str], order: str, values: dict[str, Any], page: PageRequest
) -> tuple[list[Row] | None, int | None, bool]:
    """Return a page of the caller's own tickets, and their count, each ``None`` where the index has to say it.

    Few tickets are all asked. Of many, the first ones tell whether the words are common; also return whether so few
    have them that the index is to be asked about these alone.
    """
    walk = near.Walk(tx, [OWN], limited, order, values)
    found, wanted = await walk.find(near.ASKED_FIRST), page.offset + page.size + 1
    every = found
    if limited != conditions and not found.more:
        every = await near.Walk(tx, [OWN], conditions, order, values).find(near.ASKED_FIRST)
    if not every.more:
        counted = len(every.numbers) if page.exact_count else min(len(every.numbers), COUNT_CAP + 1)
        return await walk.read(found.numbers[page.offset : wanted]), counted, True
    if conditions or page.exact_count:
        return None, None, False
    if not every.enough:
        return None, None, True
    found = await walk.further(found, wanted, found.share)
    rows = None
    if not found.more or len(found.numbers) >= wanted:
        rows = await walk.read(found.numbers[page.offset : wanted])
    return rows, *await _count_own(tx, values, near.completed(str(values["q"]), rows or ()))


async def _count_own(tx: Tx, values: dict[str, Any], whole: str) -> tuple[int | None, bool]:
    """Count beyond the cap where so many of the caller's own tickets have the words, ``None`` where it is not so.

    The index of words has what is theirs together, and comments need not be counted any more. Those with the words
    ``whole``, of which what is sought may be the beginning, are counted first. Also tell whether few tickets and
    comments have them.
    """
    sql = "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM FOUND_IN(tickets_ticket, :whole_q, :me) f LIMIT :most) x"
    counted = int((await tx.run(sql, me=tx.actor.id, most=COUNT_CAP + 1, whole_q=whole))[0]["n"])
    if counted > COUNT_CAP:
        return counted, False
    parts = [
        f"(SELECT COUNT(*) FROM (SELECT 1 AS one FROM FOUND_IN({table}, :q, :me) f LIMIT {most}) x) AS {name}"
        for table, most, name in (("tickets_ticket", ":most", "tickets"), ("tickets_comment", _FEW, "comments"))
    ]
    row = (await tx.run(f"SELECT {', '.join(parts)}", me=tx.actor.id, most=COUNT_CAP + 1, q=values["q"]))[0]
    tickets = int(row["tickets"])
    return tickets if tickets > COUNT_CAP else None, tickets < _FEW and row["comments"] < _FEW


async def _search_index(
    tx: Tx,
    conditions: list[str],
    after: list[str],
    found: str,
    column: str,
    order: str,
    values: dict[str, Any],
    page: PageRequest,
    *,
    few: bool = False,
) -> tuple[list[Row], int]:
    """Ask the index of words once, for the page and the count of all that somebody sees.

    Where ``few`` have the words, each is asked whose it is; all that is somebody's is not gone through.
    """
    seen = arms(tx.actor)
    parts = [
        f"SELECT t.number AS n, {column} AS s FROM tickets_ticket t WHERE "
        + within(arm.replace("t.requester_id =", "t.requester_id || '' =") if few else arm, [*conditions, _FOUND])
        for arm in seen
    ]
    if seen == [EVERYTHING] and not conditions and column == NUMBER:  # they see whatever is found
        parts = ["SELECT DISTINCT f.number AS n, f.number AS s FROM f WHERE f.number IS NOT NULL"]
    down = " DESC" if order.endswith("DESC") else ""
    begin = f"WHERE {after[0].replace(f'({column}, t.number)', '(h.s, h.n)')}" if after else ""
    sql = f"""WITH f AS MATERIALIZED ({found}), hits AS MATERIALIZED ({" UNION ALL ".join(parts)})
        SELECT c.counted, p.n FROM (SELECT COUNT(*) AS counted FROM (SELECT 1 AS one FROM hits LIMIT :most) x) c
        LEFT JOIN (SELECT h.n, h.s FROM hits h {begin} ORDER BY h.s{down}, h.n{down} LIMIT :limit OFFSET :offset) p
        ON 1 = 1 ORDER BY p.s{down}, p.n{down}"""
    most = EVERY if page.exact_count else COUNT_CAP + 1
    rows = await tx.run(sql, me=tx.actor.id, most=most, limit=page.size + 1, offset=page.offset, **values)
    numbers = [row["n"] for row in rows if row["n"] is not None]
    return await near.read(tx, numbers, order), int(rows[0]["counted"])


async def find_tickets(tx: Tx, words: str, most: int) -> list[Ticket]:
    """Read the newest tickets that the caller may see and that have some words or a number. Nothing is counted."""
    values: dict[str, Any] = {}
    found, order, part = found_sql(tx, words, values), "t.number DESC", PageRequest(size=most)
    rows = await near.look_alone(tx, arms(tx.actor), (), order, values, part)
    if rows is None:
        rows, _ = await _search_index(tx, [], [], found, "t.number", order, values, part)
    return [rules.as_seen(tx.actor, ticket_of(row)) for row in rows[:most]]


def search_condition(tx: Tx, text: str, values: dict[str, Any]) -> str:
    """Return the condition that a ticket, or what is said on it, has these words; its values go into ``values``."""
    return f"t.number IN (WITH f AS MATERIALIZED ({found_sql(tx, text, values)}) SELECT * FROM f)"


def found_sql(tx: Tx, text: str, values: dict[str, Any]) -> str:
    """Write what finds the numbers of tickets that have these words, or on which they are said."""
    hidden = "" if rules.may_note(tx.actor) else near.NOTES
    owner = ", :me" if hidden and arms(tx.actor) == [OWN] else ""
    values["q"] = text[:500]
    # One set of numbers: an OR of two would make PostgreSQL look at every ticket. They come from the index alone; with
    # the tickets' own rows between, and without repeats, a word of a million tickets would cost four times as much. It
    # is made once: where PostgreSQL took a queue of a hundred tickets for one, it asked the index for each of them. The
    # ticket of a comment is one value: joined, a few comments that were taken for thousands met all there are.
    found = f"""SELECT x.number FROM FOUND_IN(tickets_ticket, :q{owner}) x
        UNION ALL SELECT (SELECT s.number FROM tickets_comment c JOIN tickets_ticket s ON s.id = c.ticket_id
            WHERE c.number = y.number{hidden}) FROM FOUND_IN(tickets_comment, :q{owner}) y"""
    number = text.strip().lstrip("#")
    if number.isascii() and number.isdigit() and len(number) <= 15:
        values["asked_number"] = int(number)
        found += " UNION ALL SELECT t.number FROM tickets_ticket t WHERE t.number = :asked_number"
    return found
