"""A real server is killed under load at random moments: nothing acknowledged is lost, nothing happens twice."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.engines import ENGINE
from tests.patience import PATIENCE
from tests.processes import ADMIN, ServerProcess, eventually, hire, make_admin, quickly, rows_in, sign_in

KILLS = {"sqlite": 20, "postgres": 8}  # the same promise; its own servers are killed in test_postgres_faults.py
SEED = 20261123


@dataclass
class Acknowledged:
    """What the server said it did."""

    tickets: dict[str, int] = field(default_factory=dict)  # idempotency key -> number
    comments: dict[str, str] = field(default_factory=dict)  # idempotency key -> comment id
    statuses: list[tuple[str, str]] = field(default_factory=list)  # ticket, status

    @property
    def count(self) -> int:
        """Return how much it was."""
        return len(self.tickets) + len(self.comments) + len(self.statuses)


class Customer:
    """Raises tickets and comments on them; after a cut, says the same thing again with the same key."""

    def __init__(self, name: str, headers: dict[str, str], seen: Acknowledged) -> None:
        self.name = name
        self.headers = headers
        self.seen = seen
        self.count = 0
        self.pending: tuple[str, str, dict[str, object]] | None = None
        self.ticket = ""

    async def act(self, client: httpx.AsyncClient) -> None:
        if self.pending is None:
            self.count += 1
            key = f"{self.name}-{self.count}"
            if self.count % 3 or not self.ticket:
                draft: dict[str, object] = {
                    "title": f"Ticket {key}",
                    "description": f"Something is wrong with {key}.",
                    "category": "OTHER",
                    "priority": "HIGH",
                }
                self.pending = (key, "/api/tickets", draft)
            else:
                self.pending = (key, f"/api/tickets/{self.ticket}/comments", {"comment": f"Comment {key}"})
        key, path, body = self.pending
        answer = await client.post(path, json=body, headers={**self.headers, "Idempotency-Key": key})
        assert answer.status_code == 201, answer.text
        if path.endswith("comments"):
            self.seen.comments[key] = answer.json()["id"]
        else:
            self.ticket = answer.json()["id"]
            self.seen.tickets[key] = answer.json()["number"]
        self.pending = None


class Agent:
    """Starts and resolves what is assigned."""

    def __init__(self, headers: dict[str, str], seen: Acknowledged) -> None:
        self.headers = headers
        self.seen = seen

    async def act(self, client: httpx.AsyncClient) -> None:
        for now, to in (("IN_PROGRESS", "RESOLVED"), ("ASSIGNED", "IN_PROGRESS")):
            found = await client.get("/api/tickets", params={"status": now, "size": 5}, headers=self.headers)
            for ticket in found.json():
                path = f"/api/tickets/{ticket['id']}/status"
                answer = await client.put(path, json={"status": to}, headers=self.headers)
                if answer.status_code == 200:
                    self.seen.statuses.append((ticket["id"], to))


async def until_more(seen: Acknowledged, count: int) -> None:
    """Wait until so much more was acknowledged: a busy machine takes its time before there is anything to lose."""
    wanted = seen.count + count

    async def there() -> bool:
        return seen.count >= wanted

    await eventually(there)


async def work_until_cut(url: str, actors: list[Customer | Agent]) -> None:
    async def one(actor: Customer | Agent) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            try:
                while True:
                    await actor.act(client)
            except httpx.TransportError:
                return  # the cut

    await asyncio.gather(*(one(actor) for actor in actors))


@pytest.mark.slow
@pytest.mark.on_disk
async def test_killed_at_random_moments(tmp_path: Path) -> None:
    folder, random = tmp_path / "desk", Random(SEED)
    make_admin(folder)
    running = ServerProcess(folder)
    seen = Acknowledged()
    async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
        admin = await sign_in(client, ADMIN)
        actors: list[Customer | Agent] = [Agent(await hire(client, admin, f"Abe{n}", "AGENT"), seen) for n in range(2)]
        actors += [Customer(f"una{n}", await hire(client, admin, f"Una{n}"), seen) for n in range(4)]
    for _ in range(KILLS[ENGINE.name]):
        working = asyncio.create_task(work_until_cut(running.url, actors))
        await until_more(seen, random.randint(1, 30))
        await asyncio.sleep(random.uniform(0, 0.03))  # anywhere between two answers
        running.kill()
        await working
        running = ServerProcess(folder)
    # After the last restart: whoever was cut off says it once more, and everything arrives.
    async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
        for actor in actors:
            if isinstance(actor, Customer) and actor.pending:
                await actor.act(client)
        await until_all_arrived(client)
    running.stop()
    compare(folder, seen, KILLS[ENGINE.name])
    assert quickly("events", "verify", "--data-dir", str(folder)).stdout.endswith("no difference.\n")


async def until_all_arrived(client: httpx.AsyncClient) -> None:
    for _ in range(600):
        text = (await client.get("/metrics")).text
        lags = re.findall(r"^answerable_consumer_lag\{.*\} ([\d.e+]+)$", text, re.MULTILINE)
        assert len(lags) >= 5, text
        if not any(float(lag) for lag in lags):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"messages did not arrive: {lags}")


def compare(folder: Path, seen: Acknowledged, kills: int) -> None:
    titles = Counter(title for (title,) in rows_in(folder, "SELECT title FROM tickets_ticket"))
    bodies = Counter(body for (body,) in rows_in(folder, "SELECT body FROM tickets_comment"))
    assert len(seen.tickets) > kills, "there was a load"
    assert {key for key in seen.tickets if titles[f"Ticket {key}"] != 1} == set(), "each acknowledged ticket once"
    assert {key for key in seen.comments if bodies[f"Comment {key}"] != 1} == set(), "each acknowledged comment once"
    assert [title for title, count in titles.items() if count > 1] == []
    lines = Counter(
        (ticket, description.rpartition("→ ")[2])
        for ticket, description in rows_in(folder, "SELECT ticket_id, description FROM tickets_history")
    )
    assert {moved for moved in seen.statuses if lines[moved] != 1} == set(), "each acknowledged move once"
    numbers = [number for (number,) in rows_in(folder, "SELECT number FROM tickets_ticket ORDER BY number")]
    assert numbers == list(range(1001, 1001 + len(numbers))), "numbers without gaps"
    [(untold,)] = rows_in(
        folder,
        """SELECT COUNT(*) FROM bus_outbox o WHERE o.type = 'TICKET_CREATED' AND 1 <> (
            SELECT COUNT(*) FROM notifications_notice n WHERE n.ticket_id = o.key AND n.type = 'TICKET_CREATED')""",
    )
    assert untold == 0, "each requester is told once that their ticket arrived"
