"""Searching from the near end of a list: for words that so many tickets have that the first ones are not far.

The index finds all tickets with a word, and a word of half a million takes its time. Where many have it, walking down
the list and asking each ticket comes to the end of a page, and of what is counted, much sooner. A few tickets are asked
first, to know which way is short. Nothing is left out: where the walk does not suffice, the index is asked.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from answerable.kernel.paging import COUNT_CAP, PageRequest
from answerable.kernel.tx import Row, Tx
from answerable.tickets import rules
from answerable.tickets.store.tickets import COLUMNS
from answerable.tickets.store.ways import NUMBER, OWN, ways

ASKED_FIRST = 200
SIFTED = 2000  # of all tickets, where a list has few of the first
SIFTED_FARTHEST = 8000  # where the words are not common
COMMON = 20  # one of so many tickets has a common word
ENOUGH = 4  # of those; where fewer have the words, so few have them that the index is the short way
FARTHEST = 25_600
SURE = 1.25  # times as far as the first tickets say, so that one does not fall short of what is wanted
# What conditions of a list ask of a ticket.
ASKED = """t.number, t.id, t.agent_id, t.requester_id, t.status, t.category, t.priority_rank, t.updated_at,
    t.sla_due_at, t.sla_breached, t.sla_at_risk"""
_WORD = re.compile(r"[^\W_]+")
NEWEST = "t.number DESC, t.number DESC"  # an order
NOTES = " AND c.internal = 0"  # are left out with this
# Between which numbers the tickets that are near, and their comments, are.
_EDGES = """said AS MATERIALIZED (SELECT COUNT(*) AS many, MIN(c.number) AS first, MAX(c.number) AS last
        FROM near x CROSS JOIN tickets_comment c WHERE c.ticket_id = x.id),
    edges AS MATERIALIZED (SELECT COUNT(*) AS many,
        COALESCE(MIN(x.number), 0) AS low, COALESCE(MAX(x.number), 0) AS high,
        (SELECT many FROM said) AS comments,
        COALESCE((SELECT first FROM said), 0) AS first, COALESCE((SELECT last FROM said), 0) AS last FROM near x)"""


async def look(
    tx: Tx,
    arms: Sequence[str],
    conditions: Sequence[str],
    limited: Sequence[str],
    order: str,
    values: dict[str, Any],
    page: PageRequest,
) -> tuple[list[Row] | None, int | None]:
    """Return the rows of a page and the count up to the cap, each ``None`` where the index has to say it.

    The page is of what meets ``limited``; what meets ``conditions`` is counted. They differ by the cursor.
    """
    walk = Walk(tx, arms, limited, order, values)
    found = await walk.find(ASKED_FIRST)
    if found.more and len(found.numbers) < ENOUGH:
        return None, None
    wanted = page.offset + page.size + 1
    found = await walk.further(found, wanted, found.share)
    rows = None
    if not found.more or len(found.numbers) >= wanted:
        rows = await walk.read(found.numbers[page.offset : wanted])
    if limited == conditions and (not found.more or len(found.numbers) > COUNT_CAP):
        return rows, len(found.numbers)
    if limited != conditions or order != NEWEST:
        return rows, await Walk(tx, arms, conditions, order, values).count(COUNT_CAP + 1, found)
    here, behind = len(found.numbers), {**values, "behind": found.last}  # who was asked is not asked again
    rest = Walk(tx, arms, [*conditions, "t.number < :behind"], order, behind)
    counted = await rest.count(COUNT_CAP + 1 - here, found)
    return rows, None if counted is None else here + counted


async def look_alone(
    tx: Tx, arms: Sequence[str], limited: Sequence[str], order: str, values: dict[str, Any], page: PageRequest
) -> list[Row] | None:
    """Return the rows of a page, and one more, of what meets ``limited``; ``None`` where the index has to say it."""
    walk = Walk(tx, arms, limited, order, values)
    found = await numbers(walk, page.offset + page.size + 1)
    return None if found is None else await walk.read(found[page.offset :])


async def numbers(walk: "Walk", wanted: int) -> list[int] | None:
    """Return the numbers of the first tickets that have the words; ``None`` where the index has to say it."""
    return (await first(walk, wanted))[0]


async def first(walk: "Walk", wanted: int) -> tuple[list[int] | None, bool]:
    """Return the same, and whether the words are so common that the index finds a large part of all tickets."""
    found = await walk.find(ASKED_FIRST)
    if found.more and len(found.numbers) < ENOUGH and found.met < ASKED_FIRST / ENOUGH:
        found = await walk.find(SIFTED)  # hardly any of the first met the rest, so their words tell nothing yet
    if found.more and len(found.numbers) < ENOUGH:
        return None, False
    found = await walk.further(found, wanted, found.share)
    return None if found.more and len(found.numbers) < wanted else found.numbers[:wanted], found.common


def completed(typed: str, rows: Sequence[Row]) -> str:
    """Return what was typed with its last word as most of some tickets have it: that may be the beginning of one.

    Words in ASCII only: how others are compared is the affair of the index.
    """
    *before, last = _WORD.findall(typed) or [""]
    said = (word for row in rows for word in _WORD.findall(f"{row['title']} {row['description']}".lower()))
    forms = Counter(word for word in said if word.isascii() and word.startswith(last.lower()))
    return " ".join([*before, forms.most_common(1)[0][0]]) if last.isascii() and forms else typed


class Found:
    """Which of some tickets have the words, in order; how many were gone through, and whether there are more of them.

    Of those, ``met`` is how many met all else, so that it was the words that decided; ``common`` tells whether they
    often said yes, ``enough`` whether that was often enough to walk on. ``share`` is of how many they are said, and
    ``itself`` of how many in the ticket: no comment has to be asked. ``last`` has the lowest number.
    """

    def __init__(self, numbers: list[int], asked: int, most: int, met: int, itself: int, last: int) -> None:
        self.numbers = numbers
        self.asked = asked
        self.more = asked >= most
        self.common = len(numbers) * COMMON >= met
        self.enough = len(numbers) >= ENOUGH
        self.met = met
        self.last = last
        self.share = max(1, len(numbers)) / max(1, asked)
        self.itself = itself / max(1, asked)


class Walk:
    """Asks the first tickets of a list, as far as it is told to.

    ``unseen`` are the comments that are not searched, where it is not for what the caller may read.
    """

    _gone = "COUNT(*)"  # how many tickets it went through

    def __init__(
        self,
        tx: Tx,
        arms: Sequence[str],
        conditions: Sequence[str],
        order: str,
        values: dict[str, Any],
        unseen: str = "",
    ) -> None:
        self._tx = tx
        self._order = order
        self._values = values
        column = order.removesuffix(" DESC").removesuffix(", t.number").removesuffix(" DESC")
        self._seen = _from(ways(arms, conditions, column))
        self._all = _from(ways(arms, conditions, NUMBER))
        self._sorted = order
        hidden = unseen or ("" if rules.may_note(tx.actor) else NOTES)
        owner = ", :me" if hidden and tuple(arms) == (OWN,) else ""
        self._has_itself = f"HAS(x.tickets_ticket(title, description), :q, edges.low, edges.high, edges.many{owner})"
        self._is_said = f"""(SELECT 1 FROM tickets_comment c WHERE c.ticket_id = x.id{hidden}
            AND HAS(c.tickets_comment(body), :q, edges.first, edges.last, edges.comments{owner}) LIMIT 1) = 1"""
        self._is_said += " OR x.number = :asked_number" if "asked_number" in values else ""

    def sort(self, column: str) -> None:
        """Let so few tickets be found and sorted by ``column``: its index would lead past all those of the desk."""
        self._sorted = self._order.replace(column, f"{column} + 0", 1)

    def _near(self, far: int) -> str:
        """Write what the first ``far`` tickets are. The number stands in the text: a plan depends on it."""
        parts = [
            f"SELECT * FROM (SELECT t.number AS n {seen} ORDER BY {self._sorted} LIMIT {far}) a{place}"
            for place, seen in enumerate(self._seen)
        ]
        return f"""near AS MATERIALIZED (SELECT t.number, t.id, ROW_NUMBER() OVER (ORDER BY {self._order}) AS place
            FROM tickets_ticket t WHERE t.number IN ({" UNION ALL ".join(parts)}) ORDER BY {self._order} LIMIT {far})"""

    def _any(self, begin: int, far: int, columns: str = "t.number, t.id") -> str:
        """Write what the tickets from ``begin`` to ``far`` on each way are, in no order: each is in one such part."""
        some = f"ORDER BY t.number DESC LIMIT {far - begin} OFFSET {begin}"
        parts = [f"SELECT * FROM (SELECT {columns} {seen} {some}) a{place}" for place, seen in enumerate(self._all)]
        return f"near AS MATERIALIZED ({' UNION ALL '.join(parts)})"

    async def find(self, far: int) -> Found:
        """Find those among the first ``far`` tickets that have the words."""
        told = f"SELECT x.*, CASE WHEN {self._has_itself} THEN 1 ELSE 0 END AS itself FROM near x"
        rows = await self._run(
            self._near(far),
            f""", told AS MATERIALIZED ({told}) SELECT h.number, h.itself, a.asked, a.met, a.last
            FROM (SELECT COALESCE(MIN(number), 0) AS last, COUNT(*) AS met, {self._gone} AS asked FROM near) a LEFT JOIN
            (SELECT x.* FROM told x WHERE x.itself = 1 OR {self._is_said}) h ON 1 = 1 ORDER BY h.place""",
        )
        hits = [row for row in rows if row["number"] is not None]
        itself = sum(row["itself"] for row in hits)
        first = rows[0]
        return Found([row["number"] for row in hits], first["asked"], far, first["met"], itself, first["last"])

    async def further(self, found: Found, wanted: int, share: float) -> Found:
        """Ask as many tickets as have what is ``wanted``, by all we know, and some more."""
        if not found.more or len(found.numbers) >= wanted:
            return found
        return await self.find(_as_far_as(1.5 * wanted / share))

    async def count(self, wanted: int, found: Found) -> int | None:
        """Count those that have the words up to ``wanted``; ``None`` where they are not that near.

        ``found`` tells how many of the first ones do.
        """
        if found.itself * FARTHEST >= wanted and await self._have_so_many(wanted, found.itself):
            return wanted
        far, begin, counted = _as_far_as(SURE * wanted / found.share), 0, 0
        has = f"{self._has_itself} OR {self._is_said}"
        while True:
            sql = f""" SELECT z.n, CASE WHEN z.n < :wanted THEN (SELECT COUNT(*) FROM near) END AS asked
                FROM (SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM near x WHERE {has} LIMIT :wanted) y) z"""
            row = (await self._run(self._any(begin, far), sql, wanted=wanted - counted))[0]
            counted += int(row["n"])
            if counted >= wanted or row["asked"] < far - begin:
                return counted
            if far >= FARTHEST or counted < wanted / 2:
                return None
            begin, far = far, _as_far_as(far + 1)

    async def _have_so_many(self, wanted: int, share: float) -> bool:
        """Tell whether so many of the next tickets have the words themselves: then no comment has to be asked.

        Numbers alone are read, which an index has.
        """
        far, begin, counted = _as_far_as(SURE * wanted / share), 0, 0
        while True:
            had = f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM near x WHERE {self._has_itself} LIMIT :wanted) y"
            sql = f"""WITH {self._any(begin, far, "t.number")}, edges AS MATERIALIZED (
                    SELECT COUNT(*) AS many, COALESCE(MIN(x.number), 0) AS low, COALESCE(MAX(x.number), 0) AS high
                    FROM near x)
                SELECT CASE WHEN edges.many >= :wanted THEN ({had}) ELSE 0 END AS n FROM edges"""
            rows = await self._tx.run(sql, me=self._tx.actor.id, wanted=wanted - counted, **self._values)
            counted += int(rows[0]["n"])
            if counted >= wanted or counted < wanted / 2 or far >= FARTHEST:
                return counted >= wanted
            begin, far = far, _as_far_as(1.1 * far * wanted / counted)

    async def read(self, numbers: Sequence[int]) -> list[Row]:
        """Read tickets, in order."""
        return await read(self._tx, numbers, self._order)

    async def _run(self, near: str, sql: str, **more: Any) -> list[Row]:
        return await self._tx.run(f"WITH {near}, {_EDGES}{sql}", me=self._tx.actor.id, **self._values, **more)


class Sieve(Walk):
    """Goes through the first tickets of the desk in an order that has an index, and asks those that meet the rest.

    For a list of many in which no index has its order: sorting it would cost more than passing over what others have.
    ``after`` is where a page begins.
    """

    _gone = "(SELECT COUNT(*) FROM gone)"

    def __init__(
        self,
        tx: Tx,
        arms: Sequence[str],
        conditions: Sequence[str],
        after: Sequence[str],
        order: str,
        values: dict[str, Any],
    ) -> None:
        super().__init__(tx, arms, conditions, order, values)
        self._begin = f"WHERE {' AND '.join(after)}" if after else ""
        self._met = " AND ".join([f"({' OR '.join(f'({arm})' for arm in arms)})", *conditions])

    async def further(self, found: Found, wanted: int, share: float) -> Found:
        """Go on while the page is likely to end soon: those that meet the rest may stand closer at the beginning."""
        while found.more and len(found.numbers) < wanted:
            far = _as_far_as(1.5 * wanted / share)
            if not found.asked < far <= (FARTHEST if found.common else SIFTED_FARTHEST):
                break
            found = await self.find(far)
            share = found.share
        return found

    def _near(self, far: int) -> str:
        first = f"SELECT {ASKED} FROM tickets_ticket t {self._begin} ORDER BY {self._order} LIMIT {far}"
        return f"""gone AS MATERIALIZED ({first}), near AS MATERIALIZED (
            SELECT t.number, t.id, ROW_NUMBER() OVER (ORDER BY {self._order}) AS place FROM gone t WHERE {self._met})"""


async def read(tx: Tx, numbers: Sequence[int], order: str) -> list[Row]:
    """Read some tickets, in order."""
    if not numbers:
        return []
    names = {f"number{place}": number for place, number in enumerate(numbers)}
    places = ", ".join(f":{name}" for name in names)
    sql = f"SELECT {COLUMNS} FROM tickets_ticket t WHERE t.number IN ({places}) ORDER BY {order}"
    return await tx.run(sql, **names)


def _from(seen: Sequence[str]) -> list[str]:
    return [f"FROM tickets_ticket t WHERE {way}" for way in seen]


def _as_far_as(wanted: float) -> int:
    """Return one of a few distances: each is a statement of its own, which the engines keep."""
    far = ASKED_FIRST
    while far < FARTHEST and far < wanted:
        far += max(ASKED_FIRST, far // 4)
    return min(far, max(FARTHEST, ASKED_FIRST))
