"""People for administrators, agents for everybody, and who may see whom."""

from typing import Any

import pytest

from answerable.kernel.errors import Conflict
from answerable.messages.users import UserChanged
from answerable.users.actions.people import change_somebody
from answerable.users.rules import Changes
from tests.people import PASSWORD, TestPerson, make_person
from tests.world import World, json_of


async def test_staff_see_people_and_others_only_themselves(world: World) -> None:
    una, bob = await make_person(world, name="Una User"), await make_person(world, name="Bob User")
    agent = await make_person(world, "AGENT")

    async def read(of: str, by: TestPerson) -> int:
        return (await world.http.get(f"/api/users/{of}", headers=by.headers)).status_code

    assert await read(una.id, una) == 200
    assert await read(una.id, agent) == 200
    assert await read(una.id, bob) == 404
    assert await read("nobody", bob) == 404
    assert await read("nobody", agent) == 404
    hidden = await world.http.get(f"/api/users/{una.id}", headers=bob.headers)
    missing = await world.http.get("/api/users/nobody", headers=bob.headers)
    assert hidden.content == missing.content
    assert (await world.http.get(f"/api/users/{una.id}")).status_code == 401


async def test_everybody_sees_the_active_agents_and_staff_their_addresses(world: World) -> None:
    una, boss = await make_person(world), await make_person(world, "ADMIN")
    zoe, abe = await make_person(world, "AGENT", name="zoe agent"), await make_person(world, "AGENT", name="Abe Agent")
    gone = await make_person(world, "AGENT", "MANAGER", name="Gone Agent")
    await change(world, boss, gone, active=False)
    answer = await world.http.get("/api/users/agents", headers=una.headers)
    assert json_of(answer) == [{"id": abe.id, "name": "Abe Agent"}, {"id": zoe.id, "name": "zoe agent"}]
    answer = await world.http.get("/api/users/agents", headers=zoe.headers)
    assert [agent["email"] for agent in json_of(answer)] == [abe.email, zoe.email]


async def change(world: World, by: TestPerson, whom: TestPerson, **fields: Any) -> tuple[int, Any]:
    answer = await world.http.patch(f"/api/users/admin/{whom.id}", json=fields, headers=by.headers)
    return answer.status_code, json_of(answer)


ADMIN_ROUTES = [
    ("GET", "/api/users/admin", None),
    ("POST", "/api/users/admin", {"name": "New One", "email": "new@desk.test"}),
    ("PATCH", "/api/users/admin/x", {"roles": ["ADMIN"]}),
    ("GET", "/api/users/admin/audit", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ADMIN_ROUTES)
async def test_only_administrators_administer(world: World, method: str, path: str, body: Any) -> None:
    for role in ("USER", "AGENT", "MANAGER"):
        person = await make_person(world, role)
        answer = await world.http.request(method, path, json=body, headers=person.headers)
        assert answer.status_code == 403, role
    assert (await world.http.request(method, path, json=body)).status_code == 401
    assert (await world.sql("SELECT COUNT(*) AS n FROM users_person"))[0]["n"] == 3


async def test_roles_activity_and_name_change_together(world: World) -> None:
    boss, una = await make_person(world, "ADMIN", name="Ada Admin"), await make_person(world, name="Una User")
    status, body = await change(world, boss, una, roles=["MANAGER", "AGENT", "AGENT"], name="Una Manager", active=True)
    assert status == 200
    assert body == {
        "id": una.id,
        "name": "Una Manager",
        "email": una.email,
        "roles": ["AGENT", "MANAGER"],
        "active": True,
    }
    [event] = await world.log("USER_CHANGED")
    assert isinstance(event, UserChanged)
    assert event.changed == ["name", "roles", "sessions"]
    assert (await world.envelopes("USER_CHANGED"))[0].actor == boss.id
    answer = await world.http.get("/api/users/admin/audit", headers=boss.headers)
    [line] = json_of(answer)
    assert line["actorId"] == boss.id
    assert line["actorName"] == "Ada Admin"
    assert (line["personId"], line["action"], line["at"]) == (una.id, "CHANGED", "2026-03-02T09:00:00Z")
    assert line["changes"] == {"name": ["Una User", "Una Manager"], "roles": [["USER"], ["AGENT", "MANAGER"]]}


async def test_what_changes_nothing_leaves_no_trace(world: World) -> None:
    boss, una = await make_person(world, "ADMIN"), await make_person(world)
    assert (await change(world, boss, una, roles=["USER"], active=True))[0] == 200
    assert (await change(world, boss, una))[0] == 200
    assert await world.log("USER_CHANGED") == []
    assert await world.sql("SELECT * FROM users_audit") == []
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [{"roles": []}, {"roles": ["KING"]}, {"roles": "ADMIN"}, {"name": "x"}, {"email": "a@b.c"}, {"active": "maybe"}],
)
async def test_bad_changes_change_nothing(world: World, fields: dict[str, Any]) -> None:
    boss, una = await make_person(world, "ADMIN"), await make_person(world)
    status, body = await change(world, boss, una, **fields)
    assert status == 400
    assert body["message"]
    assert await world.log("USER_CHANGED") == []


