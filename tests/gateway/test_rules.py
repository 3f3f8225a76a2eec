from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.gateway.feature import SIGNALLED
from answerable.gateway.rules import QUEUE, Signal, signals_of
from answerable.kernel.actor import Actor
from answerable.messages import CATALOGUE, sla, tickets
from answerable.messages.base import Event
from answerable.messages.tickets import CommentAdded, StatusChanged, TicketAssigned, TicketRef, TicketUpdated
from answerable.tickets.rules import STATUSES, Ticket, may_see
from answerable.users.rules import ROLES, grants_of
from tests.world import START

PEOPLE = ["una", "abe", "bea", "max"]
refs = st.builds(
    TicketRef,
    id=st.just("t1"),
    number=st.just(1),
    title=st.just("Printer on fire"),
    category=st.just("HARDWARE"),
    priority=st.just("HIGH"),
    status=st.sampled_from(STATUSES),
    requester_id=st.sampled_from(PEOPLE),
    agent_id=st.none() | st.sampled_from(PEOPLE),
    created_at=st.just(START),
)
roles = st.frozensets(st.sampled_from(ROLES), min_size=1)


def person(name: str, held: frozenset[str]) -> Actor:
    return Actor(name, "person", held, grants_of(held))


def sees(actor: Actor, ref: TicketRef) -> bool:
    stored: dict[str, Any] = {name: getattr(ref, name) for name in ref.__struct_fields__}
    return may_see(actor, Ticket(**stored, description="x" * 10))


def hears(actor: Actor, event: Event) -> bool:
    return any(signal.name == "ticket" and audience.includes(actor) for signal, audience in signals_of(event))


@given(refs, st.sampled_from(PEOPLE), roles)
def test_who_hears_of_a_change_is_who_may_read_the_ticket(ref: TicketRef, name: str, held: frozenset[str]) -> None:
    actor = person(name, held)
    event = TicketUpdated(ticket=ref, changed=["title"], former_priority="LOW")
    assert hears(actor, event) == sees(actor, ref)


@given(refs, st.sampled_from(STATUSES), st.sampled_from(PEOPLE), roles)
def test_a_change_of_status_is_heard_by_who_sees_the_ticket_after_or_saw_it_in_the_queue(
    ref: TicketRef, former: str, name: str, held: frozenset[str]
) -> None:
    actor = person(name, held)
    queued_before = former == "CREATED" and actor.may("ticket.read_queue")
    event = StatusChanged(ticket=ref, former_status=former, status=ref.status)
    assert hears(actor, event) == (sees(actor, ref) or queued_before)
    if (QUEUE, True) in [(signal, audience.includes(actor)) for signal, audience in signals_of(event)]:
        assert actor.may("ticket.read_queue") or actor.may("ticket.read_all")


@given(refs, st.sampled_from(PEOPLE), roles)
def test_an_internal_note_is_heard_by_staff_who_may_read_it(ref: TicketRef, name: str, held: frozenset[str]) -> None:
    actor = person(name, held)
    event = CommentAdded(ticket=ref, comment_id="c", author_id="x", author_name="X", from_staff=True, internal=True)
    assert hears(actor, event) == (sees(actor, ref) and actor.may("ticket.note"))


@given(refs, st.sampled_from(PEOPLE), st.sampled_from(PEOPLE), roles)
def test_a_former_agent_hears_as_long_as_they_are_one(
    ref: TicketRef, former: str, name: str, held: frozenset[str]
) -> None:
    actor = person(name, held)
    event = TicketAssigned(ticket=ref, former_agent_id=former, assigned_by=None, automatic=True)
    had_it = name == former and actor.may("ticket.read_queue")
    assert hears(actor, event) == (sees(actor, ref) or had_it)


def test_every_event_about_a_ticket_is_signalled() -> None:
    bases = (tickets.TicketEvent, sla.SlaEvent)
    about_tickets = {cls for cls in CATALOGUE.values() if issubclass(cls, bases)}
    assert about_tickets <= set(SIGNALLED)


@pytest.mark.parametrize("name", ["ticket", "queue", "bell", "refresh"])
def test_signals_of_one_name_and_ticket_are_one(name: str) -> None:
    assert len({Signal(name, "t1"), Signal(name, "t1")}) == 1
