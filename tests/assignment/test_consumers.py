"""What assignment does when something happens: tickets find agents, and agents find tickets."""

from pathlib import Path

from msgspec.structs import replace

from answerable.kernel.tx import Tx
from answerable.messages.assignment import FindAgent, ReplaceAgent
from answerable.messages.tickets import (
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketRef,
    TicketUpdated,
)
from tests.assignment.desk import PlayedDesk, open_played_desk
from tests.world import TESTER


async def test_a_new_ticket_is_offered_to_the_agent_with_the_least_to_do(desk: PlayedDesk) -> None:
    for name in ("Abe", "Bea"):
        await desk.agent(name)
    first, second = await desk.raise_ticket(), await desk.raise_ticket()
    assert [(c.ticket_id, c.agent_id, c.assigned_by) for c in await desk.commands()] == [
        (first, "abe", None),
        (second, "bea", None),
    ]
    await desk.answer()
    await desk.move(second, "IN_PROGRESS")
    await desk.move(second, "RESOLVED")
    third = await desk.raise_ticket()
    assert (await desk.commands())[-1].agent_id == "bea", third
    assert await desk.audit() == []


async def test_skills_matching_the_category_come_first(desk: PlayedDesk) -> None:
    for name in ("Abe", "Bea"):
        await desk.agent(name)
    await desk.set("bea", skills=["network"], capacity=2)
    tickets = [await desk.raise_ticket(category="NETWORK") for _ in range(3)]
    await desk.answer()
    assert await desk.held_by("bea") == tickets[:2]
    assert await desk.held_by("abe") == tickets[2:]


