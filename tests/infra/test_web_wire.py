"""Answers on a real socket: whole ones in one piece, streams as they come, nothing smuggled into headers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context
from typing import Any

import pytest
import uvicorn

from answerable.infra.stretch import Stretch
from answerable.infra.web.eager import begin
from answerable.infra.web.wire import DeskProtocol
from tests.patience import PATIENCE

HEAD = b"GET %b HTTP/1.1\r\nHost: desk\r\n%b\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer as the path says."""
    path, body = scope["path"], b"x" * 500
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    if path == "/injected":
        headers.append((b"x-name", b"one\r\nx-other: two"))
    if path == "/control":
        headers.append((b"x-name", b"\x01"))
    if path == "/short":
        body = body[:-1]
    if path == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": headers[:1]})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await (gate := scope["state"]["gate"]).wait()
        gate.clear()
        await send({"type": "http.response.body", "body": b"last"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/crash":
        raise RuntimeError("between head and body")
    if path == "/parts":
        await send({"type": "http.response.body", "body": body[:100], "more_body": True})
        body = body[100:]
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@asynccontextmanager
async def serving(gate: asyncio.Event, protocol: type[DeskProtocol] = DeskProtocol) -> AsyncIterator[int]:
    async def with_gate(scope: Any, receive: Any, send: Any) -> None:
        scope["state"] = {"gate": gate}
        await app(scope, receive, send)

    config = uvicorn.Config(with_gate, http=protocol, lifespan="off", log_config=None, ws="none")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    listening = socket.create_server(("127.0.0.1", 0))
    await server.startup(sockets=[listening])
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await server.shutdown(sockets=[listening])


async def answers(port: int, *requests: bytes, pieces: int = 1) -> bytes:
    """Send requests at once; return what comes until the server closes or ``pieces`` reads are done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(requests))
    got = b""
    async with asyncio.timeout(PATIENCE):
        for _ in range(pieces):
            piece = await reader.read(65536)
            got += piece
            if not piece:
                break
    writer.close()
    return got


async def test_a_whole_answer_comes_in_one_piece() -> None:
    async with serving(asyncio.Event()) as port:
        for path in (b"/", b"/again"):
            got = await answers(port, HEAD % (path, b""))
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert got.endswith(b"\r\n\r\n" + b"x" * 500)


async def test_requests_sent_together_are_answered_in_order() -> None:
    async with serving(asyncio.Event()) as port:
        got = await answers(port, *[HEAD % (b"/", b"")] * 3, HEAD % (b"/", b"Connection: close\r\n"), pieces=20)
        assert got.count(b"HTTP/1.1 200 OK") == 4
        assert got.count(b"x" * 500) == 4
        assert got.count(b"connection: close") == 1


async def test_a_stream_is_not_kept_back() -> None:
    gate = asyncio.Event()
    async with serving(gate) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD % (b"/stream", b""))
        async with asyncio.timeout(PATIENCE):
            first = await reader.readuntil(b"first\r\n")
            assert b"transfer-encoding: chunked" in first
            gate.set()
            assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"4\r\nlast")
        writer.close()


@pytest.mark.parametrize("path", [b"/injected", b"/control"])
async def test_no_header_can_be_made_into_two(path: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(asyncio.Event()) as port:
        got = await answers(port, HEAD % (path, b""), pieces=5)
        assert b"x-other" not in got
        assert b"\x01" not in got
        assert not got.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", [b"/short", b"/crash"])
async def test_what_breaks_in_the_middle_is_no_answer(path: bytes) -> None:
    async with serving(asyncio.Event()) as port:
        got = await answers(port, HEAD % (path, b""), pieces=5)
        assert not got.endswith(b"x" * 500)


async def test_answers_in_parts_and_heads_alone() -> None:
    async with serving(asyncio.Event()) as port:
        got = await answers(port, HEAD % (b"/parts", b"Connection: close\r\n"), pieces=20)
        assert got.endswith(b"\r\n\r\n" + b"x" * 500)
        head = (HEAD % (b"/", b"Connection: close\r\n")).replace(b"GET", b"HEAD")
        assert (await answers(port, head, pieces=5)).endswith(b"\r\n\r\n")


async def test_while_the_desk_works_a_request_is_answered_in_the_round_of_the_loop_that_it_came_in() -> None:
    """While the desk is busy, each round of the loop is a stretch of its own work."""
    answered: list[bool] = []

    class Watched(DeskProtocol):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            answered.append(self.cycle.response_complete)

    async def work_for_long() -> None:
        while True:
            await Stretch().pause()

    gate = asyncio.Event()
    async with serving(gate, Watched) as port:
        await answers(port, HEAD % (b"/", b""))
        working = asyncio.ensure_future(work_for_long())
        await answers(port, HEAD % (b"/", b""))
        await answers(port, HEAD % (b"/stream", b""))
        working.cancel()
        gate.set()
    assert answered == [False, True, False], "while the desk rests, all that has come is read first"


async def test_a_task_whose_first_step_is_done_is_like_any_other() -> None:
    place: ContextVar[str] = ContextVar("place")
    seen: list[Any] = []

    async def work(waits: asyncio.Event | None, error: Exception | None = None) -> None:
        place.set("inside")
        seen.append(asyncio.current_task())
        if waits is not None:
            async with asyncio.timeout(PATIENCE):
                await waits.wait()
        seen.append((asyncio.current_task(), place.get()))
        if error is not None:
            raise error

    begun: list[asyncio.Task[None]] = []

    def begin_outside_of_a_task(*given: Any) -> None:
        begun.append(begin(work(*given), copy_context()))
        assert asyncio.current_task() is None

    loop, gate, never = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    cases = ((None,), (gate,), (never,), (None, ValueError("no")))
    for case in cases:
        loop.call_soon(begin_outside_of_a_task, *case)
    await asyncio.sleep(0)
    at_once, later, cancelled, broken = begun
    assert seen == [at_once, (at_once, "inside"), later, cancelled, broken, (broken, "inside")]
    assert place.get(None) is None
    cancelled.cancel()
    gate.set()
    results = await asyncio.gather(*begun, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), asyncio.CancelledError, ValueError]
    assert seen[-1] == (later, "inside")
    inside = begin(work(None), copy_context())
    assert seen[-1] == (later, "inside"), "no step of one task in the step of another"
    await inside
