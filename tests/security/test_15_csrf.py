"""15: no page of another site acts for somebody, or reads what they may read."""

from pathlib import Path

import pytest

from tests.people import make_person
from tests.security.asgi import JSON, ask
from tests.security.company import open_company
from tests.security.matrix import read_table, sample_of
from tests.world import World

FOREIGN = ("https://evil.test", "http://localhost:4200.evil.test", "null", "http://LOCALHOST:4200", "*")
OWN = "http://localhost:4200"
SIMPLE = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
    "text/plain; application/json",
    "text/json",
    "application/jsonp",
)
BODIES = [row for row in read_table() if row.method != "GET" and row.path.startswith("/api/")]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_scripts_of_other_sites_may_not_read(world: World, origin: str) -> None:
    for path in ("/api/tickets", "/api/auth/jwks.json", "/api/nowhere", "/"):
        answer = await ask(world, "GET", path, {"origin": origin})
        assert not [name for name in answer.headers if name.startswith("access-control-")], path
    asked = {"origin": origin, "access-control-request-method": "POST"}
    answer = await ask(world, "OPTIONS", "/api/tickets", asked)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_scripts_of_the_configured_site_may_read_errors_too(world: World) -> None:
    for path, status in (("/api/auth/jwks.json", 200), ("/api/tickets", 401), ("/api/nowhere", 404)):
        answer = await ask(world, "GET", path, {"origin": OWN})
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == OWN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["vary"] == "Origin"


@pytest.mark.one_engine
async def test_a_body_that_a_browser_sends_without_asking_is_not_read(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        for row in BODIES:
            sample = await sample_of(company, row)
            body, before = sample.body or b"{}", await company.world.sql("SELECT COUNT(*) AS n FROM bus_outbox")
            for media_type in SIMPLE:
                headers = company.headers("admin") | ({"content-type": media_type} if media_type else {})
                answer = await ask(company.world, row.method, sample.target(row.path), headers, body)
                assert answer.status == 415, f"{row} as {media_type!r}"
                assert answer.headers["content-type"] == "application/problem+json"
                assert "application/json" in answer.json["message"]
            assert await company.world.sql("SELECT COUNT(*) AS n FROM bus_outbox") == before, row


async def test_slashes_that_say_nothing_do_not_make_a_form_a_body(world: World) -> None:
    person = await make_person(world)
    for path in ("//api/auth/me", "/api//auth/me", "/api/auth/me/", "/user-service//auth/me"):
        headers = person.headers | {"content-type": "text/plain"}
        assert (await ask(world, "PATCH", path, headers, b'{"name": "Una"}')).status == 415, path


async def test_json_may_be_called_by_all_its_names(world: World) -> None:
    person = await make_person(world)
    for media_type in ("application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"):
        headers = person.headers | {"content-type": media_type}
        assert (await ask(world, "PATCH", "/api/auth/me", headers, b'{"name": "Una"}')).status == 200
    assert (await ask(world, "PUT", "/api/notifications/read-all", person.headers)).status == 200
    assert (await ask(world, "PUT", "/api/notifications/read-all", person.headers | JSON)).status == 200


async def test_a_cookie_is_no_token(world: World) -> None:
    person = await make_person(world, "ADMIN")
    for name in ("token", "session", "Authorization", "access_token"):
        cookie = {"cookie": f"{name}={person.token}; {name}=Bearer {person.token}"}
        assert (await ask(world, "GET", "/api/auth/me", cookie)).status == 401
    assert (await ask(world, "GET", f"/api/auth/me?token={person.token}&access_token={person.token}")).status == 401


async def test_no_address_that_the_client_sends_is_redirected_to(world: World) -> None:
    for path in ("//evil.test", "/https://evil.test", "/\\evil.test", "/login?next=//evil.test", "/%0d%0aLocation:x"):
        answer = await ask(world, "GET", path, {"host": "evil.test", "x-forwarded-host": "evil.test"})
        assert not 300 <= answer.status < 400
        assert "location" not in answer.headers
