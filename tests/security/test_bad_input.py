"""Bodies that are wrong in some way: always a clear refusal, and nothing is stored."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.journeys.desk import BOOKKEEPING
from tests.security.asgi import JSON, Answer, ask
from tests.security.company import Company, open_company
from tests.security.interface import Operation, Schema, operations_of
from tests.security.matrix import Row, read_table, sample_of

ROUTES = {
    (row.method, row.path): row
    for row in reversed(read_table())
    if row.method != "GET" and row.path.startswith("/api/") and row.cells["admin"] == "ok"
}
ROWS = list(ROUTES.values())
WRONG: dict[str, tuple[Any, ...]] = {
    "string": (1, 1.5, True, [], ["x"], {}, {"a": "x"}),
    "integer": ("1", "", 1.5, True, [], {}, 2**63, -(2**63) - 1, 10**30),
    "boolean": ("true", "", 1, 0, [], {}),
    "array": ("x", 1, True, {}, {"0": "x"}),
    "object": ("x", 1, True, [], [[]]),
}
NOT_JSON = (
    b"",
    b" ",
    b"{",
    b"}",
    b'{"a": }',
    b"{'a': 1}",
    b"{a: 1}",
    b'{"a": 1,}',
    b'{"a": 1} {"a": 1}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": 01}',
    b'{"a": "\x00"}',
    b'{"a": "\xff"}',
    b'{"a": "\\ud800"}',
    b'{"a": "\\x41"}',
    b'\xef\xbb\xbf{"a": 1}',
    '{"a": 1}'.encode("utf-16"),
    b"\x1f\x8b\x08\x00",
    b"a=1&b=2",
    b"<a>1</a>",
    b"undefined",
)
NOT_OBJECTS = (b"1", b"1.5", b'"x"', b"true", b"[1]", b'["x"]', b"[[]]", b'[{"a": 1}]')


def wrong_bodies(schema: Schema, right: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is wrong, and ``right`` with that one mistake."""
    if schema["type"] == "array":
        assert isinstance(right, list)
        for what, item in wrong_bodies(schema["items"], right[0]):
            yield f"[0].{what}", [item]
        for value in (*WRONG["object"], None):
            yield f"[0] is {value!r}", [value]
        yield "an object", right[0]
        return
    right = right if isinstance(right, dict) else {}
    yield "an unknown field", right | {"isAdmin": True}
    yield "a field in snake case", right | {"requester_id": "x"}
    for name, field in schema["properties"].items():
        for value in WRONG[field["type"]]:
            yield f"{name} is {value!r}"[:80], right | {name: value}
        if field["type"] == "array":
            for value in (*WRONG[field["items"]["type"]], None):
                yield f"{name} has {value!r}", right | {name: [value]}
        if not field.get("nullable"):
            yield f"{name} is null", right | {name: None}
        yield (
            f"{name.upper()} for {name}",
            {key: value for key, value in right.items() if key != name} | {name.upper(): "x"},
        )
    for name in schema["required"]:
        yield f"no {name}", {key: value for key, value in right.items() if key != name}


