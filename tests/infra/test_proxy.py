"""What the gateway hands on to a service elsewhere, and what it hands back: over real connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar, Response, get, post, put

from answerable.infra.database import DeskDatabase, open_database
from answerable.infra.database.migrate import migrate, migrations_of
from answerable.infra.metrics import exposition
from answerable.infra.web.edge import Edge
from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.inner import HEADER, InnerDoor
from answerable.infra.web.kept import GATHERED
from answerable.infra.web.proxy import Proxy
from answerable.users.rules import grants_of
from tests.apart import SECRET, serving_app
from tests.patience import PATIENCE
from tests.world import Clock, settings_for

EVERYBODY = needs(PUBLIC)


@get("/api/stream", opt=EVERYBODY)
async def stream() -> Response[bytes]:
    """Run elsewhere."""
    return Response(b"never from here")


@post("/api/things/{name:str}", opt=EVERYBODY)
async def thing(name: str) -> Response[bytes]:
    """Run elsewhere."""
    return Response(b"never from here")


@put("/api/things/{name:str}", opt=EVERYBODY)
async def changed_thing(name: str) -> Response[bytes]:
    """Run elsewhere."""
    return Response(b"never from here")


@get("/api/export/{name:str}", opt=EVERYBODY | GATHERED)
async def export(name: str) -> Response[bytes]:
    """Run elsewhere, and be made whole in the gateway."""
    return Response(b"never from here")


@get("/api/users/{name:str}", opt=EVERYBODY)
async def user(name: str) -> Response[bytes]:
    """Run elsewhere, in the service that may see tokens."""
    return Response(b"never from here")


@get("/api/here", opt=EVERYBODY)
async def here() -> Response[bytes]:
    """Run in the gateway."""
    return Response(b"here")


class Service:
    """A service as a gateway sees one: it keeps what it was asked and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[bytes, bytes], bytes]] = []
        self.left = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        address = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"
        self.asked.append((scope["method"], address, dict(scope["headers"]), body))
        await getattr(self, f"answer_{scope['path'].rsplit('/', 1)[-1]}", self.answer)(receive, send)

    async def answer(self, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain"), (b"connection", b"keep-alive"), (b"x-own", b"kept")]
        await self._whole(send, 201, [*headers, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")], b"done")

    async def answer_elsewhere(self, receive: Any, send: Any) -> None:
        await self._whole(send, 307, [(b"location", b"http://192.0.2.1/")], b"")

    async def answer_silent(self, receive: Any, send: Any) -> None:
        await receive()  # until the gateway gives up

    async def answer_broken(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ConnectionResetError

    async def answer_stream(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        waiting = [asyncio.ensure_future(self.go_on.wait()), asyncio.ensure_future(receive())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if waiting[1].done():
            self.left.set()
        for each in waiting:
            each.cancel()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})

    async def _whole(self, send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def gateway(folder: Path, service: str) -> AsyncIterator[tuple[httpx.AsyncClient, InnerDoor]]:
    settings = settings_for(
        folder,
        peers__tickets=service,
        peers__users=service,
        peers__secret=SECRET,
        peers__timeout_seconds=0.5,
        server__max_body_bytes=10_000,
    )
    database: DeskDatabase = open_database(settings, Clock())
    migrate(database, migrations_of("bus", "answerable.infra.bus", database.engine))
    app = Litestar([stream, thing, changed_thing, export, user, here], openapi_config=None)
    inner = InnerDoor(settings, database.clock, grants_of)
    owners = {stream.fn: "tickets", thing.fn: "tickets", changed_thing.fn: "tickets"}
    owners |= {export.fn: "users", user.fn: "users"}
    proxy = Proxy(app, app, owners, settings, inner)
    async with serving_app(Edge(cast(Any, proxy), database, {}, None)) as address:
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
            yield client, inner
        await proxy.close()
    await database.close()


async def test_a_request_and_its_answer_are_handed_on(tmp_path: Path) -> None:
    service = Service()
    async with serving_app(service) as address, gateway(tmp_path, address) as (client, inner):
        sent = {
            "x-answerable-identity": "forged",
            "x-forwarded-for": "192.0.2.9",
            "authorization": "Bearer t",
            "te": "x",
        }
        answer = await client.post("/api/things/%C3%A4%20b%2525?q=1&q=%26", content=b"body", headers=sent)
        assert (answer.status_code, answer.content) == (201, b"done")
        assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert answer.headers["x-own"] == "kept"
        assert len(answer.headers.get_list("date")) == 1, "of the two servers, one says what time it is"
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        [(method, asked, headers, body)] = service.asked
        assert (method, asked, body) == ("POST", "/api/things/%C3%A4%20b%2525?q=1&q=%26", b"body")
        assert headers[b"x-request-id"].decode() == answer.headers["x-request-id"]
        assert inner.open(headers[HEADER]).address == "127.0.0.1"
        assert not {b"x-forwarded-for", b"authorization"} & headers.keys()
        await client.get("/api/users/una", headers=sent)
        assert service.asked[-1][2][b"authorization"] == b"Bearer t", "the users service ends sessions by their token"
        assert (await client.get("/api/here")).content == b"here"
        assert (await client.get("/api/nowhere")).status_code == 404
        assert (await client.delete("/api/things/x")).status_code == 405
        assert len(service.asked) == 2


async def test_a_stream_comes_as_it_is_made_and_ends_when_the_client_goes(tmp_path: Path) -> None:
    service = Service()
    async with serving_app(service) as address, gateway(tmp_path, address) as (client, _):
        async with client.stream("GET", "/api/stream") as answer:
            parts = answer.aiter_raw()
            assert await anext(parts) == b"first"
            service.go_on.set()
            assert await anext(parts) == b"last"
        service.go_on.clear()
        async with client.stream("GET", "/api/stream") as answer:
            assert await anext(answer.aiter_raw()) == b"first"
        async with asyncio.timeout(PATIENCE):
            await service.left.wait()


async def test_redirects_are_the_clients_affair(tmp_path: Path) -> None:
    async with serving_app(Service()) as address, gateway(tmp_path, address) as (client, _):
        answer = await client.post("/api/things/elsewhere")
        assert (answer.status_code, answer.headers["location"]) == (307, "http://192.0.2.1/")


async def test_too_much_is_refused_at_the_gateway(tmp_path: Path) -> None:
    service = Service()
    async with serving_app(service) as address, gateway(tmp_path, address) as (client, _):
        assert (await client.post("/api/things/x", content=b"x" * 10_001)).status_code == 413
        assert service.asked == []


async def test_a_service_that_is_silent_or_gone_is_told_of(tmp_path: Path) -> None:
    async with serving_app(Service()) as address, gateway(tmp_path, address) as (client, _):
        silent = await client.post("/api/things/silent")
        assert (silent.status_code, silent.headers["retry-after"]) == (503, "2")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/api/things/broken")
        half = await client.get("/api/export/broken")
        assert (half.status_code, half.headers["retry-after"]) == (503, "2"), "nothing of it was out yet"
    async with gateway(tmp_path, address) as (client, _):
        gone = await client.post("/api/things/x")
        assert gone.status_code == 503
        assert gone.json()["message"].startswith("This part of the desk is away")
        assert "127.0.0.1" not in gone.text


async def test_a_change_is_asked_for_once_and_a_question_anew(tmp_path: Path) -> None:
    """A service that dies with a change in hand may have made it: its neighbour, asked again, would refuse it."""
    asked: list[bytes] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).partition(b" ")[0])
        writer.close()

    dying = await asyncio.start_server(die, "127.0.0.1", 0)
    async with dying, gateway(tmp_path, f"http://127.0.0.1:{dying.sockets[0].getsockname()[1]}") as (client, _):
        for method in ("PUT", "POST", "GET"):
            answer = await client.request(method, "/api/things/x" if method != "GET" else "/api/stream")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert asked == [b"PUT", b"POST", b"GET", b"GET"]


async def test_a_client_that_goes_away_in_the_middle_of_a_body_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = Service()
    before = _counted("400")
    async with serving_app(service) as address, gateway(tmp_path, address) as (client, _):
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"POST /api/things/x HTTP/1.1\r\nHost: desk\r\nContent-Length: 500\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        async with asyncio.timeout(PATIENCE):
            while _counted("400") == before and "Traceback" not in caplog.text:
                assert (await client.get("/api/here")).content == b"here"
    assert (_counted("400"), service.asked) == (before + 1, [])
    assert "Traceback" not in caplog.text


def _counted(status: str) -> int:
    """Return how many POSTs were answered so."""
    requests = [
        line for line in exposition().decode().splitlines() if line.startswith("answerable_http_requests_total")
    ]
    found = [line for line in requests if 'method="POST"' in line and f'"{status}"' in line]
    return int(sum(float(line.rpartition(" ")[2]) for line in found))
