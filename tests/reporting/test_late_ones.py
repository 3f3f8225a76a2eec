"""Late tickets of a span are the same whichever way they are read: by few tickets, or by the breaches of many."""

import random
from typing import Any

from answerable.kernel.span import Span
from answerable.kernel.tx import Tx
from answerable.reporting.store import tickets as store
from tests.world import TESTER, World

TICKETS = 900
INSERT = """INSERT INTO reporting_ticket (ticket_id, status, priority, category, requester_id, created_at,
    last_sequence, sla_breached, breached_at)
    VALUES (:id, 'ASSIGNED', 'LOW', 'OTHER', 'una', :created, :sequence, :late, :late_at)"""


async def test_late_tickets_of_any_span_are_those_of_a_recount(world: World) -> None:
    chance = random.Random(7)
    rows: list[dict[str, Any]] = []
    for n in range(TICKETS):
        created, late = chance.randrange(1000), chance.random() < 0.3
        late_at = created + chance.randrange(300) if late else None
        rows.append({"id": f"t{n}", "created": created, "sequence": n % 20, "late": int(late), "late_at": late_at})

    async def fill(tx: Tx) -> None:
        await tx.run_many(INSERT, rows)

    async def check(tx: Tx) -> None:
        ways = set()
        for start, end in [(None, None), (0, 1000), (None, 600), (400, None), (0, 100), (950, 990), (2000, 3000)] * 3:
            within = [row for row in rows if (start or 0) <= row["created"] < (end or 9999) and row["sequence"]]
            ways.add(len(within) > store.FEW)
            late = sorted((row["late_at"], row["id"]) for row in within if row["late"])[::-1]
            after = chance.choice(late) if late and chance.random() < 0.7 else None
            wanted = [one for one in late if after is None or one < after]
            found = await store.list_breaches(tx, Span(start, end), after, 2, 15)
            assert [(row["breached_at"], row["ticket_id"]) for row in found] == wanted[2:17]
        assert ways == {True, False}

    await world.db.write(TESTER, fill)
    await world.db.read(TESTER, check)
