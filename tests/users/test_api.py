"""Coming in and going out over HTTP, as a client sees it."""

from typing import Any

import httpx
import pytest

from answerable.messages.users import UserChanged, UserRegistered
from tests.people import PASSWORD, make_person
from tests.world import World, json_of, open_world


async def register(world: World, **fields: Any) -> httpx.Response:
    body = {"name": "Una User", "email": "una@desk.test", "password": PASSWORD} | fields
    return await world.http.post("/api/auth/register", json=body)


async def log_in(world: World, email: str = "una@desk.test", password: str = PASSWORD) -> httpx.Response:
    return await world.http.post("/api/auth/login", json={"email": email, "password": password})


async def me(world: World, token: str) -> httpx.Response:
    return await world.http.get("/api/auth/me", headers={"Authorization": f"Bearer {token}"})


async def test_una_registers_signs_in_and_reads_her_account(world: World) -> None:
    answer = await register(world)
    assert answer.status_code == 201, answer.text
    made = json_of(answer)
    assert made["message"] == f"User registered successfully with id: {made['id']}"
    answer = await log_in(world, " Una@Desk.TEST ")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = json_of(answer)
    assert set(body) == {"token", "tokenType", "expiresIn", "refreshToken"}
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 3600)
    assert json_of(await me(world, body["token"])) == {
        "id": made["id"],
        "name": "Una User",
        "email": "una@desk.test",
        "roles": ["USER"],
        "active": True,
    }
    assert await world.log("USER_REGISTERED") == [
        UserRegistered(
            user_id=made["id"], name="Una User", email="una@desk.test", roles=["USER"], active=True, session_version=1
        )
    ]


async def test_the_kept_paths_answer_the_same(world: World) -> None:
    await register(world)
    answer = await world.http.post("/user-service/auth/login", json={"email": "una@desk.test", "password": PASSWORD})
    assert answer.status_code == 200


async def test_an_address_can_be_registered_once_however_it_is_written(world: World) -> None:
    await register(world)
    for again in ("una@desk.test", "UNA@DESK.TEST", " una@desk.test\t"):
        answer = await register(world, email=again)
        assert answer.status_code == 400
        assert json_of(answer)["message"] == "Email already exists"
    assert len(await world.log("USER_REGISTERED")) == 1


async def test_all_that_is_wrong_with_a_registration_is_said_at_once(world: World) -> None:
    answer = await register(world, name="Al", email="nobody", password="short")
    assert answer.status_code == 400
    assert json_of(answer)["errors"] == [
        "name: must have 3 to 50 characters",
        "email: is not an email address",
        "password: must have 8 to 128 characters",
    ]


@pytest.mark.parametrize(
    "extra", [{"roles": ["ADMIN"]}, {"role": "ADMIN"}, {"active": True}, {"id": "1"}, {"isAdmin": True}]
)
async def test_nobody_registers_as_an_administrator(world: World, extra: dict[str, Any]) -> None:
    assert (await register(world, **extra)).status_code == 400
    assert await world.log() == []


async def test_registration_can_be_switched_off(tmp_path: Any) -> None:
    async with open_world(tmp_path, ("users",), auth__registration=False) as world:
        answer = await register(world)
        assert answer.status_code == 403
        assert "switched off" in json_of(answer)["message"]


