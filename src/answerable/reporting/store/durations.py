"""SQL for durations, and the one or two in the middle of many: how many are alike tells where to look for them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from answerable.kernel.span import Span
from answerable.kernel.tx import Row, Tx
from answerable.reporting.rules import EVERYBODY, RESOLUTION, RESPONSE, Lasted
from answerable.reporting.store.tickets import AGENT, AT_ONCE, selection

# As ``rules.step_of`` has it.
STEP = """CASE WHEN {0} < 0 THEN 0 WHEN {0} < 3600000000 THEN {0} / 60000000
    WHEN {0} < 172800000000 THEN 60 + {0} / 3600000000 WHEN {0} < 5184000000000 THEN 108 + {0} / 86400000000
    ELSE 168 + {0} / 2592000000000 END"""
_RESPONSE = "(first_response_at - created_at)"
# What is measured of a ticket, and which tickets are counted; with the latter, an index says it all.
_MEASURED = {
    RESOLUTION: ("resolution", "resolution IS NOT NULL"),
    RESPONSE: (_RESPONSE, "first_response_at IS NOT NULL AND last_sequence > 0"),
}


async def add_to_durations(tx: Tx, change: Lasted) -> None:
    """Add a change to the counter of durations that are alike."""
    await tx.run(
        """INSERT INTO reporting_duration_count (agent_id, kind, step, tickets)
        VALUES (:agent_id, :kind, :step, :tickets)
        ON CONFLICT (agent_id, kind, step) DO UPDATE SET
            tickets = reporting_duration_count.tickets + excluded.tickets""",
        agent_id=change.agent_id,
        kind=change.kind,
        step=change.step,
        tickets=change.tickets,
    )


async def load_durations(tx: Tx) -> list[Lasted]:
    """Read how many durations are alike: of each agent a hundred or two, however many tickets there are."""
    rows = await tx.run("SELECT agent_id, kind, step, tickets FROM reporting_duration_count WHERE tickets <> 0")
    return [Lasted(**dict(row)) for row in rows]


async def recount_durations(tx: Tx) -> list[Lasted]:
    """Count the durations of all tickets, one by one."""
    found = []
    for kind, (duration, counted) in _MEASURED.items():
        rows = await tx.run(
            f"""SELECT agent_id, step, COUNT(*) AS tickets FROM (
                SELECT COALESCE(agent_id, '') AS agent_id, {STEP.format(duration)} AS step
                FROM reporting_ticket WHERE {counted}) t GROUP BY agent_id, step"""
        )
        found += [Lasted(kind=kind, **dict(row)) for row in rows]
    alike = Counter[int]()
    for each in found:
        if each.kind == RESOLUTION:
            alike[each.step] += each.tickets
    return [*found, *(Lasted(EVERYBODY, RESOLUTION, step, tickets) for step, tickets in alike.items())]


async def count_resolutions(tx: Tx) -> list[Row]:
    """Read how many resolutions of all agents are alike: step and tickets, the shortest first."""
    return await tx.run(
        f"""SELECT step, tickets FROM reporting_duration_count
        WHERE agent_id = '{EVERYBODY}' AND kind = '{RESOLUTION}' ORDER BY step"""
    )


async def count_durations(tx: Tx, kind: str, agents: Sequence[str]) -> list[Row]:
    """Read how many durations of each of some agents are alike: step and tickets, the shortest first."""
    found: list[Row] = []
    for some in [agents[first : first + AT_ONCE] for first in range(0, len(agents), AT_ONCE)]:
        values = {f"agent{number}": agent_id for number, agent_id in enumerate(some)}
        found += await tx.run(
            f"""SELECT agent_id, step, tickets FROM reporting_duration_count
            WHERE kind = :kind AND tickets > 0 AND agent_id IN ({", ".join(f":{name}" for name in values)})
            ORDER BY agent_id, step""",
            kind=kind,
            **values,
        )
    return found


async def load_resolutions(tx: Tx, span: Span, least: int, skip: int, take: int, *, few: bool) -> list[int]:
    """Read some durations of resolved tickets in their order, in microseconds: of those of at least ``least``."""
    where, values = selection(span, "resolution IS NOT NULL")  # then it is counted, and the index says it all
    # Where a span has few, those are sorted; else an index of all is walked that knows when each was raised.
    order = "resolution + 0" if few else "resolution"
    where = where if few else _of_each(where)
    rows = await tx.run(
        f"""SELECT resolution FROM reporting_ticket WHERE {where} AND {order} >= :least
        ORDER BY {order} LIMIT :take OFFSET :skip""",
        least=least,
        take=take,
        skip=skip,
        **values,
    )
    return [row["resolution"] for row in rows]


async def load_durations_at(
    tx: Tx, span: Span, kind: str, places: Mapping[str, tuple[int, int, int]]
) -> list[tuple[str, int]]:
    """Read the durations of agents at places of their order: from what duration on, how many to skip and to take."""
    duration, counted = _MEASURED[kind]
    where, in_span = selection(span, counted)
    where = _of_each(where)
    found: list[tuple[str, int]] = []
    wanted = list(places.items())
    for some in [wanted[first : first + AT_ONCE] for first in range(0, len(wanted), AT_ONCE)]:
        values: dict[str, Any] = {**in_span}
        parts = []
        for number, (agent_id, (least, skip, take)) in enumerate(some):
            values |= {f"agent{number}": agent_id, f"least{number}": least}
            values |= {f"skip{number}": skip, f"take{number}": take}
            parts.append(
                f"""SELECT * FROM (SELECT agent_id, {duration} AS duration FROM reporting_ticket
                WHERE agent_id = :agent{number} AND {where} AND {duration} >= :least{number}
                ORDER BY {duration} LIMIT :take{number} OFFSET :skip{number}) part{number}"""
            )
        rows = await tx.run(" UNION ALL ".join(parts), **values)
        found += [(row["agent_id"], row["duration"]) for row in rows]
    return found


def _of_each(where: str) -> str:
    """Return a condition so that it is asked of each entry of another index, and never leads into that of instants."""
    return where.replace("created_at >=", "created_at + 0 >=").replace("created_at <", "created_at + 0 <")


async def list_durations(tx: Tx, span: Span) -> list[Row]:
    """Read how long the tickets of a span that an agent has took, of few: response and resolution, null for none."""
    where, values = selection(span)
    return await tx.run(
        f"""SELECT {AGENT} AS agent_id, resolution, {_RESPONSE} AS response FROM reporting_ticket
        WHERE {AGENT} IS NOT NULL AND {where}""",
        **values,
    )
