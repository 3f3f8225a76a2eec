"""Real servers of the desk on a real cluster: the cluster restarts, moves, workers are killed, and nothing is lost."""

import asyncio
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from answerable.infra.ready import trouble
from tests.engines import Cluster, cluster, database, missing
from tests.patience import PATIENCE
from tests.processes import (
    ADMIN,
    PASSWORD,
    ServerProcess,
    children_of,
    eventually,
    hire,
    make_admin,
    quickly,
    sign_in,
    warm_server,
)

pytestmark = [pytest.mark.slow, pytest.mark.on_disk, pytest.mark.on_postgres]
SEED = 20261125


class Customer:
    """Raises tickets with idempotency keys; what is answered 503 or not at all is said again with the same key."""

    def __init__(self, name: str, headers: dict[str, str]) -> None:
        self.name = name
        self.headers = headers
        self.acknowledged: dict[str, int] = {}
        self.told_to_wait = 0
        self.longest = 0.0

    async def work(self, url: str, until: asyncio.Event) -> None:
        """Raise tickets one after the other until it is enough; the last one is brought to its end."""
        loop = asyncio.get_running_loop()
        number = 0
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            while not until.is_set():
                number += 1
                key = f"{self.name}-{number}"
                while key not in self.acknowledged:
                    begun = loop.time()
                    try:
                        answer = await self._raise(client, key)
                    except httpx.TransportError:
                        await asyncio.sleep(0.05)
                        continue
                    self.longest = max(self.longest, loop.time() - begun)
                    if answer.status_code == 503:
                        assert int(answer.headers["retry-after"]) >= 1
                        self.told_to_wait += 1
                        await asyncio.sleep(0.05)
                        continue
                    assert answer.status_code == 201, answer.text
                    self.acknowledged[key] = answer.json()["number"]

    async def _raise(self, client: httpx.AsyncClient, key: str) -> httpx.Response:
        draft = {"title": f"Ticket {key}", "description": f"All about {key}.", "category": "OTHER", "priority": "HIGH"}
        return await client.post("/api/tickets", json=draft, headers={**self.headers, "Idempotency-Key": key})


@asynccontextmanager
async def company(url: str) -> AsyncIterator[list[Customer]]:
    """Let customers work on a desk meanwhile; afterwards each acknowledged ticket must be there once."""
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        admin = await sign_in(client, ADMIN)
        await hire(client, admin, "Abe", "AGENT")
        customers = [Customer(f"una{n}", await hire(client, admin, f"Una{n}")) for n in range(4)]
    enough = asyncio.Event()
    working = asyncio.gather(*(customer.work(url, enough) for customer in customers))
    try:
        yield customers
    finally:
        enough.set()
        await working


async def some_more(customers: list[Customer], count: int = 20) -> None:
    """Wait until so many more tickets were acknowledged."""
    begun = sum(len(customer.acknowledged) for customer in customers)

    async def enough() -> bool:
        return sum(len(customer.acknowledged) for customer in customers) >= begun + count

    await eventually(enough)


async def expect_whole(folder: Path, address: str, url: str, customers: list[Customer]) -> None:
    """Compare what is stored with what was acknowledged, and let the desk prove its log."""
    acknowledged = {f"Ticket {key}": n for customer in customers for key, n in customer.acknowledged.items()}
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        admin = await sign_in(client, ADMIN)
        stored: list[tuple[str, int]] = []
        path: str | None = "/api/tickets?size=1000"
        while path:
            page = await client.get(path, headers=admin)
            stored += [(ticket["title"], ticket["number"]) for ticket in page.json()]
            path = page.links["next"]["url"] if "next" in page.links else None

        async def settled() -> bool:
            return "no difference" in (await verify(folder, address))

        await eventually(settled)
    assert [title for title, count in Counter(title for title, _ in stored).items() if count > 1] == []
    assert {title for title, number in acknowledged.items() if (title, number) not in stored} == set()
    numbers = sorted(number for _, number in stored)
    assert numbers == list(range(1001, 1001 + len(numbers))), "numbers without gaps"


