"""A clock: what may happen to a promise, from its start to its end. Each verb returns the new clock and what to tell.

Instants are UTC microseconds. A promise is broken when its due instant comes and it is still open, so it must be kept
*before* it is due; that verdict does not depend on whether the timer or the answer is looked at first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from answerable.messages.sla import (
    SlaAtRisk,
    SlaBreached,
    SlaEvent,
    SlaFulfilled,
    SlaPaused,
    SlaRecomputed,
    SlaResumed,
    SlaStarted,
)
from answerable.messages.tickets import TicketRef
from answerable.sla.rules.history import CANCELLED, FULFILLED, PAUSED, RESOLVED, RUNNING, WAITING, Metric, history_of
from answerable.sla.rules.levels import (
    NONE,
    Instants,
    ahead,
    first_of,
    passed,
    read_ahead,
    write_ahead,
    write_done,
)
from answerable.sla.rules.policy import Terms
from answerable.sla.rules.timeline import Stop, due, union

LEVEL = "level"
_STILL: Mapping[str, Any] = {"due_at": None, "warn_at": None, "levels_ahead": NONE}
_STATES = {"WAITING": PAUSED, "RESOLVED": FULFILLED, "CLOSED": FULFILLED, "CANCELLED": CANCELLED}


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """One promise on one ticket.

    ``target_micros`` and ``warn_micros`` are working time, ``applied_at`` is when they began to hold. ``due_at`` is
    ``None`` while paused; ``look_at`` is when the timer must look again, ``None`` for never; ``breached_at`` is the
    later of due and ``applied_at`` (rule 9). ``version`` counts the metric events; ``edition`` is where its policy is
    written. ``levels_ahead`` are the escalations to come, ``levels_done`` those that came: JSON, see ``levels.py``.
    """

    id: str
    ticket_id: str
    target: str
    cycle: int
    policy: str
    target_micros: int
    warn_micros: int | None
    started_at: int
    applied_at: int
    state: str = RUNNING
    due_at: int | None = None
    warn_at: int | None = None
    look_at: int | None = None
    warned_at: int | None = None
    breached_at: int | None = None
    ended_at: int | None = None
    version: int = 0
    edition: str = ""
    levels_ahead: str = NONE
    levels_done: str = NONE

    @property
    def is_open(self) -> bool:
        """Tell whether the promise is neither kept nor given up."""
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class Change:
    """The outcome of a verb: the new clock, the metric events to add, and what happened."""

    clock: Clock
    metrics: tuple[Metric, ...] = ()
    events: tuple[SlaEvent, ...] = ()

    @property
    def levels(self) -> list[str]:
        """Return the names of the escalations that came here, in their order."""
        return [metric.detail for metric in self.metrics if metric.kind == LEVEL]

    @property
    def due_at(self) -> int | None:
        """Return when the promise is due, or was where it is paused and was broken here."""
        broken = next((event.due_at for event in self.events if isinstance(event, SlaBreached)), None)
        return self.clock.due_at if broken is None else broken


def state_for(status: str) -> str:
    """Return how a resolution clock stands while its ticket has ``status``."""
    return _STATES.get(status, RUNNING)


# --- a promise begins ----------------------------------------------------------------------------------------------


def arm(clock_id: str, ticket: TicketRef, target: str, cycle: int, terms: Terms, at: int) -> Change:
    """Make a promise at ``at``."""
    return _started(_new(clock_id, ticket, target, cycle, terms, at, at), ticket, (), "", terms)


def go_on(clock_id: str, former: Clock, metrics: Sequence[Metric], ticket: TicketRef, terms: Terms, at: int) -> Change:
    """Take up a kept promise again at ``at`` (rule 11): a new cycle in which the time used so far counts.

    The time since ``former`` ended is a pause of the new cycle, which also holds the earlier ones: ``metrics`` are
    those of ``former``. If it is late already, that is said at once.
    """
    past = history_of(metrics)
    ended = at if past.ended_at is None else past.ended_at
    stops = union(past.start, [*past.stops, (ended, at)])
    reasons = {begin: why for (begin, _), why in zip(past.stops, past.reasons, strict=True)}
    clock = _new(clock_id, ticket, former.target, former.cycle + 1, terms, past.start, at)
    return look(_started(clock, ticket, stops, "Reopened", terms, reasons), ticket, at)


def _new(clock_id: str, ticket: TicketRef, target: str, cycle: int, terms: Terms, start: int, at: int) -> Clock:
    return Clock(
        id=clock_id,
        ticket_id=ticket.id,
        target=target,
        cycle=cycle,
        policy=terms.policy,
        target_micros=terms.target_micros,
        warn_micros=terms.warn_micros,
        started_at=start,
        applied_at=at,
        edition=terms.edition,
    )


def _started(
    clock: Clock,
    ticket: TicketRef,
    stops: Sequence[Stop],
    detail: str,
    terms: Terms,
    reasons: Mapping[int, str] = MappingProxyType({}),
) -> Change:
    change = _step(Change(clock), "activate", clock.started_at, detail=detail, terms=clock)
    for begin, end in stops:
        change = _step(change, "pause", begin, detail=reasons.get(begin, RESOLVED))
        if end is not None:
            change = _step(change, "resume", end)
    timed = _timed(change.clock, clock.started_at, stops, terms)
    event = SlaStarted(**_about(timed, ticket), started_at=clock.started_at, due_at=timed.due_at, policy=clock.policy)
    return Change(timed, change.metrics, (event,))


# --- time passes ---------------------------------------------------------------------------------------------------


def look(change: Clock | Change, ticket: TicketRef, now: int) -> Change:
    """Say what the time until ``now`` made of a running promise: at risk, broken, escalated, each once in a cycle."""
    change = change if isinstance(change, Change) else Change(change)
    clock = change.clock
    if clock.state != RUNNING:
        return change
    return _fire(change, ticket, _instants_of(clock), now)


def look_as_far_as_broken(clock: Clock, ticket: TicketRef, now: int) -> Change:
    """Say the same up to the breach: the levels that come with it and after it are left for the next look."""
    if clock.state != RUNNING or clock.breached_at is not None or clock.due_at is None or clock.due_at > now:
        return Change(clock)
    next_level = first_of(clock.levels_ahead)
    if _is_warned(clock) and (next_level is None or next_level >= clock.due_at):
        return _broken(Change(clock), ticket, clock.due_at)
    return _fire(Change(clock), ticket, _instants_of(clock), now, whole=False)


def _instants_of(clock: Clock) -> Instants:
    return Instants(clock.due_at, clock.warn_at, read_ahead(clock.levels_ahead))


def _fire(change: Change, ticket: TicketRef, instants: Instants, now: int, *, whole: bool = True) -> Change:
    clock, due_at = change.clock, instants.due_at
    steps: list[tuple[int, int, str]] = []
    if due_at is not None and clock.breached_at is None:
        if instants.warn_at is not None and clock.warned_at is None:
            steps.append((instants.warn_at, 0, "warn"))
        steps.append((due_at, 1, "breach"))
    steps += [(at, 2 + place, name) for place, (name, at) in enumerate(instants.levels)]
    for instant, order, what in sorted(steps):
        if instant > now:
            break
        at = max(instant, clock.applied_at)
        if order >= 2:
            instants = instants.without(what)
            came = passed(change.clock.levels_done, instants.levels if clock.state == RUNNING else (), what)
            change = _step(change, LEVEL, at, detail=what, **came)
            continue
        assert due_at is not None
        if order == 0:
            change = _step(change, "warn", at, SlaAtRisk(**_about(clock, ticket), due_at=due_at), warned_at=at)
        else:
            change = _broken(change, ticket, due_at)
            if not whole:
                break
    return change


def _broken(change: Change, ticket: TicketRef, due_at: int) -> Change:
    at = max(due_at, change.clock.applied_at)
    event = SlaBreached(**_about(change.clock, ticket), due_at=due_at, breached_at=at)
    return _step(change, "breach", at, event, breached_at=at)


def _is_warned(clock: Clock) -> bool:
    return clock.warned_at is not None or clock.warn_at is None


# --- something happens to the ticket -------------------------------------------------------------------------------


def pause(clock: Clock, ticket: TicketRef, at: int) -> Change:
    """Let a running promise stand still from ``at``; there is no due time until it goes on (rule 7)."""
    change = look(clock, ticket, at)
    event = SlaPaused(**_about(clock, ticket))
    return _step(change, "pause", at, event, detail=WAITING, state=PAUSED, **_STILL)


def resume(clock: Clock, metrics: Sequence[Metric], ticket: TicketRef, at: int, terms: Terms) -> Change:
    """Let a paused promise, explained by ``metrics`` and held to ``terms``, go on at ``at``."""
    change = _step(Change(clock), "resume", at, state=RUNNING)
    history = history_of([*metrics, *change.metrics])
    timed = _timed(change.clock, history.start, history.stops, terms)
    change = Change(timed, change.metrics, (SlaResumed(**_about(clock, ticket), due_at=timed.due_at),))
    return look(change, ticket, at)


def fulfil(clock: Clock, ticket: TicketRef, at: int) -> Change:
    """End an open promise by what was promised, in time or late."""
    return _end(clock, ticket, at, "fulfil", FULFILLED)


def cancel(clock: Clock, ticket: TicketRef, at: int, reason: str = "") -> Change:
    """End an open promise that no longer counts, for a ``reason``."""
    return _end(clock, ticket, at, "cancel", CANCELLED, reason)


def _end(clock: Clock, ticket: TicketRef, at: int, kind: str, state: str, detail: str = "") -> Change:
    change = look(clock, ticket, at)
    event = SlaFulfilled(
        **_about(clock, ticket),
        fulfilled_at=at,
        breached=change.clock.breached_at is not None,
        cancelled=state == CANCELLED,
    )
    return _step(change, kind, at, event, detail=detail, state=state, ended_at=at)


def retarget(clock: Clock, metrics: Sequence[Metric], ticket: TicketRef, terms: Terms, at: int, reason: str) -> Change:
    """Hold an open promise to other ``terms`` from the original start, pauses kept (rule 9).

    If it is late already under them, that is said at once; a breach so far stays (rule 10).
    """
    before = look(clock, ticket, at)
    held = replace(
        before.clock,
        policy=terms.policy,
        target_micros=terms.target_micros,
        warn_micros=terms.warn_micros,
        applied_at=at,
        edition=terms.edition,
    )
    changed = _step(Change(held, before.metrics), "apply_policy", at, detail=reason, terms=held)
    history = history_of(metrics)
    timed = _timed(changed.clock, history.start, history.stops, terms)
    event = SlaRecomputed(**_about(clock, ticket), due_at=timed.due_at, reason=reason, policy=terms.policy)
    changed = Change(timed, changed.metrics, (*before.events, event))
    return _fire(changed, ticket, _instants(timed, history.start, history.stops, terms), at)


# --- the last step of every verb -----------------------------------------------------------------------------------


def _step(
    change: Change, kind: str, at: int, *events: SlaEvent, detail: str = "", terms: Clock | None = None, **values: Any
) -> Change:
    clock = replace(change.clock, version=change.clock.version + 1, **values)
    clock = replace(clock, look_at=_next_look(clock))
    metric = Metric(
        number=clock.version,
        kind=kind,
        at=at,
        target_micros=terms.target_micros if terms else None,
        detail=detail,
        policy=terms.policy if terms else None,
        edition=terms.edition if terms else None,
    )
    return Change(clock, (*change.metrics, metric), (*change.events, *events))


def _instants(clock: Clock, start: int, stops: Sequence[Stop], terms: Terms) -> Instants:
    due_at = due(start, stops, clock.target_micros, terms.hours)
    warn_at = None if clock.warn_micros is None else due(start, stops, clock.warn_micros, terms.hours)
    return Instants(due_at, warn_at, ahead(terms, clock.levels_done, start, stops, due_at))


def _timed(clock: Clock, start: int, stops: Sequence[Stop], terms: Terms) -> Clock:
    """Return the clock with the instants that its history adds up to; none while it is paused."""
    if clock.state != RUNNING:
        return replace(clock, look_at=None, **_STILL)
    instants = _instants(clock, start, stops, terms)
    clock = replace(clock, due_at=instants.due_at, warn_at=instants.warn_at, levels_ahead=write_ahead(instants.levels))
    return replace(clock, look_at=_next_look(clock))


def _next_look(clock: Clock) -> int | None:
    if clock.state != RUNNING:
        return None
    next_level = first_of(clock.levels_ahead)
    if clock.breached_at is not None or clock.due_at is None:
        return next_level
    at = clock.warn_at if clock.warn_at is not None and clock.warned_at is None else clock.due_at
    return at if next_level is None else min(at, next_level)


def _about(clock: Clock, ticket: TicketRef) -> dict[str, Any]:
    return {"ticket": ticket, "target": clock.target, "cycle": clock.cycle}


def recount(clock: Clock, metrics: Sequence[Metric], terms: Terms) -> Clock:
    """Return what ``clock`` must look like if it follows from its ``metrics`` alone (for the audit).

    ``terms`` are those that it names.
    """
    history = history_of(metrics)
    warned = next((metric.at for metric in metrics if metric.kind == "warn"), None)
    breached = next((metric.at for metric in metrics if metric.kind == "breach"), None)
    counted = replace(
        clock,
        started_at=history.start,
        target_micros=history.target_micros,
        policy=clock.policy if history.policy is None else history.policy,
        edition=clock.edition if history.edition is None else history.edition,
        state=history.state,
        warned_at=warned,
        breached_at=breached,
        ended_at=history.ended_at,
        version=metrics[-1].number,
        levels_done=write_done([metric.detail for metric in metrics if metric.kind == LEVEL]),
    )
    return _timed(counted, history.start, history.stops, terms) if history.state in (RUNNING, PAUSED) else counted
