"""13: nobody makes the desk work, store or wait without end."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.forms import HEADERS, with_token
from tests.patience import PATIENCE
from tests.people import make_person
from tests.processes import make_admin, server
from tests.security.asgi import JSON, ask
from tests.security.company import open_company
from tests.security.interface import operations_of
from tests.security.matrix import read_table, sample_of
from tests.world import World, open_world

LIMIT = 1_048_576
SECONDS = 2.0  # of this process, for any one request: hundreds of times what an honest one takes


class Cheap:
    """The work of a block, in seconds of this process: other tests beside it do not count."""

    def __enter__(self) -> None:
        self._began = time.process_time()

    def __exit__(self, *_: object) -> None:
        assert time.process_time() - self._began < SECONDS


@pytest.mark.one_engine
async def test_a_body_beyond_the_limit_is_refused_on_every_route(tmp_path: Path) -> None:
    async with open_company(tmp_path, server__max_body_bytes=2000) as company:
        for row in read_table():
            if row.method == "GET":
                continue
            sample = await sample_of(company, row)
            before = await _outbox(company.world)
            if sample.json is None and sample.form is None:
                continue
            body = sample.body + b" " * 3000
            column = "agent" if row.cells["admin"] == "403" else "admin"  # somebody who gets as far as the body
            headers = company.headers(column) | sample.headers
            answer = await ask(company.world, row.method, sample.target(row.path), headers, body)
            assert answer.status == 413, row
            assert "larger" in answer.text

            async def pieces() -> AsyncIterator[bytes]:
                for _ in range(30):
                    yield b" " * 100

            headers |= {"transfer-encoding": "chunked"}
            answer = await ask(company.world, row.method, sample.target(row.path), headers, chunks=pieces())
            assert answer.status == 413, row
            assert await _outbox(company.world) == before, row


async def _outbox(world: World) -> int:
    [row] = await world.sql("SELECT COUNT(*) AS n FROM bus_outbox")
    return int(row["n"])


async def test_a_body_without_end_is_not_read_to_its_end(world: World) -> None:
    person = await make_person(world)
    sent = 0

    async def without_end() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    headers = person.headers | JSON | {"transfer-encoding": "chunked"}
    answer = await ask(world, "POST", "/api/tickets", headers, chunks=without_end())
    assert answer.status == 413
    assert sent <= LIMIT + 2 * 65_536


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
async def test_nesting_without_end_is_a_bad_request(world: World, opening: bytes) -> None:
    person = await make_person(world, "ADMIN")
    for depth in (500, 5_000, 100_000):
        for body in (opening * depth, b'{"title": ' + opening * depth):
            for path in ("/api/tickets", "/api/auth/login"):
                with Cheap():
                    answer = await ask(world, "POST", path, person.headers | JSON, body[:LIMIT])
                assert answer.status == 400
                assert answer.json["message"]


async def test_many_fields_and_numbers_without_end_are_cheap(world: World) -> None:
    person = await make_person(world, "ADMIN")
    fields = b"{" + b",".join(b'"f%d":1' % number for number in range(60_000)) + b"}"
    digits = b'{"title": ' + b"9" * 1_000_000 + b"}"
    same = b"{" + b",".join([b'"title":"x"'] * 80_000) + b"}"
    for body in (fields, digits, same):
        with Cheap():
            assert (await ask(world, "POST", "/api/tickets", person.headers | JSON, body)).status == 400


async def test_no_list_is_longer_than_its_page_and_no_page_longer_than_the_desk_gives(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        ticket = await company.ticket()
        paged = [operation for operation in operations_of(company.world) if "size" in operation.query]
        assert len(paged) > 10
        for operation in paged:
            path = operation.path.replace("{ticketId}", ticket).replace("{status}", "ASSIGNED")
            path = path.replace("{userId}", company["owner"].id).replace("{agentId}", company["agent"].id)
            path = path.replace("{managerId}", company["manager"].id)
            for query in ("size=0", "size=-1", "size=1001", "size=1e9", "size=99999999999999999999", "size=x"):
                answer = await ask(company.world, "GET", f"{path}?{query}", company.headers("admin"))
                assert answer.status == 400, f"{path}?{query}"
            if "page" in operation.query:
                for query in ("page=-1", "page=1001&size=10", "page=99999999999999999999", "page=11&size=1000"):
                    answer = await ask(company.world, "GET", f"{path}?{query}", company.headers("admin"))
                    assert answer.status == 400, f"{path}?{query}"
            answer = await ask(company.world, "GET", f"{path}?size=1", company.headers("admin"))
            if "{" in path:  # of nothing that there is
                assert answer.status == 404, path
            else:
                assert answer.status == 200, path
                assert len(answer.json) <= 1


@pytest.mark.parametrize(
    "letters",
    ["a" * 10_000, "a " * 5_000, '"' * 10_000, "%61" * 3_333, "(" * 10_000, "ﷺ" * 1_000, "é" * 3_000, "*" * 10_000],
)
async def test_a_search_of_ten_thousand_letters_is_cheap(world: World, letters: str) -> None:
    person = await make_person(world, "ADMIN")
    for path in (
        "/api/tickets?q=",
        "/api/users/admin?q=",
        "/api/tickets?sort=",
        "/api/tickets?status=",
        "/api/tickets/",
    ):
        with Cheap():
            answer = await ask(world, "GET", path + letters.replace(" ", "+"), person.headers)
        assert answer.status in (200, 400, 404)
        assert len(answer.body) < 20_000


async def test_names_ids_and_headers_of_any_length_are_cheap(world: World) -> None:
    person = await make_person(world, "ADMIN")
    for path in ("/api/tickets/", "/api/users/", "/api/agent/", "/static/", "/nowhere/", "/ticket-service/tickets/"):
        with Cheap():
            assert (await ask(world, "GET", path + "x" * 200_000, person.headers)).status == 404
    with Cheap():
        assert (await ask(world, "GET", "/x" * 50_000, person.headers)).status == 404
        assert (
            await ask(world, "GET", "/api/tickets?" + "&".join(f"a{n}=1" for n in range(20_000)), person.headers)
        ).status == 200
        assert (
            await ask(world, "GET", "/api/tickets", person.headers | {f"x-{n}": "y" for n in range(5_000)})
        ).status == 200


async def test_a_form_of_many_fields_or_parts_is_cheap(world: World) -> None:
    form = HEADERS | {"x-form-token": with_token({})["_form"]}
    parts = form | {"content-type": "multipart/form-data; boundary=b"}
    with Cheap():
        answer = await ask(world, "POST", "/setup", form, b"&".join(b"f%d=1" % number for number in range(80_000)))
        assert answer.status in (400, 419)
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(15_000))
    for sent in (body + b"--b--\r\n", body, b"--b\r\n" * 100_000, b"--b\r\n" + b"x" * 900_000, b""):
        with Cheap():
            answer = await ask(world, "POST", "/setup", parts, sent)
        assert answer.status in (400, 413, 419), sent[:20]
    for odd in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 5000):
        answer = await ask(world, "POST", "/setup", {"content-type": odd}, b"--x\r\n\r\n")
        assert answer.status in (400, 419), odd


async def test_passwords_cannot_be_tried_without_end(tmp_path: Path) -> None:
    async with open_world(tmp_path, ("users",), auth__login_tries=2) as world:
        await make_person(world, email="una@desk.test")
        body = b'{"email": "una@desk.test", "password": "not this one"}'
        statuses = [(await ask(world, "POST", "/api/auth/login", JSON, body)).status for _ in range(4)]
        assert statuses == [401, 401, 429, 429]
        forwarded = JSON | {
            "x-forwarded-for": "203.0.113.7",
            "forwarded": "for=203.0.113.7",
            "x-real-ip": "203.0.113.7",
        }
        answer = await ask(world, "POST", "/api/auth/login", forwarded, body)
        assert answer.status == 429  # the address is the connection's, whatever a header says
        assert 0 < int(answer.headers["retry-after"]) <= 900


@pytest.mark.slow
async def test_a_real_server_ends_what_is_too_long_or_too_odd(tmp_path: Path) -> None:
    """What the HTTP server in front of the application sees first: raw bytes on a socket."""
    folder = tmp_path / "desk"
    make_admin(folder)
    with server(folder) as running:
        host, _, port = running.url.removeprefix("http://").partition(":")

        async def talk(sent: bytes) -> bytes:
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(sent)
                async with asyncio.timeout(PATIENCE):
                    await writer.drain()
                    return await reader.read(64)
            except ConnectionError:
                return b""
            finally:
                writer.close()

        for sent in (
            b"\x00" * 1000 + b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /api/users/admin HTTP/9.9\r\nHost: x\r\n\r\n",
            b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            b"POST /api/auth/login HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"GET http://evil.test/api/users/admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /api/users/admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /healthz/../api/users/admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET /%2e%2e/api/users/admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"\x16\x03\x01" + os.urandom(200) + b"\r\n\r\n",
        ):
            answer = await talk(sent)
            assert answer == b"" or answer.split(b" ")[1][:1] == b"4", (sent[:60], answer)
        rss = _resident_kilobytes(running.process.pid)
        header = (
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: " + b"a" * 30_000_000 + b"\r\nConnection: close\r\n\r\n"
        )
        assert (await talk(header)).split(b" ")[1:2] in ([], [b"431"]), "it is cut off, or told so first"
        trailer = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: " + b"a" * 8_000_000
        said = await talk(trailer)
        assert said == b"" or said.split(b" ")[1][:1] == b"4", "it does not wait for the end of what has none"
        assert (await talk(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200"
        )
        assert _resident_kilobytes(running.process.pid) - rss < 100_000
        assert "Traceback" not in running.errors.read_text()


def _resident_kilobytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
