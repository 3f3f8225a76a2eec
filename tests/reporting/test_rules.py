"""What is counted and what it means."""

import sqlite3
import statistics
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from answerable.kernel.errors import Invalid
from answerable.kernel.span import Span, read_span
from answerable.kernel.times import DAY, MINUTE, parse_iso
from answerable.messages.tickets import TicketRef
from answerable.reporting import rules
from answerable.reporting.rules import Facts, Tally, facts, figures
from answerable.reporting.rules.facts import PRIORITIES, STATUSES
from answerable.reporting.store.durations import STEP

T0 = parse_iso("2026-03-02T09:00:00Z")
TICKET = TicketRef(
    id="t-1",
    number=1,
    title="Title",
    category="OTHER",
    priority="LOW",
    status="CREATED",
    requester_id="una",
    agent_id=None,
    created_at=T0,
)
KNOWN = replace(facts.stub(TICKET), last_sequence=1)


# --- the time range ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-02", T0 - 9 * 60 * MINUTE),
        ("2026-03-02T09:00:00Z", T0),
        ("2026-03-02T09:00:00", T0),
        ("2026-03-02T10:30:00+01:30", T0),
        ("2026-03-02T09:00:00.000001Z", T0 + 1),
        ("", None),
        (None, None),
    ],
)
def test_a_bound_is_a_date_or_an_instant(text: str | None, instant: int | None) -> None:
    assert read_span(text, None) == Span(instant, None)
    assert read_span(None, text) == Span(None, instant)


@pytest.mark.parametrize(
    "text",
    ["yesterday", "2026-02-30", "2026-13-01", "1772442000", "2026-03-02T25:00", "\x00", "٢٠٢٦-٠٣-٠٢x", "0", "-1"],
)
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_bad_bound_is_named(name: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_span(*((text, None) if name == "from" else (None, text)))
    assert refusal.value.errors[0].startswith(f"{name}: ")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_the_ends_of_time_are_bounds_too(text: str) -> None:
    assert not read_span(text, None).is_always


def test_an_empty_range_is_refused() -> None:
    for end in ("2026-03-02", "2026-03-01"):
        with pytest.raises(Invalid) as refusal:
            read_span("2026-03-02", end)
        assert refusal.value.errors == ("to: must be after from",)


# --- one ticket ----------------------------------------------------------------------------------------------------


def test_only_a_newer_message_changes_the_state() -> None:
    taken = facts.stands(KNOWN, replace(TICKET, status="ASSIGNED", agent_id="abe"), 3)
    assert (taken.status, taken.agent_id) == ("ASSIGNED", "abe")
    assert facts.stands(taken, replace(TICKET, status="CANCELLED"), 2) == taken
    assert facts.stands(taken, replace(TICKET, status="CANCELLED"), 3) == taken


def test_the_first_response_is_set_once_and_for_all() -> None:
    answered = facts.responded(KNOWN, T0 + 10)
    assert facts.responded(answered, T0 + 20).first_response_at == T0 + 10
    assert facts.responded(answered, T0 + 5).first_response_at == T0 + 5  # an earlier word that came late
    assert facts.resolved(answered, T0 + 30, 5).first_response_at == T0 + 10
    assert facts.resolved(KNOWN, T0 + 30, 5).first_response_at == T0 + 30
    again = facts.reopened(facts.resolved(KNOWN, T0 + 30, 5), 1, 7)
    assert again.first_response_at == T0 + 30


def test_a_ticket_that_is_not_resolved_has_no_duration() -> None:
    done = facts.resolved(facts.stands(KNOWN, replace(TICKET, status="RESOLVED"), 4), T0 + 90 * MINUTE, 5)
    assert done.resolution == 90 * MINUTE
    assert facts.stands(done, replace(TICKET, status="CLOSED"), 6).resolution == 90 * MINUTE
    opened = facts.reopened(facts.stands(done, replace(TICKET, status="IN_PROGRESS"), 6), 1, 7)
    assert opened.resolution is None
    assert opened.resolved_at is None
    assert replace(done, resolved_at=T0 - 5).resolution == 0  # the machine's clock was set back


def test_a_new_cycle_clears_a_breach_unless_it_is_broken_too() -> None:
    late = facts.broken(facts.promised(KNOWN, 1, T0 + DAY, 1), 1, T0 + DAY)
    assert (late.sla_breached, late.breached_at) == (1, T0 + DAY)
    assert facts.promised(late, 1, T0 + 2 * DAY, 3).sla_breached == 1  # within a cycle a breach is for ever
    fresh = facts.promised(late, 2, T0 + 3 * DAY, 4)
    assert (fresh.sla_breached, fresh.breached_at, fresh.sla_due_at) == (0, None, T0 + 3 * DAY)
    assert facts.broken(fresh, 1, T0 + DAY) == fresh
    assert facts.broken(fresh, 2, T0 + 3 * DAY).breached_at == T0 + 3 * DAY


LIFE: list[Callable[[Facts], Facts]] = [
    lambda f: facts.stands(f, TICKET, 1),
    lambda f: facts.promised(f, 1, T0 + DAY, 1),
    lambda f: facts.stands(f, replace(TICKET, status="ASSIGNED", agent_id="abe"), 3),
    lambda f: facts.responded(facts.stands(f, replace(TICKET, status="ASSIGNED", agent_id="abe"), 4), T0 + 7 * MINUTE),
    lambda f: facts.began_waiting(facts.stands(f, replace(TICKET, status="WAITING", agent_id="abe"), 5)),
    lambda f: facts.due(f, None, 2),
    lambda f: facts.due(f, T0 + 2 * DAY, 3),
    lambda f: facts.broken(f, 1, T0 + 2 * DAY),
    lambda f: facts.resolved(f, T0 + 3 * DAY, 8),
    lambda f: facts.closed(facts.stands(f, replace(TICKET, status="CLOSED", agent_id="abe"), 9), T0 + 4 * DAY, 9),
    lambda f: facts.reopened(f, 1, 11),
    lambda f: facts.promised(f, 2, T0 + 6 * DAY, 5),
    lambda f: facts.began_waiting(facts.stands(f, replace(TICKET, status="WAITING", agent_id="bea"), 12)),
    lambda f: facts.broken(f, 2, T0 + 6 * DAY),
    lambda f: facts.resolved(facts.stands(f, replace(TICKET, status="RESOLVED", agent_id="bea"), 14), T0 + 9 * DAY, 14),
]


def _lived(steps: list[Callable[[Facts], Facts]]) -> Facts:
    known = facts.stub(TICKET)
    for step in steps:
        known = step(known)
    return known


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.permutations(LIFE))
def test_the_order_of_delivery_does_not_matter(steps: list[Callable[[Facts], Facts]]) -> None:
    known = _lived(steps)
    assert known == _lived(LIFE)
    assert (known.status, known.agent_id, known.resolution) == ("RESOLVED", "bea", 9 * DAY)
    assert (known.reopenings, known.waiting_periods, known.closed_at) == (1, 2, None)
    assert (known.sla_cycle, known.sla_breached, known.breached_at) == (2, 1, T0 + 6 * DAY)
    assert known.first_response_at == T0 + 7 * MINUTE


