"""How promises were kept and how long they took, of any days: what is counted already, put right by what is not yet."""

from collections.abc import Mapping, Sequence

from answerable.kernel.days import WEEK, cover, day_of, days_of
from answerable.kernel.span import Span
from answerable.kernel.tx import Row, Tx
from answerable.sla import rules
from answerable.sla.rules import Stop
from answerable.sla.rules.kept import (
    BUSINESS,
    CALENDAR,
    MEASURES,
    Group,
    Part,
    Places,
    Sum,
    about_of,
    add_places,
    all_parts,
    bounds_of,
    found_at,
    middle_places,
    ninth_tenth_place,
    nothing,
)
from answerable.sla.store import editions
from answerable.sla.store import kept as store

AT_ONCE = 2000


def group_of(text: str) -> Group:
    """Read what a ticket is counted as: its priority, agent and category."""
    priority, agent, category = text.split(" ", 2)
    return priority, agent, category


async def counted(tx: Tx, span: Span) -> Sum:
    """Add up the promises on tickets raised in a span."""
    found, days = Sum(), days_of(span)
    for length, part, totals in await store.list_totals(tx, cover(days, WEEK)):
        found.add_totals(length, part, totals)
    for named in await store.list_named(tx, cover(days)):
        found.add_named(named)
    for row in await store.count_uncounted(tx, days.begin, days.end):
        if row["counted"]:
            found.add(group_of(row["was"]), row["day"], row["target"], row["counted"], -row["number"])
        found.add(group_of(row["is_now"]), row["day"], row["target"], row["outcome"], row["number"])
    for edge in days.edges:
        for row in await store.count_raised(tx, edge.begin, edge.end):
            number = row["number"] * edge.sign
            found.add(group_of(row["is_now"]), row["day"], row["target"], row["outcome"], number)
    return found


# --- how long they took --------------------------------------------------------------------------------------------


class Taken:
    """How long the fulfilled promises on tickets raised in a span took, in their order, without reading them all.

    It is known how many took about how long, so that only those are read that took about as long as the one asked for.
    """

    def __init__(self, span: Span) -> None:
        self._span = span
        self._places: dict[tuple[str, str], Places] = {(m, t): {} for m in MEASURES for t in rules.TARGETS}
        self._apart: dict[tuple[str, str], list[int]] = {key: [] for key in self._places}

    def add(self, times: Mapping[str, Mapping[str, Places]]) -> None:
        """Add how many took about how long."""
        for measure, targets in times.items():
            for target, places in targets.items():
                add_places(self._places[measure, target], places)

    def add_one(self, row: Row, sign: int) -> None:
        """Add a promise whose times are kept, or take it away."""
        for measure in MEASURES:
            add_places(self._places[measure, row["target"]], {about_of(row[measure]): 1}, sign)

    def add_apart(self, target: str, taken: Mapping[str, int]) -> None:
        """Add a promise whose times are not kept yet."""
        for measure, duration in taken.items():
            add_places(self._places[measure, target], {about_of(duration): 1})
            self._apart[measure, target].append(duration)

    def number(self, target: str) -> int:
        """Return how many were fulfilled."""
        return sum(self._places[CALENDAR, target].values())

    async def middle(self, tx: Tx, target: str, measure: str) -> float | None:
        """Return the median, in microseconds; ``None`` of nothing."""
        places = middle_places(self.number(target))
        return sum([await self._at(tx, target, measure, place) for place in places]) / len(places) if places else None

    async def ninth_tenth(self, tx: Tx, target: str, measure: str) -> float | None:
        """Return the 90th percentile, in microseconds; ``None`` of nothing."""
        number = self.number(target)
        return await self._at(tx, target, measure, ninth_tenth_place(number)) if number else None

    async def _at(self, tx: Tx, target: str, measure: str, place: int) -> int:
        about, rank = found_at(self._places[measure, target], place)
        low, high = bounds_of(about)
        if high == low + 1:
            return low
        apart = [duration for duration in self._apart[measure, target] if low <= duration < high]
        skip = max(0, rank - len(apart))  # so many are shorter, whatever lies between
        kept = await store.list_taken_at(tx, target, measure, self._span, low, high, skip, rank - skip + 1)
        return sorted([*kept, *apart])[rank - skip]


async def taken(tx: Tx, span: Span) -> Taken:
    """Measure the fulfilled promises on tickets raised in a span."""
    found, days = Taken(span), days_of(span)
    for times in await store.list_times(tx, cover(days)):
        found.add(times)
    for edge in days.edges:
        for row in await store.list_taken(tx, edge.begin, edge.end):
            found.add_one(row, edge.sign)
    after = ""
    while rows := await store.list_untimed(tx, span, after, AT_ONCE):
        times_of = await durations(tx, rows)
        for row in rows:
            found.add_apart(row["target"], times_of[row["id"]])
        after = rows[-1]["id"]
    return found


async def durations(tx: Tx, rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Measure how long fulfilled promises took, in each measure, by their ids."""
    stops = _stops_of(await store.list_stops(tx, *[row["id"] for row in rows]))
    found = {}
    for row in rows:
        hours = rules.hours_of(await editions.load_edition(tx, row["edition"]), row["policy"], row["target"])
        used = rules.elapsed(row["started_at"], stops.get(row["id"], []), row["ended_at"], hours)
        found[row["id"]] = {BUSINESS: used, CALENDAR: row["ended_at"] - row["started_at"]}
    return found


def _stops_of(rows: Sequence[Row]) -> dict[str, list[Stop]]:
    found: dict[str, list[Stop]] = {}
    for row in rows:
        stops = found.setdefault(row["clock_id"], [])
        if row["kind"] == "pause":
            stops.append((row["at"], None))
        else:
            stops[-1] = (stops[-1][0], row["at"])
    return found


# --- the audit -----------------------------------------------------------------------------------------------------


async def differences(tx: Tx) -> list[str]:
    """Recount what is counted from what the promises are counted as; a line per part that holds something else."""
    of_days: dict[int, Part] = {}
    after = ""
    while rows := await store.list_counted(tx, after, AT_ONCE):
        for row in rows:
            part = of_days.setdefault(day_of(row["created_at"]), nothing())
            part.add(group_of(row["was"]), row["target"], row["counted"], 1)
            if row["business"] is not None:
                for measure in MEASURES:
                    part.add_time(measure, row["target"], about_of(row[measure]))
        after = rows[-1]["id"]
    recounted = all_parts(of_days)
    held = await store.list_parts(tx)
    found = []
    for days, number in sorted({*held, *recounted}):
        one, other = (parts.get((days, number), nothing()) for parts in (held, recounted))
        wrong = [name for name in Part.__struct_fields__ if getattr(one, name) != getattr(other, name)]
        if wrong:
            found.append(
                f"sla: part {number} of {days} days is not what its promises are counted as: {', '.join(wrong)}"
            )
    return found
