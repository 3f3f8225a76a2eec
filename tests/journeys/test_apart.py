"""Six processes and a broker: what people see of it, also when one of them is gone."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apart import ALL, SECRET
from tests.cluster import Cluster, services_apart
from tests.kafka import Broker
from tests.patience import PATIENCE
from tests.processes import ADMIN, PASSWORD, ServerProcess, eventually, hire, quickly, sign_in

pytestmark = [pytest.mark.slow, pytest.mark.on_disk]
DRAFT = {"title": "Printer on fire", "description": "It burns, please help.", "category": "HARDWARE", "priority": "LOW"}


@pytest.fixture
def cluster(tmp_path: Path, broker: Broker) -> Iterator[Cluster]:
    with services_apart(tmp_path, broker) as made:
        yield made


@asynccontextmanager
async def client_of(cluster: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=cluster.running["gateway"].url, timeout=PATIENCE) as client:
        yield client


async def types_of(client: httpx.AsyncClient, headers: dict[str, str]) -> list[str]:
    answer = await client.get("/api/notifications?size=100", headers=headers)
    return [notice["type"] for notice in answer.json()] if answer.status_code == 200 else []


async def test_a_service_is_gone_and_comes_back(cluster: Cluster) -> None:
    async with client_of(cluster) as client:
        await eventually(lambda: _signs_in(client))  # the key of the users service has to arrive once
        admin = await sign_in(client, ADMIN)
        una, abe = await hire(client, admin, "Una"), await hire(client, admin, "Abe", "AGENT")

        async def assigned(ticket: str) -> bool:
            seen = await client.get(f"/api/tickets/{ticket}", headers=una)
            return bool(seen.status_code == 200 and seen.json()["status"] == "ASSIGNED" and seen.json()["slaDueAt"])

        raised = await client.post("/api/tickets", json=DRAFT, headers=una)
        assert raised.status_code == 201, raised.text
        assert raised.headers["etag"] == '"1"'
        first = raised.json()["id"]
        await eventually(lambda: assigned(first))

        async def told(headers: dict[str, str], wanted: list[str]) -> bool:
            return sorted(await types_of(client, headers)) == wanted

        await eventually(lambda: told(abe, ["TICKET_ASSIGNED"]))

        cluster.running["notifications"].kill()
        away = await client.get("/api/notifications", headers=una)
        assert away.status_code == 503
        assert away.headers["retry-after"] == "2"
        assert away.json()["message"].startswith("This part of the desk is away")
        second = await client.post("/api/tickets", json=DRAFT, headers=una)
        assert second.status_code == 201, "no other service is needed to raise a ticket"
        await eventually(lambda: assigned(second.json()["id"]))

        cluster.running["assignment"].kill()
        third = await client.post("/api/tickets", json=DRAFT, headers=una)
        assert third.status_code == 201
        cluster.restart("notifications")
        cluster.restart("assignment")
        await eventually(lambda: assigned(third.json()["id"]))
        await eventually(lambda: told(abe, ["TICKET_ASSIGNED"] * 3))
        await eventually(lambda: told(una, ["TICKET_ASSIGNED"] * 3 + ["TICKET_CREATED"] * 3))

        async def counted() -> bool:
            summary = await client.get("/api/reports/summary", headers=admin)
            return bool(summary.json()["totalTickets"] == 3)

        await eventually(counted)
    for process in cluster.running.values():
        process.stop()
        assert process.process.returncode == 0
        assert "Traceback" not in process.errors.read_text()
    for service in ALL:
        where = ("--service", service, "--data-dir", str(cluster.folder / service))
        verified = quickly("events", "verify", *where, **cluster.common)
        assert "no difference" in verified.stdout, service


async def _signs_in(client: httpx.AsyncClient) -> bool:
    headers = await sign_in(client, ADMIN)
    return (await client.get("/api/auth/me", headers=headers)).status_code == 200


@pytest.mark.one_engine
async def test_services_take_nothing_but_what_the_gateway_says(cluster: Cluster) -> None:
    async with client_of(cluster) as client:
        await eventually(lambda: _signs_in(client))
        admin = await sign_in(client, ADMIN)
        forged = {**admin, "X-Answerable-Identity": "eyJhbGciOiJub25lIn0.e30."}
        for service, path in (
            ("tickets", "/api/tickets"),
            ("users", "/api/auth/me"),
            ("reporting", "/api/reports/summary"),
        ):
            async with httpx.AsyncClient(base_url=cluster.running[service].url, timeout=PATIENCE) as direct:
                for headers in ({}, admin, forged):
                    refused = await direct.get(path, headers=headers)
                    assert refused.status_code == 401, (service, headers)
                    assert "gateway" in refused.json()["message"]
                assert (await direct.get("/healthz")).status_code == 200
        assert (await client.get("/api/tickets", headers=forged)).status_code == 200, "what a client says is dropped"

        max_ = await hire(client, admin, "Max", "MANAGER")
        assert (await client.get("/api/reports/summary", headers=max_)).status_code == 200
        me = (await client.get("/api/auth/me", headers=max_)).json()["id"]
        stream = asyncio.create_task(_follow(client, max_))
        changed = await client.patch(f"/api/users/admin/{me}", json={"active": False}, headers=admin)
        assert changed.status_code == 200
        ended = time.monotonic()

        async def refused_now() -> bool:
            return (await client.get("/api/reports/summary", headers=max_)).status_code == 401

        await eventually(refused_now)
        assert time.monotonic() - ended < 15, "at once, not when the token ends"
        async with asyncio.timeout(PATIENCE):
            await stream


async def _follow(client: httpx.AsyncClient, headers: dict[str, str]) -> Any:
    async with client.stream("GET", "/api/live", headers=headers) as stream:
        assert stream.status_code == 200
        async for _ in stream.aiter_lines():
            pass


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("arguments", "values", "words"),
    [
        (("tickets",), {}, "peers.secret: is needed"),
        (("gateway",), {"ANSWERABLE_PEERS_SECRET": SECRET}, "peers.assignment: is needed"),
        (("gateway",), {"ANSWERABLE_PEERS_SECRET": "short"}, "peers.secret: must have at least 32 characters"),
        (("tickets",), {"ANSWERABLE_PEERS_SECRET": SECRET}, "bus.url: is needed"),
        (("mirror",), {}, "bus.url: is needed"),
        (("mirror",), {"ANSWERABLE_BUS_URL": "kafka://127.0.0.1:1"}, "No mirror is set"),
        (("gateway",), {"ANSWERABLE_PEERS_USERS": "users:80"}, "peers.users: must be an address"),
        ((), {"ANSWERABLE_PEERS_USERS": "http://users:80"}, "The services run apart here ([peers]). Name one of them"),
    ],
)
def test_settings_that_are_missing_are_named(
    tmp_path: Path, arguments: tuple[str, ...], values: dict[str, str], words: str
) -> None:
    done = quickly("serve", *arguments, "--port", "0", "--data-dir", str(tmp_path), check=False, **values)
    assert done.returncode != 0
    assert words in done.stderr
    assert SECRET not in done.stderr


@pytest.mark.one_engine
def test_a_command_beside_services_names_the_one_that_it_is_about(tmp_path: Path) -> None:
    """Without a name it would make another desk, beside the services; with another name, look for what is not there."""
    admin = ("create-admin", "--email", "ada@example.test", "--name", "Ada", "--password-stdin")
    for command in (admin, ("migrate",), ("events", "verify"), ("demo",), ("move", "--to", str(tmp_path / "there"))):
        done = quickly(
            *command,
            "--data-dir",
            str(tmp_path / "desk"),
            check=False,
            typed=PASSWORD,
            ANSWERABLE_PEERS_USERS="http://127.0.0.1:1",
        )
        assert done.returncode == 1
        assert "The services run apart here ([peers])" in done.stderr
    assert not (tmp_path / "desk").exists()
    for service, command in (("tickets", admin), ("users", ("sla", "export"))):
        done = quickly(
            *command, "--service", service, "--data-dir", str(tmp_path / "desk"), check=False, typed=PASSWORD
        )
        assert done.returncode == 1
        home = {"tickets": "users", "users": "assignment"}[service]
        assert f"The service {service} knows nothing of '{command[0]}'. Give it with --service {home}." in done.stderr


@pytest.mark.one_engine
def test_a_service_that_writes_links_says_that_it_does_not_know_the_gateway(tmp_path: Path) -> None:
    apart = {"ANSWERABLE_PEERS_SECRET": SECRET, "ANSWERABLE_BUS_URL": "kafka://127.0.0.1:1"}
    for service, warns in (("users", True), ("tickets", False)):
        running = ServerProcess(tmp_path / service, service, **apart)
        running.stop()
        assert ("set server.public_url" in running.errors.read_text()) == warns