async def test_one_bad_value_stops_the_good_ones(world: World) -> None:
    boss, una = await make_person(world, "ADMIN"), await make_person(world)
    assert (await change(world, boss, una, roles=["AGENT"], name="x"))[0] == 400
    assert json_of(await world.http.get("/api/auth/me", headers=una.headers))["roles"] == ["USER"]


async def test_a_person_who_is_not_there_cannot_be_changed(world: World) -> None:
    boss = await make_person(world, "ADMIN")
    answer = await world.http.patch("/api/users/admin/nobody", json={"active": False}, headers=boss.headers)
    assert answer.status_code == 404


async def test_administrators_cannot_lock_themselves_out(world: World) -> None:
    ada, eve = await make_person(world, "ADMIN"), await make_person(world, "ADMIN", "AGENT")
    for fields in ({"roles": ["USER"]}, {"active": False}):
        status, body = await change(world, ada, ada, **fields)
        assert status == 409
        assert "yourself" in body["message"]
    assert (await change(world, ada, ada, roles=["ADMIN", "AGENT"]))[0] == 200
    assert (await change(world, eve, ada, active=False))[0] == 200
    assert (await change(world, eve, eve, roles=["AGENT"]))[0] == 409


async def test_the_last_administrator_stays_even_when_two_go_for_each_other(world: World) -> None:
    ada, eve = await make_person(world, "ADMIN"), await make_person(world, "ADMIN")
    await world.db.write(ada.actor, change_somebody, eve.id, Changes(roles=("USER",)))
    with pytest.raises(Conflict, match="last active administrator"):  # identified before, acts after
        await world.db.write(eve.actor, change_somebody, ada.id, Changes(active=False))


