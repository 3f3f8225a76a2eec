"""API keys: programs come with a key of their own, and do what its scopes say, no more."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from answerable.infra.web.keys import NOTED_EVERY
from answerable.kernel.scopes import SCOPES, scope_of
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.users.actions import people
from answerable.users.rules import Changes, token_hash
from answerable.users.store import keys
from tests.forms import Browser
from tests.gateway.sse import listening
from tests.people import TestPerson, make_person
from tests.world import World, json_of, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A whole desk, with tokens that outlast the days of a story."""
    async with open_world(tmp_path / "desk", auth__access_seconds=10**8) as opened:
        yield opened


TICKET = {"title": "Printer on fire", "description": "It burns, help.", "category": "HARDWARE", "priority": "LOW"}


async def make(world: World, who: TestPerson, *scopes: str, **more: Any) -> dict[str, str]:
    body = {"name": "Nightly export", "scopes": list(scopes), **more}
    answer = await world.http.post("/api/keys", json=body, headers=who.headers)
    assert answer.status_code == 201, answer.text
    await world.settle()
    made: dict[str, str] = json_of(answer)
    return made


async def get(world: World, key: str, path: str, **headers: str) -> httpx.Response:
    return await world.http.get(path, headers={"Authorization": f"Bearer {key}", **headers})


async def test_a_program_does_what_its_scopes_say_for_its_person_and_no_more(world: World) -> None:
    manager = await make_person(world, "MANAGER", name="Mia Manager")
    made = await make(world, manager, "tickets:read", "tickets:write")
    assert re.fullmatch(r"ans_[A-Za-z0-9_-]{43}", made["key"])
    headers = {"Authorization": f"Bearer {made['key']}"}
    raised = await world.http.post("/api/tickets", json=TICKET, headers=headers)
    assert raised.status_code == 201
    assert json_of(raised)["createdBy"] == manager.id
    assert (await get(world, made["key"], "/api/tickets")).headers["x-total-count"] == "1"
    for path, scope in (("/api/reports/summary", "reports:read"), ("/api/users/agents", "people:read")):
        refused = await get(world, made["key"], path)
        assert (refused.status_code, json_of(refused)["message"]) == (403, f"This API key lacks the scope {scope}.")
    for path in ("/api/auth/me", "/api/keys", "/admin/people", "/profile", "/my"):  # for people alone
        assert (await get(world, made["key"], path)).status_code == 403, path
    ended = await world.http.post("/api/auth/logout", json={"everywhere": True}, headers=headers)
    assert ended.status_code == 403
    assert (await get(world, made["key"], "/healthz")).status_code == 200


@pytest.mark.one_engine
async def test_a_scope_never_gives_more_than_its_person_has(world: World) -> None:
    owner, user = await make_person(world), await make_person(world)
    await world.http.post("/api/tickets", json=TICKET, headers=owner.headers)
    made = await make(world, user, *SCOPES)
    assert json_of(await get(world, made["key"], "/api/tickets")) == []
    assert (await get(world, made["key"], "/api/reports/summary")).status_code == 403
    assert (await get(world, made["key"], "/api/users/admin")).status_code == 403


@pytest.mark.one_engine
async def test_notes_are_for_keys_that_ask_for_them(world: World) -> None:
    owner, manager = await make_person(world), await make_person(world, "MANAGER")
    ticket = json_of(await world.http.post("/api/tickets", json=TICKET, headers=owner.headers))["id"]
    note = {"comment": "Between us.", "internal": True}
    said = await world.http.post(f"/api/tickets/{ticket}/comments", json=note, headers=manager.headers)
    assert said.status_code == 201, said.text
    plain, privy = (
        await make(world, manager, "tickets:read"),
        await make(world, manager, "tickets:read", "tickets:notes"),
    )
    path = f"/api/tickets/{ticket}/comments"
    assert "Between us" not in (await get(world, plain["key"], path)).text
    assert "Between us" in (await get(world, privy["key"], path)).text


