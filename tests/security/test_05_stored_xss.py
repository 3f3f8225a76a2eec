"""05: what somebody wrote is never run by the browser of somebody else."""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

import msgspec
import pytest

from answerable.infra.web.html import render
from answerable.users.actions.mails import make_setup_link
from tests.forms import HEADERS, with_token
from tests.security.asgi import JSON, Answer, ask
from tests.security.company import open_company
from tests.security.matrix import read_table, sample_of, send
from tests.world import TESTER, World

EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "<svg/onload=alert(1)>",
    "{{7919*7907}}{% raw %}",
    "javascript:alert(1)",
    "</title></textarea></script><script>alert(1)</script>",
    "<b>bold</b>",
)
FORM = HEADERS
OWN_SCRIPT = re.compile(r'<script type="module" src="/static/\w+\.[0-9a-f]{16}\.js"></script>')


def check_page(answer: Answer, said: str) -> None:
    """A page holds what was said only as text, and its policy forbids every script."""
    assert answer.headers["content-type"].startswith("text/html")
    assert "charset=utf-8" in answer.headers["content-type"].lower()
    if any(letter in said for letter in "<>\"'"):
        assert said not in answer.text
    assert "<script" not in OWN_SCRIPT.sub("", answer.text)
    assert "alert(1)>" not in answer.text
    assert "62615533" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_pages_escape_what_was_typed_into_them(world: World) -> None:
    token = await world.db.write(TESTER, make_setup_link)
    for said in EVIL:
        for field in ("name", "email", "token", "password"):
            form = {"token": token or "", "name": "x", "email": "x", "password": "x"} | {field: said}
            check_page(await ask(world, "POST", "/setup", FORM, urlencode(with_token(form)).encode()), said)
            check_page(await ask(world, "POST", "/reset", FORM, urlencode(with_token(form)).encode()), said)
            check_page(await ask(world, "POST", "/verify", FORM, urlencode(with_token(form)).encode()), said)
        for page in ("setup", "reset", "verify"):
            check_page(await ask(world, "GET", f"/{page}?token={quote(said, safe='')}"), said)
    [row] = await world.sql("SELECT COUNT(*) AS n FROM users_person")
    assert row["n"] == 0


async def test_error_pages_escape_the_address_and_what_was_wrong(world: World) -> None:
    for said in EVIL:
        for path in (f"/{quote(said, safe='')}", f"/static/{quote(said, safe='')}", f"/setup?token={quote(said)}"):
            check_page(await ask(world, "GET", path, {"accept": "text/html"}), said)
        page = render(
            "frame/problem.html", layout="frame/fragment.html", status=400, title=said, message=said, errors=(said,)
        )
        if any(letter in said for letter in "<>\"'"):
            assert said.encode() not in page.content


async def test_a_name_that_is_markup_is_a_text_wherever_it_is_shown(world: World) -> None:
    token = await world.db.write(TESTER, make_setup_link)
    form = {"token": token or "", "name": "<script>alert(1)</script>", "email": "a@b.test", "password": "long enough"}
    page = await ask(world, "POST", "/setup", FORM, urlencode(with_token(form)).encode())
    assert page.status == 200
    check_page(page, form["name"])
    assert "&lt;script&gt;" in page.text


@pytest.mark.one_engine
async def test_json_is_json_and_nothing_a_browser_would_guess(tmp_path: Path) -> None:
    """Every answer of every route, done or refused, says what it is and that nobody may guess."""
    async with open_company(tmp_path) as company:
        for row in read_table():
            for column in ("admin", "anonymous"):
                answer = await send(company, row, column)
                kind = answer.headers.get("content-type", "")
                assert answer.headers["x-content-type-options"] == "nosniff", row
                assert answer.headers["x-frame-options"] == "DENY", row
                if row.path.startswith("/api/") and row.path not in ("/api/docs", "/api/live"):
                    assert kind in ("application/json", "application/problem+json"), row
                if row.path == "/api/tickets/{ticket_id}" and row.method == "GET":
                    sample = await sample_of(company, row)
                    asked = company.headers(column) | {"accept": "text/html,*/*"}
                    page = await ask(company.world, "GET", sample.target(row.path), asked)
                    assert "html" not in page.headers["content-type"]


async def test_markup_in_a_ticket_is_kept_as_it_was_said(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        headers = company.headers("owner") | JSON
        for said in EVIL:
            body = {
                "title": said.ljust(5, "."),
                "description": said.ljust(10, "."),
                "category": "OTHER",
                "priority": "LOW",
            }
            made = await ask(company.world, "POST", "/api/tickets", headers, msgspec.json.encode(body))
            assert made.status == 201
            read = await ask(company.world, "GET", f"/api/tickets/{made.json['id']}", company.headers("owner"))
            assert read.json["title"] == body["title"]
            assert read.headers["content-type"] == "application/json"
            assert read.headers["content-security-policy"].startswith("default-src 'self'")
