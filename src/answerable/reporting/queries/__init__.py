"""The reports, as clients see them. What each figure means is written in ``rules.Figures``."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from answerable.kernel.errors import Invalid
from answerable.kernel.paging import Page, PageRequest, encode_cursor, total_text
from answerable.kernel.span import ALWAYS, Span
from answerable.kernel.times import iso
from answerable.kernel.tx import Row, Tx
from answerable.kernel.words import N_
from answerable.reporting import rules, store
from answerable.reporting.queries import kept
from answerable.reporting.queries.agents import (
    AGENTS,
    AgentCount,
    AgentReport,
    count_agents,
    list_agents,
    names_of_agents,
)
from answerable.reporting.rules import AgentTally, Edges, Figures, Lasted, Tally

__all__ = [
    "AGENTS",
    "BREACHES",
    "AgentCount",
    "AgentReport",
    "Attainment",
    "Breach",
    "Course",
    "Dashboard",
    "PriorityCount",
    "ResolutionTime",
    "StatusCount",
    "Step",
    "Summary",
    "attainment",
    "audit",
    "by_priority",
    "by_status",
    "count_agents",
    "dashboard",
    "last_days",
    "list_agents",
    "list_breaches",
    "names_of_agents",
    "over_time",
    "read_figures",
    "resolution_time",
    "summary",
    "titles_of",
]

BREACHES = "breaches"


class StatusCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many tickets are in a status."""

    status: str
    count: int


class PriorityCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many tickets have a priority."""

    priority: str
    count: int


class ResolutionTime(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How long resolved tickets took, in minutes from raised to resolved; null where none is resolved."""

    average_resolution_minutes: float | None
    median_resolution_minutes: float | None
    resolved: int


