"""The whole story on a real desk and a real server: what readers of the old system see."""

from typing import Any

import msgspec
import pytest

from answerable.mirror.rules import COLLECTIONS
from answerable.notifications.queries import notice_view
from tests.mirror.glass import Glass, as_json, said
from tests.people import PASSWORD, TestPerson, make_person
from tests.world import EVERY_START

pytestmark = pytest.mark.slow


async def expect_equal(glass: Glass, ada: TestPerson) -> None:
    """Compare what MongoDB holds with what the API says, person by person and ticket by ticket."""
    await glass.reflect()
    documents = await glass.documents()
    assert documents == await said(glass.world)
    people = await glass.get(ada, "/users/admin", size=1000)
    tickets = await glass.get(ada, "/tickets", size=1000)
    assert {key for key in documents if key[0] == "users"} == {("users", each["id"]) for each in people}
    for person in people:
        assert {"id": person["id"]} | as_json(documents["users", person["id"]]) == person
    assert {key for key in documents if key[0] == "tickets"} == {("tickets", each["id"]) for each in tickets}
    for ticket in tickets:
        assert {"id": ticket["id"]} | as_json(documents["tickets", ticket["id"]]) == ticket
        assignment = documents["assignments", ticket["id"]]
        assert assignment["ticketId"] == ticket["id"]
        assert assignment["agentId"] == ticket["assignedTo"]
        assert assignment["priority"] == ticket["priority"]
        assert (assignment["assignedAt"] is None) == (ticket["assignedTo"] is None)
    notices = await glass.world.sql("SELECT * FROM notifications_notice")
    assert {key[1] for key in documents if key[0] == "notifications"} == {each["id"] for each in notices}
    for row in notices:
        notice = msgspec.to_builtins(notice_view(row))
        assert {"id": notice["id"]} | as_json(documents["notifications", notice["id"]]) == notice


async def test_the_whole_story(glass: Glass) -> None:
    ada = await make_person(glass.world, "ADMIN", name="Ada Admin")
    mia = await make_person(glass.world, "MANAGER", name="Mia Manager")
    una = await make_person(glass.world, "USER", name="Una User")
    first = await glass.raised(una)
    await expect_equal(glass, ada)
    abe = await make_person(glass.world, "AGENT", name="Abe Agent")
    bea = await make_person(glass.world, "AGENT", name="Bea Agent")
    await glass.world.advance(minutes=1)
    await expect_equal(glass, ada)

    second = await glass.raised(una, title="No network at all", category="NETWORK", priority="CRITICAL")
    words = {"title": "No network, all floors", "description": "Since nine o'clock, and it is not the plug."}
    await glass.do(mia, "PATCH", f"/tickets/{second['id']}", words | {"priority": "HIGH"})
    for agent in (abe, bea):
        for ticket in (first, second):
            if (await glass.ticket(mia, ticket))["assignedTo"] == agent.id:
                await glass.status(agent, ticket, "IN_PROGRESS")
                await glass.said(agent, ticket, "Looking at it.")
    await glass.status(mia, first, "WAITING")
    await glass.world.advance(hours=2)
    await expect_equal(glass, ada)

    await glass.said(una, first, "Here is what you asked for.")
    holder = (await glass.ticket(mia, second))["assignedTo"]
    other = bea if holder == abe.id else abe
    await glass.do(mia, "PUT", f"/tickets/{second['id']}/assign", {"agentId": other.id})
    await glass.do(una, "PUT", "/notifications/read-all")
    [notice, *_] = await glass.get(other, "/notifications")
    await glass.do(other, "PUT", f"/notifications/{notice['id']}/read")
    await expect_equal(glass, ada)

    await glass.world.advance(days=2)  # past every promise: breaches, escalations
    await expect_equal(glass, ada)
    documents = await glass.documents()
    assert documents["tickets", second["id"]]["slaBreached"] is True
    assert documents["assignments", second["id"]]["escalated"] is True

    await glass.status(mia, first, "RESOLVED")
    await glass.status(mia, second, "IN_PROGRESS")
    await glass.status(mia, second, "RESOLVED")
    await glass.do(mia, "PUT", f"/tickets/{second['id']}/close")
    await glass.world.advance(days=8)  # the other one closes by itself
    await glass.do(una, "PUT", f"/tickets/{second['id']}/reopen")
    third = await glass.raised(una, title="Never mind this one")
    await glass.do(una, "PUT", f"/tickets/{third['id']}/cancel")
    await glass.do(ada, "PATCH", f"/users/admin/{other.id}", {"active": False})
    await glass.do(ada, "PATCH", f"/users/admin/{una.id}", {"name": "Una Unlikely", "roles": ["USER", "AGENT"]})
    await expect_equal(glass, ada)
    documents = await glass.documents()
    assert documents["users", other.id]["active"] is False
    assert documents["tickets", third["id"]]["status"] == "CANCELLED"

    await glass.do(ada, "DELETE", f"/users/admin/{una.id}")
    await glass.world.advance(minutes=2)
    await expect_equal(glass, ada)
    documents = await glass.documents()
    assert "No network" not in str(documents)
    assert "Una User" not in str(documents)
    assert "Erased" in str(documents)