async def stored(company: Company) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that the database holds."""
    return {
        name: sorted(tuple(found) for found in await company.world.sql(f"SELECT * FROM {name}"))
        for name in await company.world.tables()
        if name not in BOOKKEEPING
    }


def check_refusal(answer: Answer, what: str, statuses: tuple[int, ...] = (400,)) -> None:
    """A refusal is a problem document that says what is wrong, in words that belong to the interface."""
    assert answer.status in statuses, f"{what}: {answer.status} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json", what
    problem = answer.json
    assert problem["status"] == answer.status, what
    assert problem["message"].strip(), what
    assert len(answer.body) < 10_000, what
    for internal in (
        "Traceback",
        "msgspec",
        "litestar",
        "sqlite",
        "postgres",
        "asyncpg",
        "answerable.",
        'File "',
        "object at 0x",
    ):
        assert internal not in answer.text, f"{what}: {answer.text[:300]}"


def operation_of(company: Company, row: Row) -> Operation:
    """Return what the OpenAPI document says of a row; it names path parameters in camel case."""
    shape = [part for part in row.path.split("/") if not part.startswith("{")]
    for operation in operations_of(company.world):
        same = [part for part in operation.path.split("/") if not part.startswith("{")]
        if operation.method == row.method and same == shape:
            return operation
    raise LookupError(f"{row} is not in the OpenAPI document")


def test_every_body_is_tried() -> None:
    assert len(ROWS) > 25


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_a_wrong_body_is_refused_and_nothing_is_stored(row: Row, tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        sample = await sample_of(company, row)
        operation = operation_of(company, row)
        if operation.body is None:
            answer = await ask(
                company.world, row.method, sample.target(row.path), company.headers("admin") | JSON, b"["
            )
            assert answer.status in (200, 201, 202, 400)
            return
        before = await stored(company)
        headers, target = company.headers("admin") | JSON, sample.target(row.path)

        async def refused(what: str, body: bytes, *statuses: int) -> None:
            answer = await ask(company.world, row.method, target, headers, body)
            check_refusal(answer, f"{row}: {what}", statuses or (400,))

        for body in NOT_JSON:
            if body.strip() or operation.body.get("required"):
                await refused(repr(body), body)
        for body in NOT_OBJECTS:
            await refused(repr(body), body)
        for what, value in wrong_bodies(operation.body, sample.json):
            await refused(what, msgspec.json.encode(value))
        if not operation.body.get("nullable"):
            await refused("null", b"null")
        assert await stored(company) == before


TEXTS: Mapping[str, str] = {
    "empty": "",
    "blank": " \t\n ",
    "null byte": "a\x00b",
    "line ends": "one\r\ntwo\r\n\r\nthree",
    "no width": "\u200b\u200b\u200b\u200b\u200b",
    "right to left": "\u202egnp.exe",
    "not a character": "\uffff\ufffe",
    "one letter of a megabyte": "a" * 900_000,
    "combining": "a" + "\u0301" * 1000,
    "fullwidth": "\uff21\uff24\uff2d\uff29\uff2e",
    "template": "{{7*7}} ${7*7} #{7*7} %n%n%s",
    "path": "../../../../etc/passwd",
    "language": "\u0130\u0131\u00df\u1e9e",
}


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_odd_words_in_any_field_do_not_break_the_desk(row: Row, tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        operation = operation_of(company, row)
        if operation.body is None:
            return
        is_list = operation.body["type"] == "array"
        schema = operation.body["items"] if is_list else operation.body
        sample = await sample_of(company, row)
        right = (sample.json[0] if is_list else sample.json) or {}
        for name, field in schema["properties"].items():
            for what, text in TEXTS.items():
                odd = {"string": text, "array": [text]}.get(field["type"])
                if odd is None:
                    continue
                body = right | {name: odd}
                sent = msgspec.json.encode([body] if is_list else body)
                answer = await ask(
                    company.world, row.method, sample.target(row.path), company.headers("manager") | JSON, sent
                )
                assert answer.status < 500, f"{row}: {name} is {what}: {answer.text[:300]}"
                assert answer.status < 400 or answer.json["message"]
        await company.world.settle()
        assert await company.world.sql("SELECT * FROM bus_retry") == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "if-match",
            (
                "x",
                '"',
                '""',
                "3",
                '"x"',
                '"-1"',
                '"' + "9" * 5000 + '"',
                'W/"',
                "\xff",
                '"٣"'.encode().decode("latin-1"),
            ),
        ),
        ("idempotency-key", ("", "x" * 256, "a\tb", "\x7f", "\xff" * 300)),
        ("authorization", ("Bearer x", "x" * 50_000)),
        ("accept", ("\xff", "text/html;q=x", "*/*" * 10_000, ";;;,,,")),
        ("x-request-id", ("<script>", "a b", "x" * 5000, "\xff", "")),
        ("origin", ("\xff", "http://" + "x" * 10_000)),
        ("last-event-id", ("\xff", "-1", "x" * 10_000)),
        ("content-length", ("x", "-1", "1.5", "999999999999999999999", "")),
        ("accept-encoding", ("\xff", "gzip;q=x")),
        ("cookie", ("\xff", "=;=;", "a" * 50_000)),
    ],
)
async def test_odd_headers_do_not_break_the_desk(name: str, values: tuple[str, ...], tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        ticket = await company.ticket()
        for value in values:
            for method, path, body in (
                ("PATCH", f"/api/tickets/{ticket}", b'{"title": "Another title"}'),
                ("POST", f"/api/tickets/{ticket}/comments", b'{"comment": "Any news?"}'),
                ("GET", "/api/tickets", b""),
                ("GET", "/api/reports/summary", b""),
                ("GET", "/", b""),
                ("GET", "/nowhere", b""),
            ):
                headers = company.headers("admin") | (JSON if body else {}) | {name: value}
                answer = await ask(company.world, method, path, headers, body)
                assert answer.status < 500, f"{name}: {value[:50]!r} on {method} {path}"
                assert answer.headers["x-request-id"].replace("-", "").isalnum()