# --- counting ------------------------------------------------------------------------------------------------------


def test_what_only_the_sla_has_spoken_of_is_not_counted() -> None:
    early = facts.broken(facts.stub(TICKET), 1, T0)
    assert rules.tally_of(early) is None
    assert rules.movement(facts.stub(TICKET), early) == []
    assert rules.movement(early, facts.stands(early, TICKET, 1)) == [Tally("CREATED", "LOW", 0, 1, 1)]


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.permutations(LIFE))
def test_counters_that_follow_every_change_end_where_a_count_ends(steps: list[Callable[[Facts], Facts]]) -> None:
    sums: dict[tuple[str, str, int, int], list[int]] = {}
    known = facts.stub(TICKET)
    for step in steps:
        after = step(known)
        changes = rules.movement(known, after)
        assert [change.cell for change in changes] == sorted(change.cell for change in changes)
        for change in changes:
            so_far = sums.setdefault(change.cell, [0, 0, 0, 0])
            numbers = (change.tickets, change.measured, change.seconds, change.micros)
            sums[change.cell] = [a + b for a, b in zip(so_far, numbers, strict=True)]
        known = after
    final = rules.tally_of(known)
    assert final is not None
    assert {cell: numbers for cell, numbers in sums.items() if any(numbers)} == {
        final.cell: [final.tickets, final.measured, final.seconds, final.micros]
    }


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.lists(
        st.builds(
            Tally,
            st.sampled_from(STATUSES),
            st.sampled_from(PRIORITIES),
            st.integers(0, 1),
            st.integers(0, 1),
            st.integers(1, 50),
        )
    )
)
def test_the_figures_agree_with_each_other(tallies: list[Tally]) -> None:
    found = figures(tallies)
    assert found.total == sum(tally.tickets for tally in tallies)
    assert found.total == sum(found.by_status.values()) == sum(found.by_priority.values())
    assert found.total == found.open + found.resolved + found.by_status["CANCELLED"]
    assert found.unassigned <= found.open
    assert found.closed <= found.resolved
    assert tuple(found.by_status) == STATUSES
    assert tuple(found.by_priority) == PRIORITIES


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 400 * DAY), min_size=1, max_size=30), st.integers(0, 2**32))
def test_median_and_mean_are_those_of_the_textbook(durations: list[int], seed: int) -> None:
    Random(seed).shuffle(durations)
    skip, take = rules.median_place(len(durations))
    middle = sorted(durations)[skip : skip + take]
    assert rules.median_minutes(middle) == round(statistics.median(durations) / MINUTE, 2)
    assert rules.mean_minutes(sum(durations), len(durations)) == round(sum(durations) / len(durations) / MINUTE, 2)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.one_of(st.integers(-5, 3 * DAY), st.integers(0, 999 * DAY)), max_size=30))
def test_the_middle_of_durations_is_found_by_their_steps(durations: list[int]) -> None:
    ordered = sorted(durations)
    place = rules.middle_of(sorted(Counter(map(rules.step_of, durations)).items()))
    if place is None:
        assert not durations
        return
    least, skip, take = place
    middle = [duration for duration in ordered if duration >= least][skip : skip + take]
    assert sum(middle) / len(middle) == statistics.median(durations)


def test_steps_of_durations_are_the_same_for_the_database() -> None:
    edges = sorted(rules.least_of(step) for step in range(1, 230))
    durations = sorted({edge + beside for edge in edges for beside in (-1, 0, 1)} | {-7, 0, 10**17})
    steps = [rules.step_of(duration) for duration in durations]
    assert steps == sorted(steps)
    assert all(rules.least_of(step) <= duration for step, duration in zip(steps, durations, strict=True))
    with closing(sqlite3.connect(":memory:")) as db:
        for duration in durations:
            asked = db.execute(f"SELECT {STEP.format(duration)}").fetchone()[0]
            assert asked == rules.step_of(duration), duration


def test_there_is_no_mean_of_nothing() -> None:
    assert rules.mean_minutes(0, 0) is None
    assert rules.median_minutes([]) is None
    assert figures([]).average_minutes is None
