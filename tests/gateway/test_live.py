import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from answerable.gateway.live import Hub
from answerable.gateway.live.hub import STREAMS_PER_PERSON
from answerable.gateway.live.stream import LONGEST_QUEUE
from answerable.infra import metrics
from answerable.kernel.actor import service
from answerable.messages.base import Event
from answerable.messages.notifications import NotificationCreated, NotificationsRead
from answerable.messages.sla import SlaAtRisk, SlaBreached, SlaFulfilled, SlaStarted, TicketEscalated
from answerable.messages.tickets import (
    CommentAdded,
    StatusChanged,
    TicketAssigned,
    TicketCreated,
    TicketRef,
    TicketUnassigned,
)
from answerable.messages.users import UserChanged
from tests.gateway.sse import SseClient, listening
from tests.patience import PATIENCE
from tests.people import TestPerson, make_person, token_for
from tests.world import START, World, open_world

Signals = list[tuple[str, str]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A desk of the gateway and its people alone: no other feature adds events of its own."""
    async with open_world(tmp_path / "desk", ["gateway", "users"]) as opened:
        yield opened


def hub_of(world: World) -> Hub:
    hub: Hub = world.desk.parts["live"]
    return hub


def ref(requester: str, agent: str | None = None, status: str = "", ticket: str = "t1") -> TicketRef:
    return TicketRef(
        id=ticket,
        number=1,
        title="Printer on fire",
        category="HARDWARE",
        priority="HIGH",
        status=status or ("ASSIGNED" if agent else "CREATED"),
        requester_id=requester,
        agent_id=agent,
        created_at=START,
    )


def moved(ticket: TicketRef, former: str) -> StatusChanged:
    return StatusChanged(ticket=ticket, former_status=former, status=ticket.status)


def assigned(ticket: TicketRef, former: str | None = None) -> TicketAssigned:
    return TicketAssigned(ticket=ticket, former_agent_id=former, assigned_by=None, automatic=True)


def said(ticket: TicketRef, author: str, *, internal: bool) -> CommentAdded:
    return CommentAdded(
        ticket=ticket,
        comment_id="c1",
        author_id=author,
        author_name="Secret Name",
        from_staff=True,
        internal=internal,
    )


def breached(ticket: TicketRef) -> SlaBreached:
    return SlaBreached(ticket=ticket, target="RESOLUTION", cycle=1, due_at=START, breached_at=START)


def changed(person: TestPerson, *what: str) -> UserChanged:
    return UserChanged(
        user_id=person.id,
        name=person.name,
        email=person.email,
        roles=sorted(person.actor.roles),
        active=True,
        changed=list(what),
    )


async def heard(world: World, client: SseClient, person: TestPerson, *events: Event) -> Signals:
    """Tell events, then ring the person's bell: what came before the bell is what they heard."""
    await world.tell(*events)
    await world.tell(NotificationsRead(user_id=person.id))
    return await client.until("bell")


T1 = ("ticket", '{"ticket":"t1"}')
QUEUE = ("queue", "{}")


class TestWhoHears:
    async def test_the_requester_hears_of_their_own_ticket_and_of_no_other(self, world: World) -> None:
        una, otto = await make_person(world), await make_person(world)
        async with listening(world, una) as stream:
            assert await heard(world, stream, una, TicketCreated(ticket=ref(una.id), created_by=una.id)) == [T1]
            others = TicketCreated(ticket=ref(otto.id, ticket="t2"), created_by=otto.id)
            assert await heard(world, stream, una, others) == []

    async def test_agents_see_the_queue_fill_and_empty(self, world: World) -> None:
        una = await make_person(world)
        abe, bea = await make_person(world, "AGENT"), await make_person(world, "AGENT")
        async with listening(world, bea) as stream:
            assert await heard(world, stream, bea, TicketCreated(ticket=ref(una.id), created_by=una.id)) == [T1, QUEUE]
            taken = ref(una.id, abe.id)
            assert await heard(world, stream, bea, moved(taken, "CREATED"), assigned(taken)) == [T1, QUEUE]
            assert await heard(world, stream, bea, moved(ref(una.id, abe.id, "IN_PROGRESS"), "ASSIGNED")) == []

    async def test_a_queued_ticket_that_is_cancelled_leaves_the_queue(self, world: World) -> None:
        una, abe = await make_person(world), await make_person(world, "AGENT")
        async with listening(world, abe) as stream:
            assert await heard(world, stream, abe, moved(ref(una.id, None, "CANCELLED"), "CREATED")) == [T1, QUEUE]

    async def test_an_agent_hears_of_their_ticket_until_it_is_taken_away(self, world: World) -> None:
        una = await make_person(world)
        abe, bea = await make_person(world, "AGENT"), await make_person(world, "AGENT")
        async with listening(world, abe) as abes, listening(world, bea) as beas:
            assert await heard(world, abes, abe, assigned(ref(una.id, abe.id))) == [T1]
            assert await heard(world, beas, bea) == []
            assert await heard(world, abes, abe, assigned(ref(una.id, bea.id), former=abe.id)) == [T1]
            assert await heard(world, beas, bea) == [T1]
            assert await heard(world, abes, abe, moved(ref(una.id, bea.id, "IN_PROGRESS"), "ASSIGNED")) == []

    async def test_a_ticket_that_was_resolved_and_is_assigned_again_does_not_pass_through_the_queue(
        self, world: World
    ) -> None:
        una = await make_person(world)
        abe, bea = await make_person(world, "AGENT"), await make_person(world, "AGENT")
        again = ref(una.id, abe.id)
        async with listening(world, bea) as stream:
            assert await heard(world, stream, bea, moved(again, "RESOLVED"), assigned(again)) == []

    async def test_an_agent_who_was_refused_a_ticket_without_reading_the_queue_hears_nothing(
        self, world: World
    ) -> None:
        una, abe, gone = await make_person(world), await make_person(world, "AGENT"), await make_person(world)
        event = TicketUnassigned(ticket=ref(una.id, abe.id), former_agent_id=gone.id, reason="the agent is gone")
        async with listening(world, gone) as stream:
            assert await heard(world, stream, gone, event) == []

    async def test_managers_hear_everything(self, world: World) -> None:
        una, abe, max_ = (
            await make_person(world),
            await make_person(world, "AGENT"),
            await make_person(world, "MANAGER"),
        )
        async with listening(world, max_) as stream:
            assert await heard(world, stream, max_, said(ref(una.id, abe.id), abe.id, internal=True)) == [T1]

    async def test_internal_notes_never_reach_the_requester(self, world: World) -> None:
        una, abe = await make_person(world), await make_person(world, "AGENT")
        ticket = ref(una.id, abe.id)
        async with listening(world, una) as unas, listening(world, abe) as abes:
            assert await heard(world, unas, una, said(ticket, abe.id, internal=True)) == []
            assert await heard(world, abes, abe) == [T1]
            assert await heard(world, unas, una, said(ticket, abe.id, internal=False)) == [T1]

    async def test_a_requester_who_is_staff_hears_of_notes(self, world: World) -> None:
        max_, abe = await make_person(world, "AGENT", "USER"), await make_person(world, "AGENT")
        async with listening(world, max_) as stream:
            assert await heard(world, stream, max_, said(ref(max_.id, abe.id), abe.id, internal=True)) == [T1]

    async def test_warnings_are_for_staff_and_breaches_for_everybody_who_sees_the_ticket(self, world: World) -> None:
        una, abe = await make_person(world), await make_person(world, "AGENT")
        ticket = ref(una.id, abe.id)
        inner = [
            SlaAtRisk(ticket=ticket, target="RESOLUTION", cycle=1, due_at=START),
            TicketEscalated(
                ticket=ticket,
                target="RESOLUTION",
                cycle=1,
                escalation_id="e1",
                manager_id=None,
                escalated_to_role="MANAGER",
                reason="breach",
            ),
            SlaFulfilled(
                ticket=ticket, target="NEXT_RESPONSE", cycle=1, fulfilled_at=START, breached=False, cancelled=False
            ),
        ]
        answer = SlaStarted(ticket=ticket, target="NEXT_RESPONSE", cycle=1, started_at=START, due_at=START, policy="x")
        async with listening(world, una) as unas, listening(world, abe) as abes:
            assert await heard(world, unas, una, *inner) == []
            assert await heard(world, abes, abe) == [T1]
            assert await heard(world, unas, una, breached(ticket)) == [T1]
            assert await heard(world, unas, una, answer) == [T1]

    async def test_the_bell_rings_for_one_person(self, world: World) -> None:
        una, otto = await make_person(world), await make_person(world)
        async with listening(world, una) as unas, listening(world, otto) as ottos:
            await world.tell(NotificationCreated(notification_id="n1", user_id=una.id, ticket_id="t9", about="X"))
            assert await unas.next() == ("bell", "{}")
            assert await heard(world, ottos, otto) == []


class TestNothingLeaks:
    async def test_a_signal_is_a_name_and_an_id(self, world: World) -> None:
        una, abe = await make_person(world), await make_person(world, "AGENT")
        async with listening(world, una) as stream:
            await world.tell(said(ref(una.id, abe.id), abe.id, internal=False))
            name, data = await stream.next()
            assert (name, json.loads(data)) == ("ticket", {"ticket": "t1"})

    async def test_ids_tell_nothing_about_what_others_do(self, world: World) -> None:
        una, otto = await make_person(world), await make_person(world)
        ids = []
        for others in (0, 0, 30):  # the second and the third time nothing, or much, happens elsewhere
            for count in range(others):
                await world.tell(NotificationsRead(user_id=otto.id), moved(ref(otto.id, ticket=f"o{count}"), "WAITING"))
            async with listening(world, una) as stream:
                ids.append(stream.last_id)
        assert len({len(mark or "") for mark in ids}) == 1
        assert len(set(ids)) == 3, "equal ids would say that nothing happened"

    async def test_an_id_of_somebody_else_or_of_other_rights_is_worth_nothing(self, world: World) -> None:
        una, abe = await make_person(world), await make_person(world, "AGENT")
        await world.tell(TicketCreated(ticket=ref(una.id), created_by=una.id))
        async with listening(world, abe) as stream:
            abes = stream.last_id
        async with listening(world, una, last_id=abes) as stream:
            assert await stream.next() == ("refresh", "{}")
        marks = hub_of(world)._marks
        mark = marks.seal(1, marks.binding(una.actor))
        assert marks.open(mark, marks.binding(una.actor)) == 1
        assert marks.open(mark, marks.binding(abe.actor)) is None


class TestComingBack:
    async def test_what_was_missed_is_told_in_order(self, world: World) -> None:
        una, otto = await make_person(world), await make_person(world)
        async with listening(world, una) as stream:
            assert await heard(world, stream, una, TicketCreated(ticket=ref(una.id), created_by=una.id)) == [T1]
            left_at = stream.last_id
        await world.tell(
            moved(ref(una.id, "a", ticket="t2"), "WAITING"),
            moved(ref(otto.id, "a", ticket="t3"), "WAITING"),
            moved(ref(una.id, "a", ticket="t4"), "WAITING"),
        )
        async with listening(world, una, last_id=left_at) as stream:
            assert await heard(world, stream, una) == [("ticket", '{"ticket":"t2"}'), ("ticket", '{"ticket":"t4"}')]
        async with listening(world, una, last_id=stream.last_id) as stream:
            assert await heard(world, stream, una) == []

    async def test_an_id_that_means_nothing_is_answered_with_refresh(self, world: World) -> None:
        una = await make_person(world)
        for garbage in ("1", "x" * 22, "ä" * 22, "?" * 22, "A" * 5000, "-1"):
            async with listening(world, una, headers={"Last-Event-ID": garbage}) as stream:
                assert await stream.next() == ("refresh", "{}")

    async def test_after_too_long_a_time_everything_is_to_be_read_again(self, tmp_path: Path) -> None:
        async with open_world(tmp_path / "small", ["gateway", "users"], server__live_ring=3) as world:
            una = await make_person(world)
            async with listening(world, una) as stream:
                left_at = stream.last_id
            for count in range(3):
                await world.tell(moved(ref(una.id, "a", ticket=f"t{count}"), "WAITING"))
            async with listening(world, una, last_id=left_at) as stream:
                assert await stream.next() == ("ticket", '{"ticket":"t0"}')
            await world.tell(moved(ref(una.id, "a", ticket="t3"), "WAITING"))
            async with listening(world, una, last_id=left_at) as stream:
                assert await stream.next() == ("refresh", "{}")

    async def test_a_heartbeat_keeps_the_line_and_the_id_fresh(self, tmp_path: Path) -> None:
        async with open_world(tmp_path / "quick", ["gateway", "users"], server__live_heartbeat_seconds=0.01) as world:
            una = await make_person(world)
            async with listening(world, una) as stream:
                first = stream.last_id
                await stream.until_comment()
                assert stream.last_id != first


class TestTheEnd:
    async def test_a_stream_needs_a_token(self, world: World) -> None:
        async with listening(world, None) as stream:
            assert stream.status == 401
        async with listening(world, None, headers={"Authorization": "Bearer a.b.c"}) as stream:
            assert stream.status == 401

    async def test_it_looks_like_a_stream(self, world: World) -> None:
        async with listening(world, await make_person(world)) as stream:
            assert stream.status == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["cache-control"] == "no-store"
            assert stream.headers["x-accel-buffering"] == "no"

    async def test_it_ends_at_once_when_rights_may_have_changed(self, world: World) -> None:
        una, otto = await make_person(world), await make_person(world)
        for what in (["roles"], ["active"], ["sessions"], ["name", "email"]):
            async with listening(world, una) as unas, listening(world, una) as twice, listening(world, otto) as ottos:
                await world.tell(changed(una, *what))
                assert await unas.until_end() == []
                assert await twice.until_end() == []
                assert await heard(world, ottos, otto) == []
            assert hub_of(world).open_streams == 0

    async def test_a_new_name_does_not_end_it(self, world: World) -> None:
        una = await make_person(world)
        async with listening(world, una) as stream:
            assert await heard(world, stream, una, changed(una, "name")) == []

    async def test_it_ends_when_the_token_does(self, world: World) -> None:
        una = await make_person(world)
        async with listening(world, una) as stream:
            world.clock.now += 3601 * 1_000_000
            await world.tell(moved(ref(una.id, "a"), "WAITING"))
            assert await stream.until_end() == []

    async def test_it_ends_when_the_desk_stops_even_if_the_client_does_not_read(self, world: World) -> None:
        una = await make_person(world)
        async with listening(world, una) as awake, listening(world, una) as asleep:
            asleep.reads.clear()
            await world.tell(moved(ref(una.id, "a"), "WAITING"))
            assert await awake.next() == T1
            hub_of(world).close()
            await awake.until_end()
            await asyncio.wait_for(asleep.finished.wait(), PATIENCE)
            assert hub_of(world).open_streams == 0
            async with listening(world, una) as late:
                assert late.status == 503

    async def test_a_client_that_leaves_is_forgotten(self, world: World) -> None:
        una = await make_person(world)
        before = metrics.STREAMS._value.get()
        async with listening(world, una):
            assert metrics.STREAMS._value.get() == before + 1
        assert metrics.STREAMS._value.get() == before
        assert hub_of(world).open_streams == 0
        assert not hub_of(world)._by_person
        assert not hub_of(world)._by_grant


class TestTooMuch:
    async def test_a_slow_reader_gets_one_refresh_instead_of_a_flood(self, world: World) -> None:
        una = await make_person(world)
        async with listening(world, una) as stream:
            stream.reads.clear()
            for count in range(LONGEST_QUEUE + 50):
                await world.tell(moved(ref(una.id, "a", ticket=f"t{count}"), "WAITING"))
            stream.reads.set()
            signals = await heard(world, stream, una)
        assert ("refresh", "{}") in signals
        assert len(signals) < 60

    async def test_a_burst_about_one_ticket_is_one_signal(self, world: World) -> None:
        una = await make_person(world)
        ticket = ref(una.id, "a")
        async with listening(world, una) as stream:
            assert await heard(world, stream, una, *[moved(ticket, "WAITING")] * 20, assigned(ticket)) == [T1]

    async def test_nobody_opens_streams_without_end(self, world: World) -> None:
        una, otto = await make_person(world), await make_person(world)
        hub = hub_of(world)
        opened = [hub.join(una.actor, START * 2) for _ in range(STREAMS_PER_PERSON)]
        async with listening(world, una) as refused:
            assert refused.status == 429
            assert "retry-after" in refused.headers
        async with listening(world, otto) as stream:
            assert stream.status == 200
        for stream_ in opened:
            hub.leave(stream_)
            hub.leave(stream_)
        async with listening(world, una) as stream:
            assert stream.status == 200

    async def test_the_desk_has_a_limit_too(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("answerable.gateway.live.hub.STREAMS_IN_ALL", 1)
        una, otto = await make_person(world), await make_person(world)
        async with listening(world, una), listening(world, otto) as refused:
            assert refused.status == 503


async def test_a_fresh_token_opens_a_new_stream_after_the_roles_changed(world: World) -> None:
    una = await make_person(world)
    async with listening(world, una) as stream:
        await world.tell(changed(una, "roles"))
        await stream.until_end()
    again = {"Authorization": f"Bearer {await token_for(world, una.id)}"}
    async with listening(world, None, headers=again) as stream:
        assert stream.status == 200


def test_services_hear_nothing_by_accident() -> None:
    hub = Hub()
    stream = hub.join(service("anybody"), START * 2)
    hub.hear(None, TicketCreated(ticket=ref("una"), created_by="una"))  # type: ignore[arg-type]
    assert not stream._pending
