"""Crowds and floods: idle connections, live streams, and one person who asks without end beside another who works.

``python -m bench.crowd`` prints the figures; nothing is asserted.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import uvloop

from bench.load import Result, _Connection, raw_request
from bench.servers import Server, desk

IDLE = 10_000
STREAMS = 1_000
PEOPLE = 60  # whose streams they are: twenty are one person's most
SECONDS = 8.0
CALM_RATE = 50.0  # requests a second of the person who works


def call(port: int, method: str, path: str, body: object = None, token: str = "") -> Any:
    """Ask the desk for something; return its JSON."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def person(port: int, number: int) -> str:
    """Register somebody; return their token."""
    email = f"person{number}@bench.test"
    password = "correct horse battery"
    call(port, "POST", "/api/auth/register", {"name": f"Person {number}", "email": email, "password": password})
    token: str = call(port, "POST", "/api/auth/login", {"email": email, "password": password})["token"]
    return token


async def _idle(port: int, count: int) -> list[asyncio.StreamWriter]:
    """Open connections, one request each, and keep them."""
    opened: list[asyncio.StreamWriter] = []
    for begin in range(0, count, 200):

        async def one() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            opened.append(writer)

        await asyncio.gather(*(one() for _ in range(min(200, count - begin))))
    return opened


async def _streams(port: int, tokens: list[str], count: int) -> list[asyncio.StreamWriter]:
    """Open live streams of many people."""
    opened = []
    for number in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw_request("GET", "/api/live", port, tokens[number % len(tokens)]))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        opened.append(writer)
    return opened


async def _works(port: int, token: str, seconds: float) -> Result:
    """Work steadily: a list and a new ticket in turn, each on a connection of its own."""
    loop, result = asyncio.get_running_loop(), Result(seconds)
    draft = json.dumps({"title": "A ticket of mine", "description": "x" * 20, "category": "OTHER", "priority": "LOW"})
    asks = [
        raw_request("GET", "/api/tickets", port, token),
        raw_request("POST", "/api/tickets", port, token, draft.encode()),
    ]
    free: list[_Connection] = []

    async def one(number: int) -> None:
        connection = free.pop() if free else (await loop.create_connection(_Connection, "127.0.0.1", port))[1]
        begun = time.perf_counter()
        status = await connection.request(asks[number % 2])
        result.latencies.append(time.perf_counter() - begun)
        result.statuses[status] = result.statuses.get(status, 0) + 1
        free.append(connection)

    tasks, begun = [], time.perf_counter()
    for number in range(int(CALM_RATE * seconds)):
        await asyncio.sleep(max(0.0, begun + number / CALM_RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return result


async def _floods(port: int, token: str, connections: int, seconds: float) -> dict[int, int]:
    """Ask without end on many connections; return how often each status came."""
    loop, stop = asyncio.get_running_loop(), time.perf_counter() + seconds
    counts: dict[int, int] = {}
    ask = raw_request("GET", "/api/tickets", port, token)

    async def one() -> None:
        while time.perf_counter() < stop:
            try:
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
                while time.perf_counter() < stop:
                    status = await connection.request(ask)
                    counts[status] = counts.get(status, 0) + 1
            except OSError:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(one() for _ in range(connections)))
    return counts


def flood(port: int, calm: str, wild: str) -> None:
    """Print what a flood of one person does to the answers of another."""
    alone = uvloop.run(_works(port, calm, SECONDS))

    # In a process of its own: what the flood does to whoever asks for it is not the desk's doing.
    flood = f"_floods({port}, {wild!r}, 64, {SECONDS + 2})"
    ask = f"import uvloop; from bench.crowd import _floods; print(uvloop.run({flood}))"
    with subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, text=True) as flooding:
        time.sleep(1)
        beside = uvloop.run(_works(port, calm, SECONDS))
        counts = flooding.communicate(timeout=60)[0].strip()
    before, after = alone.percentile(0.99) * 1000, beside.percentile(0.99) * 1000
    print(f"flood (64 connections of one person): {counts}")
    print(f"p99 of another: {before:.1f} ms alone, {after:.1f} ms beside it, ratio {after / before:.2f}")
    print(
        f"p50 of another: {alone.percentile(0.5) * 1000:.1f} ms alone, {beside.percentile(0.5) * 1000:.1f} ms beside it"
    )
    print(f"statuses of another: {alone.statuses} alone, {beside.statuses} beside it")


def crowd(server: Server, tokens: list[str]) -> None:
    """Print what idle connections and live streams cost."""

    async def play() -> None:
        before = server.rss_mb()
        idle = await _idle(server.port, IDLE)
        with_idle = server.rss_mb()
        streams = await _streams(server.port, tokens, STREAMS)
        begun = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(raw_request("GET", "/api/tickets", server.port, tokens[0]))
        await reader.readuntil(b"\r\n\r\n")
        took = (time.perf_counter() - begun) * 1000
        print(f"{len(idle)} idle connections and {len(streams)} live streams on one process:")
        print(f"  {before:.0f} MB before, {with_idle:.0f} MB with the idle ones, {server.rss_mb():.0f} MB with all")
        print(f"  a request beside them took {took:.1f} ms")
        for one in (*idle, *streams, writer):
            one.close()

    uvloop.run(play())


def main() -> None:
    """Run both."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < IDLE + STREAMS + 100:
        print(f"only {hard} files may be open here: fewer connections are measured", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        with desk(Path(folder) / "flood", ANSWERABLE_AUTH_LOGIN_TRIES="100000", **LIMITED) as server:
            flood(server.port, person(server.port, 1), person(server.port, 2))
        with desk(Path(folder) / "crowd", ANSWERABLE_AUTH_LOGIN_TRIES="100000", **LIMITED) as server:
            crowd(server, [person(server.port, number) for number in range(PEOPLE)])


LIMITED = {
    f"ANSWERABLE_LIMITS_{name}": value for name, value in (("ACCOUNT", "50"), ("ADDRESS", "0"), ("AT_ONCE", "8"))
}

if __name__ == "__main__":
    main()