async def test_an_inactive_person_is_out_at_once_and_for_good(world: World) -> None:
    boss, una = await make_person(world, "ADMIN"), await make_person(world)
    login = await world.http.post("/api/auth/login", json={"email": una.email, "password": PASSWORD})
    tokens = json_of(login)
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 200
    await change(world, boss, una, active=False)
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 401
    await change(world, boss, una, active=True)
    for headers in (una.headers, {"Authorization": f"Bearer {tokens['token']}"}):
        assert (await world.http.get("/api/auth/me", headers=headers)).status_code == 401
    answer = await world.http.post("/api/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
    assert answer.status_code == 401
    login = await world.http.post("/api/auth/login", json={"email": una.email, "password": PASSWORD})
    assert login.status_code == 200


async def test_new_roles_hold_from_the_next_request_on(world: World) -> None:
    boss, eve = await make_person(world, "ADMIN"), await make_person(world, "ADMIN")
    assert (await world.http.get("/api/users/admin", headers=eve.headers)).status_code == 200
    await change(world, boss, eve, roles=["USER"])
    assert (await world.http.get("/api/users/admin", headers=eve.headers)).status_code == 401


async def test_people_are_listed_newest_first_in_pages(world: World) -> None:
    boss = await make_person(world, "ADMIN", name="Ada Admin")
    for number in range(24):
        await make_person(world, name=f"Person {number:02}")
        if number % 5 == 0:
            await world.advance(seconds=1)
    seen: list[str] = []
    url = "/api/users/admin?size=10"
    while url:
        answer = await world.http.get(url, headers=boss.headers)
        assert answer.headers["x-total-count"] == "25"
        seen += [person["name"] for person in json_of(answer)]
        url = answer.headers["link"].split(";")[0].strip("<>") if "link" in answer.headers else ""
    assert seen == [f"Person {number:02}" for number in reversed(range(24))] + ["Ada Admin"]
    second = await world.http.get("/api/users/admin?size=10&page=1", headers=boss.headers)
    assert [person["name"] for person in json_of(second)] == seen[10:20]


async def test_people_are_found_by_part_of_a_name_or_an_address(world: World) -> None:
    boss = await make_person(world, "ADMIN", name="Ada Admin")
    gone = await make_person(world, "AGENT", name="Gone Agent", email="gone_1@other.test")
    await make_person(world, "AGENT", "MANAGER", name="Ärmin Manager")
    await make_person(world, name="100% User")
    await change(world, boss, gone, active=False)

    async def names(query: str) -> list[str]:
        answer = await world.http.get(f"/api/users/admin?{query}", headers=boss.headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-total-count"] == str(len(json_of(answer)))
        return [person["name"] for person in json_of(answer)]

    assert await names("q=ÄRMIN") == ["Ärmin Manager"]
    assert await names("q=OTHER.test") == ["Gone Agent"]
    assert await names("q=%25") == ["100% User"]
    assert await names("q=_") == ["Gone Agent"]
    assert await names("q=' OR 1=1 --") == []
    assert await names("role=AGENT") == ["Ärmin Manager", "Gone Agent"]
    assert await names("role=AGENT&active=true") == ["Ärmin Manager"]
    assert await names("active=false") == ["Gone Agent"]
    assert await names("role=USER") == ["100% User"]
    for bad in ("role=KING", "active=perhaps", "size=0", "size=1001", "page=-1", "cursor=x", "size=x", "count=some"):
        answer = await world.http.get(f"/api/users/admin?{bad}", headers=boss.headers)
        assert answer.status_code == 400, bad


async def test_an_administrator_adds_people(world: World) -> None:
    boss = await make_person(world, "ADMIN")
    body = {"name": "Abe Agent", "email": "abe@desk.test", "roles": ["AGENT"], "password": PASSWORD}
    answer = await world.http.post("/api/users/admin", json=body, headers=boss.headers)
    assert answer.status_code == 201
    made = json_of(answer)
    assert answer.headers["location"] == f"/api/users/{made['id']}"
    assert made["roles"] == ["AGENT"]
    assert (await world.http.post("/api/users/admin", json=body, headers=boss.headers)).status_code == 400
    login = await world.http.post("/api/auth/login", json={"email": "abe@desk.test", "password": PASSWORD})
    assert login.status_code == 200
    [line] = json_of(await world.http.get("/api/users/admin/audit", headers=boss.headers))
    assert (line["action"], line["personName"]) == ("CREATED", "Abe Agent")
    assert await world.sql("SELECT * FROM users_mail") == []


async def test_the_record_of_changes_is_paged(world: World) -> None:
    boss, una = await make_person(world, "ADMIN"), await make_person(world)
    for number in range(12):
        await change(world, boss, una, name=f"Una {number}")
    answer = await world.http.get("/api/users/admin/audit?size=5", headers=boss.headers)
    assert answer.headers["x-total-count"] == "12"
    first = [line["changes"]["name"][1] for line in json_of(answer)]
    answer = await world.http.get(answer.headers["link"].split(";")[0].strip("<>"), headers=boss.headers)
    second = [line["changes"]["name"][1] for line in json_of(answer)]
    assert first + second == [f"Una {number}" for number in range(11, 1, -1)]
