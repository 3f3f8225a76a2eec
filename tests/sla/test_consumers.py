"""Promises follow what happens to their tickets."""

from msgspec.structs import replace

from answerable.messages.sla import (
    SlaBreached,
    SlaEvent,
    SlaFulfilled,
    SlaPaused,
    SlaRecomputed,
    SlaResumed,
    SlaStarted,
)
from answerable.messages.tickets import StatusChanged, TicketAssigned, TicketCreated, TicketUnassigned
from tests.sla.stories import HOUR, START, Story, at, clock_of, metrics_of
from tests.world import TESTER, World


async def last(world: World) -> SlaEvent:
    event = [event for event in await world.log() if isinstance(event, SlaEvent)][-1]
    assert isinstance(event, SlaEvent)
    return event


async def test_a_new_ticket_has_two_promises_from_when_it_was_raised(world: World) -> None:
    story = Story(world)
    await world.advance(seconds=3)  # the message is a little late
    await story.raised(created_by="abe")  # on behalf: it still needs an answer
    started = await world.log("SLA_STARTED")
    assert [(e.target, e.due_at, e.started_at, e.policy) for e in started if isinstance(e, SlaStarted)] == [
        ("FIRST_RESPONSE", at("10:00"), START, "default"),
        ("RESOLUTION", at("13:00"), START, "default"),
    ]
    assert [metric.kind for metric in await metrics_of(world, await clock_of(world, "RESOLUTION"))] == ["activate"]


async def test_the_answer_keeps_the_first_response_and_a_question_makes_the_next(world: World) -> None:
    story = await Story(world).raised()
    await story.asked()
    await story.answered(internal=True)
    assert len(await story.told()) == 2, "more words of the requester and notes among staff change nothing"
    await world.advance(minutes=30)
    await story.answered()
    await story.answered()
    assert (await story.told())[2:] == [("SLA_FULFILLED", "FIRST_RESPONSE", 1)]
    await world.advance(minutes=5)
    await story.asked()
    first_question = world.clock.now
    await world.advance(minutes=5)
    await story.asked()
    await story.answered(internal=True)
    clock = await clock_of(world, "NEXT_RESPONSE")
    assert (clock.started_at, clock.due_at) == (first_question, first_question + HOUR)
    await story.answered()
    await story.asked()
    assert (await story.told())[3:] == [
        ("SLA_STARTED", "NEXT_RESPONSE", 1),
        ("SLA_FULFILLED", "NEXT_RESPONSE", 1),
        ("SLA_STARTED", "NEXT_RESPONSE", 2),
    ]


async def test_waiting_pauses_and_going_on_resumes(world: World) -> None:
    story = await Story(world).raised()
    await story.answered()
    await story.becomes("ASSIGNED")
    await story.becomes("IN_PROGRESS")
    await world.advance(hours=1)
    await story.becomes("WAITING")
    assert isinstance(await last(world), SlaPaused)
    await world.advance(hours=20)
    await story.becomes("IN_PROGRESS")
    resumed = await last(world)
    assert isinstance(resumed, SlaResumed)
    assert resumed.due_at == START + 24 * HOUR
    assert not await world.log("SLA_AT_RISK", "SLA_BREACHED")
    await world.advance(hours=1)
    await story.becomes("RESOLVED")
    kept = await last(world)
    assert isinstance(kept, SlaFulfilled)
    assert (kept.breached, kept.cancelled, kept.fulfilled_at) == (False, False, world.clock.now)


async def test_resolved_while_waiting_knows_its_due_time_again(world: World) -> None:
    story = await Story(world).raised()
    await story.answered()
    await world.advance(hours=1)
    await story.becomes("WAITING")
    await world.advance(hours=9)
    await story.becomes("RESOLVED")
    assert [kind for kind, target, _ in await story.told("RESOLUTION")] == [
        "SLA_STARTED",
        "SLA_PAUSED",
        "SLA_RESUMED",
        "SLA_FULFILLED",
    ]
    assert (await clock_of(world, "RESOLUTION")).due_at == START + 13 * HOUR


async def test_resolving_without_a_word_answers_too_and_drops_the_open_question(world: World) -> None:
    silent = await Story(world).raised()
    await silent.becomes("RESOLVED")
    assert ("SLA_FULFILLED", "FIRST_RESPONSE", 1) in await silent.told()
    asked = await Story(world, "t2").raised()
    await asked.answered()
    await asked.asked()
    await asked.becomes("RESOLVED")
    dropped = [e for e in await world.log("SLA_FULFILLED") if isinstance(e, SlaFulfilled) and e.cancelled]
    assert [(e.ticket.id, e.target) for e in dropped] == [("t2", "NEXT_RESPONSE")]
    await asked.asked()
    assert ("SLA_STARTED", "NEXT_RESPONSE", 2) not in await asked.told(), "thanks after the end need no answer"


async def test_a_cancelled_ticket_has_no_promises(world: World) -> None:
    story = await Story(world).raised()
    await story.becomes("WAITING")
    await story.becomes("CANCELLED")
    ended = [e for e in await world.log("SLA_FULFILLED") if isinstance(e, SlaFulfilled)]
    assert [(e.target, e.cancelled) for e in ended] == [("FIRST_RESPONSE", True), ("RESOLUTION", True)]
    await world.advance(days=3)
    assert not await world.log("SLA_AT_RISK", "SLA_BREACHED")