async def test_a_registration_with_a_key_happens_once(world: World) -> None:
    body = {"name": "Una User", "email": "una@desk.test", "password": PASSWORD}
    answers = [
        await world.http.post("/api/auth/register", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"email": 1, "password": "x"}', b'{"email": "a@b"}', b'"\xff"'])
async def test_bad_bodies_are_refused(world: World, body: bytes) -> None:
    answer = await world.http.post("/api/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "message" in json_of(answer)


async def test_a_failed_sign_in_tells_nothing(world: World) -> None:
    await make_person(world, email="una@desk.test")
    gone = await make_person(world, email="gone@desk.test")
    await make_person(world, "ADMIN")
    await world.db.write(gone.actor, _deactivate, gone.id)
    answers = [
        await log_in(world, "una@desk.test", "wrong password"),
        await log_in(world, "nobody@desk.test", "wrong password"),
        await log_in(world, "nobody@desk.test", PASSWORD),
        await log_in(world, "gone@desk.test", PASSWORD),
        await log_in(world, "una@desk.test", "x" * 5000),
        await log_in(world, "una@desk.test", ""),
        await log_in(world, "not an address", PASSWORD),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)


async def _deactivate(tx: Any, person_id: str) -> None:
    await tx.run("UPDATE users_person SET active = 0 WHERE id = :id", id=person_id)


async def test_a_session_goes_on_with_refresh_tokens(world: World) -> None:
    await register(world)
    first = json_of(await log_in(world))
    await world.advance(hours=2)
    assert (await me(world, first["token"])).status_code == 401
    answer = await world.http.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert answer.status_code == 200
    second = json_of(answer)
    assert second["refreshToken"] != first["refreshToken"]
    assert (await me(world, second["token"])).status_code == 200


async def test_a_refresh_token_used_twice_ends_the_session(world: World) -> None:
    await register(world)
    first, other = json_of(await log_in(world)), json_of(await log_in(world))

    async def refresh(token: str) -> httpx.Response:
        return await world.http.post("/api/auth/refresh", json={"refreshToken": token})

    second = json_of(await refresh(first["refreshToken"]))
    assert (await refresh(first["refreshToken"])).status_code == 401
    assert (await refresh(second["refreshToken"])).status_code == 401
    assert (await refresh(other["refreshToken"])).status_code == 200  # another sign-in is another session
    assert (await refresh("made up")).status_code == 401


async def test_a_refresh_that_is_repeated_with_its_key_is_not_a_theft(world: World) -> None:
    await register(world)
    first = json_of(await log_in(world))
    body, headers = {"refreshToken": first["refreshToken"]}, {"Idempotency-Key": "lost answer"}
    answers = [await world.http.post("/api/auth/refresh", json=body, headers=headers) for _ in range(2)]
    assert answers[0].status_code == 200
    assert answers[0].content == answers[1].content
    again = {"refreshToken": json_of(answers[1])["refreshToken"]}
    assert (await world.http.post("/api/auth/refresh", json=again)).status_code == 200


async def test_a_refresh_token_ends_after_its_days(world: World) -> None:
    await register(world)
    first = json_of(await log_in(world))
    await world.advance(days=30)
    answer = await world.http.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert answer.status_code == 401


async def test_tokens_are_not_stored_as_they_stand(world: World) -> None:
    await register(world)
    tokens = json_of(await log_in(world))
    rows = [dict(row) for row in await world.sql("SELECT * FROM users_refresh")]
    assert rows
    assert tokens["refreshToken"] not in str(rows)
    assert tokens["token"] not in str(rows)
    people = await world.sql("SELECT password_hash FROM users_person")
    assert people[0]["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    keys = await world.sql("SELECT private_key FROM users_signing_key")
    assert len(keys) == 1


async def test_signing_out_ends_this_session_only(world: World) -> None:
    await register(world)
    here, there = json_of(await log_in(world)), json_of(await log_in(world))
    answer = await world.http.post("/api/auth/logout", headers={"Authorization": f"Bearer {here['token']}"})
    assert answer.status_code == 200
    for tokens, status in ((here, 401), (there, 200)):
        answer = await world.http.post("/api/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
        assert answer.status_code == status
    assert (await world.http.post("/api/auth/logout")).status_code == 401
    assert (await world.http.post("/api/auth/logout", json={"everywhere": True})).status_code == 401


async def test_signing_out_with_the_refresh_token_alone(world: World) -> None:
    await register(world)
    body = {"refreshToken": json_of(await log_in(world))["refreshToken"]}
    assert (await world.http.post("/api/auth/logout", json=body)).status_code == 200
    assert (await world.http.post("/api/auth/refresh", json=body)).status_code == 401


async def test_signing_out_everywhere_ends_every_token_at_once(world: World) -> None:
    await register(world)
    here, there = json_of(await log_in(world)), json_of(await log_in(world))
    answer = await world.http.post(
        "/api/auth/logout", json={"everywhere": True}, headers={"Authorization": f"Bearer {here['token']}"}
    )
    assert answer.status_code == 200
    for tokens in (here, there):
        assert (await me(world, tokens["token"])).status_code == 401
        answer = await world.http.post("/api/auth/refresh", json={"refreshToken": tokens["refreshToken"]})
        assert answer.status_code == 401
    [changed] = await world.log("USER_CHANGED")
    assert isinstance(changed, UserChanged)
    assert changed.changed == ["sessions"]
    assert (await log_in(world)).status_code == 200


async def test_changing_the_password_keeps_only_the_new_session(world: World) -> None:
    await register(world)
    here, there = json_of(await log_in(world)), json_of(await log_in(world))
    headers = {"Authorization": f"Bearer {here['token']}"}
    wrong = {"currentPassword": "not this one", "newPassword": "another password"}
    answer = await world.http.post("/api/auth/change-password", json=wrong, headers=headers)
    assert answer.status_code == 400
    assert json_of(answer)["errors"] == ["currentPassword: is not right"]
    short = {"currentPassword": PASSWORD, "newPassword": "short"}
    answer = await world.http.post("/api/auth/change-password", json=short, headers=headers)
    assert json_of(answer)["errors"] == ["newPassword: must have 8 to 128 characters"]
    right = {"currentPassword": PASSWORD, "newPassword": "another password"}
    answer = await world.http.post("/api/auth/change-password", json=right, headers=headers)
    assert answer.status_code == 200
    assert (await me(world, json_of(answer)["token"])).status_code == 200
    for old in (here, there):
        assert (await me(world, old["token"])).status_code == 401
    assert (await log_in(world)).status_code == 401
    assert (await log_in(world, password="another password")).status_code == 200


async def test_people_change_their_own_name_and_nothing_else(world: World) -> None:
    una = await make_person(world, name="Una User")
    answer = await world.http.patch("/api/auth/me", json={"name": "  Una   Maria "}, headers=una.headers)
    assert answer.status_code == 200
    assert json_of(answer)["name"] == "Una Maria"
    for body in ({"roles": ["ADMIN"]}, {"active": False}, {"email": "x@desk.test"}, {"name": "U"}):
        assert (await world.http.patch("/api/auth/me", json=body, headers=una.headers)).status_code == 400
    [changed] = await world.log("USER_CHANGED")
    assert isinstance(changed, UserChanged)
    assert (changed.name, changed.changed) == ("Una Maria", ["name"])
    assert (await world.http.get("/api/auth/me", headers=una.headers)).status_code == 200  # the token goes on


async def test_failed_sign_ins_are_slowed_down(world: World) -> None:
    una = await make_person(world, email="una@desk.test")
    for _ in range(10):
        assert (await log_in(world, password="wrong password")).status_code == 401
    answer = await log_in(world)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert (await log_in(world, " UNA@desk.test")).status_code == 429
    same = await world.http.post(
        "/api/auth/change-password",
        json={"currentPassword": PASSWORD, "newPassword": "another password"},
        headers=una.headers,
    )
    assert same.status_code == 200  # who is signed in is not kept out by strangers
    await make_person(world, email="abe@desk.test")
    assert (await log_in(world, "abe@desk.test")).status_code == 200
    await world.advance(minutes=15)
    assert (await log_in(world, password="another password")).status_code == 200


async def test_a_success_forgives_the_failures_before(world: World) -> None:
    await make_person(world, email="una@desk.test")
    for _ in range(3):
        for _ in range(9):
            await log_in(world, password="")
        assert (await log_in(world)).status_code == 200


async def test_one_address_cannot_try_everybody(tmp_path: Any) -> None:
    async with open_world(tmp_path, ("users",), auth__login_tries=2) as world:
        await make_person(world, email="una@desk.test")
        for number in range(10):
            assert (await log_in(world, f"p{number}@desk.test", "wrong")).status_code == 401
        assert (await log_in(world)).status_code == 429
