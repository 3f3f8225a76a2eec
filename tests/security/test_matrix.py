"""Every route, as everybody: ``docs/permissions.md`` says what happens, and it does."""

from collections import Counter
from pathlib import Path

import pytest

from tests.people import make_person
from tests.security.asgi import ask
from tests.security.company import COLUMNS, Company, open_company
from tests.security.matrix import DENIED, Row, read_table, routes_of, sample_of, send, verdict
from tests.world import World

ROWS = read_table()


def groups() -> dict[str, list[Row]]:
    """Each row that changes something has a desk of its own; rows that only read share one for each part of the API."""
    found: dict[str, list[Row]] = {}
    for row in ROWS:
        found.setdefault(f"GET {part_of(row)}" if row.method == "GET" else str(row), []).append(row)
    return found


def part_of(row: Row) -> str:
    """Return the part of the interface that a row is about."""
    return "/".join(row.path.split("/")[:3])


async def answers_of(company: Company, row: Row) -> dict[str, str]:
    """Return how a route answers everybody of a company."""
    found = {}
    for column in COLUMNS:
        answer = await send(company, row, column)
        found[column] = verdict(answer)
        if found[column] in DENIED:
            assert set(answer.json) <= {"type", "title", "status", "detail", "message"}, row
        assert ("www-authenticate" in answer.headers) == (found[column] == "401"), row
    return found


@pytest.mark.one_engine
@pytest.mark.parametrize("rows", groups().values(), ids=groups())
async def test_a_route_answers_each_caller_as_the_table_says(rows: list[Row], tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        for row in rows:
            found = await answers_of(company, row)
            assert found == row.cells, f"{row}: correct the route or its line in docs/permissions.md"


@pytest.mark.slow
@pytest.mark.on_postgres
@pytest.mark.parametrize("part", sorted({part_of(row) for row in ROWS}))
async def test_a_route_answers_each_caller_so_on_postgresql(part: str, tmp_path: Path) -> None:
    """There the rows of a part share a desk, until one is not right in it: that one is, in a fresh one.

    Whoever signs out everywhere, or is given another name, is a stranger to what comes next.
    """
    waiting = sorted((row for row in ROWS if part_of(row) == part), key=lambda row: row.method != "GET")
    while waiting:
        async with open_company(tmp_path / f"{len(waiting)}") as company:
            first = waiting.pop(0)
            assert await answers_of(company, first) == first.cells, f"{first}: it is not what SQLite's desk answers"
            while waiting and await answers_of(company, waiting[0]) == waiting[0].cells:
                waiting.pop(0)


async def test_every_route_is_in_the_table_and_nothing_else(world: World) -> None:
    routes, known = routes_of(world.desk.litestar), {(row.method, row.path) for row in ROWS}
    missing = [
        f"| `{method} {path}` | | {' | '.join(['?'] * len(COLUMNS))} |" for method, path in sorted(routes - known)
    ]
    assert not missing, (
        "docs/permissions.md lacks a line for each of these routes: add it to the section it belongs to, with ok, 401, "
        "403 or 404 for each caller. Where the route has parameters or a body, add a request that is right in all "
        "ways to SAMPLES in tests/security/matrix.py, too:\n" + "\n".join(missing)
    )
    gone = sorted(known - routes)
    assert not gone, f"docs/permissions.md has lines for routes that are no more: {gone}"
    twice = [str(key) for key, count in Counter(row.key for row in ROWS).items() if count > 1]
    assert not twice, f"docs/permissions.md has these lines twice: {twice}"


async def test_what_the_framework_adds_by_itself_is_closed(world: World) -> None:
    admin = await make_person(world, "ADMIN")
    for route in sorted({route.path for route in world.desk.litestar.routes}):
        methods = ("OPTIONS", "GET") if route.startswith("/_openapi") else ("OPTIONS",)
        for method in methods:
            assert (await ask(world, method, route)).status in (401, 404), route
            assert (await ask(world, method, route, admin.headers)).status in (403, 404), route


def test_only_what_must_be_is_open_to_everybody() -> None:
    """A second pair of eyes: whoever opens a route to the public says so here too."""
    public = {f"{row.method} {row.path}" for row in ROWS if row.cells["anonymous"] == "ok"}
    assert public == {
        "POST /api/auth/register",
        "POST /api/auth/verify",
        "POST /api/auth/login",
        "POST /api/auth/refresh",
        "POST /api/auth/logout",
        "POST /api/auth/forgot-password",
        "POST /api/auth/reset-password",
        "GET /api/auth/jwks.json",
        "GET /login",
        "POST /login",
        "POST /logout",
        "GET /login/second",
        "POST /login/second",
        "GET /register",
        "POST /register",
        "GET /forgot",
        "POST /forgot",
        "GET /reset",
        "POST /reset",
        "GET /verify",
        "POST /verify",
        "GET /",
        "GET /offline",
        "GET /sw.js",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /api/openapi.json",
        "GET /api/docs",
        "GET /static/{name}",
    }


async def test_a_ticket_that_is_not_yours_looks_like_one_that_is_not_there(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        for row in [row for row in ROWS if "{ticket_id}" in row.path]:
            sample = await sample_of(company, row)
            hidden = sample.target(row.path)
            nowhere = hidden.replace(sample.path["ticket_id"], "0190a0a0-0000-7000-8000-000000000000")
            for column in [name for name, cell in row.cells.items() if cell == "404"]:
                headers = company.headers(column) | sample.headers
                refused = await ask(company.world, row.method, hidden, headers, sample.body)
                absent = await ask(company.world, row.method, nowhere, headers, sample.body)
                assert refused.status == 404, row
                assert (refused.status, refused.body) == (absent.status, absent.body), row


async def test_no_list_names_a_ticket_to_whom_it_does_not_concern(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        ticket = await company.ticket()
        seen = []
        for row in [row for row in ROWS if row.method == "GET" and "{ticket_id}" not in row.path]:
            for column in ("anonymous", "stranger", "other agent", "owner"):
                if row.cells[column] == "ok":
                    answer = await send(company, row, column)
                    if column == "owner":
                        seen += [row.path] * (ticket in answer.text)
                    else:
                        assert ticket not in answer.text, f"{column}: {row}"
                        assert "Printer on fire" not in answer.text, f"{column}: {row}"
        assert seen == [
            "/api/tickets",
            "/api/tickets/user/{user_id}",
            "/api/tickets/status/{status}",
            "/my",
            "/api/notifications",
        ]
