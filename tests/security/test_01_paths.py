"""01: no path leads round the permission check."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.people import TestPerson, make_person
from tests.security.asgi import JSON, ask
from tests.security.company import Company, everybody_is_there, open_company
from tests.security.matrix import DENIED, read_table, sample_of
from tests.world import World, open_world_after

pytestmark = pytest.mark.one_engine  # what a path leads to is decided before a database is asked
GUARDED = [row for row in read_table() if row.cells["anonymous"] == "401" and row.path != "/api/live"]
PREFIXES = ("/user-service", "/ticket-service", "/assignment-service", "/notification-service")

DETOURS: dict[str, Callable[[str], str]] = {
    "kept prefix": lambda path: "/ticket-service" + path.removeprefix("/api"),
    "kept prefix before /api": lambda path: "/user-service" + path,
    "kept prefix twice": lambda path: "/ticket-service/user-service" + path,
    "kept prefix, dots": lambda path: "/ticket-service/.." + path,
    "kept prefix, slashes": lambda path: "/assignment-service//" + path.removeprefix("/api/"),
    "kept prefix, upper case": lambda path: "/TICKET-SERVICE" + path.removeprefix("/api"),
    "double slash first": lambda path: "/" + path,
    "double slashes": lambda path: path.replace("/", "//"),
    "double slash inside": lambda path: path.replace("/api/", "/api//"),
    "trailing slash": lambda path: path + "/",
    "trailing slashes": lambda path: path + "///",
    "dot segment": lambda path: path.replace("/api/", "/api/./"),
    "dot segments": lambda path: "/healthz/.." + path,
    "encoded dot segments": lambda path: "/healthz/%2e%2e" + path,
    "static": lambda path: "/static/.." + path,
    "upper case": str.upper,
    "upper case api": lambda path: path.replace("/api/", "/API/"),
    "encoded slashes": lambda path: path.replace("/", "%2f"),
    "one encoded slash": lambda path: path.replace("/api/", "/api%2F"),
    "encoded letter": lambda path: path.replace("/api/", "/%61pi/"),
    "encoded twice": lambda path: path.replace("/api/", "/%2561pi/"),
    "semicolon": lambda path: path + ";.css",
    "file ending": lambda path: path + ".json",
    "null byte": lambda path: path + "%00",
    "space": lambda path: path + "%20",
    "line end": lambda path: path + "%0d%0a",
    "backslashes": lambda path: path.replace("/", "\\"),
    "absolute": lambda path: "http://desk.test" + path,
    "query in the path": lambda path: path + "%3fx=1",
    "fragment": lambda path: path + "#x",
}


@dataclass(frozen=True)
class Guarded:
    """A guarded request, right in every way, and the columns that are refused."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    refused: Sequence[str]


@asynccontextmanager
async def open_guarded(folder: Path) -> AsyncIterator[tuple[Company, Sequence[Guarded]]]:
    """Open the company when there is something to be had by every guarded request."""
    async with open_world_after(there_is_something_to_be_had, folder) as (world, (people, requests)):
        yield Company(world, people), requests


async def there_is_something_to_be_had(world: World) -> tuple[dict[str, TestPerson], Sequence[Guarded]]:
    """Prepare every guarded request."""
    company = Company(world, await everybody_is_there(world))
    made = []
    for row in GUARDED:
        sample = await sample_of(company, row)
        refused = [column for column, cell in row.cells.items() if cell in DENIED]
        made.append(Guarded(row.method, sample.target(row.path), sample.headers, sample.body, refused))
    return company.people, made


@pytest.mark.parametrize("detour", DETOURS)
async def test_no_way_of_writing_a_path_gets_further(detour: str, tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as (company, requests):
        for asked in requests:
            path = DETOURS[detour](asked.path)
            for column in asked.refused:
                headers = company.headers(column) | asked.headers
                answer = await ask(company.world, asked.method, path, headers, asked.body)
                assert 400 <= answer.status < 500, f"{column}: {asked.method} {path} is {answer.status}"


async def test_a_kept_prefix_has_the_same_guards(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as (company, requests):
        for asked in requests:
            local = asked.path.removeprefix("/api")
            for column in asked.refused:
                sent = company.headers(column) | asked.headers
                straight = await ask(company.world, asked.method, asked.path, sent, asked.body)
                for prefix in PREFIXES:
                    kept = await ask(company.world, asked.method, prefix + local, sent, asked.body)
                    if not asked.path.startswith("/api"):
                        # A page has one address only: behind a kept prefix is the API, also where it has a like path.
                        api = await ask(company.world, asked.method, "/api" + local, sent, asked.body)
                        assert (kept.status, kept.body) == (api.status, api.body), f"{column}: {asked}"
                        assert kept.status >= 400, f"{column}: {asked}"
                        assert "json" in kept.headers["content-type"], f"{column}: {asked}"
                        continue
                    assert (kept.status, kept.body) == (straight.status, straight.body), f"{column}: {asked}"


async def test_headers_that_name_another_path_or_method_are_not_heard(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        company_admin = "/api/users/admin"
        for name in ("x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-prefix", "x-forwarded-path"):
            answer = await ask(company.world, "GET", "/healthz", {name: company_admin})
            assert answer.json == {"status": "alive"}
            headers = company.headers("stranger") | {name: "/healthz"}
            assert (await ask(company.world, "GET", company_admin, headers)).status == 403
        ticket = f"/api/tickets/{await company.ticket()}"
        for name in ("x-http-method-override", "x-http-method", "x-method-override"):
            headers = company.headers("owner") | JSON | {name: "PATCH"}
            assert (await ask(company.world, "POST", ticket, headers, b'{"title": "Taken over"}')).status == 405
        for name in ("x-forwarded-user", "x-remote-user", "remote-user", "x-user-id", "x-roles", "x-forwarded-email"):
            headers = {name: company["admin"].id, "x-forwarded-for": "127.0.0.1"}
            assert (await ask(company.world, "GET", "/api/auth/me", headers)).status == 401


async def test_odd_methods_are_not_a_way_in(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as (company, requests):
        for asked in requests:
            for method in ("HEAD", "TRACE", "CONNECT", "PROPFIND", "get", "GET ", ""):
                for column in asked.refused:
                    answer = await ask(company.world, method, asked.path, company.headers(column))
                    assert 400 <= answer.status < 500, f"{column}: {method} {asked.path}"


async def test_tokens_that_are_no_tokens(world: World) -> None:
    person = await make_person(world, "ADMIN")
    head, payload, signature = person.token.split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"  # {"alg":"none","typ":"JWT"}
    for text in (
        "",
        "Bearer",
        "Bearer ",
        "Bearer null",
        f"Basic {person.token}",
        f"Token {person.token}",
        person.token,
        f"Bearer {none}.{payload}.",
        f"Bearer {none}.{payload}.{signature}",
        f"Bearer {head}.{payload}.",
        f"Bearer {head}.{payload}.{signature[:-4]}AAAA",
        f"Bearer {head}.{payload}",
        f"Bearer {person.token}.{signature}",
        f"Bearer {person.token} {person.token}",
        "Bearer " + "A" * 100_000,
        "Bearer " + "." * 10_000,
        "Bearer \xff\xfe",
        f"Bearer {person.id}",
    ):
        answer = await ask(world, "GET", "/api/auth/me", {"authorization": text})
        assert answer.status == 401, text[:50]
        assert answer.json["message"]
