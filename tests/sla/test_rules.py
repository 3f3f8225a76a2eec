"""The rules in writing (docs/sla.md), as tables and as laws against a clock that counts minute by minute."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from answerable.messages.sla import (
    SlaAtRisk,
    SlaBreached,
    SlaEvent,
    SlaFulfilled,
    SlaRecomputed,
    SlaResumed,
    SlaStarted,
)
from answerable.sla import rules
from answerable.sla.rules import (
    FIRST_RESPONSE,
    RESOLUTION,
    Change,
    Clock,
    Manager,
    Metric,
    Stop,
    choose_manager,
    elapsed,
    union,
)
from tests.sla.stories import HOUR, MINUTE, START, at, ref

# --- time lines ----------------------------------------------------------------------------------------------------

DUE = [
    ("no stops", [], 60, 60),
    ("a stop before the start does not count", [(-30, -10)], 60, 60),
    ("a stop over the start counts from the start", [(-30, 10)], 60, 70),
    ("a stop in between moves the deadline", [(10, 30)], 60, 80),
    ("a stop after the deadline does not", [(60, 90)], 60, 60),
    ("landing on the begin of a stop is that instant", [(60, None)], 60, 60),
    ("one minute more is reached after the stop", [(60, 90)], 61, 91),
    ("stops that overlap count once", [(10, 30), (20, 40)], 60, 90),
    ("stops that touch are one", [(10, 20), (20, 30)], 60, 80),
    ("a stop inside another", [(10, 40), (20, 30)], 60, 90),
    ("in any order", [(40, 50), (10, 20)], 60, 80),
    ("a stop that goes on has no deadline behind it", [(10, None)], 60, None),
    ("nor where a later one is over", [(10, None), (20, 30)], 60, None),
    ("an empty stop", [(10, 10)], 60, 60),
    ("a stop that ends before it begins", [(20, 10)], 60, 60),
    ("nothing to reach", [(0, None)], 0, 0),
]


@pytest.mark.parametrize(("why", "stops", "target", "due"), DUE, ids=[row[0] for row in DUE])
def test_when_a_promise_is_due(why: str, stops: list[Stop], target: int, due: int | None) -> None:
    assert rules.due(0, stops, target) == due


def test_elapsed_time_stands_still_in_a_stop() -> None:
    assert [elapsed(0, [(10, 20), (30, None)], until) for until in (-5, 0, 5, 10, 15, 20, 25, 30, 99)] == [
        0,
        0,
        5,
        10,
        10,
        10,
        15,
        20,
        20,
    ]


def counted(stops: Sequence[Stop], until: int) -> int:
    """Count the working minutes from 0 to ``until``, one by one."""
    return sum(
        not any(begin <= minute and (end is None or minute < end) for begin, end in stops) for minute in range(until)
    )


def reached(stops: Sequence[Stop], target: int, horizon: int) -> int | None:
    """Walk minute by minute to the first at which ``target`` working minutes have passed."""
    worked = 0
    for minute in range(horizon + 1):
        if worked == target:
            return minute
        worked += not any(begin <= minute and (end is None or minute < end) for begin, end in stops)
    return None


minutes = st.integers(-20, 120)
a_stop = st.tuples(minutes, st.one_of(minutes, st.none()))
some_stops = st.lists(a_stop, max_size=6)


@settings(max_examples=400, derandomize=True, deadline=None)
@given(some_stops, st.integers(0, 150), st.integers(0, 200))
def test_deadline_and_elapsed_time_equal_a_count_minute_by_minute(stops: list[Stop], target: int, until: int) -> None:
    due = rules.due(0, stops, target)
    assert due == reached(stops, target, 600)
    assert elapsed(0, stops, until) == counted(stops, until)
    if due is not None:
        assert elapsed(0, stops, due) == target


@settings(max_examples=300, derandomize=True, deadline=None)
@given(some_stops, st.integers(0, 150), st.integers(0, 30))
def test_the_deadline_never_comes_earlier_for_a_longer_target(stops: list[Stop], target: int, more: int) -> None:
    first, second = rules.due(0, stops, target), rules.due(0, stops, target + more)
    assert second is None or (first is not None and first <= second)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(some_stops, st.integers(1, 150), a_stop)
def test_a_pause_moves_the_deadline_by_the_working_time_in_it(stops: list[Stop], target: int, more: Stop) -> None:
    due, moved = rules.due(0, stops, target), rules.due(0, [*stops, more], target)
    if due is None or moved is None:
        assert moved is None
        return
    lost = elapsed(0, stops, moved) - elapsed(0, [*stops, more], moved)
    assert elapsed(0, stops, moved) - elapsed(0, stops, due) == lost


@settings(max_examples=300, derandomize=True, deadline=None)
@given(some_stops)
def test_a_union_is_in_order_and_has_gaps(stops: list[Stop]) -> None:
    joined = union(0, stops)
    assert all(end is None or begin < end for begin, end in joined)
    assert all(left[1] is not None and left[1] < right[0] for left, right in pairwise(joined))
    assert union(0, joined) == joined


# --- promises ------------------------------------------------------------------------------------------------------

PROMISES = [
    ("CRITICAL", 15 * MINUTE, HOUR),
    ("HIGH", HOUR, 4 * HOUR),
    ("MEDIUM", 2 * HOUR, 8 * HOUR),
    ("LOW", 8 * HOUR, 24 * HOUR),
]


@pytest.mark.parametrize(("priority", "response", "resolution"), PROMISES)
def test_what_the_default_policy_promises(priority: str, response: int, resolution: int) -> None:
    promised = {
        target: rules.terms_for(ref(priority=priority), target, 0.75)
        for target in (FIRST_RESPONSE, rules.NEXT_RESPONSE, RESOLUTION)
    }
    assert [terms.target_micros for terms in promised.values()] == [response, response, resolution]
    assert promised[RESOLUTION].warn_micros == resolution * 3 // 4
    assert rules.terms_for(ref(priority=priority), RESOLUTION, 1.0).warn_micros is None


class Promise:
    """A resolution clock with its metric events, worked by hand."""

    def __init__(self, priority: str = "HIGH", start: int = START) -> None:
        self.ref = ref(priority=priority)
        self.metrics: list[Metric] = []
        self.events: list[SlaEvent] = []
        self.clock = self._take(
            rules.arm("k1", self.ref, RESOLUTION, 1, rules.terms_for(self.ref, RESOLUTION, 0.75), start)
        )

    @property
    def terms(self) -> rules.Terms:
        return rules.terms_for(self.ref, RESOLUTION, 0.75)

    def _take(self, change: Change) -> Clock:
        self.clock = change.clock
        self.metrics += change.metrics
        self.events += change.events
        assert rules.recount(self.clock, self.metrics, self.terms) == self.clock, "it follows from its metrics alone"
        return self.clock

    def look(self, now: int) -> None:
        self._take(rules.look(self.clock, self.ref, now))

    def pause(self, when: int) -> None:
        self._take(rules.pause(self.clock, self.ref, when))

    def resume(self, when: int) -> None:
        self._take(rules.resume(self.clock, self.metrics, self.ref, when, self.terms))

    def fulfil(self, when: int) -> None:
        self._take(rules.fulfil(self.clock, self.ref, when))

    def cancel(self, when: int) -> None:
        self._take(rules.cancel(self.clock, self.ref, when))

    def go_on(self, when: int) -> None:
        terms = rules.terms_for(self.ref, RESOLUTION, 0.75)
        former, self.metrics = self.metrics, []
        self._take(rules.go_on(f"k{self.clock.cycle + 1}", self.clock, former, self.ref, terms, when))

    def retarget(self, priority: str, when: int) -> None:
        self.ref = replace(self.ref, priority=priority)
        terms = rules.terms_for(self.ref, RESOLUTION, 0.75)
        self._take(rules.retarget(self.clock, self.metrics, self.ref, terms, when, f"Priority is now {priority}"))

    def instants(self) -> tuple[int | None, int | None]:
        """Return when it is due and when to look again."""
        return self.clock.due_at, self.clock.look_at

    def told(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def test_a_promise_kept_in_time() -> None:
    promise = Promise()
    assert promise.instants() == (at("13:00"), at("12:00"))
    promise.fulfil(at("11:00"))
    assert promise.told() == ["SlaStarted", "SlaFulfilled"]
    assert promise.instants() == (at("13:00"), None)
    assert isinstance(promise.events[-1], SlaFulfilled)
    assert not promise.events[-1].breached


def test_at_risk_then_broken_each_once() -> None:
    promise = Promise()
    promise.look(at("11:59"))
    assert promise.told() == ["SlaStarted"]
    promise.look(at("12:00"))
    promise.look(at("12:30"))
    assert promise.told() == ["SlaStarted", "SlaAtRisk"]
    assert promise.instants() == (at("13:00"), at("13:00"))
    promise.look(at("13:00"))
    promise.look(at("23:00"))
    assert promise.told() == ["SlaStarted", "SlaAtRisk", "SlaBreached"]
    assert promise.instants() == (at("13:00"), None)
    assert promise.clock.breached_at == at("13:00")


def test_both_due_at_once_are_told_in_their_order() -> None:
    promise = Promise()
    promise.look(at("20:00"))
    risk, breach = promise.events[1:]
    assert isinstance(risk, SlaAtRisk)
    assert isinstance(breach, SlaBreached)
    assert (breach.due_at, breach.breached_at) == (at("13:00"), at("13:00"))


def test_the_verdict_on_the_due_instant_does_not_depend_on_who_looks_first() -> None:
    timer_first, answer_first = Promise(), Promise()
    timer_first.look(at("13:00"))
    timer_first.fulfil(at("13:00"))
    answer_first.fulfil(at("13:00"))
    assert timer_first.told() == answer_first.told() == ["SlaStarted", "SlaAtRisk", "SlaBreached", "SlaFulfilled"]


def test_no_due_time_while_paused_and_a_later_one_afterwards() -> None:
    promise = Promise()
    promise.pause(at("10:00"))
    assert promise.instants() == (None, None)
    promise.look(at("23:00"))
    promise.resume(at("15:30"))
    assert isinstance(promise.events[-1], SlaResumed)
    assert promise.clock.due_at == promise.events[-1].due_at == at("18:30")
    assert promise.clock.look_at == at("17:30")


def test_a_broken_promise_stays_due_when_it_was_due() -> None:
    promise = Promise()
    promise.look(at("14:00"))
    promise.pause(at("14:00"))
    promise.resume(at("16:00"))
    assert promise.clock.due_at == at("13:00")
    promise.fulfil(at("17:00"))
    assert promise.told().count("SlaBreached") == 1


def test_pausing_too_late_does_not_hide_the_breach() -> None:
    promise = Promise()
    promise.pause(at("13:30"))
    assert promise.told() == ["SlaStarted", "SlaAtRisk", "SlaBreached", "SlaPaused"]


def test_another_priority_counts_from_the_original_start() -> None:
    promise = Promise("LOW")
    promise.pause(at("10:00"))
    promise.resume(at("11:00"))
    promise.retarget("HIGH", at("12:00"))
    assert isinstance(promise.events[-1], SlaRecomputed)
    assert promise.clock.due_at == promise.events[-1].due_at == at("14:00")
    promise.retarget("LOW", at("12:30"))
    assert promise.clock.due_at == START + 25 * HOUR


def test_a_priority_under_which_it_is_late_already_breaks_it_at_the_change() -> None:
    promise = Promise("LOW")
    promise.retarget("CRITICAL", at("12:00"))
    breach = promise.events[-1]
    assert isinstance(breach, SlaBreached)
    assert (breach.due_at, breach.breached_at) == (at("10:00"), at("12:00"))
    promise.retarget("LOW", at("12:01"))
    assert promise.clock.due_at == START + 24 * HOUR
    promise.look(START + 30 * HOUR)
    assert promise.told().count("SlaBreached") == 1, "a breach is never erased and never repeated in its cycle"


def test_late_under_another_priority_while_paused() -> None:
    promise = Promise("LOW")
    promise.pause(at("12:00"))
    promise.retarget("CRITICAL", at("15:00"))
    breach = promise.events[-1]
    assert isinstance(breach, SlaBreached)
    assert (breach.due_at, breach.breached_at) == (at("10:00"), at("15:00"))
    assert promise.clock.due_at is None


def test_at_risk_under_another_priority_while_paused_is_said_when_it_goes_on() -> None:
    promise = Promise("LOW")
    promise.pause(at("12:30"))
    promise.retarget("HIGH", at("15:00"))
    assert promise.told()[-1] == "SlaRecomputed"
    promise.resume(at("16:00"))
    assert promise.told()[-2:] == ["SlaResumed", "SlaAtRisk"]
    assert promise.clock.due_at == at("16:30")


def test_reopened_goes_on_without_the_time_in_between() -> None:
    promise = Promise()
    promise.pause(at("10:00"))
    promise.resume(at("10:30"))
    promise.fulfil(at("11:00"))
    promise.go_on(at("15:00"))
    started = promise.events[-1]
    assert isinstance(started, SlaStarted)
    assert (started.cycle, started.started_at, started.due_at) == (2, START, at("17:30"))
    promise.fulfil(at("16:00"))
    promise.go_on(at("20:00"))
    assert (promise.clock.cycle, promise.clock.due_at) == (3, at("21:30"))


def test_reopened_when_it_was_late_is_late_at_once_in_the_new_cycle() -> None:
    promise = Promise()
    promise.fulfil(at("14:00"))
    promise.go_on(at("18:00"))
    breach = promise.events[-1]
    assert isinstance(breach, SlaBreached)
    assert (breach.cycle, breach.due_at, breach.breached_at) == (2, at("13:00"), at("18:00"))


steps = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.sampled_from(["pause", "resume", "fulfil", "go_on", "LOW", "MEDIUM", "HIGH", "CRITICAL", "look"]),
    ),
    max_size=14,
)


def lived(plan: list[tuple[int, str]], *, timer: bool) -> Promise:
    """Live through a plan of (minutes later, what happens), with a timer that never sleeps too long, or with none."""
    promise, now = Promise(), START
    for later, what in plan:
        then = now + later * 20 * MINUTE
        while timer and promise.clock.look_at is not None and promise.clock.look_at <= then:
            promise.look(promise.clock.look_at)
        now = then
        state = promise.clock.state
        if (what, state) in (("pause", "RUNNING"), ("resume", "PAUSED"), ("fulfil", "RUNNING"), ("go_on", "FULFILLED")):
            getattr(promise, what)(now)
        elif what in dict.fromkeys(row[0] for row in PROMISES) and promise.clock.is_open:
            promise.retarget(what, now)
    promise.look(now)
    return promise


@settings(max_examples=300, derandomize=True, deadline=None)
@given(steps)
def test_any_history_reads_the_same_with_a_timer_as_without(plan: list[tuple[int, str]]) -> None:
    watched, unwatched = lived(plan, timer=True), lived(plan, timer=False)
    told, told_late = ([replace(event, ticket=ref()) for event in one.events] for one in (watched, unwatched))
    assert told == told_late, "but for the ticket, which the late teller knows as it is now"
    assert watched.clock == unwatched.clock
    assert watched.metrics == unwatched.metrics
    seen: dict[int, list[str]] = {}
    for event in watched.events:
        if isinstance(event, SlaAtRisk | SlaBreached):
            seen.setdefault(event.cycle, []).append(event.TYPE)
    allowed = (["SLA_AT_RISK"], ["SLA_BREACHED"], ["SLA_AT_RISK", "SLA_BREACHED"])
    assert all(told in allowed for told in seen.values())


# --- who is called in ----------------------------------------------------------------------------------------------

CHOICES = [
    ("nobody", [], None),
    ("the only one", [Manager("a", "MANAGER", 9, 5)], "a"),
    ("fewest open", [Manager("a", "MANAGER", 2, None), Manager("b", "MANAGER", 1, 99)], "b"),
    ("longest left alone", [Manager("a", "MANAGER", 1, 50), Manager("b", "MANAGER", 1, 40)], "b"),
    ("never called before any other", [Manager("a", "MANAGER", 1, 0), Manager("b", "MANAGER", 1, None)], "b"),
    ("then by id", [Manager("b", "MANAGER", 0, None), Manager("a", "MANAGER", 0, None)], "a"),
    ("managers before administrators", [Manager("a", "ADMIN", 0, None), Manager("b", "MANAGER", 7, 9)], "b"),
    ("administrators where there is none", [Manager("a", "ADMIN", 1, None), Manager("b", "ADMIN", 0, 9)], "b"),
]


@pytest.mark.parametrize(("why", "managers", "chosen"), CHOICES, ids=[row[0] for row in CHOICES])
def test_who_is_called_in(why: str, managers: list[Manager], chosen: str | None) -> None:
    found = choose_manager(managers)
    assert (found.id if found else None) == chosen
