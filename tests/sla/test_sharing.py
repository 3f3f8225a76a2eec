"""The breach clock of several processes: each claims a part of what is due, a kill loses and doubles nothing."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from answerable.kernel.times import SECOND
from tests.engines import ENGINE
from tests.infra.test_postgres import leads, second_process
from tests.patience import PATIENCE
from tests.processes import PASSWORD, eventually, rows_in, warm_server
from tests.sla.stories import Story, at
from tests.world import open_world

pytestmark = [pytest.mark.on_postgres]
DUE = 600
ARMED = (
    """INSERT INTO sla_ticket (id, number, title, category, priority, status, requester_id, agent_id, created_at)
    SELECT 't' || n, n, 'A title', 'OTHER', 'HIGH', 'ASSIGNED', 'una', 'abe', {start}
    FROM generate_series(1, {due}) n""",
    """INSERT INTO sla_clock (id, ticket_id, target, cycle, policy, target_micros, started_at, applied_at, state,
        due_at, look_at, version, levels_ahead)
    SELECT 'k' || n, 't' || n, 'RESOLUTION', 1, 'default', {span} + n * 1000, {start}, {start}, 'RUNNING',
        {start} + {span} + n * 1000, {start} + {span} + n * 1000, 1,
        '[["100%",' || ({start} + {span} + n * 1000) || ']]' FROM generate_series(1, {due}) n""",
    """INSERT INTO sla_metric (clock_id, number, kind, at, target_micros, detail, policy, edition)
    SELECT 'k' || n, 1, 'activate', {start}, {span} + n * 1000, '', 'default', '' FROM generate_series(1, {due}) n""",
)


async def test_a_process_that_does_not_lead_claims_what_is_due(tmp_path: Path) -> None:
    async with open_world(tmp_path) as one, second_process(one) as two:
        await Story(one).raised()
        await one.desk.bus.start()
        await one.until(lambda: leads(one.desk))
        await two.bus.start()
        two.timers.start()  # and those of the leader stand still
        one.clock.now = at("10:00")
        await one.until(lambda: one.envelopes("SLA_BREACHED"))
        assert len(await one.envelopes("SLA_BREACHED")) == 1
        assert await one.desk.audit() == []


@pytest.mark.slow
@pytest.mark.on_disk
async def test_one_of_three_processes_is_killed_while_much_is_due(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    options = ("--database", ENGINE.address_of(folder))
    with (
        warm_server(folder, *options) as first,
        warm_server(folder, *options) as second,
        warm_server(folder, *options),
    ):
        start = time.time_ns() // 1000
        for statement in ARMED:
            values = {"start": start, "span": 4 * SECOND, "due": DUE}
            await asyncio.to_thread(rows_in, folder, statement.format(**values))
        # What was written past the desk wakes nobody; the next thing that happens does.
        una = {"name": "Una", "email": "una@desk.test", "password": PASSWORD}
        async with httpx.AsyncClient(base_url=first.url, timeout=PATIENCE) as client:
            assert (await client.post("/api/auth/register", json=una)).status_code == 201

        def told(type_: str) -> list[tuple[object, ...]]:
            return rows_in(folder, f"SELECT key FROM bus_outbox WHERE type = '{type_}'")

        async def some() -> bool:
            return bool(await asyncio.to_thread(told, "SLA_BREACHED"))

        await eventually(some)
        second.kill()

        async def nothing_is_due() -> bool:
            rows = await asyncio.to_thread(rows_in, folder, "SELECT 1 FROM sla_clock WHERE look_at IS NOT NULL LIMIT 1")
            return rows == []

        await eventually(nothing_is_due)
        for type_ in ("SLA_BREACHED", "TICKET_ESCALATED"):
            keys = [row[0] for row in told(type_)]
            assert (len(keys), len(set(keys))) == (DUE, DUE), type_
        found = rows_in(folder, "SELECT clock_id FROM sla_metric WHERE kind = 'breach'")
        assert len(found) == len(set(found)) == DUE
