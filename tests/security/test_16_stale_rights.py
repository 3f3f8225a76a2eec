"""16: rights that end, end now: for tokens, refresh tokens, cookies and streams that are open."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from answerable.users.store import second
from tests.forms import Browser
from tests.gateway.sse import listening
from tests.people import PASSWORD, TestPerson, make_person
from tests.security.asgi import JSON, Answer, ask
from tests.world import TESTER, World

End = Callable[[World, TestPerson, TestPerson], Awaitable[Answer]]


def ends_by(method: str, path: str, body: object, who: str) -> End:
    async def end(world: World, person: TestPerson, admin: TestPerson) -> Answer:
        headers = (admin if who == "admin" else person).headers | JSON
        return await ask(world, method, path.format(id=person.id), headers, msgspec.json.encode(body))

    return end


async def _second_factor_taken(world: World, person: TestPerson, admin: TestPerson) -> Answer:
    await world.db.write(TESTER, second.save_second, person.id, "ON", "", 0, 0)
    return await ask(world, "POST", f"/api/users/admin/{person.id}/second-factor/reset", admin.headers)


ENDS = {
    "deactivation": ends_by("PATCH", "/api/users/admin/{id}", {"active": False}, "admin"),
    "fewer roles": ends_by("PATCH", "/api/users/admin/{id}", {"roles": ["USER"]}, "admin"),
    "more roles": ends_by("PATCH", "/api/users/admin/{id}", {"roles": ["MANAGER", "ADMIN"]}, "admin"),
    "a new password": ends_by(
        "POST", "/api/auth/change-password", {"currentPassword": PASSWORD, "newPassword": "another password"}, "self"
    ),
    "a second factor taken away": _second_factor_taken,
    "logout everywhere": ends_by("POST", "/api/auth/logout", {"everywhere": True}, "self"),
}
PATHS = ("/api/auth/me", "/api/tickets", "/api/reports/summary", "/api/notifications", "/api/users/agents", "/api/live")


async def sign_in(world: World, person: TestPerson) -> dict[str, str]:
    body = msgspec.json.encode({"email": person.email, "password": PASSWORD})
    tokens: dict[str, str] = (await ask(world, "POST", "/api/auth/login", JSON, body)).json
    return tokens


@pytest.mark.parametrize("how", ENDS)
async def test_what_somebody_held_is_worth_nothing_from_the_next_request_on(world: World, how: str) -> None:
    admin, person = await make_person(world, "ADMIN"), await make_person(world, "MANAGER")
    tokens = await sign_in(world, person)
    held = [person.headers, {"Authorization": f"Bearer {tokens['token']}"}]
    async with listening(world, person) as stream:
        assert stream.status == 200
        assert (await ENDS[how](world, person, admin)).status == 200
        for headers in held:
            for path in PATHS:
                assert (await ask(world, "GET", path, headers)).status == 401, path
            draft = {"title": "One more", "description": "Before I go home.", "category": "OTHER", "priority": "LOW"}
            sent = await ask(world, "POST", "/api/tickets", headers | JSON, msgspec.json.encode(draft))
            assert sent.status == 401
        await world.settle()
        await stream.until_end()
    refresh = msgspec.json.encode({"refreshToken": tokens["refreshToken"]})
    goes_on = how in ("fewer roles", "more roles")  # with tokens of the new rights
    assert (await ask(world, "POST", "/api/auth/refresh", JSON, refresh)).status == (200 if goes_on else 401)
    assert await world.sql("SELECT id FROM tickets_ticket") == []


async def test_a_token_of_a_refresh_after_the_change_has_the_new_rights_only(world: World) -> None:
    admin, person = await make_person(world, "ADMIN"), await make_person(world, "MANAGER")
    tokens = await sign_in(world, person)
    await ENDS["fewer roles"](world, person, admin)
    answer = await ask(
        world, "POST", "/api/auth/refresh", JSON, msgspec.json.encode({"refreshToken": tokens["refreshToken"]})
    )
    assert answer.status == 200
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    assert (await ask(world, "GET", "/api/auth/me", headers)).json["roles"] == ["USER"]
    assert (await ask(world, "GET", "/api/reports/summary", headers)).status == 403


async def test_nobody_comes_back_in_who_was_deactivated(world: World) -> None:
    admin, person = await make_person(world, "ADMIN"), await make_person(world, "MANAGER")
    await ENDS["deactivation"](world, person, admin)
    body = msgspec.json.encode({"email": person.email, "password": PASSWORD})
    assert (await ask(world, "POST", "/api/auth/login", JSON, body)).status == 401
    assert (
        await ask(world, "POST", "/api/auth/forgot-password", JSON, b'{"email": "%s"}' % person.email.encode())
    ).status == 202
    await world.advance(minutes=1)
    assert await world.sql("SELECT id FROM users_mail WHERE state <> 'NOBODY'") == []


async def test_an_idempotency_key_gives_no_answer_to_whom_it_no_longer_belongs(world: World) -> None:
    """A stored answer is the caller's own, and only as long as they may come in."""
    admin, person = await make_person(world, "ADMIN"), await make_person(world, "MANAGER")
    stranger = await make_person(world, "USER")
    draft = {"title": "Secret plan", "description": "For managers only.", "category": "OTHER", "priority": "LOW"}
    body, key = msgspec.json.encode(draft), {"idempotency-key": "one"}
    made = await ask(world, "POST", "/api/tickets", person.headers | JSON | key, body)
    assert made.status == 201
    other = await ask(world, "POST", "/api/tickets", stranger.headers | JSON | key, body)
    assert (other.status, other.json["id"] != made.json["id"]) == (201, True)
    await ENDS["deactivation"](world, person, admin)
    again = await ask(world, "POST", "/api/tickets", person.headers | JSON | key, body)
    assert again.status == 401


