"""16: rights that end, end now: for tokens, for refresh tokens and for streams that are open."""

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from tests.gateway.sse import listening
from tests.people import PASSWORD, TestPerson, make_person
from tests.security.asgi import JSON, Answer, ask
from tests.world import World

End = Callable[[World, TestPerson, TestPerson], Awaitable[Answer]]


def ends_by(method: str, path: str, body: object, who: str) -> End:
    async def end(world: World, person: TestPerson, admin: TestPerson) -> Answer:
        headers = (admin if who == "admin" else person).headers | JSON
        return await ask(world, method, path.format(id=person.id), headers, msgspec.json.encode(body))

    return end


ENDS = {
    "deactivation": ends_by("PATCH", "/api/users/admin/{id}", {"active": False}, "admin"),
    "fewer roles": ends_by("PATCH", "/api/users/admin/{id}", {"roles": ["USER"]}, "admin"),
    "more roles": ends_by("PATCH", "/api/users/admin/{id}", {"roles": ["MANAGER", "ADMIN"]}, "admin"),
    "a new password": ends_by(
        "POST", "/api/auth/change-password", {"currentPassword": PASSWORD, "newPassword": "another password"}, "self"
    ),
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
