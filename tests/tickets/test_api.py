"""The HTTP interface of tickets, as ``contract.md`` writes it: what is sent, what is answered, what is refused."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.people import TestPerson
from tests.tickets.desk import DRAFT, TicketDesk
from tests.world import World, json_of, open_world

PROBLEM = "application/problem+json"
FIELDS = [
    *("id", "number", "title", "description", "category", "priority", "status", "createdBy", "assignedTo"),
    *("createdAt", "updatedAt", "resolvedAt", "closedAt", "slaDueAt", "slaBreached", "version"),
]


def expect_problem(answer: httpx.Response, status: int, field: str = "") -> dict[str, Any]:
    """Check that an answer is a problem document that names ``field``; return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = json_of(answer)
    assert (problem["status"], problem["type"]) == (status, "about:blank")
    assert problem["message"] == problem["detail"]
    assert problem["title"]
    if field:
        assert any(error.startswith(f"{field}: ") for error in problem["errors"]), problem
    assert "Traceback" not in answer.text
    assert "answerable." not in answer.text
    return problem


# --- raising ---------------------------------------------------------------------------------------------------------


async def test_a_new_ticket_is_answered_whole(office: TicketDesk) -> None:
    answer = await office.call(office.una, "POST", "/tickets", json=DRAFT)
    assert answer.status_code == 201
    ticket = json_of(answer)
    assert list(ticket) == FIELDS, "null fields are there too"
    assert ticket | DRAFT == ticket
    assert (ticket["number"], ticket["status"], ticket["createdBy"]) == (1001, "CREATED", office.una.id)
    assert [ticket[name] for name in ("assignedTo", "resolvedAt", "closedAt", "slaDueAt")] == [None] * 4
    assert (ticket["slaBreached"], ticket["version"]) == (False, 1)
    assert ticket["createdAt"] == ticket["updatedAt"] == "2026-03-02T09:00:00Z"
    assert answer.headers["location"] == f"/api/tickets/{ticket['id']}"
    assert answer.headers["etag"] == '"1"'
    again = await office.get(office.una, answer.headers["location"])
    assert (json_of(again), again.headers["etag"]) == (ticket, '"1"')