async def test_readers_find_the_names_of_the_contract_and_no_secret(glass: Glass) -> None:
    mia = await make_person(glass.world, "MANAGER")
    await make_person(glass.world, "AGENT")
    await glass.raised(mia)
    await glass.reflect()
    documents = await glass.documents()
    names: dict[str, set[str]] = {name: set() for name in COLLECTIONS}
    for (collection, _), document in documents.items():
        names[collection] |= set(document)
    assert names == {
        "users": {"_id", "name", "email", "roles", "active", "_versions"},
        "tickets": {
            *("_id", "number", "title", "description", "category", "priority", "status", "createdBy", "assignedTo"),
            *("createdAt", "updatedAt", "resolvedAt", "closedAt", "slaDueAt", "slaBreached", "version", "_versions"),
        },
        "assignments": {
            *("_id", "ticketId", "agentId", "priority", "assignedAt", "slaDueAt", "escalated", "_versions"),
        },
        "notifications": {
            *("_id", "userId", "type", "title", "message", "ticketId", "createdAt", "read", "_versions"),
        },
    }
    everything = repr(documents)
    rows: list[Any] = await glass.world.sql("SELECT password_hash FROM users_person")
    for secret in (PASSWORD, "argon2", "password", glass.world.desk.settings.storage.secret, rows[0]["password_hash"]):
        assert secret not in everything


async def test_position_lost_everything_again(glass: Glass) -> None:
    await make_person(glass.world, "AGENT")
    una = await make_person(glass.world)
    ticket = await glass.raised(una)
    await glass.do(una, "PUT", "/notifications/read-all")
    await glass.reflect()
    before = await glass.documents()
    assert ("tickets", ticket["id"]) in before
    await glass.forget_position()
    assert await glass.following.settle() == len(EVERY_START) + len(await glass.world.envelopes())
    assert await glass.documents() == before


async def test_another_empty_database_is_filled_by_itself(glass: Glass) -> None:
    una = await make_person(glass.world)
    await glass.raised(una)
    await glass.reflect()
    before = await glass.documents()
    await glass.reader.drop_database(glass.database.name)
    await glass.again()
    await glass.reflect()
    assert await glass.documents() == before


async def test_a_restart_goes_on_where_it_was(glass: Glass) -> None:
    una = await make_person(glass.world)
    await glass.raised(una)
    await glass.reflect()
    await glass.again()
    assert await glass.following.settle() == 0
    await glass.raised(una)
    assert 0 < await glass.following.settle() < 20
    assert await glass.documents() == await said(glass.world)