async def test_reopened_goes_on_in_a_new_cycle_and_never_asks_for_a_first_response_again(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(minutes=40)
    await story.becomes("RESOLVED")
    await story.becomes("CLOSED")
    await world.advance(days=2)
    await story.becomes("IN_PROGRESS")
    again = await last(world)
    assert isinstance(again, SlaStarted)
    assert (again.target, again.cycle, again.started_at) == ("RESOLUTION", 2, START)
    assert again.due_at == START + 2 * 24 * HOUR + 4 * HOUR
    assert (await story.told("FIRST_RESPONSE"))[-1] == ("SLA_FULFILLED", "FIRST_RESPONSE", 1)
    await story.becomes("WAITING")
    assert (await clock_of(world, "RESOLUTION", 2)).state == "PAUSED"
    assert (await clock_of(world, "RESOLUTION", 1)).state == "FULFILLED"


async def test_reopened_when_late_is_late_at_once(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(hours=5)
    await story.becomes("RESOLVED")
    await world.advance(hours=5)
    await story.becomes("CREATED")
    told = await story.told("RESOLUTION")
    assert told[-4:] == [
        ("SLA_STARTED", "RESOLUTION", 2),
        ("SLA_AT_RISK", "RESOLUTION", 2),
        ("SLA_BREACHED", "RESOLUTION", 2),
        ("TICKET_ESCALATED", "RESOLUTION", 2),
    ]
    breach = (await world.log("SLA_BREACHED"))[-1]
    assert isinstance(breach, SlaBreached)
    assert (breach.due_at, breach.breached_at) == (at("13:00"), at("19:00"))


async def test_another_priority_recomputes_both_promises(world: World) -> None:
    story = await Story(world, priority="LOW").raised()
    await world.advance(minutes=90)
    await story.becomes_priority("HIGH")
    told = [e for e in await world.log("SLA_RECOMPUTED") if isinstance(e, SlaRecomputed)]
    assert [(e.target, e.due_at, e.reason) for e in told] == [
        ("FIRST_RESPONSE", at("10:00"), "Priority is now HIGH"),
        ("RESOLUTION", at("13:00"), "Priority is now HIGH"),
    ]
    breach = (await world.log("SLA_BREACHED"))[0]
    assert isinstance(breach, SlaBreached)
    assert (breach.target, breach.due_at, breach.breached_at) == ("FIRST_RESPONSE", at("10:00"), at("10:30"))
    await story.becomes("RESOLVED")
    await story.becomes_priority("LOW")
    assert len(await world.log("SLA_RECOMPUTED")) == 2, "what has ended is not recomputed"


async def test_another_agent_does_not_reset_a_clock(world: World) -> None:
    story = await Story(world).raised()
    before = await clock_of(world, "RESOLUTION")
    given = replace(story.ref, agent_id="abe", status="ASSIGNED")
    await world.tell(
        StatusChanged(ticket=given, former_status="CREATED", status="ASSIGNED"),
        TicketAssigned(ticket=given, former_agent_id=None, assigned_by=None, automatic=True),
        TicketAssigned(
            ticket=replace(given, agent_id="bea"), former_agent_id="abe", assigned_by="max", automatic=False
        ),
    )
    assert await clock_of(world, "RESOLUTION") == before
    await world.advance(hours=3)
    told = [e for e in await world.log("SLA_AT_RISK") if isinstance(e, SlaEvent) and e.target == "RESOLUTION"]
    assert [e.ticket.agent_id for e in told] == ["bea"]
    await world.tell(TicketUnassigned(ticket=story.ref, former_agent_id="bea", reason="gone"))
    await world.advance(hours=1)
    told = [e for e in await world.log("SLA_BREACHED") if isinstance(e, SlaEvent) and e.target == "RESOLUTION"]
    assert [e.ticket.agent_id for e in told] == [None]


async def test_a_ticket_whose_beginning_was_missed_gets_its_promises(world: World) -> None:
    story = Story(world)
    await world.advance(hours=1)
    await story.becomes("WAITING")
    assert (await story.told())[:3] == [
        ("SLA_STARTED", "FIRST_RESPONSE", 1),
        ("SLA_STARTED", "RESOLUTION", 1),
        ("SLA_PAUSED", "RESOLUTION", 1),
    ]
    assert (await clock_of(world, "RESOLUTION")).started_at == START
    await story.raised()  # the late message changes nothing
    assert len(await world.log("SLA_STARTED")) == 2
    unseen = Story(world, "t2")
    unseen.ref = replace(unseen.ref, status="CANCELLED")
    await unseen.answered()
    assert [kind for kind, _, _ in await unseen.told()] == ["SLA_STARTED"] * 2 + ["SLA_FULFILLED"] * 2


async def test_everything_again_changes_nothing(world: World) -> None:
    story = await Story(world).raised()
    await story.answered()
    await story.asked()
    await world.advance(hours=5)
    await story.becomes("RESOLVED")
    await story.becomes("IN_PROGRESS")
    told, rows = await world.log(), await world.sql("SELECT * FROM sla_metric ORDER BY clock_id, number")
    await world.redeliver_everything()
    assert await world.log() == told
    assert await world.sql("SELECT * FROM sla_metric ORDER BY clock_id, number") == rows
    assert await world.desk.audit() == []


async def test_a_repeated_creation_under_another_message_arms_once(world: World) -> None:
    story = await Story(world).raised()
    await world.tell(TicketCreated(ticket=story.ref, created_by="una"), by=TESTER)
    assert len(await world.log("SLA_STARTED")) == 2
