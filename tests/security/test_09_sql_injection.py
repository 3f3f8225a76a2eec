"""09: whatever is written where a value belongs stays a value."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.security.asgi import JSON, Answer, ask
from tests.security.company import Company, open_company
from tests.security.interface import Operation, operations_of

PAYLOADS = (
    "'",
    '"',
    "`",
    "\\",
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "1; DROP TABLE tickets_ticket; --",
    "') UNION SELECT password_hash FROM users_person --",
    "createdAt, (SELECT password_hash FROM users_person)",
    "-createdAt; --",
    "%",
    "_",
    "*",
    ":me",
    ":p0 ?1 $1 {0} %s",
    "NEAR(printer fire) OR title:printer^2 NOT {x",
    '"printer" OR *',
    "printer\x00' OR 1=1",
    "\x00",
    "null",
    "[]",
    "-1",
    "1e9",
    "9" * 40,
    "٣",  # a digit, but not one of ASCII
    "\U0001f525\u202e",
    "\udcff",
    " ",
)


def encoded(text: str) -> str:
    return quote(text.encode("utf-8", "surrogateescape"), safe="")


async def tables(company: Company) -> list[tuple[str, int]]:
    """Return the number of rows of each table, but for the audit log: an export is an act in it."""
    found = []
    for name in set(await company.world.tables()) - {"users_act", "users_act_detail"}:
        [counted] = await company.world.sql(f"SELECT COUNT(*) AS n FROM {name}")
        found.append((name, counted["n"]))
    return sorted(found)


def rows_of(answer: Answer) -> list[Any]:
    listed = answer.json if answer.headers["content-type"] == "application/json" else []
    return listed if isinstance(listed, list) else []


@pytest.mark.slow
@pytest.mark.parametrize("column", ["stranger", "agent", "admin"])
async def test_no_parameter_of_any_list_is_read_as_sql(column: str, tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        for status in ("CREATED", "RESOLVED", "CLOSED"):
            await company.ticket(status)
        ticket = await company.ticket()
        await ask(company.world, "GET", "/api/notifications/mail", company.headers("admin"))  # an act, once an hour
        await company.world.settle()
        before = await tables(company)
        for operation in operations_of(company.world):
            if operation.method == "GET" and operation.path != "/api/live":
                await _try_query(company, column, operation, ticket)
                await _try_path(company, column, operation)
        assert await tables(company) == before


async def _try_query(company: Company, column: str, operation: Operation, ticket: str) -> None:
    path = _real_path(company, operation, ticket)
    size = "size=1000" if "size" in operation.query else ""
    usual = await ask(company.world, "GET", f"{path}?{size}", company.headers(column))
    for name in operation.query:
        for payload in PAYLOADS:
            target = f"{path}?{'' if name == 'size' else size + '&'}{name}={encoded(payload)}"
            answer = await ask(company.world, "GET", target, company.headers(column))
            assert answer.status < 500, target
            if answer.status == 200:
                assert usual.status == 200, target
                assert [row for row in rows_of(answer) if row not in rows_of(usual)] == [], target
            elif usual.status == 200:
                assert answer.status == 400, target


async def _try_path(company: Company, column: str, operation: Operation) -> None:
    for name in operation.in_path:
        for payload in PAYLOADS:
            target = operation.path.replace("{" + name + "}", encoded(payload))
            answer = await ask(company.world, "GET", target, company.headers(column))
            assert answer.status in (200, 400, 403, 404), target
            assert answer.status != 200 or answer.json == [], target


def _real_path(company: Company, operation: Operation, ticket: str) -> str:
    path = operation.path.replace("{status}", "CLOSED").replace("{userId}", company["owner"].id)
    path = path.replace("{agentId}", company["agent"].id).replace("{managerId}", company["manager"].id)
    return path.replace("{ticketId}", ticket)


async def test_wildcards_are_letters_like_any_other(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        await company.ticket()
        for wildcard in ("%", "_", "!", "%%", "\\%", "[a-z]"):
            people = await ask(
                company.world, "GET", f"/api/users/admin?q={encoded(wildcard)}", company.headers("admin")
            )
            assert (people.status, people.json) == (200, [])
        for wildcard in ("%", "_", "*", '"', "^", "-"):
            found = await ask(company.world, "GET", f"/api/tickets?q={encoded(wildcard)}", company.headers("admin"))
            assert (found.status, found.json) == (200, [])


async def test_what_is_stored_comes_back_as_it_was(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        headers = company.headers("owner") | JSON
        payloads = [payload for payload in PAYLOADS if payload.isprintable()]
        for payload in payloads:
            title = f"About {payload} and more"
            body = {"title": title, "description": title + " " * 5 + ".", "category": "OTHER", "priority": "LOW"}
            headers["idempotency-key"] = encoded(payload)
            made = await ask(company.world, "POST", "/api/tickets", headers, json.dumps(body).encode())
            assert made.status == 201, payload
            read = await ask(company.world, "GET", f"/api/tickets/{made.json['id']}", company.headers("owner"))
            assert read.json["title"] == " ".join(title.split())
        assert len(await company.world.sql("SELECT id FROM tickets_ticket")) == len(payloads)


async def test_a_cursor_that_somebody_wrote_themselves_is_refused_or_read(tmp_path: Path) -> None:
    """A cursor is only packed, not signed: every part of it may be anything."""
    async with open_company(tmp_path) as company:
        ticket = await company.ticket("CLOSED")
        await company.ticket("CLOSED")
        for _ in range(2):
            said = await ask(
                company.world,
                "POST",
                f"/api/tickets/{ticket}/comments",
                company.headers("admin") | JSON,
                b'{"comment": "Note", "internal": true}',
            )
            assert said.status == 201
        tried = 0
        for operation in operations_of(company.world):
            if "cursor" not in operation.query:
                continue
            path = _real_path(company, operation, ticket)
            answer = await ask(company.world, "GET", f"{path}?size=1", company.headers("admin"))
            if "link" in answer.headers:
                tried += 1
                link = answer.headers["link"].partition(">")[0].removeprefix("<")
                await _try_cursors(company, path, parse_qs(urlsplit(link).query)["cursor"][0])
        assert tried >= 8


async def _try_cursors(company: Company, path: str, cursor: str) -> None:
    sort, value, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    odd: tuple[Any, ...] = ("' OR 1=1 --", "", "x", "-1", None, True, -1, 2**63 - 1, 2**63, 1.5, [1], {"a": 1}, "\x00")
    parts = [[sort, other, key] for other in odd] + [[sort, value, other] for other in odd]
    parts += [[sort, other, other] for other in odd] + [[other, value, key] for other in odd]
    bad: tuple[Any, ...] = ([], [sort], [sort, value, key, key], {}, None, "x")
    for part in (*parts, *bad):
        made = base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        answer = await ask(company.world, "GET", f"{path}?size=5&cursor={made}", company.headers("admin"))
        assert answer.status in (200, 400), f"{path} {part}"
    for text in ("x", "=", "%00", "%F0%9F%94%A5", "A" * 10_000, base64.b64encode(b"[" * 5000).decode(), "%c3%28"):
        answer = await ask(company.world, "GET", f"{path}?size=5&cursor={text}", company.headers("admin"))
        assert answer.status == 400, f"{path} {text[:20]}"