async def test_every_date_is_utc_with_z(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    office.world.clock.now += 123_456
    ticket = await office.moved(ticket, "IN_PROGRESS", "RESOLVED")
    ticket = await office.put(office.max, f"/tickets/{ticket['id']}/close")
    for name in ("createdAt", "updatedAt", "resolvedAt", "closedAt"):
        assert ticket[name].endswith("Z"), name
        assert datetime.fromisoformat(ticket[name]).utcoffset() is not None
    assert ticket["closedAt"] == "2026-03-02T09:00:00.123456Z"


async def test_staff_raise_tickets_on_behalf_and_users_do_not(office: TicketDesk) -> None:
    for staff in (office.abe, office.max, office.ada):
        ticket = await office.raised(staff, requesterId=office.una.id)
        assert ticket["createdBy"] == office.una.id
        history = await office.read(office.una, f"/tickets/{ticket['id']}/history")
        assert history[0]["performedBy"] == staff.id
    refused = await office.call(office.otto, "POST", "/tickets", json=DRAFT | {"requesterId": office.una.id})
    expect_problem(refused, 403)
    own = await office.raised(office.otto, requesterId=office.otto.id)
    assert own["createdBy"] == office.otto.id
    nobody = await office.call(office.abe, "POST", "/tickets", json=DRAFT | {"requesterId": "nobody"})
    expect_problem(nobody, 400, "requesterId")
    assert len(await office.read(office.max, "/tickets")) == 4, "a refusal leaves no trace"


async def test_numbers_have_no_gaps_though_drafts_are_refused(office: TicketDesk) -> None:
    first = await office.raised()
    await office.call(office.una, "POST", "/tickets", json=DRAFT | {"category": "COFFEE"})
    await office.call(office.una, "POST", "/tickets", json=DRAFT | {"requesterId": office.otto.id})
    second = await office.raised()
    assert second["number"] == first["number"] + 1


async def test_words_are_tidied_and_kept(office: TicketDesk) -> None:
    title = "  Größe   <b>falsch</b> 🔥 "
    ticket = await office.raised(title=title, description="Line one\r\nline two\u0000, done", priority="critical")
    assert ticket["title"] == "Größe <b>falsch</b> 🔥"
    assert ticket["description"] == "Line one\nline two, done"
    assert ticket["priority"] == "CRITICAL"


async def test_texts_may_be_exactly_as_long_as_the_contract_says(office: TicketDesk) -> None:
    for title, description in (("x" * 5, "y" * 10), ("x" * 200, "y" * 20_000)):
        ticket = await office.raised(title=title, description=description)
        assert (ticket["title"], ticket["description"]) == (title, description)


NOTHING = object()
BAD_DRAFTS: list[tuple[str, Any]] = [
    ("title", "four"),
    ("title", "x" * 201),
    ("title", "   a    "),
    ("title", "\u0000" * 10),
    ("title", 7),
    ("title", None),
    ("title", NOTHING),
    ("description", "too short"),
    ("description", "y" * 20_001),
    ("description", ["a list"] * 10),
    ("description", NOTHING),
    ("category", "COFFEE"),
    ("category", "hardware'; DROP TABLE tickets_ticket; --"),
    ("category", ""),
    ("category", NOTHING),
    ("priority", "URGENT"),
    ("priority", 3),
    ("priority", NOTHING),
    ("requesterId", 12),
]


@pytest.mark.parametrize(("field", "value"), BAD_DRAFTS)
async def test_a_draft_with_a_wrong_field_is_refused_by_name(office: TicketDesk, field: str, value: Any) -> None:
    draft = {**DRAFT, field: value}
    if value is NOTHING:
        del draft[field]
    answer = await office.call(office.abe, "POST", "/tickets", json=draft)
    problem = expect_problem(answer, 400)
    assert any(field in error for error in problem["errors"]), problem
    assert await office.read(office.max, "/tickets") == [], "nothing is stored"


async def test_all_wrong_fields_are_named_at_once(office: TicketDesk) -> None:
    bad = {"title": "x", "description": "y", "category": "z", "priority": "w"}
    problem = expect_problem(await office.call(office.una, "POST", "/tickets", json=bad), 400)
    assert [error.partition(":")[0] for error in problem["errors"]] == ["title", "description", "category", "priority"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"title": "\xff\xfe"}',
        b'{"title": "\\ud800 lonely", "description": "a broken text here", "category": "OTHER", "priority": "LOW"}',
        b'{"title": "' + b"x" * 5000,
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\x00\x01\x02",
        b"title=Printer&description=on+fire",
    ],
    ids=lambda body: repr(body[:18]),
)
async def test_a_body_that_is_no_draft_is_a_bad_request(office: TicketDesk, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    expect_problem(await office.call(office.una, "POST", "/tickets", content=body, headers=headers), 400)
    assert await office.read(office.max, "/tickets") == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/tickets", DRAFT | {"status": "CLOSED"}),
        ("POST", "/tickets", DRAFT | {"createdBy": "somebody"}),
        ("POST", "/tickets", DRAFT | {"slaDueAt": "2099-01-01T00:00:00Z"}),
        ("PATCH", "/tickets/{id}", {"status": "CLOSED"}),
        ("PATCH", "/tickets/{id}", {"assignedTo": "me"}),
        ("PUT", "/tickets/{id}/status", {"status": "IN_PROGRESS", "force": True}),
        ("PUT", "/tickets/{id}/assign", {"agentId": "a", "priority": "LOW"}),
        ("POST", "/tickets/{id}/comments", {"comment": "Hello there", "role": "ADMIN"}),
        ("PUT", "/categories", {"categories": ["ONE"], "more": 1}),
    ],
)
async def test_unknown_fields_are_refused(office: TicketDesk, method: str, path: str, body: dict[str, Any]) -> None:
    ticket = await office.raised()
    answer = await office.call(office.ada, method, path.format(id=ticket["id"]), json=body)
    expect_problem(answer, 400)
    assert await office.read(office.ada, f"/tickets/{ticket['id']}") == ticket


