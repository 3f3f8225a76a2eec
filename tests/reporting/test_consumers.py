"""What reporting learns from events, seen in the reports and in its own rows."""

from pathlib import Path

from answerable import reporting
from answerable.kernel.times import MINUTE
from answerable.kernel.tx import Tx
from answerable.messages.users import UserChanged
from tests.people import TestPerson, make_person
from tests.reporting.tale import Tale, deliver_bare, report, row_of
from tests.world import START, TESTER, World, open_world


async def counters(world: World) -> list[dict[str, object]]:
    rows = await world.sql("SELECT * FROM reporting_count ORDER BY status, priority, assigned, breached")
    return [dict(row) for row in rows if row["tickets"]]


async def test_a_ticket_is_counted_where_it_stands_through_its_whole_life(desk: World, boss: TestPerson) -> None:
    tale = await Tale(desk, priority="HIGH").raised()

    async def figures() -> dict[str, int]:
        found = await report(desk, boss, "reports/summary")
        assert await desk.desk.audit() == []
        return {name: count for name, count in found.items() if count}

    assert await figures() == {"totalTickets": 1, "open": 1, "unassigned": 1, "created": 1}
    await tale.assigned("abe")
    assert await figures() == {"totalTickets": 1, "open": 1, "assigned": 1}
    await tale.moved("IN_PROGRESS")
    assert await figures() == {"totalTickets": 1, "open": 1, "inProgress": 1}
    await tale.moved("WAITING")
    assert await figures() == {"totalTickets": 1, "open": 1, "waiting": 1}
    await desk.advance(minutes=90)
    await tale.resolved()
    assert await figures() == {"totalTickets": 1, "resolved": 1, "averageResolutionMinutes": 90.0}
    await tale.closed()
    assert await figures() == {"totalTickets": 1, "resolved": 1, "closed": 1, "averageResolutionMinutes": 90.0}
    await tale.reopened()
    assert await figures() == {"totalTickets": 1, "open": 1, "inProgress": 1}
    await tale.unassigned()
    assert await figures() == {"totalTickets": 1, "open": 1, "unassigned": 1, "created": 1}
    await tale.cancelled()
    assert await figures() == {"totalTickets": 1, "cancelled": 1}
    row = await row_of(desk)
    assert (row["reopenings"], row["waiting_periods"], row["resolved_at"], row["closed_at"]) == (1, 1, None, None)
    assert len(await counters(desk)) == 1


async def test_another_priority_moves_the_counters(desk: World, boss: TestPerson) -> None:
    tale = await Tale(desk, priority="LOW").raised()
    await tale.given_priority("CRITICAL")
    counts = {row["priority"]: row["count"] for row in await report(desk, boss, "reports/tickets-by-priority")}
    assert counts == {"LOW": 0, "MEDIUM": 0, "HIGH": 0, "CRITICAL": 1}
    assert await desk.desk.audit() == []


async def test_the_first_public_word_of_staff_is_the_response(desk: World) -> None:
    tale = await Tale(desk).raised()
    await tale.assigned("abe")
    await desk.advance(minutes=5)
    await tale.commented(by_staff=False)
    await tale.commented(by_staff=True, internal=True)
    assert (await row_of(desk))["first_response_at"] is None
    await desk.advance(minutes=7)
    await tale.commented(by_staff=True)
    await desk.advance(minutes=5)
    await tale.commented(by_staff=True)
    await tale.moved("IN_PROGRESS")
    await tale.resolved()
    assert (await row_of(desk))["first_response_at"] == START + 12 * MINUTE


async def test_a_resolve_without_a_word_is_the_response_and_stays_it(desk: World) -> None:
    tale = await Tale(desk).raised()
    await tale.assigned("abe")
    await desk.advance(minutes=30)
    await tale.resolved()
    await desk.advance(minutes=30)
    await tale.reopened()
    await tale.commented(by_staff=True)
    await desk.advance(minutes=30)
    await tale.resolved()
    row = await row_of(desk)
    assert row["first_response_at"] == START + 30 * MINUTE
    assert row["resolution"] == 90 * MINUTE