@pytest.mark.parametrize("how", ENDS)
async def test_a_cookie_is_worth_nothing_from_the_next_request_on(world: World, how: str) -> None:
    admin, person = await make_person(world, "ADMIN"), await make_person(world, "MANAGER")
    browser = Browser(world)
    await browser.sign_in(person, next="/profile")
    held = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())}
    assert (await ask(world, "GET", "/api/auth/me", held)).status == 200
    async with listening(world, None, headers=held) as stream:
        assert stream.status == 200
        assert (await ENDS[how](world, person, admin)).status == 200
        for path in PATHS:
            assert (await ask(world, "GET", path, held)).status == 401, path
        await world.settle()
        await stream.until_end()


SINGLE = ("its own page", "the list of sessions", "logout", "a token that came twice")


@pytest.mark.parametrize("how", SINGLE)
async def test_one_session_ends_with_its_tokens_and_streams_and_the_others_go_on(world: World, how: str) -> None:
    person = await make_person(world, "MANAGER")
    mine, other = await sign_in(world, person), await sign_in(world, person)
    mine_headers, other_headers = [{"Authorization": f"Bearer {each['token']}"} for each in (mine, other)]
    listed = (await ask(world, "GET", "/api/auth/sessions", other_headers)).json
    assert [each["kind"] for each in listed] == ["program", "program"]
    rows = await world.sql("SELECT family FROM users_refresh ORDER BY created_at, jti")
    family = rows[0]["family"]
    async with listening(world, None, headers=mine_headers) as stream:
        assert stream.status == 200
        if how == "its own page":
            browser = Browser(world)
            await browser.sign_in(person, next="/profile")
            await browser.send(f"/profile/sessions/{family}/end")
        elif how == "the list of sessions":
            path = f"/api/auth/sessions/{family}"
            assert (await ask(world, "DELETE", path, other_headers)).status == 200
            assert (await ask(world, "DELETE", path, other_headers)).status == 404
        elif how == "logout":
            assert (await ask(world, "POST", "/api/auth/logout", mine_headers)).status == 200
        else:
            body = msgspec.json.encode({"refreshToken": mine["refreshToken"]})
            assert [(await ask(world, "POST", "/api/auth/refresh", JSON, body)).status for _ in range(2)] == [200, 401]
            [act] = await world.sql("SELECT about_id FROM users_act WHERE act = 'TOKEN_REUSED'")
            [mail] = await world.sql("SELECT recipient FROM users_mail WHERE kind = 'REUSED'")
            assert (act["about_id"], mail["recipient"]) == (person.id, person.email)
        assert (await ask(world, "GET", "/api/auth/me", mine_headers)).status == 401
        assert (await ask(world, "GET", "/api/auth/me", other_headers)).status == 200
        await world.settle()
        await stream.until_end()
    refresh = msgspec.json.encode({"refreshToken": mine["refreshToken"]})
    assert (await ask(world, "POST", "/api/auth/refresh", JSON, refresh)).status == 401