@pytest.mark.one_engine
async def test_an_administrator_makes_a_key_that_acts_by_itself(world: World) -> None:
    admin, owner = await make_person(world, "ADMIN"), await make_person(world)
    await world.http.post("/api/tickets", json=TICKET, headers=owner.headers)
    made = await make(world, admin, "tickets:read", "reports:read", role="MANAGER", days=7)
    assert len(json_of(await get(world, made["key"], "/api/tickets"))) == 1
    assert (await get(world, made["key"], "/api/reports/summary")).status_code == 200
    [shown] = json_of(await world.http.get("/api/keys/admin", headers=admin.headers))
    assert (shown["role"], shown["personId"], shown["state"]) == ("MANAGER", None, "ACTIVE")
    assert "key" not in shown
    assert made["key"] not in str(shown)


async def test_a_key_ends_with_its_time_its_revocation_and_its_person(world: World) -> None:
    admin, agent = await make_person(world, "ADMIN"), await make_person(world, "AGENT")
    short, revoked = await make(world, agent, "tickets:read", days=1), await make(world, agent, "tickets:read")
    third = await make(world, agent, "tickets:read")
    other = await make_person(world)
    assert (await world.http.delete(f"/api/keys/{revoked['id']}", headers=other.headers)).status_code == 404
    assert (await world.http.delete(f"/api/keys/{revoked['id']}", headers=agent.headers)).status_code == 200
    assert (await get(world, revoked["key"], "/api/tickets")).status_code == 401
    await world.advance(days=1)
    expired = await get(world, short["key"], "/api/tickets")
    assert (expired.status_code, json_of(expired)["message"][:24]) == (401, "This API key has expired")
    assert (await get(world, third["key"], "/api/tickets")).status_code == 200
    await world.db.write(admin.actor, people.change_somebody, agent.id, Changes(active=False))
    await world.db.write(admin.actor, people.change_somebody, agent.id, Changes(active=True))
    assert (await get(world, third["key"], "/api/tickets")).status_code == 401  # not even when they come back


@pytest.mark.one_engine
async def test_a_change_of_roles_changes_what_a_key_may_with_the_next_request(world: World) -> None:
    admin, person = await make_person(world, "ADMIN"), await make_person(world, "MANAGER")
    made = await make(world, person, "reports:read")
    assert (await get(world, made["key"], "/api/reports/summary")).status_code == 200
    await world.db.write(admin.actor, people.change_somebody, person.id, Changes(roles=("USER",)))
    assert (await get(world, made["key"], "/api/reports/summary")).status_code == 403


async def test_a_live_stream_by_key_ends_when_the_key_is_revoked(world: World) -> None:
    manager = await make_person(world, "MANAGER")
    made = await make(world, manager, "live:read")
    program = TestPerson("", "", "", manager.actor, {"Authorization": f"Bearer {made['key']}"}, "")
    async with listening(world, program) as stream:
        assert stream.status == 200
        await world.http.post("/api/tickets", json=TICKET, headers=manager.headers)
        await world.settle()
        assert (await stream.next())[0] == "ticket"
        await world.http.delete(f"/api/keys/{made['id']}", headers=manager.headers)
        await world.settle()
        await stream.until_end()


async def test_the_last_use_is_noted_once_in_a_while(world: World) -> None:
    agent = await make_person(world, "AGENT")
    made = await make(world, agent, "tickets:read")
    used = []
    for _ in range(3):
        for _ in range(2):
            before = world.db.pulse.count
            assert (await get(world, made["key"], "/api/tickets")).status_code == 200
            used.append(world.db.pulse.count - before)
        world.clock.now += NOTED_EVERY // 2 + SECOND
    assert used == [1, 0, 0, 0, 1, 0]  # commits
    [shown] = json_of(await world.http.get("/api/keys", headers=agent.headers))
    assert shown["usedAt"] > shown["createdAt"]


@pytest.mark.one_engine
async def test_what_cannot_be_a_key_is_told_field_by_field(world: World) -> None:
    agent = await make_person(world, "AGENT")
    bad = {"name": "x", "scopes": ["everything"], "days": 4000, "role": "KING"}
    refused = await world.http.post("/api/keys", json=bad, headers=agent.headers)
    assert refused.status_code == 400
    assert [error.split(":")[0] for error in json_of(refused)["errors"]] == ["name", "scopes", "days", "role"]
    for text in ("ans_", "ans_" + "x" * 43, "ans_" + "x" * 5000, "ans_\u00e9"):
        tried = await world.http.get("/api/tickets", headers=[(b"authorization", f"Bearer {text}".encode())])
        assert tried.status_code == 401


