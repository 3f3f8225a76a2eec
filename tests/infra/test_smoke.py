from tests.world import World


async def test_unknown_address_is_a_problem_document(world: World) -> None:
    answer = await world.http.get("/api/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    print(answer.json(), answer.headers)
