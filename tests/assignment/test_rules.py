"""Who is next, and what an answer of the tickets feature means."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from answerable.assignment import rules
from answerable.assignment.rules import Agent, Availability, Candidate, Load, Ticket
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import MINUTE, SECOND
from answerable.messages.tickets import TicketRef

NOW = 1_000_000


def candidate(name: str, skilled: int = 0, **values: Any) -> Candidate:
    return Candidate(agent=replace(Agent(id=name, name=name, is_agent=1, active=1), **values), skilled=skilled)


def chosen(*candidates: Candidate, default: int = 20) -> str | None:
    agent = rules.choose_agent(candidates, default, NOW)
    return agent.id if agent else None


def test_the_agent_with_the_fewest_open_tickets_is_next() -> None:
    assert chosen(candidate("a", load=2), candidate("b", load=1), candidate("c", load=3)) == "b"


def test_skill_comes_before_load() -> None:
    assert chosen(candidate("a", load=0), candidate("b", skilled=1, load=9)) == "b"


def test_a_skilled_agent_who_is_full_leaves_it_to_the_others() -> None:
    assert chosen(candidate("a", load=3), candidate("b", skilled=1, load=9, capacity=9)) == "a"


def test_ties_go_to_the_longest_idle_then_to_the_lowest_id() -> None:
    assert chosen(candidate("a", idle_since=7), candidate("b", idle_since=3)) == "b"
    assert chosen(candidate("b", idle_since=3), candidate("a", idle_since=3)) == "a"


@pytest.mark.parametrize(
    "reason",
    [
        {"is_agent": 0},
        {"active": 0},
        {"available": 0},
        {"load": 20},
        {"load": 1, "capacity": 1},
        {"capacity": 0},
        {"rests_until": NOW + 1},
    ],
)
def test_nobody_is_chosen_who_is_not_free(reason: dict[str, int]) -> None:
    assert chosen(candidate("a", **reason)) is None


def test_a_rest_ends_and_grows() -> None:
    assert chosen(candidate("a", rests_until=NOW)) == "a"
    agent = candidate("a").agent
    rests = []
    for _ in range(40):
        agent = rules.refused(agent, NOW)
        rests.append(agent.rests_until - NOW)
    assert rests[:3] == [2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert rests[-1] == 10 * MINUTE


# --- a ticket's way --------------------------------------------------------------------------------------------------


def ref(status: str = "CREATED", agent_id: str | None = None) -> TicketRef:
    return TicketRef(
        id="t",
        number=1,
        title="Printer on fire",
        category="HARDWARE",
        priority="HIGH",
        status=status,
        requester_id="r",
        agent_id=agent_id,
        created_at=5,
    )


def offered(to: str, by: str | None = None, status: str = "CREATED", agent_id: str | None = None) -> Ticket:
    return rules.propose(rules.mirror(None, ref(status, agent_id), NOW), to, by, NOW)[0]


@pytest.mark.parametrize(
    ("was", "said", "stands"),
    [
        (offered("a"), ref(), True),  # another priority, say
        (offered("a"), ref("ASSIGNED", "a"), False),
        (offered("a"), ref("ASSIGNED", "b"), False),  # a person was quicker, the desk's own offer is void
        (offered("a", "boss"), ref("ASSIGNED", "b"), True),  # a person's offer is obeyed all the same
        (offered("a", "boss"), ref("ASSIGNED", "a"), False),
        (offered("a", "boss", "ASSIGNED", "b"), ref("IN_PROGRESS", "b"), True),
        (offered("a", "boss", "ASSIGNED", "b"), ref("CREATED"), True),
        (offered("a", "boss", "ASSIGNED", "b"), ref("RESOLVED", "b"), False),
        (offered("a", "boss", "RESOLVED", "b"), ref("RESOLVED", "b"), True),
        (offered("b", "boss", "RESOLVED", "b"), ref("RESOLVED", "b"), True),
        (offered("a", "boss", "RESOLVED", "b"), ref("CLOSED", "b"), False),
        (offered("a"), ref("CANCELLED"), False),
    ],
)
def test_an_offer_stands_until_it_is_answered(was: Ticket, said: TicketRef, stands: bool) -> None:
    assert (rules.mirror(was, said, NOW).proposed_to is not None) is stands


def test_a_ticket_keeps_the_instant_at_which_its_agent_got_it() -> None:
    ticket = rules.mirror(None, ref("ASSIGNED", "a"), 10)
    assert ticket.assigned_at == 10
    ticket = rules.mirror(ticket, ref("IN_PROGRESS", "a"), 20)
    assert ticket.assigned_at == 10
    assert rules.mirror(ticket, ref("ASSIGNED", "b"), 30).assigned_at == 30
    assert rules.mirror(ticket, ref(), 30).assigned_at is None


def test_counters_change_by_what_an_agent_gains_and_loses() -> None:
    waiting = rules.mirror(None, ref(), NOW)
    held = offered("a")
    given_to_a = rules.mirror(held, ref("ASSIGNED", "a"), NOW)
    given_to_b = rules.mirror(given_to_a, ref("ASSIGNED", "b"), NOW)
    resolved = rules.mirror(given_to_b, ref("RESOLVED", "b"), NOW)
    assert rules.load_changes(None, waiting) == {}
    assert rules.load_changes(waiting, held) == {"a": Load(0, 1)}
    assert rules.load_changes(held, given_to_a) == {"a": Load(1, 0)}
    assert rules.load_changes(given_to_a, given_to_b) == {"a": Load(-1, -1), "b": Load(1, 1)}
    assert rules.load_changes(given_to_b, resolved) == {"b": Load(-1, -1)}


_tickets = st.builds(
    lambda status, agent, to: Ticket(
        id="t",
        number=1,
        category="c",
        priority="LOW",
        urgency=3,
        status=status,
        agent_id=agent,
        assigned_at=None,
        created_at=0,
        proposed_to=to,
    ),
    st.sampled_from(["CREATED", *rules.OPEN, *rules.DONE]),
    st.sampled_from([None, "a", "b"]),
    st.sampled_from([None, "a", "b"]),
)


@settings(max_examples=200, derandomize=True)
@given(st.lists(_tickets, min_size=1, max_size=6))
def test_changes_add_up_whatever_way_a_ticket_goes(way: list[Ticket]) -> None:
    open_tickets: dict[str, int] = {"a": 0, "b": 0}
    load = dict(open_tickets)
    before: Ticket | None = None
    for after in way:
        for agent, change in rules.load_changes(before, after).items():
            open_tickets[agent] += change.open_tickets
            load[agent] += change.load
        before = after
    for agent in ("a", "b"):
        assert open_tickets[agent] == (way[-1].holder == agent)
        assert load[agent] == (way[-1].holder == agent) + (way[-1].proposed_to == agent)


def test_a_person_may_choose_anybody_who_works_here() -> None:
    full = Agent(id="a", name="Abe", is_agent=1, active=1, available=0, capacity=1, load=7)
    rules.check_choice(rules.mirror(None, ref(), NOW), full)
    rules.check_choice(rules.mirror(None, ref("RESOLVED", "a"), NOW), full)


@pytest.mark.parametrize(
    ("ticket", "changes", "words"),
    [
        (ref("CLOSED", "b"), {}, "Invalid status transition: CLOSED → ASSIGNED"),
        (ref("CANCELLED"), {}, "Invalid status transition: CANCELLED → ASSIGNED"),
        (ref(), {"is_agent": 0}, "Abe is not an agent."),
        (ref(), {"active": 0}, "Abe is not active."),
        (ref("WAITING", "a"), {}, "The ticket is already assigned to Abe."),
    ],
)
def test_a_person_may_not_choose_amiss(ticket: TicketRef, changes: dict[str, int], words: str) -> None:
    agent = replace(Agent(id="a", name="Abe", is_agent=1, active=1), **changes)
    with pytest.raises(Conflict, match=words):
        rules.check_choice(rules.mirror(None, ticket, NOW), agent)


# --- availability ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Availability(capacity=-1), "capacity"),
        (Availability(capacity=100_001), "capacity"),
        (Availability(skills=[f"S{n}" for n in range(51)]), "skills"),
        (Availability(skills=[" "]), "skills"),
        (Availability(skills=["A" * 51]), "skills"),
        (Availability(skills=["A\nB"]), "skills"),
    ],
)
def test_availability_has_limits(wanted: Availability, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        rules.clean_availability(wanted)
    assert raised.value.errors[0].startswith(f"{field}: ")


def test_skills_are_tidied() -> None:
    clean = rules.clean_availability(Availability(skills=[" network", "NETWORK", "access"], capacity=100_000))
    assert clean.skills == ["NETWORK", "ACCESS"]


def test_saying_the_same_again_is_no_news() -> None:
    agent = Agent(id="a", name="Abe", is_agent=1, active=1, capacity=3)
    same = Availability(available=True, capacity=3, skills=["X"])
    assert rules.change_availability(agent, ["X"], same, 20) is None
    assert rules.change_availability(agent, ["X"], Availability(), 20) is None


def test_what_changes_ends_a_rest() -> None:
    agent = Agent(id="a", name="Abe", is_agent=1, active=1, refusals=3, rests_until=NOW)
    change = rules.change_availability(agent, [], Availability(skills=["X"]), 20)
    assert change is not None
    changed, skills, event = change
    assert (changed.refusals, changed.rests_until, skills) == (0, 0, ["X"])
    assert (event.available, event.capacity, event.skills) == (True, 20, ["X"])
