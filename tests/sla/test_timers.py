"""The breach clock: on time, exactly once, in bounded units, and a manager is called in."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaBreached, TicketEscalated
from answerable.messages.tickets import TicketCreated
from answerable.messages.users import UserChanged
from answerable.sla import timers
from tests.people import TestPerson, make_person, token_for
from tests.sla.stories import HOUR, Story, at, clock_of, manager, ref
from tests.world import TESTER, World, json_of, open_world


async def test_at_risk_and_broken_come_at_their_instants(world: World) -> None:
    story = await Story(world).raised()
    await story.answered()
    await world.advance(hours=12)
    sealed = {e.type: e.time for e in await world.envelopes("SLA_AT_RISK", "SLA_BREACHED")}
    assert sealed == {"SLA_AT_RISK": at("12:00"), "SLA_BREACHED": at("13:00")}
    assert await world.sql("SELECT id FROM sla_clock WHERE look_at IS NOT NULL") == []


async def test_the_share_is_a_setting(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", sla__warn_share=0.5) as world:
        story = await Story(world).raised()
        await story.answered()
        await world.advance(hours=2)
        assert len(await world.log("SLA_AT_RISK")) == 1


async def test_a_long_sleep_finds_everything_once_and_in_order(world: World) -> None:
    story = await Story(world).raised()
    world.clock.now += 10 * 24 * 3_600_000_000  # the machine was off
    await world.advance(seconds=0)
    await world.advance(seconds=0)
    assert (await story.told("RESOLUTION"))[1:] == [
        ("SLA_AT_RISK", "RESOLUTION", 1),
        ("SLA_BREACHED", "RESOLUTION", 1),
        ("TICKET_ESCALATED", "RESOLUTION", 1),
    ]
    breach = [e for e in await world.log("SLA_BREACHED") if isinstance(e, SlaBreached) and e.target == "RESOLUTION"]
    assert [e.breached_at for e in breach] == [at("13:00")]


async def test_the_same_folder_opened_again_tells_nothing_twice(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk") as world:
        await world.tell(manager("max"))
        await Story(world).raised()
        await world.advance(hours=3)
    async with open_world(tmp_path / "desk") as world:
        await world.advance(hours=5)
        await world.redeliver_everything()
        await world.advance(hours=5)
        assert len(await world.log("SLA_AT_RISK")) == 2
        assert len(await world.log("SLA_BREACHED")) == 2
        assert len(await world.log("TICKET_ESCALATED")) == 2
        assert await world.desk.audit() == []
    async with open_world(tmp_path / "desk") as world:
        world.clock.now += 10**12
        await world.advance(seconds=0)
        assert len(await world.log("SLA_BREACHED")) == 2


async def test_many_are_done_in_bounded_units(world: World) -> None:
    many = timers.BATCH // 2 + 5
    await world.tell(*(TicketCreated(ticket=ref(f"t{number}"), created_by="una") for number in range(many)))
    world.clock.now = at("23:00")
    assert await timers.look(world.desk.database) == timers.BATCH
    assert await timers.look(world.desk.database) == 10
    assert await timers.look(world.desk.database) == 0
    assert len(await world.log("SLA_BREACHED")) == timers.BATCH + 10


@pytest.mark.one_engine
async def test_a_crowd_is_told_at_once_in_bounded_units_and_calls_in_managers_in_turn(world: World) -> None:
    many = 2 * timers.BATCH + 8
    await world.tell(manager("max"), manager("mia"), manager("ada", "ADMIN"))

    async def arm(tx: Tx) -> None:
        numbers = "(WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < :many) SELECT n FROM n)"
        await tx.run(
            f"""INSERT INTO sla_ticket SELECT 't' || n, n, 'A title', 'OTHER', 'HIGH', 'ASSIGNED', 'una', 'abe', :at,
                NULL FROM {numbers} numbers""",
            many=many,
            at=at("09:00"),
        )
        await tx.run(
            f"""INSERT INTO sla_clock (id, ticket_id, target, cycle, policy, target_micros, started_at, applied_at,
                state, due_at, look_at, version, levels_ahead)
            SELECT 'k' || n, 't' || n, 'RESOLUTION', 1, 'default', :span, :at, :at, 'RUNNING', :at + :span, :at + :span,
                1, '[["100%",' || (:at + :span) || ']]' FROM {numbers} numbers""",
            many=many,
            at=at("09:00"),
            span=HOUR,
        )
        await tx.run(
            """INSERT INTO sla_metric SELECT id, 1, 'activate', started_at, target_micros, '', policy, '' FROM sla_clock
            WHERE target_micros = :span""",
            span=HOUR,
        )

    await world.desk.database.write(TESTER, arm)
    world.clock.now = at("10:00")
    assert await timers.keep_up(world.desk.database) == many
    told = await world.sql(
        """SELECT key, MIN(type) AS first, MAX(type) AS last, COUNT(*) AS n FROM bus_outbox
        WHERE key LIKE 't%' GROUP BY key"""
    )
    assert len(told) == many
    assert {(row["first"], row["last"], row["n"]) for row in told} == {("SLA_BREACHED", "TICKET_ESCALATED", 2)}
    spans = await world.sql("SELECT type, MIN(position) AS a, MAX(position) AS z FROM bus_outbox GROUP BY type")
    ends = {row["type"]: (row["a"], row["z"]) for row in spans}
    assert ends["SLA_BREACHED"][1] < ends["TICKET_ESCALATED"][0], "nobody is called in before all of it is told"
    units = await world.sql("SELECT DISTINCT COUNT(*) AS n FROM sla_metric WHERE kind = 'breach' GROUP BY clock_id")
    assert [row["n"] for row in units] == [1]
    loads = await world.sql("SELECT id, open_escalations AS n FROM sla_manager ORDER BY id")
    assert [(row["id"], row["n"]) for row in loads] == [("ada", 0), ("max", many // 2), ("mia", many // 2)]
    assert await world.desk.audit() == []


async def test_two_processes_that_look_at_once_tell_once(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk") as one, open_world(tmp_path / "desk") as two:
        await Story(one).raised()
        one.clock.now = two.clock.now = at("23:00")
        assert await timers.look(one.desk.database) + await timers.look(two.desk.database) == 2
        assert len(await one.log("SLA_BREACHED")) == 2


async def test_the_least_loaded_manager_is_called_in_and_freed_when_it_is_over(world: World) -> None:
    await world.tell(manager("max"), manager("mia"), manager("una", "USER"), manager("ada", "ADMIN"))
    first = await Story(world, "t1").raised()
    await first.answered()
    await world.advance(hours=5)
    second = await Story(world, "t2").raised()
    await second.answered()
    await world.advance(hours=5)
    called = [e for e in await world.log("TICKET_ESCALATED") if isinstance(e, TicketEscalated)]
    assert [(e.ticket.id, e.manager_id, e.escalated_to_role) for e in called] == [
        ("t1", "max", "MANAGER"),
        ("t2", "mia", "MANAGER"),
    ]
    assert called[0].reason == "Resolution was due at 2026-03-02T13:00:00Z"
    await second.becomes("RESOLVED")  # mia is free again, max is not
    third = await Story(world, "t3").raised()
    await third.answered()
    await world.advance(hours=5)
    called = [e for e in await world.log("TICKET_ESCALATED") if isinstance(e, TicketEscalated)]
    assert called[-1].manager_id == "mia"
    assert await world.desk.audit() == []


async def test_only_the_active_are_called_in_then_administrators_then_nobody(world: World) -> None:
    async def next_called(ticket_id: str) -> tuple[str | None, str]:
        story = await Story(world, ticket_id, "CRITICAL").raised()
        await story.answered()
        await world.advance(hours=2)
        event = (await world.log("TICKET_ESCALATED"))[-1]
        assert isinstance(event, TicketEscalated)
        return event.manager_id, event.escalated_to_role

    def changed(person_id: str, *roles: str, active: bool) -> UserChanged:
        return UserChanged(
            user_id=person_id, name="x", email="x@x.test", roles=[*roles], active=active, changed=["roles"]
        )

    await world.tell(manager("max"), manager("ada", "ADMIN"))
    assert await next_called("t1") == ("max", "MANAGER")
    await world.tell(changed("max", "MANAGER", active=False))
    assert await next_called("t2") == ("ada", "ADMIN")
    await world.tell(changed("ada", "USER", active=True))
    assert await next_called("t3") == (None, "MANAGER")


async def test_a_manager_of_whom_the_news_comes_after_is_called_in_late(world: World) -> None:
    """People and tickets travel on topics of their own; who came after it was due is not called in."""
    await world.tell(manager("abe", "AGENT"), manager("max"))
    [_, news] = await world.envelopes("USER_REGISTERED")

    async def not_yet_heard(tx: Tx) -> None:
        await tx.run("DELETE FROM sla_manager")
        await tx.run("DELETE FROM bus_inbox WHERE message = :id AND consumer = 'sla'", id=news.id)

    await world.db.write(TESTER, not_yet_heard)
    story = Story(world)
    story.ref = replace(story.ref, status="ASSIGNED", agent_id="abe")
    await story.raised()
    await story.answered()
    await world.advance(hours=5)
    await world.tell(manager("mia"))
    await world.redeliver_everything()
    called = [e for e in await world.log("TICKET_ESCALATED") if isinstance(e, TicketEscalated)]
    assert [(e.manager_id, e.late) for e in called] == [(None, False), ("max", True)]
    assert called[0].escalation_id == called[1].escalation_id
    kept = await world.sql("SELECT manager_id, role FROM sla_escalation")
    assert [tuple(row) for row in kept] == [("max", "MANAGER")]
    told = await world.sql("SELECT user_id FROM notifications_notice WHERE type = 'TICKET_ESCALATED' ORDER BY 1")
    assert [row["user_id"] for row in told] == ["abe", "max"]
    assert await world.desk.audit() == []


async def test_a_late_answer_is_a_breach_but_a_next_response_calls_nobody(world: World) -> None:
    story = await Story(world).raised()
    await story.answered()
    await story.asked()
    await world.advance(hours=1)
    assert (await story.told("NEXT_RESPONSE"))[-1] == ("SLA_BREACHED", "NEXT_RESPONSE", 1)
    assert not await world.log("TICKET_ESCALATED")


async def test_nobody_is_called_in_for_what_is_over_when_it_is_found_late(world: World) -> None:
    story = await Story(world).raised()
    world.clock.now = at("14:00")  # no timer looked
    await story.becomes("RESOLVED")
    assert (await story.told("RESOLUTION"))[1:] == [
        ("SLA_AT_RISK", "RESOLUTION", 1),
        ("SLA_BREACHED", "RESOLUTION", 1),
        ("SLA_FULFILLED", "RESOLUTION", 1),
    ]
    assert (await clock_of(world, "RESOLUTION")).breached_at == at("13:00")


@pytest.mark.one_engine
async def test_the_timer_reads_by_index(world: World) -> None:
    for statement in (
        "SELECT MIN(look_at) AS look_at FROM sla_clock WHERE look_at IS NOT NULL",
        "SELECT * FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id WHERE c.look_at <= :now ORDER BY c.look_at",
    ):
        plan = await world.sql(f"EXPLAIN QUERY PLAN {statement}", **({"now": 1} if ":now" in statement else {}))
        assert any("sla_clock_look" in row["detail"] for row in plan)
        assert not any("TEMP B-TREE" in row["detail"] for row in plan)


@pytest.mark.one_engine
async def test_of_a_crowd_the_timer_reads_the_broken_by_index(world: World) -> None:
    plan = await world.sql(
        """EXPLAIN QUERY PLAN SELECT * FROM sla_clock c JOIN sla_ticket t ON t.id = c.ticket_id
        WHERE c.state = 'RUNNING' AND c.breached_at IS NULL AND c.due_at <= :now ORDER BY c.due_at""",
        now=1,
    )
    assert any("sla_clock_running" in row["detail"] for row in plan)
    assert not any("TEMP B-TREE" in row["detail"] for row in plan)


async def test_the_audit_finds_what_does_not_follow_from_the_history(world: World) -> None:
    await Story(world).raised()
    assert await world.desk.audit() == []

    async def spoil(tx: object) -> None:
        await tx.run("UPDATE sla_clock SET due_at = due_at + 1 WHERE target = 'RESOLUTION'")  # type: ignore[attr-defined]

    await world.db.write(TESTER, spoil)
    assert len(await world.desk.audit()) == 1
    world.clock.now = at("23:00")
    assert sum("waits to be looked at" in line for line in await world.desk.audit()) == 2


async def test_a_sweep_by_hand_finds_nothing_that_the_clock_missed(world: World) -> None:
    """The timers have looked at each instant; what the sweep lists is told already, and it tells nothing more."""
    mia = await make_person(world, "MANAGER")
    for number, priority in enumerate(("CRITICAL", "HIGH", "LOW")):
        await Story(world, f"t{number}", priority).raised()
    for minutes in (14, 1, 45, 60, 180, 700):
        await world.advance(minutes=minutes)
        before = len(await world.log())
        answer = await world.http.post("/api/sla/check", headers=await headers_of(world, mia))
        assert len(await world.log()) == before
        late = {row["ticketId"] for row in json_of(answer)}
        rows = await world.sql(
            "SELECT ticket_id FROM sla_clock WHERE target = 'RESOLUTION' AND breached_at IS NOT NULL"
        )
        assert late == {row["ticket_id"] for row in rows}
    assert late == {"t0", "t1"}


async def headers_of(world: World, person: TestPerson) -> dict[str, str]:
    return {"Authorization": f"Bearer {await token_for(world, person.id)}"}
