"""Reads for screens and lists, and the audit."""

from collections.abc import Sequence

import msgspec

from answerable.kernel.errors import Missing
from answerable.kernel.manifest import Gauge
from answerable.kernel.paging import Page, PageRequest
from answerable.kernel.times import DAY, MINUTE, SECOND, iso, iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.kernel.words import N_
from answerable.sla import rules, store
from answerable.sla.queries import kept
from answerable.sla.rules import Clock, Edition, History, Metric, Segment, Terms

MAX_LATE = 10_000  # late tickets in one answer
NONE = "[]"
MAX_CLOCKS = 200  # clocks in one answer
LONGEST_LINE = 100 * DAY
AUDIT_BATCH = 500
PATIENCE = 5 * MINUTE  # how long a clock may wait to be looked at before the audit complains


class LateView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An open ticket whose resolution promise is broken; ``sla_due_at`` is ``None`` while it is paused."""

    ticket_id: str
    breached: bool
    sla_due_at: str | None
    escalated: bool


class EscalationView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A manager was called in; ``escalated_to_manager_id`` is ``None`` where the desk had nobody."""

    ticket_id: str
    agent_id: str | None
    escalated_to_manager_id: str | None
    escalated_to_role: str
    priority: str
    reason: str
    escalated_at: str


class MetricView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of what explains a clock."""

    kind: str
    at: str
    detail: str


class SegmentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a clock's time: whether it counted, and why. ``detail`` is a sentence for people.

    ``why`` is OPEN, CLOSED, HOLIDAY or PAUSED. ``begin`` and ``end`` are instants.
    """

    begin: str
    end: str
    minutes: float
    counts: bool
    why: str
    detail: str


class LevelView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An escalation of a promise: to come at ``at`` (``None`` while paused), or what was ``done`` when it came."""

    name: str
    at: str | None
    does: str
    done: str | None


class ClockView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A promise with what explains it. ``due_at`` and ``at_risk_at`` are ``None`` while paused; minutes are working
    time. ``segments`` go from the start to now or to the end; of a long time, the last ``LONGEST_LINE`` are told.
    """

    target: str
    cycle: int
    policy: str
    policy_version: int
    applies_to: str
    calendars: list[str]
    state: str
    target_minutes: float
    elapsed_minutes: float
    remaining_minutes: float
    started_at: str
    due_at: str | None
    at_risk_at: str | None
    warned: bool
    breached: bool
    breached_at: str | None
    ended_at: str | None
    events: list[MetricView]
    levels: list[LevelView]
    segments: list[SegmentView]


async def list_late(tx: Tx) -> list[LateView]:
    """List the open tickets whose resolution is late, the longest first."""
    return [
        LateView(
            ticket_id=row["ticket_id"],
            breached=True,
            sla_due_at=iso_or_none(row["due_at"]),
            escalated=row["escalations"] > 0,
        )
        for row in await store.list_late(tx, MAX_LATE)
    ]


async def list_escalations(tx: Tx, page: PageRequest) -> Page[EscalationView]:
    """List all escalations, newest first."""
    return _shown(await store.list_escalations(tx, None, page))


async def escalations_of_manager(tx: Tx, manager_id: str, page: PageRequest) -> Page[EscalationView]:
    """List the escalations to a manager, newest first. Raises ``Missing`` where the caller may not see them."""
    allowed = rules.may_see_escalations_of(tx.actor, manager_id)
    if not allowed or not (tx.actor.id == manager_id or await store.knows_manager(tx, manager_id)):
        raise Missing(N_("There is no such manager."))
    return _shown(await store.list_escalations(tx, manager_id, page))


def _shown(page: Page[Row]) -> Page[EscalationView]:
    return Page([_escalation_view(row) for row in page.rows], page.next_cursor, page.total)


def _escalation_view(row: Row) -> EscalationView:
    return EscalationView(
        ticket_id=row["ticket_id"],
        agent_id=row["agent_id"],
        escalated_to_manager_id=row["manager_id"],
        escalated_to_role=row["role"],
        priority=row["priority"],
        reason=row["reason"],
        escalated_at=iso(row["at"]),
    )


async def clocks_of_ticket(tx: Tx, ticket_id: str) -> list[ClockView]:
    """Read the clocks of a ticket that the caller may see, newest cycle first. Raises ``Missing`` for any other."""
    ticket = await store.load_ticket(tx, ticket_id)
    if ticket is None or not rules.may_see(tx.actor, ticket):
        raise Missing("There is no such ticket.")
    found = []
    for clock in await store.list_clocks(tx, ticket_id, MAX_CLOCKS):
        edition = await store.load_edition(tx, clock.edition)
        came = await store.load_levels(tx, clock.id) if clock.levels_done != NONE else []
        found.append(_clock_view(clock, await store.load_metrics(tx, clock.id), tx.now, edition, came))
    return found


