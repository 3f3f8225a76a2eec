"""What the reports count of the tickets of a span: what is counted already, put right by what is not yet."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from answerable.kernel.days import (
    FOREVER,
    LENGTHS,
    Days,
    begin_of,
    cover,
    day_of,
    days_of,
    nearest_day,
)
from answerable.kernel.span import Span
from answerable.kernel.tx import Tx
from answerable.reporting.rules.kept import (
    Counted,
    Numbers,
    OwnKey,
    OwnPart,
    Part,
    add_dates,
    all_parts,
    dates_of,
    nothing,
    nothing_own,
    read,
)
from answerable.reporting.store import kept as store
from answerable.reporting.store import tickets

MOST_APART = 5000  # tickets that are put right one by one
AT_ONCE = 2000
FEW = 16  # of all: sorting one costs as much as walking past so many


class OfAgents(msgspec.Struct, frozen=True):
    """What is counted of each agent's tickets of some days, and what puts it right, by agent."""

    days: Days
    apart: dict[str, OwnPart]


async def part_of(tx: Tx, span: Span) -> Part | None:
    """Add up the tickets raised in a span; ``None`` where too many are not counted yet, as after an upgrade."""
    if await store.is_much_uncounted(tx, MOST_APART):
        return None
    found, days = nothing(), days_of(span)
    for _, part in await store.list_parts(tx, cover(days)):
        found.add_part(part)
    for ticket, sign in await _list_apart(tx, days):
        found.add(ticket, sign)
    return found


async def of_agents(tx: Tx, span: Span) -> OfAgents | None:
    """Begin to add up each agent's tickets raised in a span; ``None`` as in ``part_of``."""
    if await store.is_much_uncounted(tx, MOST_APART):
        return None
    found = OfAgents(days_of(span), {})
    for ticket, sign in await _list_apart(tx, found.days):
        if ticket.agent_id:
            found.apart.setdefault(ticket.agent_id, nothing_own()).add(ticket, sign)
    return found


async def own_parts(tx: Tx, of: OfAgents, agents: Sequence[str]) -> dict[str, OwnPart]:
    """Add up the tickets of some agents."""
    found = {agent_id: nothing_own() for agent_id in agents}
    for agent_id, part in await store.list_own_parts(tx, agents, cover(of.days)):
        found[agent_id].add_part(part)
    for agent_id in of.apart.keys() & found.keys():
        found[agent_id].add_part(of.apart[agent_id])
    return found


async def _list_apart(tx: Tx, days: Days) -> list[tuple[Counted, int]]:
    """Read what puts right the parts of some days: tickets to be added (1) or taken away (-1)."""
    apart = []
    for row in await store.list_uncounted(tx, days.begin, days.end):
        apart += [(row["counted"], -1), (row["as_it_is"], 1)]
    for edge in days.edges:
        apart += [(row["as_it_is"], edge.sign) for row in await store.list_raised(tx, edge.begin, edge.end)]
    return [(ticket, sign) for words, sign in apart if (ticket := read(words)) is not None]


async def over_time(tx: Tx, edges: Sequence[int], first: int | None = None) -> list[Numbers]:
    """Count what was raised, solved and late from each edge to before the next.

    From the days that are counted, but what lies between an edge and the midnight (UTC) nearest to it one by one;
    ``first`` is when the oldest was raised.
    """
    if len(edges) < 2 or await store.is_much_uncounted(tx, MOST_APART):
        return await tickets.count_over_time(tx, list(pairwise(edges)))
    bounds = [nearest_day(at) for at in edges]
    # Before the first and after now there is nothing to count one by one; on the other side may be much.
    if edges[0] == first:
        bounds[0] = day_of(first)
    if edges[-1] > tx.now:
        bounds[-1] = day_of(edges[-1]) + 1
    happened = await store.list_days(tx, bounds[0], bounds[-1])
    for row in await store.list_uncounted(tx, 0, begin_of(FOREVER)):
        for words, sign in ((row["counted"], -1), (row["as_it_is"], 1)):
            if (ticket := read(words)) is not None:
                add_dates(happened, dates_of(ticket, row["created_at"]), sign)
    found = [[0, 0, 0] for _ in edges[1:]]
    for day, numbers in happened.items():
        if bounds[0] <= day < bounds[-1]:
            _add(found[bisect_right(bounds, day) - 1], numbers, 1)
    midnights = [begin_of(day) for day in bounds]
    between = [(min(pair), max(pair)) for pair in zip(edges, midnights, strict=True)]
    for place, numbers in enumerate(await tickets.count_over_time(tx, between)):
        sign = 1 if edges[place] < midnights[place] else -1
        if place < len(found):
            _add(found[place], numbers, sign)
        if place:
            _add(found[place - 1], numbers, -sign)
    return found


def _add(to: Numbers, numbers: Numbers, sign: int) -> None:
    for place, number in enumerate(numbers):
        to[place] += sign * number


async def are_few(tx: Tx, measured: int) -> bool:
    """Tell whether it is a shorter way to sort so many durations than to walk those of all tickets in their order."""
    return measured * FEW < sum(tally.measured for tally in await tickets.load_count(tx))


async def differences(tx: Tx) -> list[str]:
    """Recount what is counted from what the tickets are counted as; a line per part that holds something else.

    Of agents there may be more parts than memory holds: of all of each agent's, one number is compared.
    """
    of_days: dict[int, Part] = {}
    happened: dict[int, Numbers] = {}
    agents: Counter[str] = Counter()
    after = ""
    while rows := await store.list_counted(tx, after, AT_ONCE):
        for row in rows:
            if (ticket := read(row["counted"])) is not None:
                day = day_of(row["created_at"])
                of_days.setdefault(day, nothing()).add(ticket)
                add_dates(happened, dates_of(ticket, row["created_at"]))
                if ticket.agent_id:
                    agents[ticket.agent_id] += _sum_in_all_parts(ticket, day)
        after = rows[-1]["ticket_id"]
    place: OwnKey = ("", 0, 0)
    while parts := await store.page_of_own_parts(tx, place, AT_ONCE):
        for (agent_id, length, number), part in parts:
            agents[agent_id] -= part.sum_at(length, number)
        place = parts[-1][0]
    recounted = all_parts(of_days)
    held = dict(await store.list_parts(tx, [(length, 0, FOREVER) for length in LENGTHS]))
    days = await store.list_days(tx, 0, FOREVER)
    return [
        *(
            f"reporting: part {number} of {length} days is not what its tickets are counted as"
            for length, number in sorted({*held, *recounted})
            if held.get((length, number), nothing()) != recounted.get((length, number), nothing())
        ),
        *(
            f"reporting: what is counted of agent {agent_id} is not what their tickets are counted as"
            for agent_id in sorted(agents)
            if agents[agent_id]
        ),
        *(
            f"reporting: day {day} is not what its tickets are counted as"
            for day in sorted({*days, *happened})
            if days.get(day) != happened.get(day)
        ),
    ]


def _sum_in_all_parts(ticket: Counted, day: int) -> int:
    own = nothing_own()
    own.add(ticket)
    return sum(own.sum_at(length, day // length) for length in LENGTHS)
