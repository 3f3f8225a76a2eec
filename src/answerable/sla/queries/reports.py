"""How promises were kept: attainment and times, each figure defined once in ``rules/figures.py``."""

from collections.abc import Iterable, Sequence

import msgspec

from answerable.kernel.span import Span
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Row, Tx
from answerable.sla import rules
from answerable.sla.rules import Stop
from answerable.sla.rules.figures import NOBODY, Counter, Tally, middle, ninth_tenth, outcome, week_of
from answerable.sla.store import editions, reports

AT_ONCE = 2000


class Attainment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the promises of one group were kept. ``by`` is all, priority, agent, category or week (of raising, in UTC).

    ``name`` of a group of tickets without an agent is empty.
    """

    by: str
    name: str
    target: str
    kept: int
    broken: int
    open: int
    attainment: float | None


class Times(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How long what was promised took, from the start to the end: in working time, and on the calendar. In hours."""

    target: str
    fulfilled: int
    median_business_hours: float | None
    p90_business_hours: float | None
    median_calendar_hours: float | None
    p90_calendar_hours: float | None


async def attainment(tx: Tx, span: Span) -> list[Attainment]:
    """Count the promises on tickets raised in a span, all of them first, then by group."""
    counter = Counter()
    for row in await reports.count_outcomes(tx, span):
        week = week_of((row["week"] * 7 - 3) * DAY)
        group = (row["priority"], row["agent_id"] or NOBODY, row["category"], week)
        counter.add(group, row["target"], outcome(row["state"], row["breached"]), row["number"])
    return [_attainment(*key, tally) for key, tally in counter.tallies().items()]


async def names_of(tx: Tx, people: Iterable[str]) -> dict[str, str]:
    """Read what some people are called, by id."""
    return {row["id"]: row["name"] for row in await reports.list_names(tx, sorted({*people} - {NOBODY}))}


def _attainment(by: str, name: str, target: str, tally: Tally) -> Attainment:
    return Attainment(
        by=by,
        name=name,
        target=target,
        kept=tally.kept,
        broken=tally.broken,
        open=tally.open,
        attainment=tally.attainment,
    )


async def times(tx: Tx, span: Span) -> list[Times]:
    """Measure the fulfilled promises on tickets raised in a span."""
    spans: dict[str, tuple[list[int], list[int]]] = {target: ([], []) for target in rules.TARGETS}
    after = ""
    while rows := await reports.list_fulfilled(tx, span, after, AT_ONCE):
        last = rows[-1]["id"]
        stops = _stops_of(await reports.list_stops(tx, rows[0]["id"], last))
        for row in rows:
            hours = rules.hours_of(await editions.load_edition(tx, row["edition"]), row["policy"], row["target"])
            used = rules.elapsed(row["started_at"], stops.get(row["id"], []), row["ended_at"], hours)
            business, calendar = spans[row["target"]]
            business.append(used)
            calendar.append(row["ended_at"] - row["started_at"])
        after = last
    return [_times(target, sorted(business), sorted(calendar)) for target, (business, calendar) in spans.items()]


def _stops_of(rows: Sequence[Row]) -> dict[str, list[Stop]]:
    found: dict[str, list[Stop]] = {}
    for row in rows:
        stops = found.setdefault(row["clock_id"], [])
        if row["kind"] == "pause":
            stops.append((row["at"], None))
        else:
            stops[-1] = (stops[-1][0], row["at"])
    return found


def _times(target: str, business: Sequence[int], calendar: Sequence[int]) -> Times:
    return Times(
        target=target,
        fulfilled=len(business),
        median_business_hours=_hours(middle(business)),
        p90_business_hours=_hours(ninth_tenth(business)),
        median_calendar_hours=_hours(middle(calendar)),
        p90_calendar_hours=_hours(ninth_tenth(calendar)),
    )


def _hours(span: float | None) -> float | None:
    return None if span is None else round(span / HOUR, 2)