class Breach(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A ticket whose promised resolution was missed: when it was due, and late from then on."""

    ticket_id: str
    sla_due_at: str
    breached_at: str
    status: str
    priority: str
    assigned_to: str | None


class Summary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The desk in one line. ``resolved`` holds the closed ones too: answered for good."""

    total_tickets: int
    open: int
    unassigned: int
    created: int
    assigned: int
    in_progress: int
    waiting: int
    resolved: int
    closed: int
    cancelled: int
    sla_breached: int
    average_resolution_minutes: float | None


class Dashboard(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The desk at a glance."""

    total_tickets: int
    open_tickets: int
    closed_tickets: int
    unassigned_tickets: int
    sla_breached_tickets: int
    tickets_by_status: dict[str, int]
    tickets_by_priority: dict[str, int]


class Attainment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many promised resolutions of a priority were kept and missed; ``attainment`` is the share that was kept."""

    priority: str
    kept: int
    missed: int
    attainment: float | None


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened in a step of time that begins with the day ``date``."""

    date: str
    created: int
    solved: int
    breached: int


class Course(msgspec.Struct, frozen=True):
    """A report over time; each step is a day, a week or a month."""

    step: str
    rows: list[Step]


async def read_figures(tx: Tx, span: Span) -> Figures:
    """Read the figures: from the counters for all tickets, from what is counted beforehand for those of a span."""
    if span.is_always:
        return rules.figures(await store.load_count(tx))
    part = await kept.part_of(tx, span)
    return rules.figures(await store.count_tickets(tx, span) if part is None else part.tallies())


async def resolution_time(tx: Tx, span: Span) -> ResolutionTime:
    """Read mean and median of the time to resolve. The median walks along an index: ask away from the loop."""
    part = None if span.is_always else await kept.part_of(tx, span)
    found = rules.figures(part.tallies()) if part is not None else await read_figures(tx, span)
    place: tuple[int, int, int] | None = None
    if part is not None:
        place = part.middle()
    elif span.is_always:
        place = rules.middle_of((row["step"], row["tickets"]) for row in await store.count_resolutions(tx))
    elif found.measured:
        place = rules.middle_in(found.measured, 0, 0)
    few = not span.is_always and await kept.are_few(tx, found.measured)
    middle = await store.load_resolutions(tx, span, *place, few=few) if place else []
    return ResolutionTime(
        average_resolution_minutes=found.average_minutes,
        median_resolution_minutes=rules.median_minutes(middle),
        resolved=found.resolved,
    )


async def list_breaches(tx: Tx, span: Span, page: PageRequest) -> Page[Breach]:
    """Read a page of the tickets whose resolution is late, the latest breach first."""
    rows = await store.list_breaches(tx, span, _breach_cursor(page), page.offset, page.size + 1)
    shown = rows[: page.size]
    last = shown[-1] if len(rows) > page.size else None
    return Page(
        [
            Breach(
                ticket_id=row["ticket_id"],
                sla_due_at=iso(row["breached_at"]),  # the deadline that was missed, not one that moved since
                breached_at=iso(row["breached_at"]),
                status=row["status"],
                priority=row["priority"],
                assigned_to=row["agent_id"],
            )
            for row in shown
        ],
        encode_cursor(BREACHES, last["breached_at"], last["ticket_id"]) if last else None,
        await _breach_total(tx, span, page),
    )


def _breach_cursor(page: PageRequest) -> tuple[int, str] | None:
    if page.cursor is None:
        return None
    at, ticket_id = page.cursor
    if not isinstance(at, int) or not isinstance(ticket_id, str):
        raise Invalid(N_("The cursor is not valid."), errors=("cursor: not a cursor of this list",))
    return at, ticket_id


async def _breach_total(tx: Tx, span: Span, page: PageRequest) -> str:
    if span.is_always or page.exact_count:
        return str((await read_figures(tx, span)).breached)
    part = await kept.part_of(tx, span)
    if part is not None:
        return total_text(rules.figures(part.tallies()).breached)
    return total_text(await store.count_breaches_to_cap(tx, span))


async def titles_of(tx: Tx, tickets: Sequence[str]) -> dict[str, Row]:
    """Read number and title of some tickets, by id."""
    return await store.read_titles(tx, tickets)


async def over_time(tx: Tx, span: Span, zone: ZoneInfo) -> Course:
    """Count what was raised, solved and late in each day of a span; in weeks or months where it is long.

    Unlike the other reports this is about what happened in the span, whenever the ticket was raised.
    """
    first = await store.first_raised_at(tx)
    if first is None:
        return Course("day", [])
    start = first if span.start is None else max(first, span.start)
    end = tx.now + 1 if span.end is None else min(tx.now + 1, span.end)
    return await _course(tx, rules.edges_of(start, end, zone), first)


async def last_days(tx: Tx, start: int, zone: ZoneInfo) -> tuple[Figures, Course]:
    """Read the figures of all tickets, and what happened in each day since ``start``, quiet days too."""
    return await read_figures(tx, ALWAYS), await _course(tx, rules.edges_of(start, tx.now + 1, zone))


async def _course(tx: Tx, found: Edges, first: int | None = None) -> Course:
    steps = [
        Step(date=day, created=raised, solved=solved, breached=late)
        for day, (raised, solved, late) in zip(found.days, await kept.over_time(tx, found.edges, first), strict=True)
    ]
    return Course(found.step, steps)


def attainment(found: Figures) -> list[Attainment]:
    """Show for each priority how many promised resolutions were kept and missed."""
    return [
        Attainment(
            priority=priority,
            kept=kept,
            missed=found.breached_by_priority[priority],
            attainment=rules.share_kept(kept, found.breached_by_priority[priority]),
        )
        for priority, kept in found.kept_by_priority.items()
    ]


def by_status(found: Figures) -> list[StatusCount]:
    """Show every status once, in the order of a ticket's life."""
    return [StatusCount(status=status, count=count) for status, count in found.by_status.items()]


def by_priority(found: Figures) -> list[PriorityCount]:
    """Show every priority once, from LOW to CRITICAL."""
    return [PriorityCount(priority=priority, count=count) for priority, count in found.by_priority.items()]


def summary(found: Figures) -> Summary:
    """Show the figures in one line."""
    return Summary(
        total_tickets=found.total,
        open=found.open,
        unassigned=found.unassigned,
        created=found.by_status["CREATED"],
        assigned=found.by_status["ASSIGNED"],
        in_progress=found.by_status["IN_PROGRESS"],
        waiting=found.by_status["WAITING"],
        resolved=found.resolved,
        closed=found.closed,
        cancelled=found.by_status["CANCELLED"],
        sla_breached=found.breached,
        average_resolution_minutes=found.average_minutes,
    )


def dashboard(found: Figures) -> Dashboard:
    """Show the figures at a glance."""
    return Dashboard(
        total_tickets=found.total,
        open_tickets=found.open,
        closed_tickets=found.closed,
        unassigned_tickets=found.unassigned,
        sla_breached_tickets=found.breached,
        tickets_by_status=found.by_status,
        tickets_by_priority=found.by_priority,
    )


async def audit(tx: Tx) -> list[str]:
    """Compare the counters with a count of the tickets; return a line per difference."""
    held = {tally.cell: tally for tally in await store.load_count(tx)}
    counted = {tally.cell: tally for tally in await store.count_tickets(tx, ALWAYS)}
    of_agents = {tally.cell: tally for tally in await store.load_agent_count(tx)}
    recounted = {tally.cell: tally for tally in await store.recount_agents(tx)}
    durations = {lasted.cell: lasted for lasted in await store.load_durations(tx)}
    remeasured = {lasted.cell: lasted for lasted in await store.recount_durations(tx)}
    return [
        *_differences(held, counted, 4),
        *_differences(of_agents, recounted, 3),
        *_differences(durations, remeasured, 1),
        *await kept.differences(tx),
    ]


def _differences(
    kept: Mapping[tuple[Any, ...], Tally | AgentTally | Lasted],
    counted: Mapping[tuple[Any, ...], Tally | AgentTally | Lasted],
    width: int,
) -> list[str]:
    def numbers(tally: Tally | AgentTally | Lasted | None) -> tuple[int, ...]:
        return tally.numbers if tally else (0,) * width

    return [
        f"reporting: {' '.join(map(str, cell))}: kept {numbers(kept.get(cell))}, counted {numbers(counted.get(cell))}"
        for cell in sorted(kept.keys() | counted.keys())
        if numbers(kept.get(cell)) != numbers(counted.get(cell))
    ]
