"""The desk as a process with Kafka beside it: what people see, whatever happens to the broker and to the desk."""

import asyncio
import sqlite3
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.journeys.test_kill import (
    Acknowledged,
    Agent,
    Customer,
    compare,
    until_all_arrived,
    until_more,
    work_until_cut,
)
from tests.kafka import Broker, own_broker, records_in
from tests.patience import PATIENCE
from tests.processes import ADMIN, ServerProcess, eventually, hire, make_admin, quickly, sign_in, warm_server

pytestmark = [pytest.mark.slow, pytest.mark.on_disk]
MOMENTS = (40, 80, 20)  # things acknowledged before each kill
DRAFT = {"title": "Printer on fire", "description": "It burns, please help.", "category": "HARDWARE", "priority": "LOW"}


def on(broker: Broker, prefix: str) -> dict[str, Any]:
    """Return the environment of a desk on this broker."""
    return {"ANSWERABLE_BUS_PREFIX": prefix, "ANSWERABLE_BUS_PARTITIONS": "3", "ANSWERABLE_BUS_URL": broker.url}


async def notices(client: httpx.AsyncClient, headers: dict[str, str]) -> list[str]:
    return [notice["type"] for notice in (await client.get("/api/notifications?size=1000", headers=headers)).json()]


async def test_people_go_on_while_the_broker_is_away_and_hear_of_it_all_afterwards(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    with (
        own_broker(tmp_path / "kafka") as broker,
        warm_server(folder, "--bus", broker.url, ANSWERABLE_BUS_PREFIX="acme") as running,
    ):
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            admin = await sign_in(client, ADMIN)
            una, abe = await hire(client, admin, "Una"), await hire(client, admin, "Abe", "AGENT")
            raised = await client.post("/api/tickets", json=DRAFT, headers=una)
            assert raised.status_code == 201

            async def told(headers: dict[str, str], count: int) -> bool:
                return len(await notices(client, headers)) >= count

            await eventually(lambda: told(una, 2))
            assert await notices(client, una) == ["TICKET_ASSIGNED", "TICKET_CREATED"]
            await eventually(lambda: told(abe, 1))  # people come on a topic of their own, perhaps later
            assert await notices(client, abe) == ["TICKET_ASSIGNED"]

            broker.kill()

            async def ready() -> bool:
                return bool((await client.get("/readyz")).json() == {"status": "ready"})

            async def waiting() -> bool:
                answer = await client.get("/readyz")
                assert answer.status_code == 200, "people can work"
                return bool(answer.json() == {"status": "ready", "waiting": ["bus: is not running"]})

            await eventually(waiting)
            for _ in range(10):
                assert (await client.post("/api/tickets", json=DRAFT, headers=una)).status_code == 201
            assert len(await notices(client, una)) == 2
            await asyncio.to_thread(broker.start)
            await eventually(lambda: told(una, 22))
            await eventually(ready)
            assert Counter(await notices(client, una)) == {"TICKET_ASSIGNED": 11, "TICKET_CREATED": 11}, "each once"
            await until_all_arrived(client)
            numbers = (await client.get("/metrics")).text
            assert 'answerable_consumer_lag{consumer="relay"} 0.0' in numbers
            assert "answerable_messages_relayed_total" in numbers
        log = running.errors.read_text()
        assert log.count("kafka is away") == 1, log
        assert "Traceback" not in log
        topics = {record.topic for record in await records_in(broker, "acme.tickets")}
        assert topics == {"acme.tickets"}
        running.stop()
        assert running.process.returncode == 0
    assert "no difference" in quickly("events", "verify", "--data-dir", str(folder)).stdout


async def test_a_desk_on_kafka_is_killed_at_random_moments(tmp_path: Path, broker: Broker) -> None:
    folder, where = tmp_path / "desk", on(broker, f"t-{uuid.uuid4().hex[:12]}")
    make_admin(folder)
    running = ServerProcess(folder, **where)
    seen = Acknowledged()
    async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
        admin = await sign_in(client, ADMIN)
        actors: list[Customer | Agent] = [Agent(await hire(client, admin, f"Abe{n}", "AGENT"), seen) for n in range(2)]
        actors += [Customer(f"una{n}", await hire(client, admin, f"Una{n}"), seen) for n in range(4)]
    for moment in MOMENTS:
        working = asyncio.create_task(work_until_cut(running.url, actors))
        await until_more(seen, moment)
        running.kill()
        await working
        running = ServerProcess(folder, **where)
    async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
        for actor in actors:
            if isinstance(actor, Customer) and actor.pending:
                await actor.act(client)
        await until_all_arrived(client)
    running.stop()
    compare(folder, seen, len(MOMENTS))
    assert quickly("events", "verify", "--data-dir", str(folder), **where).stdout.endswith("no difference.\n")


async def test_commands_work_beside_a_desk_on_kafka_and_without_a_broker(tmp_path: Path, broker: Broker) -> None:
    folder, where = tmp_path / "desk", on(broker, f"t-{uuid.uuid4().hex[:12]}")
    nowhere = {**where, "ANSWERABLE_BUS_URL": "kafka://127.0.0.1:1"}
    quickly("demo", "--data-dir", str(folder), **nowhere)
    with warm_server(folder, **where) as running:
        make_admin(folder)
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            headers = await sign_in(client, ADMIN)
            assert (await client.post("/api/tickets", json=DRAFT, headers=headers)).status_code == 201
            await until_all_arrived(client)
        tail = quickly("events", "tail", "--json", "--last", "500", "--data-dir", str(folder), **nowhere).stdout
        types = [msgspec.json.decode(line)["type"] for line in tail.splitlines()]
        assert "TICKET_CREATED" in types
        verified = quickly("events", "verify", "--data-dir", str(folder), **nowhere)
        assert "no difference" in verified.stdout
        assert "Nothing is parked" in quickly("events", "parked", "--data-dir", str(folder), **nowhere).stdout
        running.stop()
    db = sqlite3.connect(folder / "answerable.sqlite")
    relayed, end = db.execute(
        "SELECT (SELECT position FROM bus_offset WHERE consumer = 'relay'), MAX(position) FROM bus_outbox"
    ).fetchone()
    db.close()
    assert relayed == end, "what was sent is noted when the desk stops"
    sent = await records_in(broker, f"{where['ANSWERABLE_BUS_PREFIX']}.tickets")
    assert 0 < len(sent) < 100, "what the demo said is done, and was not sent"
