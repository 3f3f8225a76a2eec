"""How promises were kept: attainment and times, each figure defined once in ``rules/figures.py``."""

from collections.abc import Iterable

import msgspec

from answerable.kernel.span import Span
from answerable.kernel.times import HOUR
from answerable.kernel.tx import Tx
from answerable.sla import rules
from answerable.sla.queries import kept
from answerable.sla.rules.figures import NOBODY, Tally
from answerable.sla.rules.kept import BUSINESS, CALENDAR
from answerable.sla.store import pressing


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
    counted = await kept.counted(tx, span)
    return [_attainment(*key, tally) for key, tally in counted.tallies().items()]


async def names_of(tx: Tx, people: Iterable[str]) -> dict[str, str]:
    """Read what some people are called, by id."""
    return {row["id"]: row["name"] for row in await pressing.list_names(tx, sorted({*people} - {NOBODY}))}


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
    taken = await kept.taken(tx, span)
    return [await _times(tx, taken, target) for target in rules.TARGETS]


async def _times(tx: Tx, taken: kept.Taken, target: str) -> Times:
    return Times(
        target=target,
        fulfilled=taken.number(target),
        median_business_hours=_hours(await taken.middle(tx, target, BUSINESS)),
        p90_business_hours=_hours(await taken.ninth_tenth(tx, target, BUSINESS)),
        median_calendar_hours=_hours(await taken.middle(tx, target, CALENDAR)),
        p90_calendar_hours=_hours(await taken.ninth_tenth(tx, target, CALENDAR)),
    )


def _hours(span: float | None) -> float | None:
    return None if span is None else round(span / HOUR, 2)