async def test_everything_delivered_again_changes_nothing(desk: World, boss: TestPerson) -> None:
    tale = await Tale(desk).raised()
    await tale.promised(60)
    await tale.assigned("abe")
    await tale.moved("IN_PROGRESS")
    await tale.moved("WAITING")
    await desk.advance(minutes=61)
    await tale.breached()
    await tale.resolved()
    row, kept = await row_of(desk), await counters(desk)
    await desk.redeliver_everything()
    assert await row_of(desk) == row
    assert await counters(desk) == kept
    assert (await report(desk, boss, "reports/summary"))["totalTickets"] == 1


async def test_a_message_that_comes_late_does_not_turn_the_ticket_back(desk: World) -> None:
    tale = await Tale(desk).raised()
    await tale.assigned("abe")
    await tale.moved("IN_PROGRESS")
    await desk.advance(minutes=10)
    await tale.resolved()
    await tale.closed()
    row, kept = await row_of(desk), await counters(desk)
    for message in await desk.envelopes():
        if message.key == "t-1":
            await deliver_bare(desk, message)
            assert await row_of(desk) == row
    assert await counters(desk) == kept
    assert await desk.desk.audit() == []


async def test_the_sla_may_speak_before_the_ticket_is_known(desk: World, boss: TestPerson) -> None:
    tale = Tale(desk, priority="HIGH")
    await tale.promised(0)
    await tale.breached()
    assert (await report(desk, boss, "reports/summary"))["totalTickets"] == 0
    assert await report(desk, boss, "reports/sla-breaches") == []
    assert await report(desk, boss, "reports/agents") == []
    assert await desk.desk.audit() == []
    await tale.raised()
    summary = await report(desk, boss, "reports/summary")
    assert (summary["totalTickets"], summary["slaBreached"]) == (1, 1)
    assert [row["ticketId"] for row in await report(desk, boss, "reports/sla-breaches")] == ["t-1"]
    assert await desk.desk.audit() == []


async def test_a_ticket_whose_birth_was_missed_is_counted_from_its_next_event(desk: World, boss: TestPerson) -> None:
    tale = Tale(desk)
    await tale.assigned("abe")
    assert (await report(desk, boss, "reports/summary"))["assigned"] == 1


async def test_the_deadline_follows_the_clock_and_other_targets_do_not_count(desk: World) -> None:
    tale = await Tale(desk).raised()
    await tale.promised(15, target="FIRST_RESPONSE")
    await tale.breached(target="FIRST_RESPONSE")
    row = await row_of(desk)
    assert (row["sla_due_at"], row["sla_breached"]) == (None, 0)
    await tale.promised(60)
    assert (await row_of(desk))["sla_due_at"] == START + 60 * MINUTE
    await tale.paused()
    assert (await row_of(desk))["sla_due_at"] is None
    await tale.resumed(80)
    assert (await row_of(desk))["sla_due_at"] == START + 80 * MINUTE


async def test_a_breach_stays_until_a_new_cycle_begins(desk: World, boss: TestPerson) -> None:
    tale = await Tale(desk).raised()
    await tale.promised(60)
    await desk.advance(minutes=60)
    await tale.breached()
    await tale.resolved()
    await tale.closed()
    assert (await report(desk, boss, "dashboard/summary"))["slaBreachedTickets"] == 1
    await tale.reopened()
    await tale.promised(60, cycle=2)
    assert (await report(desk, boss, "dashboard/summary"))["slaBreachedTickets"] == 0
    assert await report(desk, boss, "reports/sla-breaches") == []
    await desk.advance(minutes=60)
    await tale.breached(cycle=2)
    assert (await report(desk, boss, "dashboard/summary"))["slaBreachedTickets"] == 1
    assert await desk.desk.audit() == []


async def test_only_agents_are_kept_and_a_former_one_is_reported_while_tickets_are_theirs(
    desk: World, boss: TestPerson
) -> None:
    abe = await make_person(desk, "AGENT", name="Abe")
    await make_person(desk, "USER", name="Una")
    assert [row["name"] for row in await report(desk, boss, "reports/agents")] == ["Abe"]
    tale = await Tale(desk).raised()
    await tale.assigned(abe.id)
    await desk.tell(
        UserChanged(
            user_id=abe.id, name="Abraham", email=abe.email, roles=["USER"], active=True, changed=["roles", "name"]
        )
    )
    (row,) = await report(desk, boss, "reports/agents")
    assert (row["agentId"], row["name"], row["open"]) == (abe.id, "Abraham", 1)
    await tale.cancelled()
    await tale.assigned("nobody-knows")  # the people's topic is behind
    rows = await report(desk, boss, "reports/agents")
    assert [(row["agentId"], row["name"]) for row in rows] == [("nobody-knows", None)]
    first = (await desk.envelopes("USER_REGISTERED"))[1]
    await deliver_bare(desk, first)
    assert [row["agentId"] for row in await report(desk, boss, "reports/agents")] == ["nobody-knows"]


