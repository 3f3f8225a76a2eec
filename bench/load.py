"""A small HTTP load generator: keep-alive connections, one request in flight on each, latencies kept."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import uvloop

READY = 8  # connections that are open before the first request of an open loop: to connect is no part of an answer


@dataclass
class Result:
    """What a run measured; latencies in seconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class _Connection(asyncio.Protocol):
    """One keep-alive connection. Reads answers with a Content-Length."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        mark = head.find(b"content-length:")
        length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
        if len(self._buffer) < end + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer.clear()
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            waiter.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionResetError())

    def request(self, raw: bytes) -> "asyncio.Future[int]":
        assert self.transport is not None
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(raw)
        return self._waiter


def raw_request(method: str, path: str, port: int, token: str = "", body: bytes = b"") -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _closed_loop(port: int, make: Callable[[int], bytes], connections: int, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    result = Result(seconds)
    numbers = iter(range(10**9))
    stop = time.perf_counter() + seconds

    async def worker() -> None:
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        while (begun := time.perf_counter()) < stop:
            status = await connection.request(make(next(numbers)))
            result.latencies.append(time.perf_counter() - begun)
            result.statuses[status] = result.statuses.get(status, 0) + 1
        assert connection.transport is not None
        connection.transport.close()

    begun = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(connections)))
    result.seconds = time.perf_counter() - begun
    return result


async def _open_loop(port: int, make: Callable[[int], bytes], rate: float, seconds: float) -> Result:
    loop = asyncio.get_running_loop()
    result = Result(seconds)
    free = [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(READY)]

    async def one(number: int) -> None:
        begun = time.perf_counter()
        connection = free.pop() if free else (await loop.create_connection(_Connection, "127.0.0.1", port))[1]
        status = await connection.request(make(number))
        result.latencies.append(time.perf_counter() - begun)
        result.statuses[status] = result.statuses.get(status, 0) + 1
        free.append(connection)

    begun = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    result.seconds = time.perf_counter() - begun
    for connection in free:
        assert connection.transport is not None
        connection.transport.close()
    return result


def closed_loop(port: int, make: Callable[[int], bytes], connections: int = 32, seconds: float = 5.0) -> Result:
    """Send requests one after the other on each connection, as fast as they are answered."""
    return uvloop.run(_closed_loop(port, make, connections, seconds))


def open_loop(port: int, make: Callable[[int], bytes], rate: float, seconds: float) -> Result:
    """Send requests at a steady rate, whether or not earlier ones are answered."""
    return uvloop.run(_open_loop(port, make, rate, seconds))