async def verify(folder: Path, address: str) -> str:
    """Let the desk prove its log while it runs."""
    done = await asyncio.to_thread(
        quickly, "events", "verify", "--data-dir", str(folder), check=False, ANSWERABLE_DATABASE=address
    )
    return done.stdout


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A cluster that keeps its promises: it waits for the disk."""
    assert not missing()
    with cluster() as made:
        yield made


async def run(folder: Path, address: str, *arguments: str, during: Callable[..., Awaitable[None]]) -> list[Customer]:
    """Run a desk on a cluster, let something happen to it under load, and compare."""
    make_admin(folder, ANSWERABLE_DATABASE=address)
    with warm_server(folder, *arguments, ANSWERABLE_DATABASE=address) as running:
        async with company(running.url) as customers:
            await some_more(customers)
            await during(running, customers)
            await some_more(customers)
        await expect_whole(folder, address, running.url, customers)
        log = running.errors.read_text()
        assert PASSWORD not in log
        assert "Traceback" not in log
        running.stop()
    return customers


async def test_a_restart_of_the_server_under_load(tmp_path: Path, own: Cluster) -> None:
    away: list[float] = []

    async def restarts(_running: ServerProcess, customers: list[Customer]) -> None:
        for mode in ("fast", "immediate", "fast"):
            begun = time.monotonic()
            await asyncio.to_thread(own.stop, mode)
            await asyncio.to_thread(own.start, port=own.port)
            away.append(time.monotonic() - begun)
            await some_more(customers)

    customers = await run(tmp_path / "desk", database(own.url, "postgres"), during=restarts)
    slow = 2 * max(away)  # under a second each, where nobody else wants the machine
    assert max(customer.longest for customer in customers) < 10 + slow


async def test_a_server_that_stays_away_is_told_kindly_and_waited_for(tmp_path: Path, own: Cluster) -> None:
    async def away(_running: ServerProcess, customers: list[Customer]) -> None:
        await asyncio.to_thread(own.stop, "immediate")

        async def told() -> bool:
            return all(customer.told_to_wait for customer in customers)

        await eventually(told)
        await asyncio.to_thread(own.start, port=own.port)

    await run(tmp_path / "desk", database(own.url, "postgres"), during=away)


async def test_who_looks_is_told_what_is_wrong_while_the_server_is_away(tmp_path: Path, own: Cluster) -> None:
    """``top`` and the health check of a container have little patience, and the desk says what it misses before."""
    folder, address = tmp_path / "desk", database(own.url, "postgres")

    async def look() -> dict[str, Any]:
        done = await asyncio.to_thread(quickly, "top", "--json", "--data-dir", str(folder), ANSWERABLE_DATABASE=address)
        desk: dict[str, Any] = json.loads(done.stdout)["services"][0]
        return desk

    with warm_server(folder, ANSWERABLE_DATABASE=address) as running:
        assert (await look())["ready"]
        await asyncio.to_thread(own.stop, "immediate")

        async def seen() -> bool:
            return not (await look())["ready"]

        await eventually(seen)
        desk = await look()
        assert desk["answers"], desk["reasons"]
        told = [reason for reason in desk["reasons"] if not reason.startswith("/metrics")]
        assert told == ["database: cannot be read", "database: cannot be written"], "nothing that nobody knows now"
        assert "/readyz answers 503" in await asyncio.to_thread(trouble, folder)
        running.stop()


async def test_the_database_moves_to_another_address(tmp_path: Path, own: Cluster) -> None:
    """Two addresses are named; the data comes up behind the second when the first is gone."""
    before = own.port
    with cluster() as other:  # only to have a port that is free
        after = other.port
    address = f"postgresql://answerable@127.0.0.1:{before},127.0.0.1:{after}/postgres?target_session_attrs=read-write"

    async def moves(_running: ServerProcess, customers: list[Customer]) -> None:
        await asyncio.to_thread(own.stop, "immediate")
        await asyncio.to_thread(own.start, port=after)
        assert own.port == after
        await some_more(customers)

    await run(tmp_path / "desk", address, during=moves)


async def test_workers_are_killed_under_load(tmp_path: Path, own: Cluster) -> None:
    random = Random(SEED)

    async def kills(running: ServerProcess, customers: list[Customer]) -> None:
        for _ in range(5):
            victims = children_of(running)
            victims[random.randrange(len(victims))].kill()
            await some_more(customers)

            async def all_back() -> bool:
                return len(children_of(running)) == 2

            await eventually(all_back)

    await run(tmp_path / "desk", database(own.url, "postgres"), "--workers", "2", during=kills)


async def test_workers_end_with_their_parent(tmp_path: Path, own: Cluster) -> None:
    address = database(own.url, "postgres")
    with warm_server(tmp_path / "desk", "--workers", "2", ANSWERABLE_DATABASE=address) as running:
        workers = children_of(running)
        assert len(workers) == 2
        running.kill()

        async def gone() -> bool:
            return not any(worker.alive for worker in workers)

        await eventually(gone)


def test_sqlite_has_one_server(tmp_path: Path) -> None:
    refused = quickly(
        "serve", "--workers", "2", "--data-dir", str(tmp_path / "desk"), check=False, ANSWERABLE_DATABASE=""
    )
    assert refused.returncode == 1
    assert "a SQLite file has one server" in refused.stderr


def test_a_server_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
        address = f"postgresql://ada@127.0.0.1:{silent.getsockname()[1]}/desk"
        told = quickly(
            "migrate",
            "--data-dir",
            str(tmp_path),
            check=False,
            ANSWERABLE_DATABASE=address,
            ANSWERABLE_STORAGE_WAIT_SECONDS="0.2",
        )
    assert told.returncode == 1
    assert "cannot be reached (it does not answer)" in told.stderr


def test_a_password_is_in_no_error_and_no_setting(tmp_path: Path) -> None:
    address = "postgresql://ada:hunter2secret@127.0.0.1:1/desk"
    for command in (("events", "tail"), ("migrate",), ("serve", "--port", "0"), ("config", "show")):
        told = quickly(
            *command,
            "--data-dir",
            str(tmp_path),
            check=False,
            ANSWERABLE_DATABASE=address,
            ANSWERABLE_STORAGE_WAIT_SECONDS="0.2",
        )
        assert "hunter2secret" not in told.stdout + told.stderr
        if command[0] != "config":
            assert told.returncode == 1
            assert "127.0.0.1:1/desk: cannot be reached" in told.stderr
