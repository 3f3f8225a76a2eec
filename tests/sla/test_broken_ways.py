"""Broken promises of a span are the same whichever way they are read: by few tickets, or by the breaches of many."""

import random

from answerable.kernel.paging import page_request
from answerable.kernel.span import Span
from answerable.kernel.tx import Row, Tx
from answerable.messages.tickets import TicketCreated
from answerable.sla.queries.broken import BROKEN
from answerable.sla.store import reports
from tests.sla.stories import ref
from tests.world import TESTER, World

TICKETS = 900


async def test_broken_promises_of_any_span_are_those_of_a_recount(world: World) -> None:
    chance = random.Random(7)
    tickets = {f"ticket {n}": chance.randrange(1000) for n in range(TICKETS)}
    broken = {
        f"{id_} {target}": (tickets[id_] + chance.randrange(300), id_, target)
        for id_ in tickets
        for target in ("RESOLUTION", "FIRST_RESPONSE")
        if chance.random() < 0.2
    }

    async def fill(tx: Tx) -> None:
        template = (await tx.run("SELECT * FROM sla_ticket LIMIT 1"))[0]
        clock = (await tx.run("SELECT * FROM sla_clock LIMIT 1"))[0]
        await tx.run_many(
            _insert("sla_ticket", template),
            [dict(template) | {"id": id_, "created_at": at} for id_, at in tickets.items()],
        )
        await tx.run_many(
            _insert("sla_clock", clock),
            [
                dict(clock) | {"id": id_, "ticket_id": ticket, "target": target, "breached_at": at}
                for id_, (at, ticket, target) in broken.items()
            ],
        )

    async def check(tx: Tx) -> None:
        ways = set()
        for start, end in [(None, None), (0, 1000), (None, 600), (400, None), (0, 100), (950, 990), (2000, 3000)]:
            within = {id_ for id_, at in tickets.items() if (start or 0) <= at < (end or 9999)}
            ways.add(len(within) > reports.FEW)
            wanted = sorted(((at, id_) for id_, (at, ticket, _) in broken.items() if ticket in within), reverse=True)
            span, part = Span(start, end), page_request(page=1, size=10, cursor=None, count=None, sort=BROKEN)
            found = await reports.list_broken(tx, span, part)
            assert [(row["breached_at"], row["id"]) for row in found] == wanted[10:21]
            assert await reports.count_broken(tx, span, exact=True) == str(len(wanted))
        assert ways == {True, False}

    await world.tell(TicketCreated(ticket=ref(), created_by="una"))
    await world.db.write(TESTER, fill)
    await world.db.read(TESTER, check)


def _insert(table: str, row: Row) -> str:
    names = list(dict(row))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"
