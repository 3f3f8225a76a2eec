"""Whole stories over HTTP, with every feature at work. Each ends sound: see ``desk.expect_sound``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.gateway.sse import SseClient, listening
from tests.journeys.desk import Client, company, signed_in
from tests.kafka import settings_on, shared_broker
from tests.world import json_of

Where: TypeAlias = Callable[[], dict[str, Any]]
ON = pytest.mark.parametrize(
    "on",
    [
        pytest.param(dict, id="today's paths"),
        pytest.param(lambda: {"kept": True}, id="kept paths"),
        pytest.param(lambda: settings_on(shared_broker()), id="kafka", marks=pytest.mark.slow),
        pytest.param(lambda: {"apart": shared_broker()}, id="apart", marks=pytest.mark.slow),
    ],
)


def heard(stream: SseClient) -> list[tuple[str, str]]:
    """Return the signals that have come so far."""
    found, stream._seen = stream._seen, []
    return found


@ON
async def test_a_ticket_from_first_word_to_last(tmp_path: Path, on: Where) -> None:
    async with company(tmp_path, **on()) as desk:
        world = desk.world
        una, otto = await signed_in(desk, "USER", name="Una User"), await signed_in(desk, "USER", name="Otto User")
        abe = await signed_in(desk, "AGENT", name="Abe Agent")
        max_ = await signed_in(desk, "MANAGER", name="Max Manager")
        async with listening(world, una) as unas, listening(world, otto) as ottos, listening(world, abe) as abes:
            # Una raises a ticket; the desk gives it to Abe by itself, and both are told.
            ticket = await desk.raised(una)
            one = f"/tickets/{ticket['id']}"
            assert (ticket["status"], ticket["assignedTo"]) == ("ASSIGNED", abe.id)
            assert ticket["slaDueAt"] == "2026-03-02T13:00:00Z"
            assert await desk.told(una) == ["TICKET_CREATED", "TICKET_ASSIGNED"]
            assert await desk.told(abe) == ["TICKET_ASSIGNED"]
            assert await desk.workload(abe) == {"Abe Agent": 1}
            signal = ("ticket", f'{{"ticket":"{ticket["id"]}"}}')
            assert signal in await unas.until("bell")
            assert signal in await abes.until("bell")

            # Abe starts, asks, and waits for the answer: the clock stands.
            await world.advance(minutes=10)
            await desk.status(abe, ticket, "IN_PROGRESS")
            await world.advance(minutes=5)
            await desk.said(abe, ticket, "Which of the two printers?")
            await desk.said(abe, ticket, "I bet it is the old one.", internal=True)
            waiting = await desk.status(abe, ticket, "WAITING")
            assert (waiting["status"], waiting["slaDueAt"]) == ("WAITING", None)
            assert await desk.told(una) == ["STATUS_CHANGED", "COMMENT_ADDED", "STATUS_CHANGED"]
            assert await desk.told(abe) == [], "nobody is told what they did themselves"
            await world.advance(hours=3)
            assert await desk.told(abe) == [], "while it waits nothing is at risk"

            # Una answers: work goes on, and the deadline has moved by as long as it stood.
            await desk.said(una, ticket, "The old one.")
            again = await desk.ticket(una, ticket)
            assert (again["status"], again["slaDueAt"]) == ("IN_PROGRESS", "2026-03-02T16:00:00Z")
            assert await desk.told(abe) == ["COMMENT_ADDED", "STATUS_CHANGED"]
            assert await desk.told(una) == []
            await world.advance(minutes=20)
            resolved = await desk.status(abe, ticket, "RESOLVED")
            assert resolved["resolvedAt"] == "2026-03-02T12:35:00Z"
            assert await desk.told(una) == ["TICKET_RESOLVED"]
            assert await desk.workload(max_) == {"Abe Agent": 0}

            # It burns again: Una reopens, the clock goes on where it stopped, Abe resolves for good.
            await world.advance(hours=2)
            await desk.do(una, "PUT", f"{one}/reopen")
            reopened = await desk.ticket(una, ticket)
            assert (reopened["status"], reopened["assignedTo"]) == ("IN_PROGRESS", abe.id)
            assert (reopened["resolvedAt"], reopened["slaDueAt"]) == (None, "2026-03-02T18:00:00Z")
            assert await desk.told(abe) == ["TICKET_REOPENED"]
            assert await desk.workload(max_) == {"Abe Agent": 1}
            await world.advance(minutes=30)
            await desk.status(abe, ticket, "RESOLVED")
            await world.advance(days=6, hours=23)
            assert (await desk.ticket(una, ticket))["status"] == "RESOLVED"
            await world.advance(hours=1)
            closed = await desk.ticket(una, ticket)
            assert (closed["status"], closed["closedAt"]) == ("CLOSED", "2026-03-09T15:05:00Z")
            assert closed["slaBreached"] is False
            assert await desk.told(una) == ["TICKET_RESOLVED", "TICKET_CLOSED"]

            assert signal in heard(unas)
            assert signal in heard(abes)
            assert heard(ottos) == [], "what Otto may not see he does not even hear of"

        history = await desk.get(una, f"{one}/history")
        assert [(line["action"], line["performedBy"]) for line in history] == [
            ("TICKET_CREATED", una.id),
            ("TICKET_ASSIGNED", "SYSTEM"),
            ("STATUS_CHANGED", abe.id),
            ("STATUS_CHANGED", abe.id),
            ("STATUS_CHANGED", una.id),
            ("TICKET_RESOLVED", abe.id),
            ("TICKET_REOPENED", una.id),
            ("TICKET_RESOLVED", abe.id),
            ("TICKET_CLOSED", "SYSTEM"),
        ]
        for who, words in (
            (una, ["Which of the two printers?", "The old one."]),
            (abe, ["Which of the two printers?", "I bet it is the old one.", "The old one."]),
        ):
            timeline = await desk.get(who, f"{one}/timeline")
            assert [line["message"] for line in timeline if line["type"] == "COMMENT"] == words
            assert [line["action"] for line in timeline if line["type"] == "HISTORY"] == [h["action"] for h in history]
            stamps = [line["timestamp"] for line in timeline]
            assert stamps == sorted(stamps)
        assert await desk.refused(otto, "GET", f"{one}/timeline") == (404, "There is no such ticket.")

        await expect_reports_of_one_closed_ticket(desk, max_, abe)


async def expect_reports_of_one_closed_ticket(desk: Client, boss: Any, agent: Any) -> None:
    summary = await desk.get(boss, "/reports/summary")
    assert (summary["totalTickets"], summary["open"], summary["resolved"], summary["closed"]) == (1, 0, 1, 1)
    minutes = 6 * 60 + 5.0  # raised at 9:00, resolved for good at 15:05
    assert await desk.get(boss, "/reports/avg-resolution-time") == {
        "averageResolutionMinutes": minutes,
        "medianResolutionMinutes": minutes,
        "resolved": 1,
    }
    by_status = {row["status"]: row["count"] for row in await desk.get(boss, "/reports/tickets-by-status")}
    assert (by_status.pop("CLOSED"), set(by_status.values())) == (1, {0})
    assert await desk.get(boss, "/reports/sla-breaches") == []
    assert (await desk.get(boss, "/dashboard/summary"))["closedTickets"] == 1
    (row,) = await desk.get(boss, "/reports/agents")
    assert row == {
        "agentId": agent.id,
        "name": agent.name,
        "open": 0,
        "resolved": 1,
        "medianFirstResponseMinutes": 15.0,
        "medianResolutionMinutes": minutes,
        "breaches": 0,
    }
    assert (await desk.refused(agent, "GET", "/reports/summary"))[0] == 403


@ON
async def test_nobody_is_free_until_somebody_is(tmp_path: Path, on: Where) -> None:
    async with company(tmp_path, **on()) as desk:
        una = await signed_in(desk, "USER", name="Una User")
        abe = await signed_in(desk, "AGENT", name="Abe Agent")
        max_, ada = await signed_in(desk, "MANAGER", name="Max"), await signed_in(desk, "ADMIN", name="Ada")
        await desk.do(abe, "PUT", f"/agent/{abe.id}/availability", {"available": False})
        later, sooner = await desk.raised(una, priority="LOW"), await desk.raised(una, priority="CRITICAL")
        for ticket in (later, sooner):
            assert (ticket["status"], ticket["assignedTo"]) == ("CREATED", None)
            assert ticket["slaDueAt"] is not None, "the promise runs all the same"
        status, message = await desk.refused(max_, "POST", f"/assign/{later['id']}")
        assert (status, message) == (409, "Nobody is free right now; the ticket waits.")

        # One place: the urgent ticket is taken first, the other one when that place is free again.
        await desk.do(max_, "PUT", f"/agent/{abe.id}/availability", {"capacity": 1})
        await desk.do(abe, "PUT", f"/agent/{abe.id}/availability", {"available": True})
        assert (await desk.ticket(una, sooner))["assignedTo"] == abe.id
        assert (await desk.ticket(una, later))["assignedTo"] is None
        for status in ("IN_PROGRESS", "RESOLVED"):
            await desk.status(abe, sooner, status)
        assert (await desk.ticket(una, later))["assignedTo"] == abe.id
        assert await desk.workload(max_) == {"Abe Agent": 1}

        # Abe leaves: his token ends, his ticket goes to Bea, who comes that moment.
        await desk.do(ada, "PATCH", f"/users/admin/{abe.id}", {"active": False})
        assert (await desk.refused(abe, "GET", "/tickets"))[0] == 401
        back = await desk.ticket(una, later)
        assert (back["status"], back["assignedTo"]) == ("CREATED", None)
        bea = await signed_in(desk, "AGENT", name="Bea Agent")
        taken = await desk.ticket(una, later)
        assert (taken["status"], taken["assignedTo"]) == ("ASSIGNED", bea.id)
        assert taken["slaDueAt"] == later["slaDueAt"], "no clock was reset"
        assert await desk.workload(max_) == {"Bea Agent": 1}
        assert await desk.told(bea) == ["TICKET_ASSIGNED"]
        assert (await desk.told(una))[-2:] == ["STATUS_CHANGED", "TICKET_ASSIGNED"]

        # With another agent there, a ticket moves on at once; a resolved one stays with whom resolved it.
        cid = await signed_in(desk, "AGENT", name="Cid Agent")
        begun = await desk.status(bea, later, "IN_PROGRESS")
        await desk.do(ada, "PATCH", f"/users/admin/{bea.id}", {"roles": ["USER"]})
        moved = await desk.ticket(una, begun)
        assert (moved["status"], moved["assignedTo"]) == ("ASSIGNED", cid.id)
        assert (await desk.ticket(una, sooner))["assignedTo"] == abe.id
        actions = [line["action"] for line in await desk.get(una, f"/tickets/{later['id']}/history")]
        assert actions.count("TICKET_UNASSIGNED") == 2
        # Reopened, it cannot go back to Abe, so it goes to whoever is here.
        await desk.do(una, "PUT", f"/tickets/{sooner['id']}/reopen")
        assert (await desk.ticket(una, sooner))["assignedTo"] == cid.id


@ON
async def test_a_promise_is_broken_and_a_manager_is_called_in(tmp_path: Path, on: Where) -> None:
    async with company(tmp_path, **on()) as desk:
        world = desk.world
        una, abe = await signed_in(desk, "USER", name="Una"), await signed_in(desk, "AGENT", name="Abe")
        max_, mia = await signed_in(desk, "MANAGER", name="Max"), await signed_in(desk, "MANAGER", name="Mia")

        first = await desk.raised(una, priority="CRITICAL")
        await desk.said(abe, first, "I am on my way.")
        assert first["slaDueAt"] == "2026-03-02T10:00:00Z"
        await desk.told(abe)
        await world.advance(minutes=45)
        assert await desk.told(abe) == ["SLA_AT_RISK"]
        await world.advance(minutes=14, seconds=59)
        assert (await desk.ticket(una, first))["slaBreached"] is False
        await world.advance(seconds=1)
        late = await desk.ticket(una, first)
        assert (late["slaBreached"], late["slaDueAt"]) == (True, "2026-03-02T10:00:00Z")
        assert await desk.told(abe) == ["SLA_BREACHED", "TICKET_ESCALATED"]
        (escalation,) = await desk.get(max_, "/escalations/logs")
        assert await desk.get(mia, "/assign/escalations") == [escalation]
        called, other = (max_, mia) if escalation["escalatedToManagerId"] == max_.id else (mia, max_)
        assert escalation == {
            "ticketId": first["id"],
            "agentId": abe.id,
            "escalatedToManagerId": called.id,
            "escalatedToRole": "MANAGER",
            "priority": "CRITICAL",
            "reason": "Resolution was due at 2026-03-02T10:00:00Z",
            "escalatedAt": "2026-03-02T10:00:00Z",
        }
        assert await desk.told(called) == ["TICKET_ESCALATED"]
        assert await desk.told(other) == []
        assert await desk.get(called, f"/escalations/manager/{called.id}") == [escalation]
        assert (await desk.refused(called, "GET", f"/escalations/manager/{other.id}"))[0] in (403, 404)

        # The next one goes to the manager who has none yet. A priority that rises may break a promise at once.
        second = await desk.raised(una, priority="LOW")
        await desk.said(abe, second, "Soon.")
        assert second["slaDueAt"] == "2026-03-03T10:00:00Z"
        await world.advance(hours=2)
        await desk.do(abe, "PATCH", f"/tickets/{second['id']}", {"priority": "CRITICAL"})
        await world.advance(seconds=1)
        raised = await desk.ticket(una, second)
        assert (raised["slaDueAt"], raised["slaBreached"]) == ("2026-03-02T11:00:00Z", True)
        assert await desk.told(other) == ["TICKET_ESCALATED"]

        # One that falls gives more time, counted from the start; and it warns anew.
        third = await desk.raised(una, priority="CRITICAL")
        await desk.said(abe, third, "Is it as bad as that?")
        await world.advance(minutes=50)
        await desk.do(abe, "PATCH", f"/tickets/{third['id']}", {"priority": "MEDIUM"})
        assert (await desk.ticket(una, third))["slaDueAt"] == "2026-03-02T20:00:01Z"
        await world.advance(hours=6)
        assert (await desk.ticket(una, third))["slaBreached"] is False

        late_ones = await desk.do(max_, "POST", "/sla/check", {"dryRun": True})
        assert [(row["ticketId"], row["breached"], row["escalated"]) for row in late_ones] == [
            (first["id"], True, True),
            (second["id"], True, True),
        ]
        assert (await desk.refused(abe, "POST", "/sla/check", {}))[0] == 403
        # Somebody who looks by hand finds what is due now, before the timer does.
        world.clock.now += 2 * 3_600_000_000
        found = await desk.do(max_, "POST", "/sla/check", {})
        assert [row["ticketId"] for row in found] == [first["id"], second["id"], third["id"]]
        breaches = await desk.get(max_, "/reports/sla-breaches")
        assert [row["ticketId"] for row in breaches] == [third["id"], second["id"], first["id"]]
        assert (await desk.get(max_, "/dashboard/summary"))["slaBreachedTickets"] == 3

        # A breach is never erased: not by another agent, not by the end.
        for status in ("IN_PROGRESS", "RESOLVED"):
            await desk.status(abe, first, status)
        assert (await desk.ticket(una, first))["slaBreached"] is True
        assert [row["ticketId"] for row in await desk.do(max_, "POST", "/sla/check", {})] == [second["id"], third["id"]]
        types = [message.TYPE for message in await world.log("SLA_BREACHED", "TICKET_ESCALATED")]
        assert types == ["SLA_BREACHED", "TICKET_ESCALATED"] * 3, "each exactly once"


@ON
async def test_a_manager_assigns_by_hand(tmp_path: Path, on: Where) -> None:
    async with company(tmp_path, assignment__capacity=1, **on()) as desk:
        world = desk.world
        una, abe = await signed_in(desk, "USER", name="Una"), await signed_in(desk, "AGENT", name="Abe")
        max_, ada = await signed_in(desk, "MANAGER", name="Max"), await signed_in(desk, "ADMIN", name="Ada")
        first, second = await desk.raised(una), await desk.raised(una)
        assert (first["assignedTo"], second["assignedTo"]) == (abe.id, None), "Abe has one place"
        one, two = f"/tickets/{first['id']}", f"/tickets/{second['id']}"

        # Capacity does not bind a person.
        given = await desk.do(max_, "PUT", f"{two}/assign", agentId=abe.id)
        assert (given["assignedTo"], given["status"]) == (abe.id, "ASSIGNED")
        assert await desk.workload(max_) == {"Abe": 2}
        assert await desk.told(abe) == ["TICKET_ASSIGNED", "TICKET_ASSIGNED"]
        assert await desk.told(max_) == []

        # Reassigned on the other path: the clock goes on, and the former agent is told too.
        await world.advance(hours=1)
        bea = await signed_in(desk, "AGENT", name="Bea")
        await desk.status(abe, first, "IN_PROGRESS")
        await desk.told(una)
        answer = await desk.do(max_, "POST", f"/assign/{first['id']}", {"agentId": bea.id})
        assert answer == {
            "ticketId": first["id"],
            "agentId": bea.id,
            "priority": "HIGH",
            "assignedAt": "2026-03-02T10:00:00Z",
            "slaDueAt": "2026-03-02T13:00:00Z",
            "escalated": True,  # nobody answered within the hour that HIGH promises
        }
        moved = await desk.ticket(una, first)
        assert (moved["assignedTo"], moved["status"], moved["slaDueAt"]) == (bea.id, "ASSIGNED", first["slaDueAt"])
        assert "TICKET_ASSIGNED" in await desk.told(abe)
        assert await desk.told(bea) == ["TICKET_ASSIGNED"]
        assert await desk.told(una) == ["TICKET_ASSIGNED"]
        assert (await desk.refused(abe, "GET", one))[0] == 404, "it is not his to see any more"
        assert await desk.workload(max_) == {"Abe": 1, "Bea": 1}

        # What cannot be done, on both paths alike.
        gone = await signed_in(desk, "AGENT", name="Gus Gone")
        await desk.do(ada, "PATCH", f"/users/admin/{gone.id}", {"active": False})
        for agent_id, status in (("nobody", 404), (una.id, 409), (gone.id, 409), (bea.id, 409)):
            for method, path in (("PUT", f"{one}/assign"), ("POST", f"/assign/{first['id']}")):
                assert (await desk.refused(max_, method, path, {"agentId": agent_id}))[0] == status, (path, agent_id)
        for who in (una, abe, bea):
            assert (await desk.refused(who, "PUT", f"{one}/assign", agentId=abe.id))[0] in (403, 404)
            assert (await desk.refused(who, "POST", f"/assign/{first['id']}", {"agentId": abe.id}))[0] == 403
        assert (await desk.refused(max_, "POST", "/assign/nothing", {"agentId": abe.id}))[0] == 404

        # The desk chooses where nobody is named: the ticket stays with an agent who works here.
        kept_one = await desk.do(max_, "POST", f"/assign/{second['id']}")
        assert kept_one["agentId"] == abe.id
        history = [(h["action"], h["performedBy"]) for h in await desk.get(una, f"{one}/history")]
        assert history[1:] == [("TICKET_ASSIGNED", "SYSTEM"), ("STATUS_CHANGED", abe.id), ("TICKET_ASSIGNED", max_.id)]

        # A breach outlives a new agent, and an ended ticket has none.
        await world.advance(hours=4)
        assert (await desk.ticket(max_, first))["slaBreached"] is True
        await desk.do(max_, "PUT", f"{one}/assign", {"agentId": abe.id})
        assert (await desk.ticket(max_, first))["slaBreached"] is True
        await desk.do(una, "PUT", f"{two}/cancel")
        for method, path in (("PUT", f"{two}/assign"), ("POST", f"/assign/{second['id']}")):
            answer = await desk.send(max_, method, path, {"agentId": bea.id})
            assert (answer.status_code, json_of(answer)["message"]) == (
                409,
                "Invalid status transition: CANCELLED → ASSIGNED",
            )
        assert await desk.workload(max_) == {"Abe": 1, "Bea": 0}