@pytest.mark.one_engine
async def test_a_key_that_reads_people_does_not_take_out_all_that_is_kept_about_one(world: World) -> None:
    admin, person = await make_person(world, "ADMIN"), await make_person(world)
    made = await make(world, admin, *SCOPES)
    assert (await get(world, made["key"], f"/api/users/{person.id}")).status_code == 200
    refused = await get(world, made["key"], f"/api/users/admin/{person.id}/export")
    assert (refused.status_code, json_of(refused)["message"]) == (403, "API keys are not taken here.")
    whole = await world.http.get(f"/api/users/admin/{person.id}/export", headers=admin.headers)
    assert whole.status_code == 200


@pytest.mark.one_engine
async def test_whoever_had_many_keys_is_deactivated_with_the_last_one(world: World) -> None:
    admin, agent = await make_person(world, "ADMIN"), await make_person(world, "AGENT")

    async def had(tx: Tx) -> None:
        for number in range(keys.MOST):
            name = f"0{number:03}"  # before all others
            more = {"hint": "", "roles": "", "scopes": "", "person_id": agent.id}
            await keys.insert_key(tx, id=name, hash=name, name=name, expires_at=tx.now - 1, **more)

    await world.db.write(admin.actor, had)
    made = await make(world, agent, "tickets:read")
    await world.db.write(admin.actor, people.change_somebody, agent.id, Changes(active=False))
    await world.db.write(admin.actor, people.change_somebody, agent.id, Changes(active=True))
    assert (await get(world, made["key"], "/api/tickets")).status_code == 401
    [ended] = await world.sql("SELECT id FROM users_key WHERE revoked_at IS NOT NULL")
    assert ended["id"] == made["id"]


async def test_a_key_is_stored_as_a_hash_and_named_in_the_audit_log(world: World) -> None:
    admin = await make_person(world, "ADMIN")
    made = await make(world, admin, "tickets:read")
    for _ in range(2):  # the second time nothing happens
        assert (await world.http.delete(f"/api/keys/{made['id']}", headers=admin.headers)).status_code == 200
    stored = await world.everything_stored()
    assert made["key"].encode() not in stored
    assert token_hash(made["key"]).encode() in stored
    lines = await world.sql(
        """SELECT a.act, d.named, a.about_id FROM users_act a JOIN users_act_detail d ON d.act_id = a.id
        ORDER BY a.number DESC LIMIT 2"""
    )
    assert [(line["act"], line["named"], line["about_id"]) for line in lines] == [
        ("KEY_REVOKED", "Nightly export", made["id"]),
        ("KEY_MADE", "Nightly export", made["id"]),
    ]


@pytest.mark.one_engine
async def test_keys_on_pages_are_shown_once(world: World) -> None:
    ada = await make_person(world, "ADMIN", name="Ada Admin")
    browser = Browser(world)
    await browser.sign_in(ada)
    await browser.open("/admin/keys")
    page = await browser.send(
        "/admin/keys", {"name": "Export", "scopes": "reports:read", "role": "MANAGER", "days": "30"}
    )
    found = re.search(r"ans_[A-Za-z0-9_-]{43}", page.text)
    assert found, page.text
    page = await browser.open("/admin/keys")
    assert found[0] not in page.text
    assert "itself" in page.text
    [key] = await world.sql("SELECT id FROM users_key")
    page = await browser.send(f"/admin/keys/{key['id']}/revoke")
    assert "refused from now on" in page.text
    page = await browser.send("/admin/keys", {"name": "x"})
    assert page.status_code == 400
    assert "must have at least one" in page.text
    page = await browser.open("/profile/keys")


def test_every_area_has_its_scopes_and_nothing_else_is_open_to_keys() -> None:
    assert scope_of("GET", "/api/tickets/{ticket_id}") == "tickets:read"
    assert scope_of("POST", "/api/sla/check") == "sla:write"
    for method, template in (
        ("POST", "/api/users/admin"),  # there is no people:write
        ("POST", "/api/live"),
        ("PUT", "/api/reports/x"),
        ("GET", "/api/users/admin/{user_id}/export"),  # it holds far more than people
        ("GET", "/api/auth/me"),
        ("GET", "/api/keys"),
        ("GET", "/my"),
        ("GET", "/api"),
        ("GET", ""),
    ):
        assert scope_of(method, template) is None, template