async def test_ties_go_to_the_longest_idle(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.agent("Bea")
    first = await desk.raise_ticket()
    await desk.answer()
    await desk.world.advance(minutes=1)
    second = await desk.raise_ticket()
    await desk.answer()
    assert [desk.tickets[t].agent_id for t in (first, second)] == ["abe", "bea"]
    await desk.world.advance(minutes=1)
    await desk.move(second, "RESOLVED")
    await desk.world.advance(minutes=1)
    await desk.move(first, "RESOLVED")
    third = await desk.raise_ticket()
    await desk.answer()
    assert desk.tickets[third].agent_id == "bea"


async def test_two_tickets_at_once_never_overfill_an_agent(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.set("abe", capacity=1)
    first, second = await desk.raise_ticket(), await desk.raise_ticket()  # the first offer is not answered yet
    assert [c.ticket_id for c in await desk.commands()] == [first]
    assert await desk.waiting() == [second]
    await desk.answer()
    assert await desk.waiting() == [second]


async def test_a_ticket_waits_for_the_first_agent(desk: PlayedDesk) -> None:
    ticket = await desk.raise_ticket()
    await desk.agent("Ursula", "USER")
    await desk.agent("Max", "MANAGER")
    assert await desk.waiting() == [ticket]
    await desk.agent("Abe", "AGENT", "USER")
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "abe"


async def test_waiting_tickets_are_taken_up_most_urgent_then_oldest_first(desk: PlayedDesk) -> None:
    low = await desk.raise_ticket("LOW")
    await desk.world.advance(seconds=1)
    high = await desk.raise_ticket("HIGH")
    await desk.world.advance(seconds=1)
    later_high = await desk.raise_ticket("HIGH")
    critical = await desk.raise_ticket("CRITICAL")
    await desk.agent("Abe")
    await desk.answer()
    assert [c.ticket_id for c in await desk.commands()] == [critical, high, later_high, low]


async def test_a_raised_priority_moves_a_waiting_ticket_forward(desk: PlayedDesk) -> None:
    first, second = await desk.raise_ticket("LOW"), await desk.raise_ticket("LOW")
    ticket = replace(desk.tickets[second], priority="CRITICAL")
    await desk.say(TicketUpdated(ticket=ticket, changed=["priority"], former_priority="LOW"))
    await desk.agent("Abe")
    assert [c.ticket_id for c in await desk.commands()] == [second, first]


async def test_every_kind_of_end_makes_room(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.set("abe", capacity=1)
    tickets = [await desk.raise_ticket() for _ in range(4)]
    await desk.answer()
    for ended, status in zip(tickets, ("RESOLVED", "CANCELLED", "RESOLVED"), strict=False):
        assert await desk.held_by("abe") == [ended]
        await desk.move(ended, status)
        await desk.answer()
    assert await desk.held_by("abe") == tickets[3:]
    assert await desk.audit() == []


async def test_a_ticket_that_moves_to_somebody_else_makes_room(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.set("abe", capacity=1)
    first, second = await desk.raise_ticket(), await desk.raise_ticket()
    await desk.answer()
    await desk.agent("Bea")
    await desk.set("bea", available=False)
    await desk.answer()
    assert desk.tickets[second].agent_id == "bea"
    third = await desk.raise_ticket()
    await desk.give(first, "bea")
    await desk.answer()
    assert desk.tickets[third].agent_id == "abe"
    assert len(await desk.held_by("bea")) == 2


async def test_availability_and_capacity_let_tickets_in(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.set("abe", available=False, capacity=1)
    first, second = await desk.raise_ticket(), await desk.raise_ticket()
    assert await desk.waiting() == [first, second]
    await desk.set("abe", available=True)
    assert await desk.waiting() == [second]
    await desk.set("abe", capacity=2)
    assert await desk.waiting() == []


async def test_a_cancelled_ticket_that_waits_is_forgotten(desk: PlayedDesk) -> None:
    ticket = await desk.raise_ticket()
    await desk.move(ticket, "CANCELLED")
    await desk.agent("Abe")
    assert await desk.commands() == []


async def test_waiting_for_the_requester_counts_and_a_reopened_ticket_counts_again(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.set("abe", capacity=1)
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.move(ticket, "IN_PROGRESS")
    await desk.move(ticket, "WAITING")
    waiting = await desk.raise_ticket()
    assert await desk.waiting() == [waiting]
    await desk.move(waiting, "CANCELLED")
    await desk.move(ticket, "RESOLVED")
    await desk.move(ticket, "CLOSED")
    await desk.reopen(ticket)
    another = await desk.raise_ticket()
    assert await desk.waiting() == [another]
    assert await desk.audit() == []


async def test_the_tickets_of_an_agent_who_leaves_go_to_others(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    tickets = [await desk.raise_ticket() for _ in range(3)]
    await desk.answer()
    await desk.agent("Bea")
    await desk.change("abe", active=False)
    await desk.answer()
    assert await desk.held_by("bea") == tickets
    await desk.change("bea", roles=["USER"])
    await desk.answer()
    assert await desk.waiting() == tickets
    await desk.change("abe", active=True)
    await desk.answer()
    assert await desk.held_by("abe") == tickets
    assert await desk.audit() == []


async def test_a_ticket_reopened_after_its_agent_left_finds_another(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.move(ticket, "RESOLVED")
    await desk.change("abe", active=False)
    await desk.agent("Bea")
    await desk.reopen(ticket)
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "bea"


# --- when the two features know different things --------------------------------------------------------------------


async def test_a_refused_agent_is_not_offered_again_at_once(desk: PlayedDesk) -> None:
    for name in ("Abe", "Bea", "Cid"):
        await desk.agent(name)
    desk.gone |= {"abe", "bea"}  # the news has not reached assignment
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.world.advance(seconds=0)
    await desk.answer()
    assert [c.agent_id for c in await desk.commands()] == ["abe", "bea", "cid"]
    assert desk.tickets[ticket].agent_id == "cid"


async def test_refusals_end_and_are_tried_again_later_and_later(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    desk.gone.add("abe")
    ticket = await desk.raise_ticket()
    await desk.answer()
    assert len(await desk.commands()) == 1
    assert await desk.waiting() == [ticket]
    for seconds, offers in ((2, 2), (4, 3), (8, 4)):
        await desk.world.advance(seconds=seconds - 1)
        assert len(await desk.commands()) == offers - 1
        await desk.world.advance(seconds=1)
        await desk.answer()
        assert len(await desk.commands()) == offers
    desk.gone.clear()
    await desk.world.advance(seconds=16)
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "abe"
    assert await desk.world.sql("SELECT refusals FROM assignment_agent WHERE id = 'abe' AND refusals > 0") == []


async def test_news_of_a_refused_agent_ends_the_rest(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    desk.gone.add("abe")
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.change("abe", name="Abraham")
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "abe"


async def test_a_person_who_was_quicker_wins(desk: PlayedDesk) -> None:
    for name in ("Abe", "Bea"):
        await desk.agent(name)
    ticket = await desk.raise_ticket()
    await desk.give(ticket, "bea")
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "bea"
    assert await desk.audit() == []
    rows = await desk.world.sql("SELECT id, open_tickets, load FROM assignment_agent ORDER BY id")
    assert [list(dict(row).values()) for row in rows] == [["abe", 0, 0], ["bea", 1, 1]]


async def test_messages_about_what_is_not_known_yet_do_no_harm(desk: PlayedDesk) -> None:
    ticket = TicketRef(
        id="early",
        number=7,
        title="Printer on fire",
        category="HARDWARE",
        priority="HIGH",
        status="ASSIGNED",
        requester_id="r",
        agent_id="bea",
        created_at=0,
    )
    await desk.world.tell(FindAgent(ticket_id="nothing", asked_by="boss"))
    await desk.world.tell(StatusChanged(ticket=ticket, former_status="CREATED", status="ASSIGNED"))
    await desk.agent("Bea")
    rows = await desk.world.sql("SELECT name, open_tickets FROM assignment_agent")
    assert [list(dict(row).values()) for row in rows] == [["Bea", 1]]
    assert await desk.audit() == []


async def test_everything_again_changes_nothing(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    tickets = [await desk.raise_ticket() for _ in range(3)]
    await desk.answer()
    await desk.move(tickets[0], "RESOLVED")
    agents = "SELECT * FROM assignment_agent ORDER BY id"
    before = await desk.world.sql(agents)
    count = len(await desk.commands())
    await desk.world.redeliver_everything()
    assert [tuple(r) for r in await desk.world.sql(agents)] == [tuple(r) for r in before]
    assert len(await desk.commands()) == count


# --- somebody asks ----------------------------------------------------------------------------------------------------


async def test_asked_for_an_agent_the_desk_repeats_its_offer_as_its_own(desk: PlayedDesk) -> None:
    ticket = await desk.raise_ticket()
    await desk.world.tell(FindAgent(ticket_id=ticket, asked_by="boss"))
    assert await desk.commands() == []
    await desk.agent("Abe")
    await desk.world.tell(FindAgent(ticket_id=ticket, asked_by="boss"))
    assert [(c.agent_id, c.assigned_by) for c in await desk.commands()] == [("abe", None), ("abe", None)]
    await desk.answer()
    assert await desk.audit() == []


async def test_asked_for_an_agent_a_ticket_keeps_the_one_it_has(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.agent("Bea")
    await desk.world.tell(FindAgent(ticket_id=ticket, asked_by="boss"))
    assert len(await desk.commands()) == 1


async def test_asked_for_an_agent_a_ticket_leaves_one_who_is_gone(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.agent("Bea")
    desk.people["abe"] = replace(desk.people["abe"], active=False)
    await desk.world.tell(desk.people["abe"])  # the tickets feature has not put it back yet
    await desk.world.tell(FindAgent(ticket_id=ticket, asked_by="boss"))
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "bea"
    assert await desk.audit() == []


async def test_a_refused_hand_over_leaves_the_ticket_where_it_is(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    ticket = await desk.raise_ticket()
    await desk.answer()
    await desk.agent("Bea")
    desk.gone.add("bea")
    await desk.assign(ticket, "bea")
    await desk.answer()
    assert desk.tickets[ticket].agent_id == "abe"
    rows = await desk.world.sql("SELECT id, load FROM assignment_agent ORDER BY id")
    assert [list(dict(row).values()) for row in rows] == [["abe", 1], ["bea", 0]]


async def test_a_long_chain_goes_on_with_the_timer(desk: PlayedDesk) -> None:
    names = [f"Agent{n}" for n in range(8)]
    for name in names:
        await desk.agent(name)
    desk.gone |= {name.lower() for name in names[:-1]}
    ticket = await desk.raise_ticket()
    for _ in range(20):
        await desk.answer()
        await desk.world.advance(seconds=0)
    assert desk.tickets[ticket].agent_id == "agent7"
    assert await desk.world.sql("SELECT * FROM bus_retry") == []
    depths = [sealed.depth for sealed in await desk.world.envelopes()]
    assert max(depths) <= 6


# --- much at once ----------------------------------------------------------------------------------------------------


async def test_a_backlog_is_taken_up_in_portions_without_losing_any(tmp_path: Path) -> None:
    async with open_played_desk(tmp_path, assignment__capacity=100_000) as desk:
        tickets = [await desk.raise_ticket() for _ in range(130)]
        await desk.agent("Abe")
        assert len(await desk.commands()) == 50
        await desk.world.advance(seconds=0)
        assert [c.ticket_id for c in await desk.commands()] == tickets
        assert await desk.audit() == []


async def test_a_drifted_counter_is_told(desk: PlayedDesk) -> None:
    await desk.agent("Abe")
    await desk.raise_ticket()
    await desk.answer()

    async def drift(tx: Tx) -> None:
        await tx.run("UPDATE assignment_agent SET open_tickets = 5")

    await desk.world.db.write(TESTER, drift)
    assert await desk.audit() == [
        "assignment: agent abe counts 5 open and -4 offered tickets, but the tickets say 1 open and 0 offered tickets"
    ]


async def test_a_choice_says_how_much_was_heard_of_the_agent(desk: PlayedDesk) -> None:
    await desk.agent("Abe", "USER")
    await desk.change("abe", roles=["AGENT"])
    first = await desk.raise_ticket()
    await desk.assign(first, "abe")
    assert [command.agent_sequence for command in await desk.commands()] == [2, 2], "by the desk, and by a person"


async def test_a_ticket_is_given_to_somebody_else_although_the_news_that_it_was_assigned_comes_after(
    desk: PlayedDesk,
) -> None:
    """Commands and tickets travel on topics of their own: who asks may have heard of the ticket before us."""
    abe, bea = await desk.agent("Abe"), await desk.agent("Bea")
    unknown = TicketRef(
        id="t9",
        number=9,
        title="",
        category="HARDWARE",
        priority="HIGH",
        status="ASSIGNED",
        requester_id="requester",
        agent_id=abe,
        created_at=desk.world.clock.now,
    )
    offered = replace(unknown, id=await desk.raise_ticket(), number=1)  # to Abe; the answer is on its way
    assert [(said.ticket_id, said.agent_id) for said in await desk.commands()] == [(offered.id, abe)]
    for ticket in (unknown, offered):
        await desk.world.tell(ReplaceAgent(ticket_id=ticket.id, reason="late", ticket=ticket))
    told = [(said.ticket_id, said.agent_id, said.assigned_by) for said in await desk.commands()][1:]
    assert told == [("t9", bea, "SYSTEM"), (offered.id, bea, "SYSTEM")]
    assert await desk.audit() == []
    new = replace(unknown, title="Printer on fire", status="CREATED", agent_id=None)
    given = replace(new, status="ASSIGNED", agent_id=abe)
    assigned = TicketAssigned(ticket=given, former_agent_id=None, assigned_by="boss", automatic=False)
    await desk.say(TicketCreated(ticket=new, created_by="requester"), assigned)
    await desk.answer()
    assert await desk.held_by(bea) == ["t1", "t9"]
    assert await desk.audit() == []