async def test_a_body_larger_than_the_desk_takes(office: TicketDesk) -> None:
    huge = DRAFT | {"description": "x" * 1_100_000}
    expect_problem(await office.call(office.una, "POST", "/tickets", json=huge), 413)


async def test_what_is_not_there(office: TicketDesk) -> None:
    for path in ("/tickets/nothing", "/tickets/%00", "/tickets/' OR 1=1", "/tickets/nothing/comments", "/no/such/way"):
        expect_problem(await office.get(office.max, path), 404)
    for verb in ("close", "reopen", "cancel"):
        expect_problem(await office.call(office.max, "PUT", f"/tickets/nothing/{verb}"), 404)
    refused = await office.call(office.max, "DELETE", "/tickets")
    expect_problem(refused, 405)
    assert set(refused.headers["allow"].split(", ")) >= {"GET", "POST"}


async def test_nobody_gets_in_without_a_token(office: TicketDesk) -> None:
    ticket = await office.raised()
    for method, path in (("GET", "/tickets"), ("POST", "/tickets"), ("GET", f"/tickets/{ticket['id']}")):
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic dW5hOnB3"}):
            answer = await office.call(None, method, path, headers=headers)
            expect_problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")


# --- changing --------------------------------------------------------------------------------------------------------


async def test_two_people_cannot_overwrite_each_other_blindly(office: TicketDesk) -> None:
    ticket = await office.raised()
    path = f"/tickets/{ticket['id']}"
    for headers, title, status in (
        ({"If-Match": '"1"'}, "The first change", 200),
        ({"If-Match": '"1"'}, "A stale change", 412),
        ({"If-Match": '"2"'}, "The second change", 200),
        ({"If-Match": 'W/"3"'}, "The third change", 200),
        ({"If-Match": "*"}, "The fourth change", 200),
        ({}, "The fifth change", 200),
        ({"If-Match": '"not-a-number"'}, "Never this", 412),
        ({"If-Match": '"99999999999999999999999"'}, "Never this", 412),
        ({"If-Match": "6"}, "Never this", 400),
        ({"If-Match": "garbage"}, "Never this", 400),
        ({"If-Match": '"'}, "Never this", 400),
        ({"If-Match": ""}, "Never this", 400),
    ):
        answer = await office.call(office.una, "PATCH", path, json={"title": title}, headers=headers)
        assert answer.status_code == status, (headers, answer.text)
        if status == 200:
            assert answer.headers["etag"] == f'"{json_of(answer)["version"]}"'
        else:
            expect_problem(answer, status)
    assert (await office.read(office.una, path))["title"] == "The fifth change"