async def test_the_audit_finds_a_counter_that_is_wrong(desk: World) -> None:
    tale = await Tale(desk).raised()
    await tale.assigned("abe")

    async def spoil(tx: Tx) -> None:
        await tx.run("UPDATE reporting_count SET tickets = tickets + 1 WHERE status = 'ASSIGNED'")

    await desk.db.write(TESTER, spoil)
    assert await desk.desk.audit() == ["reporting: ASSIGNED MEDIUM 1 0: kept (2, 0, 0, 0), counted (1, 0, 0, 0)"]


async def test_the_audit_finds_a_counter_of_an_agent_that_is_wrong(desk: World) -> None:
    tale = await Tale(desk).raised()
    await tale.assigned("abe")
    await tale.assigned("bea")
    await tale.resolved()
    rows = await desk.sql("SELECT * FROM reporting_agent_count WHERE tickets <> 0")
    assert [(row["agent_id"], row["status"], row["tickets"], row["measured"]) for row in rows] == [
        ("bea", "RESOLVED", 1, 1)
    ]
    assert await desk.desk.audit() == []

    async def spoil(tx: Tx) -> None:
        await tx.run("UPDATE reporting_agent_count SET responded = 0 WHERE agent_id = 'bea'")
        await tx.run("UPDATE reporting_duration_count SET tickets = 2 WHERE agent_id = 'bea' AND kind = 'RESPONSE'")

    await desk.db.write(TESTER, spoil)
    wrong = await desk.desk.audit()
    assert wrong[0] == "reporting: bea RESOLVED MEDIUM 0: kept (1, 1, 0), counted (1, 1, 1)"
    assert [line.partition(": kept ")[2] for line in wrong[1:]] == ["(2,), counted (1,)"]


async def test_the_middle_of_all_is_found_whoever_solves_gives_back_and_solves_again(
    desk: World, boss: TestPerson
) -> None:
    """All resolutions are counted together too, as they are by a desk that was there before that count."""

    async def middle() -> tuple[float | None, int]:
        found = await report(desk, boss, "reports/avg-resolution-time")
        assert await desk.desk.audit() == []
        return found["medianResolutionMinutes"], found["resolved"]

    tales = [await Tale(desk, f"t-{place}").raised() for place in range(3)]
    assert await middle() == (None, 0)
    for place, tale in enumerate(tales):
        await tale.assigned("abe" if place else "bea")
        await desk.advance(minutes=10)
        await tale.resolved()
    assert await middle() == (20.0, 3)
    await tales[0].reopened()
    assert await middle() == (25.0, 2), "between 20 and 30"
    await tales[0].assigned("abe")
    await desk.advance(minutes=30)
    await tales[0].resolved()
    assert await middle() == (30.0, 3), "the first one after an hour"
    await tales[1].reopened()
    assert await middle() == (45.0, 2)
    upgrade = (Path(reporting.__file__).parent / "migrations" / "0008_all_durations.sql").read_text()

    async def spoil(tx: Tx) -> None:
        await tx.run("DELETE FROM reporting_duration_count WHERE agent_id = '*'")

    async def update(tx: Tx) -> None:
        await tx.run(upgrade[upgrade.index("INSERT") :].rstrip("; \n"))

    await desk.db.write(TESTER, spoil)
    wrong = await desk.desk.audit()
    assert [line.partition(": kept ")[2] for line in wrong] == ["(0,), counted (1,)"] * 2
    await desk.db.write(TESTER, update)
    assert await middle() == (45.0, 2)


async def test_reports_are_made_from_the_log_when_reporting_starts_late(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", ("users",)) as without:
        tale = await Tale(without).raised()
        await tale.assigned("abe")
    async with open_world(tmp_path / "desk", ("users", "reporting")) as world:
        await world.settle()
        boss = await make_person(world, "MANAGER")
        assert (await report(world, boss, "reports/summary"))["assigned"] == 1