def _clock_view(clock: Clock, metrics: Sequence[Metric], now: int, edition: Edition, came: Sequence[Row]) -> ClockView:
    history = rules.history_of(metrics)
    until = now if history.ended_at is None else history.ended_at
    policy = edition.policy_named(clock.policy)
    hours = rules.hours_of(edition, clock.policy, clock.target)
    elapsed = rules.elapsed(history.start, history.stops, until, hours)
    told_from = max(history.start, until - LONGEST_LINE)
    return ClockView(
        target=clock.target,
        cycle=clock.cycle,
        policy=clock.policy,
        policy_version=edition.version_of("policy", clock.policy),
        applies_to=policy.when.words() if policy else "",
        calendars=[calendar.name for calendar in hours.calendars],
        state=clock.state,
        target_minutes=_minutes(clock.target_micros),
        elapsed_minutes=_minutes(elapsed),
        remaining_minutes=_minutes(max(0, clock.target_micros - elapsed)),
        started_at=iso(clock.started_at),
        due_at=iso_or_none(clock.due_at),
        at_risk_at=iso_or_none(clock.warn_at),
        warned=clock.warned_at is not None,
        breached=clock.breached_at is not None,
        breached_at=iso_or_none(clock.breached_at),
        ended_at=iso_or_none(clock.ended_at),
        events=[MetricView(kind=metric.kind, at=iso(metric.at), detail=metric.detail) for metric in metrics],
        levels=_level_views(clock, rules.held_to(clock, edition), came),
        segments=[
            _segment_view(segment, history) for segment in rules.timeline(told_from, history.stops, until, hours)
        ],
    )


def _level_views(clock: Clock, held: Terms, came: Sequence[Row]) -> list[LevelView]:
    """Return the levels that came, then those to come in their order, then those of which nobody knows when."""
    does = {level.name: level.words() for level in held.levels}
    told = [
        LevelView(name=row["name"], at=iso(row["at"]), does=does.pop(row["name"], row["done"]), done=row["done"])
        for row in came
    ]
    if clock.is_open:
        for name, at in rules.read_ahead(clock.levels_ahead):
            told.append(LevelView(name=name, at=iso(at), does=does.pop(name, ""), done=None))
        told += [LevelView(name=name, at=None, does=words, done=None) for name, words in does.items()]
    return told


def _segment_view(segment: Segment, history: History) -> SegmentView:
    return SegmentView(
        begin=iso(segment.begin),
        end=iso(segment.end),
        minutes=_minutes(segment.end - segment.begin),
        counts=segment.counts,
        why=segment.why,
        detail=rules.words_for(segment, history),
    )


def _minutes(span: int) -> float:
    return round(span / MINUTE, 2)


async def gauges(tx: Tx) -> Sequence[Gauge]:
    """Return how many clocks run, and when the next promise is late."""
    running, due_at = await store.count_running(tx)
    return [
        Gauge("sla_clocks_running", "SLA clocks that run.", running),
        Gauge(
            "sla_next_due_timestamp_seconds",
            "When the next promise that is not late yet will be, in seconds since 1970.",
            None if due_at is None else due_at / SECOND,
        ),
    ]


async def audit(tx: Tx) -> list[str]:
    """Recompute the open clocks from their metric events, recount loads and kept numbers; a line per difference."""
    found: list[str] = []
    after = ""
    while clocks := await store.list_open_clocks(tx, after, AUDIT_BATCH):
        for clock in clocks:
            held = rules.held_to(clock, await store.load_edition(tx, clock.edition))
            found += _differences(clock, await store.load_metrics(tx, clock.id), tx.now, held)
        after = clocks[-1].id
    for row in await store.list_wrong_loads(tx):
        found.append(
            f"sla: manager {row['id']} has {row['open_escalations']} open escalations, counted {row['counted']}"
        )
    for row in await store.list_forgotten_escalations(tx):
        found.append(f"sla: escalation {row['id']} is open, its ticket {row['ticket_id']} is not")
    return found + await kept.differences(tx)


def _differences(clock: Clock, metrics: Sequence[Metric], now: int, held: Terms) -> list[str]:
    name = f"sla: {clock.target} {clock.cycle} of ticket {clock.ticket_id}"
    if not metrics:
        return [f"{name} has no metric events"]
    counted = rules.recount(clock, metrics, held)
    found = [
        f"{name}: {field} is {getattr(clock, field)}, its metric events say {getattr(counted, field)}"
        for field in clock.__struct_fields__
        if getattr(clock, field) != getattr(counted, field)
    ]
    if clock.look_at is not None and clock.look_at < now - PATIENCE:
        found.append(f"{name} waits to be looked at since {iso(clock.look_at)}")
    return found
