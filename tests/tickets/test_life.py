"""The life of a ticket, as the people on it live it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from answerable.kernel.actor import Actor
from answerable.kernel.errors import Conflict, Invalid, Missing, Problem, Refused, Stale
from answerable.kernel.paging import PageRequest
from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaBreached, SlaPaused, SlaStarted
from answerable.messages.tickets import AssignTicket
from answerable.messages.users import UserChanged, UserRegistered
from answerable.tickets import actions, queries, rules
from answerable.tickets.rules import Changes, Draft, Ticket
from answerable.tickets.rules.filter import TicketFilter
from answerable.users.rules import grants_of
from tests.world import World, open_world

DRAFT = Draft(
    title="Printer on fire", description="It burns, and I need it today.", category="HARDWARE", priority="HIGH"
)


def someone(name: str, *roles: str) -> Actor:
    return Actor(name, "person", frozenset(roles), grants_of(roles), name.title())


UNA, OTTO = someone("una", "USER"), someone("otto", "USER")
ABE, BEA = someone("abe", "AGENT"), someone("bea", "AGENT")
MAX = someone("max", "MANAGER")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[World]:
    """Tickets alone: the tests say what the other features would."""
    async with open_world(tmp_path / "desk", ["tickets"]) as world:
        for actor in (UNA, OTTO, ABE, BEA, MAX):
            await world.tell(
                UserRegistered(
                    user_id=actor.id, name=actor.name, email=f"{actor.id}@x.test", roles=[*actor.roles], active=True
                )
            )
        yield world


async def raised(desk: World, by: Actor = UNA, draft: Draft = DRAFT) -> Ticket:
    return await desk.db.write(by, actions.create_ticket, draft)


async def status(desk: World, by: Actor, ticket: Ticket, to: str) -> Ticket:
    return await desk.db.write(by, actions.set_status, ticket.id, to, None)


async def given(desk: World, ticket: Ticket, agent: Actor, by: Actor = MAX) -> Ticket:
    return await desk.db.write(by, actions.assign_ticket, ticket.id, agent.id, None)


async def test_a_whole_life_from_raised_to_closed(desk: World) -> None:
    ticket = await raised(desk)
    assert (ticket.number, ticket.status, ticket.requester_id) == (1001, "CREATED", "una")
    ticket = await given(desk, ticket, ABE)
    for to in ("IN_PROGRESS", "WAITING"):
        ticket = await status(desk, ABE, ticket, to)
    await desk.db.write(UNA, actions.add_comment, ticket.id, "It still burns", 0)
    ticket = await desk.db.read(UNA, queries.get_ticket, ticket.id)
    assert ticket.status == "IN_PROGRESS", "the requester's answer ends the waiting"
    ticket = await status(desk, ABE, ticket, "RESOLVED")
    assert ticket.resolved_at == desk.clock.now
    ticket = await desk.db.write(ABE, actions.close_ticket, ticket.id, None)
    assert (ticket.status, ticket.closed_at) == ("CLOSED", desk.clock.now)
    told = [sealed.type for sealed in await desk.envelopes() if sealed.topic == "answerable.tickets"]
    assert told == [
        "TICKET_CREATED",
        "STATUS_CHANGED",
        "TICKET_ASSIGNED",
        "STATUS_CHANGED",
        "STATUS_CHANGED",
        "COMMENT_ADDED",
        "STATUS_CHANGED",
        "STATUS_CHANGED",
        "TICKET_RESOLVED",
        "STATUS_CHANGED",
        "TICKET_CLOSED",
    ]
    sequences = [e.sequence for e in await desk.envelopes() if e.topic == "answerable.tickets" and e.key == ticket.id]
    assert sequences == list(range(1, len(sequences) + 1))
    history = await desk.sql("SELECT action, performed_by FROM tickets_history ORDER BY id")
    assert [(row["action"], row["performed_by"]) for row in history] == [
        ("TICKET_CREATED", "una"),
        ("TICKET_ASSIGNED", "max"),
        ("STATUS_CHANGED", "abe"),
        ("STATUS_CHANGED", "abe"),
        ("STATUS_CHANGED", "una"),
        ("TICKET_RESOLVED", "abe"),
        ("TICKET_CLOSED", "abe"),
    ]


FROM_EACH = {
    "CREATED": {"CANCELLED"},
    "ASSIGNED": {"IN_PROGRESS", "CANCELLED"},
    "IN_PROGRESS": {"WAITING", "RESOLVED", "CANCELLED"},
    "WAITING": {"IN_PROGRESS", "RESOLVED", "CANCELLED"},
    "RESOLVED": {"CLOSED"},
    "CLOSED": set(),
    "CANCELLED": set(),
}
PATHS = {
    "CREATED": (),
    "ASSIGNED": ("ASSIGN",),
    "IN_PROGRESS": ("ASSIGN", "IN_PROGRESS"),
    "WAITING": ("ASSIGN", "IN_PROGRESS", "WAITING"),
    "RESOLVED": ("ASSIGN", "IN_PROGRESS", "RESOLVED"),
    "CLOSED": ("ASSIGN", "IN_PROGRESS", "RESOLVED", "CLOSED"),
    "CANCELLED": ("CANCELLED",),
}


async def brought_to(desk: World, wanted: str) -> Ticket:
    ticket = await raised(desk)
    for step in PATHS[wanted]:
        ticket = await given(desk, ticket, ABE) if step == "ASSIGN" else await status(desk, MAX, ticket, step)
    return ticket


@pytest.mark.parametrize("current", list(FROM_EACH))
async def test_only_the_steps_of_the_life_cycle_are_taken(desk: World, current: str) -> None:
    for to in FROM_EACH:
        ticket = await brought_to(desk, current)
        before = await desk.sql("SELECT COUNT(*) AS n FROM bus_outbox")
        if to in FROM_EACH[current]:
            assert (await status(desk, MAX, ticket, to)).status == to
            continue
        with pytest.raises(Conflict, match=f"Invalid status transition: {current} → {to}"):
            await status(desk, MAX, ticket, to)
        assert await desk.sql("SELECT COUNT(*) AS n FROM bus_outbox") == before, "a refusal leaves no trace"


@pytest.mark.parametrize(
    ("current", "actor", "verb", "error"),
    [
        ("ASSIGNED", UNA, "IN_PROGRESS", Refused),
        ("ASSIGNED", BEA, "IN_PROGRESS", Missing),
        ("ASSIGNED", OTTO, "IN_PROGRESS", Missing),
        ("IN_PROGRESS", UNA, "RESOLVED", Refused),
        ("RESOLVED", UNA, "CLOSED", Refused),
        ("RESOLVED", ABE, "REOPEN", Refused),
        ("RESOLVED", OTTO, "REOPEN", Missing),
        ("CREATED", ABE, "CANCEL", Refused),
        ("CREATED", OTTO, "CANCEL", Missing),
        ("ASSIGNED", ABE, "CANCEL", Refused),
        ("RESOLVED", UNA, "CANCEL", Conflict),
        ("IN_PROGRESS", UNA, "REOPEN", Conflict),
    ],
)
async def test_who_may_not(desk: World, current: str, actor: Actor, verb: str, error: type[Problem]) -> None:
    ticket = await brought_to(desk, current)
    with pytest.raises(error):
        if verb == "REOPEN":
            await desk.db.write(actor, actions.reopen_ticket, ticket.id, None)
        elif verb == "CANCEL":
            await desk.db.write(actor, actions.cancel_ticket, ticket.id, None)
        else:
            await status(desk, actor, ticket, verb)


async def test_a_reopened_ticket_stays_with_its_agent_or_goes_to_the_queue(desk: World) -> None:
    ticket = await brought_to(desk, "CLOSED")
    ticket = await desk.db.write(UNA, actions.reopen_ticket, ticket.id, None)
    assert (ticket.status, ticket.agent_id, ticket.resolved_at, ticket.closed_at) == ("IN_PROGRESS", "abe", None, None)
    ticket = await status(desk, ABE, ticket, "RESOLVED")
    await desk.tell(
        UserChanged(user_id="abe", name="Abe", email="abe@x.test", roles=["AGENT"], active=False, changed=["active"])
    )
    ticket = await desk.db.write(UNA, actions.reopen_ticket, ticket.id, None)
    assert (ticket.status, ticket.agent_id, ticket.reopenings) == ("CREATED", None, 2)


async def test_tickets_of_an_agent_who_leaves_go_back_to_the_queue(desk: World) -> None:
    ticket = await brought_to(desk, "IN_PROGRESS")
    await desk.tell(
        UserChanged(user_id="abe", name="Abe", email="abe@x.test", roles=["USER"], active=True, changed=["roles"])
    )
    again = await desk.db.read(MAX, queries.get_ticket, ticket.id)
    assert again.agent_id != "abe"
    assert "TICKET_UNASSIGNED" in [sealed.type for sealed in await desk.envelopes()]


async def test_assigning_names_who_cannot_have_it(desk: World) -> None:
    ticket = await raised(desk)
    with pytest.raises(Missing):
        await desk.db.write(MAX, actions.assign_ticket, ticket.id, "nobody", None)
    with pytest.raises(Conflict, match="not an agent"):
        await desk.db.write(MAX, actions.assign_ticket, ticket.id, "una", None)
    ticket = await given(desk, ticket, ABE)
    with pytest.raises(Conflict, match="already"):
        await given(desk, ticket, ABE)
    ticket = await given(desk, ticket, BEA)
    assert (ticket.status, ticket.agent_id) == ("ASSIGNED", "bea")


async def test_the_desk_assigns_only_what_still_waits(desk: World) -> None:
    ticket = await raised(desk)
    await given(desk, ticket, ABE)
    await desk.tell(AssignTicket(ticket_id=ticket.id, agent_id="bea", assigned_by=None))
    assert (await desk.db.read(MAX, queries.get_ticket, ticket.id)).agent_id == "abe", "a person was quicker"
    await desk.tell(AssignTicket(ticket_id=ticket.id, agent_id="bea", assigned_by="max"))
    assert (await desk.db.read(MAX, queries.get_ticket, ticket.id)).agent_id == "bea", "a manager decided"


async def test_the_choice_of_a_new_agent_holds_although_the_news_of_them_comes_after(desk: World) -> None:
    """People and commands travel on topics of their own: the assignment may have heard more of an agent than we."""
    first, second = await raised(desk), await raised(desk)

    def choice(ticket: Ticket, agent_id: str, heard: int) -> AssignTicket:
        return AssignTicket(ticket_id=ticket.id, agent_id=agent_id, assigned_by="max", agent_sequence=heard)

    await desk.tell(choice(first, "otto", 3), choice(second, "cleo", 1))  # promoted, and not heard of at all
    for ticket, agent_id in ((first, "otto"), (second, "cleo")):
        assert (await desk.db.read(MAX, queries.get_ticket, ticket.id)).agent_id == agent_id

    def otto_is(*roles: str) -> UserChanged:
        return UserChanged(
            user_id="otto", name="Otto", email="o@x.test", roles=[*roles], active=True, changed=["roles"]
        )

    await desk.tell(
        otto_is("USER"), UserRegistered(user_id="cleo", name="Cleo", email="c@x", roles=["AGENT"], active=True)
    )
    assert (await desk.db.read(MAX, queries.get_ticket, first.id)).agent_id == "otto", "older than what is known"
    assert [row["name"] for row in await desk.sql("SELECT name FROM tickets_known_person WHERE id = 'cleo'")] == [
        "Cleo"
    ]
    await desk.tell(otto_is("AGENT"), otto_is("USER"))
    assert (await desk.db.read(MAX, queries.get_ticket, first.id)).agent_id is None, "no agent any more"
    await desk.tell(choice(first, "otto", 3))
    assert (await desk.db.read(MAX, queries.get_ticket, first.id)).agent_id is None, "we know more than who chose"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"title": "hey"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"description": "short"}, "description"),
        ({"description": "x" * 20_001}, "description"),
        ({"priority": "URGENT"}, "priority"),
        ({"category": "PLUMBING"}, "category"),
        ({"requester_id": "nobody"}, "requesterId"),
    ],
)
async def test_a_bad_draft_is_named_and_leaves_nothing(desk: World, draft: dict[str, str], field: str) -> None:
    values = {name: getattr(DRAFT, name) for name in DRAFT.__struct_fields__} | draft
    with pytest.raises(Invalid) as refusal:
        await desk.db.write(ABE, actions.create_ticket, Draft(**values))
    assert refusal.value.errors[0].startswith(field + ":")
    assert await desk.log("TICKET_CREATED") == []
    assert (await raised(desk)).number == 1001, "refused drafts take no number"


async def test_two_people_cannot_overwrite_each_other(desk: World) -> None:
    ticket = await raised(desk)
    await desk.db.write(MAX, actions.update_ticket, ticket.id, Changes(priority="CRITICAL"), ticket.version)
    with pytest.raises(Stale):
        await desk.db.write(UNA, actions.update_ticket, ticket.id, Changes(title="Another title"), ticket.version)


async def test_what_a_requester_may_change(desk: World) -> None:
    ticket = await raised(desk)
    ticket = await desk.db.write(UNA, actions.update_ticket, ticket.id, Changes(title="Printer burns"), None)
    assert ticket.title == "Printer burns"
    with pytest.raises(Refused, match="priority"):
        await desk.db.write(UNA, actions.update_ticket, ticket.id, Changes(priority="CRITICAL"), None)
    await given(desk, ticket, ABE)
    with pytest.raises(Refused, match="comment"):
        await desk.db.write(UNA, actions.update_ticket, ticket.id, Changes(title="Once more"), None)


async def test_internal_notes_stay_among_staff(desk: World) -> None:
    ticket = await brought_to(desk, "IN_PROGRESS")
    await desk.db.write(ABE, actions.add_comment, ticket.id, "Sold us a toaster, the rascals", 1)
    await desk.db.write(ABE, actions.add_comment, ticket.id, "We are on it", 0)
    with pytest.raises(Refused):
        await desk.db.write(UNA, actions.add_comment, ticket.id, "psst", 1)
    page = PageRequest(size=100)
    seen = await desk.db.read(UNA, queries.list_comments, ticket.id, page)
    assert [row.comment for row in seen.rows] == ["We are on it"]
    assert seen.total == "1"
    staff = await desk.db.read(ABE, queries.list_comments, ticket.id, page)
    assert [(row.comment, row.internal, row.commented_by_name) for row in staff.rows] == [
        ("Sold us a toaster, the rascals", True, "Abe"),
        ("We are on it", False, "Abe"),
    ]
    found = TicketFilter(q="toaster")
    assert (await desk.db.scan(UNA, queries.list_tickets, found, page)).rows == []
    assert (await desk.db.scan(UNA, queries.list_tickets, found, page)).total == "0"
    assert len((await desk.db.scan(ABE, queries.list_tickets, found, page)).rows) == 1


async def test_resolved_tickets_close_by_themselves(desk: World) -> None:
    ticket = await brought_to(desk, "RESOLVED")
    await desk.advance(days=6, hours=23)
    assert (await desk.db.read(MAX, queries.get_ticket, ticket.id)).status == "RESOLVED"
    await desk.advance(hours=1)
    closed = await desk.db.read(MAX, queries.get_ticket, ticket.id)
    assert closed.status == "CLOSED"
    assert ticket.resolved_at is not None
    assert closed.closed_at == ticket.resolved_at + 7 * 86_400_000_000
    history = await desk.sql("SELECT performed_by FROM tickets_history ORDER BY id DESC LIMIT 1")
    assert history[0]["performed_by"] == "SYSTEM"


async def test_the_promise_is_shown_as_the_sla_feature_tells_it(desk: World) -> None:
    ticket = await raised(desk)
    ref, target = ticket.ref, "RESOLUTION"
    await desk.tell(SlaStarted(ticket=ref, target=target, cycle=1, started_at=1, due_at=5_000_000, policy="default"))
    assert (await desk.db.read(UNA, queries.get_ticket, ticket.id)).sla_due_at == 5_000_000
    await desk.tell(SlaPaused(ticket=ref, target=target, cycle=1))
    assert (await desk.db.read(UNA, queries.get_ticket, ticket.id)).sla_due_at is None
    await desk.tell(SlaBreached(ticket=ref, target=target, cycle=1, due_at=5, breached_at=5))
    assert (await desk.db.read(UNA, queries.get_ticket, ticket.id)).sla_breached == 1
    assert (await desk.db.read(UNA, queries.get_ticket, ticket.id)).version == ticket.version, "no spurious 412"


async def test_sql_and_rule_agree_on_who_sees_what(desk: World) -> None:
    for current in PATHS:
        await brought_to(desk, current)
        await raised(desk, OTTO)
        await raised(desk, ABE)
    everything = (await desk.db.scan(MAX, queries.list_tickets, TicketFilter(), PageRequest(size=1000))).rows
    assert len(everything) == 3 * len(PATHS)
    for actor in (UNA, OTTO, ABE, BEA, MAX, someone("both", "USER", "AGENT")):
        listed = await desk.db.scan(actor, queries.list_tickets, TicketFilter(), PageRequest(size=1000))
        visible = [ticket for ticket in everything if rules.may_see(actor, ticket)]
        assert list(listed.rows) == visible
        assert listed.total == str(len(visible))


async def test_a_decision_that_comes_late_does_not_open_a_resolved_ticket(desk: World) -> None:
    ticket = await given(desk, await raised(desk), ABE)

    async def decide(tx: Tx) -> None:
        tx.send(AssignTicket(ticket_id=ticket.id, agent_id="abe", assigned_by="max"))
        tx.send(AssignTicket(ticket_id=ticket.id, agent_id="bea", assigned_by="max"))

    await desk.db.write(MAX, decide)
    desk.clock.now += 1_000
    for to in ("IN_PROGRESS", "RESOLVED"):
        await status(desk, ABE, ticket, to)
    await desk.settle()
    assert (await desk.db.read(MAX, queries.get_ticket, ticket.id)).status == "RESOLVED"
    desk.clock.now += 1_000
    await desk.tell(AssignTicket(ticket_id=ticket.id, agent_id="bea", assigned_by="max"))
    assert (await desk.db.read(MAX, queries.get_ticket, ticket.id)).status == "ASSIGNED", "a new decision counts"