async def test_every_change_of_a_ticket_heeds_if_match(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    stale, path = {"If-Match": '"1"'}, f"/tickets/{ticket['id']}"
    for method, verb, body in (
        ("PATCH", "", {"title": "Another title"}),
        ("PUT", "/status", {"status": "IN_PROGRESS"}),
        ("PUT", "/assign", {"agentId": office.bea.id}),
        ("PUT", "/close", None),
        ("PUT", "/reopen", None),
        ("PUT", "/cancel", None),
    ):
        expect_problem(await office.call(office.max, method, path + verb, json=body, headers=stale), 412)
    assert await office.read(office.max, path) == ticket
    fresh = {"If-Match": f'"{ticket["version"]}"'}
    moved = await office.call(office.abe, "PUT", path + "/status", json={"status": "IN_PROGRESS"}, headers=fresh)
    assert moved.headers["etag"] == '"3"'


async def test_a_change_that_changes_nothing_leaves_no_trace(office: TicketDesk) -> None:
    ticket = await office.raised()
    answer = await office.call(office.una, "PATCH", f"/tickets/{ticket['id']}", json={"title": ticket["title"]})
    assert (answer.status_code, json_of(answer)) == (200, ticket)
    answer = await office.call(office.una, "PATCH", f"/tickets/{ticket['id']}", json={})
    assert json_of(answer) == ticket
    assert len(await office.read(office.una, f"/tickets/{ticket['id']}/history")) == 1


async def test_who_may_change_what_a_ticket_says(office: TicketDesk) -> None:
    ticket = await office.raised()
    path = f"/tickets/{ticket['id']}"

    async def patch(who: TestPerson, **changes: Any) -> int:
        return (await office.call(who, "PATCH", path, json=changes)).status_code

    assert await patch(office.una, title="Printer still on fire", category="OTHER") == 200
    assert await patch(office.una, priority="CRITICAL") == 403
    assert await patch(office.otto, title="Not my ticket") == 404
    assert await patch(office.abe, priority="LOW") == 200
    await office.given(ticket)
    assert await patch(office.una, title="Too late for that") == 403
    assert await patch(office.bea, title="Not hers any more") == 404
    assert await patch(office.abe, description="What it really is about.", priority="medium") == 200
    for changes, field in (({"title": "x"}, "title"), ({"category": "COFFEE"}, "category"), ({"priority": "?"}, "pri")):
        problem = expect_problem(await office.call(office.abe, "PATCH", path, json=changes), 400)
        assert field in problem["errors"][0]
    shown = await office.read(office.una, path)
    assert (shown["title"], shown["category"], shown["priority"]) == ("Printer still on fire", "OTHER", "MEDIUM")
    lines = [line["description"] for line in await office.read(office.una, f"{path}/history")]
    assert lines[1:3] == ["Category HARDWARE → OTHER, title changed", "Priority HIGH → LOW"]


async def test_the_status_is_moved_as_the_life_cycle_says(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    path = f"/tickets/{ticket['id']}/status"
    refused = await office.call(office.abe, "PUT", path, json={"status": "RESOLVED"})
    assert expect_problem(refused, 409)["message"] == "Invalid status transition: ASSIGNED → RESOLVED"
    expect_problem(await office.call(office.abe, "PUT", path, json={"status": "DONE"}), 400, "status")
    expect_problem(await office.call(office.abe, "PUT", path, json={"status": None}), 400)
    expect_problem(await office.call(office.abe, "PUT", path), 400)
    expect_problem(await office.call(office.una, "PUT", path, json={"status": "IN_PROGRESS"}), 403)
    assert (await office.put(office.abe, path, status="in_progress"))["status"] == "IN_PROGRESS"


async def test_a_manager_gives_a_ticket_by_query_or_body(office: TicketDesk) -> None:
    ticket = await office.raised()
    path = f"/tickets/{ticket['id']}/assign"
    given = await office.call(office.max, "PUT", path, params={"agentId": office.abe.id})
    assert (given.status_code, json_of(given)["assignedTo"]) == (200, office.abe.id)
    assert json_of(given)["status"] == "ASSIGNED"
    assert (await office.put(office.ada, path, agentId=office.bea.id))["assignedTo"] == office.bea.id
    expect_problem(await office.call(office.max, "PUT", path), 400, "agentId")
    expect_problem(await office.call(office.max, "PUT", path, params={"agentId": ""}), 400, "agentId")
    expect_problem(await office.call(office.max, "PUT", path, params={"agentId": "nobody"}), 404)
    expect_problem(await office.call(office.max, "PUT", path, params={"agentId": office.otto.id}), 409)
    expect_problem(await office.call(office.max, "PUT", path, params={"agentId": office.bea.id}), 409)
    expect_problem(await office.call(office.bea, "PUT", path, params={"agentId": office.abe.id}), 403)
    expect_problem(await office.call(office.una, "PUT", path, params={"agentId": office.abe.id}), 403)


async def test_auto_assign_answers_with_the_agent(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", ["users", "tickets", "assignment"]) as world:
        office = await TicketDesk(world).hire()
        for agent in (office.abe, office.bea):
            await office.put(office.max, f"/agent/{agent.id}/availability", available=False)
        ticket = await office.raised()
        await world.settle()
        path = f"/tickets/{ticket['id']}/auto-assign"
        expect_problem(await office.call(office.abe, "POST", path), 403)
        expect_problem(await office.call(office.max, "POST", "/tickets/nothing/auto-assign"), 404)
        await world.desk.bus.start()
        await office.put(office.max, f"/agent/{office.bea.id}/availability", available=True)
        key = {"Idempotency-Key": "once"}
        answers = [await office.call(office.max, "POST", path, headers=key) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].headers["etag"] == answers[1].headers["etag"] == '"2"'
        for shown in map(json_of, answers):
            assert (shown["assignedTo"], shown["status"]) == (office.bea.id, "ASSIGNED")
        await office.moved(ticket, "IN_PROGRESS", "RESOLVED")
        problem = expect_problem(await office.call(office.max, "POST", path), 409)
        assert problem["message"] == "Invalid status transition: RESOLVED → ASSIGNED"


async def test_auto_assign_tells_where_nobody_is_free(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", ["users", "tickets", "assignment"]) as world:
        office = await TicketDesk(world).hire()
        for agent in (office.abe, office.bea):
            await office.put(office.max, f"/agent/{agent.id}/availability", available=False)
        ticket = await office.raised()
        answer = await office.call(office.max, "POST", f"/tickets/{ticket['id']}/auto-assign")
        assert (answer.status_code, json_of(answer)["assignedTo"]) == (200, None)


# --- idempotency -----------------------------------------------------------------------------------------------------


async def test_a_repeated_post_gives_the_first_answer_and_is_done_once(office: TicketDesk) -> None:
    key = {"Idempotency-Key": "press-twice"}
    first = await office.call(office.una, "POST", "/tickets", json=DRAFT, headers=key)
    office.world.clock.now += 3_600_000_000
    second = await office.call(office.una, "POST", "/tickets", json=DRAFT, headers=key)
    assert (first.status_code, first.content) == (second.status_code, second.content) == (201, first.content)
    for name in ("location", "etag", "content-type"):
        assert first.headers[name] == second.headers[name], name
    assert len(await office.read(office.una, "/tickets")) == 1
    assert len(await office.world.log("TICKET_CREATED")) == 1
    other = await office.call(office.una, "POST", "/tickets", json=DRAFT | {"priority": "LOW"}, headers=key)
    expect_problem(other, 422)
    elsewhere = await office.call(
        office.una, "POST", f"/tickets/{json_of(first)['id']}/comments", json={"comment": "Hello"}, headers=key
    )
    expect_problem(elsewhere, 422)


async def test_a_key_belongs_to_one_person_for_a_day(office: TicketDesk) -> None:
    key = {"Idempotency-Key": "1"}
    unas = await office.call(office.una, "POST", "/tickets", json=DRAFT, headers=key)
    ottos = await office.call(office.otto, "POST", "/tickets", json=DRAFT, headers=key)
    assert json_of(unas)["id"] != json_of(ottos)["id"]
    await office.world.advance(hours=23, minutes=59)
    assert (await office.call(office.una, "POST", "/tickets", json=DRAFT, headers=key)).content == unas.content
    await office.world.advance(minutes=1)
    fresh = await office.call(office.una, "POST", "/tickets", json=DRAFT | {"priority": "LOW"}, headers=key)
    assert (fresh.status_code, json_of(fresh)["number"]) == (201, 1003)


async def test_a_comment_sent_twice_is_said_once(office: TicketDesk) -> None:
    ticket = await office.raised()
    path, key = f"/tickets/{ticket['id']}/comments", {"Idempotency-Key": "c-1"}
    answers = [
        await office.call(office.una, "POST", path, json={"comment": "It burns."}, headers=key) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await office.read(office.una, path)) == 1


async def test_many_at_once_with_one_key_are_one(office: TicketDesk) -> None:
    key = {"Idempotency-Key": "impatient"}
    answers = await asyncio.gather(
        *(office.call(office.una, "POST", "/tickets", json=DRAFT, headers=key) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(await office.read(office.una, "/tickets")) == 1


async def test_a_refused_post_may_be_mended_under_its_key(office: TicketDesk) -> None:
    key = {"Idempotency-Key": "mended"}
    bad = await office.call(office.una, "POST", "/tickets", json=DRAFT | {"title": "x"}, headers=key)
    expect_problem(bad, 400, "title")
    assert (await office.call(office.una, "POST", "/tickets", json=DRAFT, headers=key)).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
async def test_a_key_that_is_none(office: TicketDesk, key: str) -> None:
    answer = await office.call(office.una, "POST", "/tickets", json=DRAFT, headers={"Idempotency-Key": key})
    expect_problem(answer, 400, "Idempotency-Key")


# --- words on a ticket -----------------------------------------------------------------------------------------------


async def test_comments_are_read_in_order_and_notes_only_by_staff(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    said = []
    for who, text, internal in (
        (office.una, "Please hurry.", False),
        (office.abe, "She is right to worry.", True),
        (office.max, "A new one is ordered.", False),
    ):
        office.world.clock.now += 60_000_000
        said.append(await office.said(who, ticket, text, internal=internal))
    path = f"/tickets/{ticket['id']}/comments"
    assert await office.read(office.abe, path) == said
    assert await office.read(office.una, path) == [said[0], said[2]]
    assert list(said[0]) == ["id", "comment", "commentedBy", "commentedByName", "role", "internal", "commentedAt"]
    assert said[1] == {
        "id": said[1]["id"],
        "comment": "She is right to worry.",
        "commentedBy": office.abe.id,
        "commentedByName": "Abe Agent",
        "role": "AGENT",
        "internal": True,
        "commentedAt": "2026-03-02T09:02:00Z",
    }
    answer = await office.get(office.una, path)
    assert answer.headers["x-total-count"] == "2", "a note is not even counted"


async def test_comments_that_cannot_be(office: TicketDesk) -> None:
    ticket = await office.raised()
    path = f"/tickets/{ticket['id']}/comments"
    for body, field in (
        ({"comment": ""}, "comment"),
        ({"comment": " \n\t "}, "comment"),
        ({"comment": "x" * 20_001}, "comment"),
        ({"comment": None}, ""),
        ({}, ""),
        ({"comment": "Hello", "internal": "yes"}, ""),
    ):
        expect_problem(await office.call(office.una, "POST", path, json=body), 400, field)
    expect_problem(await office.call(office.una, "POST", path, json={"comment": "psst", "internal": True}), 403)
    expect_problem(await office.call(office.otto, "POST", path, json={"comment": "Me too"}), 404)
    expect_problem(await office.get(office.otto, path), 404)
    await office.put(office.una, f"/tickets/{ticket['id']}/cancel")
    expect_problem(await office.call(office.una, "POST", path, json={"comment": "One more thing"}), 409)
    assert await office.read(office.una, path) == []


async def test_history_tells_who_really_did_it(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    await office.put(office.abe, f"/tickets/{ticket['id']}/status", status="IN_PROGRESS")
    await office.put(office.max, f"/tickets/{ticket['id']}/status", status="RESOLVED")
    await office.world.advance(days=7)
    await office.put(office.una, f"/tickets/{ticket['id']}/reopen")
    history = await office.read(office.una, f"/tickets/{ticket['id']}/history")
    assert list(history[0]) == ["id", "ticketId", "action", "performedBy", "description", "createdAt"]
    assert {line["ticketId"] for line in history} == {ticket["id"]}
    assert [(line["action"], line["performedBy"], line["description"]) for line in history] == [
        ("TICKET_CREATED", office.una.id, "Ticket raised"),
        ("TICKET_ASSIGNED", office.max.id, "Assigned to Abe Agent"),
        ("STATUS_CHANGED", office.abe.id, "Status ASSIGNED → IN_PROGRESS"),
        ("TICKET_RESOLVED", office.max.id, "Status IN_PROGRESS → RESOLVED"),
        ("TICKET_CLOSED", "SYSTEM", "Status RESOLVED → CLOSED"),
        ("TICKET_REOPENED", office.una.id, "Status CLOSED → IN_PROGRESS"),
    ]
    assert [line["createdAt"] for line in history] == sorted(line["createdAt"] for line in history)
    expect_problem(await office.get(office.otto, f"/tickets/{ticket['id']}/history"), 404)


async def test_the_timeline_tells_both_as_one_story(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    office.world.clock.now += 60_000_000
    await office.said(office.una, ticket, "Any news?")
    office.world.clock.now += 60_000_000
    await office.said(office.abe, ticket, "Between us: no.", internal=True)
    office.world.clock.now += 60_000_000
    await office.put(office.abe, f"/tickets/{ticket['id']}/status", status="IN_PROGRESS")
    path = f"/tickets/{ticket['id']}/timeline"
    whole = await office.read(office.abe, path)
    assert list(whole[0]) == ["type", "action", "performedBy", "message", "timestamp"]
    assert [(line["type"], line["performedBy"], line["message"]) for line in whole] == [
        ("HISTORY", office.una.id, "Ticket raised"),
        ("HISTORY", office.max.id, "Assigned to Abe Agent"),
        ("COMMENT", office.una.id, "Any news?"),
        ("COMMENT", office.abe.id, "Between us: no."),
        ("HISTORY", office.abe.id, "Status ASSIGNED → IN_PROGRESS"),
    ]
    stamps = [line["timestamp"] for line in whole]
    assert stamps == sorted(stamps)
    assert stamps[-1] == "2026-03-02T09:03:00Z"
    assert [line["message"] for line in await office.read(office.una, path)] == [
        line["message"] for line in whole if line["message"] != "Between us: no."
    ]


@pytest.mark.parametrize("name", ["comments", "history"])
async def test_long_stories_are_read_in_pages(office: TicketDesk, name: str) -> None:
    ticket = await office.raised()
    for n in range(5):
        await office.said(office.una, ticket, f"Comment {n}")
        await office.call(office.una, "PATCH", f"/tickets/{ticket['id']}", json={"title": f"Title number {n}"})
    path: str | None = f"/api/tickets/{ticket['id']}/{name}?size=2"
    seen = []
    while path:
        answer = await office.get(office.una, path)
        seen += json_of(answer)
        assert len(json_of(answer)) <= 2
        assert answer.headers["x-total-count"] == {"comments": "5", "history": "6"}[name]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert seen == await office.read(office.una, f"/tickets/{ticket['id']}/{name}")
    for size in (0, 1001, "two"):
        expect_problem(await office.get(office.una, f"/tickets/{ticket['id']}/{name}", size=size), 400, "size")


# --- categories ------------------------------------------------------------------------------------------------------


async def test_categories_are_read_by_all_and_set_by_administrators(office: TicketDesk) -> None:
    codes = await office.read(office.una, "/categories")
    assert codes == ["HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER"]
    old = await office.raised()
    for who in (office.una, office.abe, office.max):
        expect_problem(await office.call(who, "PUT", "/categories", json={"categories": ["COFFEE"]}), 403)
    answer = await office.call(office.ada, "PUT", "/categories", json={"categories": ["COFFEE", "TEA", "COFFEE"]})
    assert json_of(answer) == ["COFFEE", "TEA"] == await office.read(office.una, "/categories")
    assert (await office.raised(category="TEA"))["category"] == "TEA"
    expect_problem(await office.call(office.una, "POST", "/tickets", json=DRAFT), 400, "category")
    assert (await office.read(office.una, f"/tickets/{old['id']}"))["category"] == "HARDWARE"
    assert len(await office.read(office.una, "/tickets", category="HARDWARE")) == 1


@pytest.mark.parametrize(
    "codes", [[], ["lower"], ["WITH SPACE"], [""], ["X" * 51], [f"C{n}" for n in range(201)], "TEA", [7], None]
)
async def test_categories_that_cannot_be(office: TicketDesk, codes: Any) -> None:
    expect_problem(await office.call(office.ada, "PUT", "/categories", json={"categories": codes}), 400)
    assert len(await office.read(office.una, "/categories")) == 5


# --- kept paths, CORS ------------------------------------------------------------------------------------------------


async def test_kept_paths_answer_the_same(office: TicketDesk) -> None:
    made = await office.call(office.una, "POST", "/ticket-service/tickets", json=DRAFT)
    assert made.status_code == 201
    ticket = json_of(made)
    await office.given(ticket)
    await office.said(office.una, ticket, "Hello there")
    one = f"/tickets/{ticket['id']}"
    for path in (
        *("/tickets", "/tickets?size=1&count=exact", "/tickets?status=NOPE", one, f"{one}/comments", f"{one}/history"),
        *(f"{one}/timeline", f"/tickets/user/{office.una.id}", f"/tickets/agent/{office.abe.id}", "/tickets/nothing"),
        *("/tickets/status/ASSIGNED", "/categories"),
    ):
        for who in (office.una, office.abe, office.max):
            ours, kept = await office.get(who, path), await office.get(who, f"/ticket-service{path}")
            assert (ours.status_code, ours.content) == (kept.status_code, kept.content), path
            for name in ("x-total-count", "link", "etag", "content-type"):
                assert ours.headers.get(name) == kept.headers.get(name), (path, name)
    moved = await office.call(office.abe, "PUT", f"/ticket-service{one}/status", json={"status": "IN_PROGRESS"})
    assert json_of(moved)["status"] == "IN_PROGRESS"


ORIGIN = {"Origin": "http://localhost:4200"}


async def test_known_origins_may_read_answers_and_errors(office: TicketDesk) -> None:
    for who, path, status in (
        (office.una, "/tickets", 200),
        (office.una, "/tickets/nothing", 404),
        (office.una, "/tickets?size=none", 400),
        (None, "/tickets", 401),
    ):
        answer = await office.call(who, "GET", path, headers=ORIGIN)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert {"link", "x-total-count", "location", "etag"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
        assert "Origin" in answer.headers["vary"]
        stranger = await office.call(who, "GET", path, headers={"Origin": "http://evil.test"})
        assert "access-control-allow-origin" not in stranger.headers


async def test_a_preflight_needs_no_token(office: TicketDesk) -> None:
    asked = ORIGIN | {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    for path in ("/tickets", "/tickets/some-id", "/ticket-service/tickets/some-id/status"):
        answer = await office.call(None, "OPTIONS", path, headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
        assert set(answer.headers["access-control-allow-methods"].split(", ")) == {
            *("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
        }
        allowed = set(answer.headers["access-control-allow-headers"].lower().split(", "))
        assert allowed == {"authorization", "content-type", "idempotency-key", "if-match"}
    stranger = await office.call(None, "OPTIONS", "/tickets", headers=asked | {"Origin": "http://evil.test"})
    assert "access-control-allow-methods" not in stranger.headers


async def test_a_disk_that_takes_nothing_is_told_kindly(office: TicketDesk) -> None:
    world: World = office.world
    async with world.nothing_can_be_written():
        answer = await office.call(office.una, "POST", "/tickets", json=DRAFT, headers=ORIGIN)
        expect_problem(answer, 503)
        assert answer.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    assert (await office.raised())["number"] == 1001
