"""Signing in over HTTP."""

from tests.people import PASSWORD, door_of, make_person
from tests.world import World, json_of


async def test_a_person_signs_in_and_is_known(world: World) -> None:
    una = await make_person(world, "USER", name="Una User", email="una@desk.test")
    answer = await world.http.post("/api/auth/login", json={"email": " Una@Desk.test", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    body = json_of(answer)
    assert set(body) == {"token", "tokenType", "expiresIn", "refreshToken"}
    actor = await world.db.read(una.actor, door_of(world).identity.identify, f"Bearer {body['token']}")
    assert actor == una.actor
    assert answer.headers["cache-control"] == "no-store"
