"""What people ask about promises and escalations, and who may."""

from dataclasses import replace

import msgspec
import pytest

from answerable.messages.tickets import StatusChanged, TicketAssigned
from tests.people import TestPerson, make_person, token_for
from tests.sla.stories import Story, at
from tests.world import World, json_of


async def test_check_lists_every_open_late_ticket_also_those_it_finds(world: World) -> None:
    for name in ("t1", "t2", "t3"):
        story = await Story(world, name).raised()
        await story.answered()
    await story.becomes("RESOLVED")
    world.clock.now = at("13:30")  # nobody has looked yet
    max_ = await make_person(world, "MANAGER", name="Max")
    dry = await world.http.post("/api/sla/check", headers=max_.headers, json={"dryRun": True})
    assert dry.status_code == 200
    line = {"breached": True, "slaDueAt": "2026-03-02T13:00:00Z", "escalated": False}
    assert json_of(dry) == [{"ticketId": "t1", **line}, {"ticketId": "t2", **line}]
    assert not await world.log("SLA_BREACHED"), "a dry run changes nothing"
    wet = await world.http.post("/api/sla/check", headers=max_.headers)
    await world.settle()
    line["escalated"] = True
    assert json_of(wet) == [{"ticketId": "t1", **line}, {"ticketId": "t2", **line}]
    assert len(await world.log("SLA_BREACHED")) == 2
    assert {sealed.actor for sealed in await world.envelopes("SLA_BREACHED")} == {"sla"}
    again = await world.http.post("/api/sla/check", headers=max_.headers, json={})
    assert json_of(again) == json_of(wet)
    assert len(await world.log("SLA_BREACHED")) == 2
    kept = await world.http.post("/assignment-service/api/sla/check", headers=max_.headers)
    assert json_of(kept) == json_of(wet)


async def test_check_refuses_what_it_does_not_know(world: World) -> None:
    max_ = await make_person(world, "MANAGER")
    for body in ({"dryRun": "maybe"}, {"dry": True}, [1]):
        answer = await world.http.post("/api/sla/check", headers=max_.headers, json=body)
        assert answer.status_code == 400
        assert json_of(answer)["message"]


@pytest.mark.parametrize("role", ["USER", "AGENT"])
async def test_promises_are_checked_and_escalations_read_by_managers(world: World, role: str) -> None:
    person = await make_person(world, role)
    assert (await world.http.post("/api/sla/check")).status_code == 401
    assert (await world.http.post("/api/sla/check", headers=person.headers)).status_code == 403
    for path in ("logs", f"manager/{person.id}"):
        assert (await world.http.get(f"/api/escalations/{path}")).status_code == 401
        assert (await world.http.get(f"/api/escalations/{path}", headers=person.headers)).status_code == 403


async def again(world: World, person: TestPerson) -> TestPerson:
    """Sign a person in again; an hour and more has passed."""
    return replace(person, headers={"Authorization": f"Bearer {await token_for(world, person.id)}"})


async def late(world: World, *names: str) -> None:
    for name in names:
        story = Story(world, name, "CRITICAL")
        story.ref = msgspec.structs.replace(story.ref, agent_id="abe")
        await story.raised()
        await story.answered()
        await world.advance(hours=1)


async def test_the_log_of_escalations_newest_first_and_by_page(world: World) -> None:
    max_ = await make_person(world, "MANAGER", name="Max")
    await late(world, "t1", "t2", "t3")
    max_ = await again(world, max_)
    answer = await world.http.get("/api/escalations/logs", headers=max_.headers)
    assert answer.headers["x-total-count"] == "3"
    assert [row["ticketId"] for row in json_of(answer)] == ["t3", "t2", "t1"]
    assert json_of(answer)[-1] == {
        "ticketId": "t1",
        "agentId": "abe",
        "escalatedToManagerId": max_.id,
        "escalatedToRole": "MANAGER",
        "priority": "CRITICAL",
        "reason": "Resolution was due at 2026-03-02T10:00:00Z",
        "escalatedAt": "2026-03-02T10:00:00Z",
    }
    for path in ("/api/assign/escalations", "/assignment-service/api/assign/escalations"):
        assert json_of(await world.http.get(path, headers=max_.headers)) == json_of(answer)
    seen, url = [], "/api/escalations/logs?size=2"
    while url:
        part = await world.http.get(url, headers=max_.headers)
        seen += [row["ticketId"] for row in json_of(part)]
        url = part.links.get("next", {}).get("url", "")
    assert seen == ["t3", "t2", "t1"]
    second = await world.http.get("/api/escalations/logs?size=2&page=1&count=exact", headers=max_.headers)
    assert [row["ticketId"] for row in json_of(second)] == ["t1"]
    for query in ("size=0", "size=x", "page=-1", "cursor=nonsense", "page=9999&size=1000", "count=1"):
        assert (await world.http.get(f"/api/escalations/logs?{query}", headers=max_.headers)).status_code == 400


async def test_managers_read_their_own_escalations_administrators_everybodys(world: World) -> None:
    max_ = await make_person(world, "MANAGER", name="Max")
    await late(world, "t1")
    max_ = await again(world, max_)
    mia = await make_person(world, "MANAGER", name="Mia")
    ada = await make_person(world, "ADMIN", name="Ada")
    for path in ("/api/escalations/manager", "/api/assign/escalations/manager"):
        for reader in (max_, ada):
            answer = await world.http.get(f"{path}/{max_.id}", headers=reader.headers)
            assert [row["ticketId"] for row in json_of(answer)] == ["t1"]
        assert json_of(await world.http.get(f"{path}/{mia.id}", headers=mia.headers)) == []
        assert (await world.http.get(f"{path}/{max_.id}", headers=mia.headers)).status_code == 404
        assert (await world.http.get(f"{path}/nobody", headers=ada.headers)).status_code == 404


async def test_the_clocks_of_a_ticket_with_what_explains_them(world: World) -> None:
    story = await Story(world).raised()
    await world.advance(minutes=30)
    await story.answered()
    await story.becomes("WAITING")
    await world.advance(hours=1)
    max_ = await make_person(world, "MANAGER")
    clocks = json_of(await world.http.get("/api/tickets/t1/sla", headers=max_.headers))
    assert [(c["target"], c["state"], c["dueAt"], c["elapsedMinutes"]) for c in clocks] == [
        ("FIRST_RESPONSE", "FULFILLED", "2026-03-02T10:00:00Z", 30.0),
        ("RESOLUTION", "PAUSED", None, 30.0),
    ]
    assert clocks[1]["targetMinutes"] == 240
    assert [event["kind"] for event in clocks[1]["events"]] == ["activate", "pause"]


async def test_who_may_see_the_clocks_of_a_ticket(world: World) -> None:
    una, otto = await make_person(world, "USER"), await make_person(world, "USER")
    abe, bea = await make_person(world, "AGENT"), await make_person(world, "AGENT")
    mia, ada = await make_person(world, "MANAGER"), await make_person(world, "ADMIN")
    story = Story(world)
    story.ref = msgspec.structs.replace(story.ref, requester_id=una.id)
    await story.raised()

    async def seen() -> list[int]:
        people = (una, otto, abe, bea, mia, ada)
        return [(await world.http.get("/api/tickets/t1/sla", headers=who.headers)).status_code for who in people]

    assert await seen() == [200, 404, 200, 200, 200, 200]
    given = msgspec.structs.replace(story.ref, agent_id=abe.id, status="ASSIGNED")
    await world.tell(
        StatusChanged(ticket=given, former_status="CREATED", status="ASSIGNED"),
        TicketAssigned(ticket=given, former_agent_id=None, assigned_by=None, automatic=True),
    )
    assert await seen() == [200, 404, 200, 404, 200, 200]
    assert (await world.http.get("/api/tickets/t1/sla")).status_code == 401
    assert (await world.http.get("/api/tickets/other/sla", headers=ada.headers)).status_code == 404


async def test_a_ticket_shows_its_resolution_deadline(world: World) -> None:
    una, abe = await make_person(world, "USER"), await make_person(world, "AGENT")
    mia = await make_person(world, "MANAGER")
    draft = {"title": "No sound", "description": "Silence since noon.", "category": "HARDWARE", "priority": "CRITICAL"}
    raised = json_of(await world.http.post("/api/tickets", headers=una.headers, json=draft))
    await world.settle()
    path = f"/api/tickets/{raised['id']}"

    async def shown() -> tuple[str | None, bool]:
        ticket = json_of(await world.http.get(path, headers=mia.headers))
        return ticket["slaDueAt"], ticket["slaBreached"]

    async def puts(verb: str, **body: str) -> None:
        answer = await world.http.put(f"{path}/{verb}", headers=mia.headers, json=body or None)
        assert answer.status_code in (200, 409), "409: the desk has given it to Abe already"
        await world.settle()

    assert await shown() == ("2026-03-02T10:00:00Z", False)
    await puts("assign", agentId=abe.id)
    await puts("status", status="IN_PROGRESS")
    await world.advance(minutes=10)
    await puts("status", status="WAITING")
    assert await shown() == (None, False)
    await world.advance(minutes=10)
    await puts("status", status="RESOLVED")
    assert await shown() == ("2026-03-02T10:10:00Z", False)
    await puts("reopen")
    assert await shown() == ("2026-03-02T10:10:00Z", False)
    await world.http.patch(path, headers=mia.headers, json={"priority": "LOW"})
    await world.settle()
    assert await shown() == ("2026-03-03T09:10:00Z", False)
    await world.advance(minutes=30)
    await world.http.patch(path, headers=mia.headers, json={"priority": "CRITICAL"})
    await world.settle()
    assert await shown() == ("2026-03-02T10:10:00Z", False)
    await world.advance(minutes=20)
    mia = await again(world, mia)
    assert await shown() == ("2026-03-02T10:10:00Z", True)
    assert await world.desk.audit() == []
