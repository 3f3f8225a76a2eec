"""Searching in the workspace: what staff find is what a recount of all tickets finds, and the index is asked once."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from answerable.kernel.actor import Actor
from answerable.kernel.paging import PageRequest, decode_cursor
from answerable.kernel.tx import Tx
from answerable.tickets.queries import work
from answerable.tickets.rules.views import WORK_SORTS, WorkFilter
from answerable.tickets.store import work as work_store
from answerable.users.rules import grants_of
from tests.tickets.desk import TicketDesk

PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
WORDS = ("printer", "slow", "wifi", "fire")
VIEWS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "all": lambda ticket, me: True,
    "open": lambda ticket, me: ticket["status"] in ("CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING"),
    "solved": lambda ticket, me: ticket["status"] == "RESOLVED",
    "unassigned": lambda ticket, me: ticket["status"] == "CREATED" and ticket["assignedTo"] is None,
    "mine": lambda ticket, me: (
        ticket["status"] in ("ASSIGNED", "IN_PROGRESS", "WAITING") and ticket["assignedTo"] == me
    ),
}
SORTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "-updatedAt": lambda ticket: (ticket["updatedAt"], ticket["number"]),
    "-createdAt": lambda ticket: ticket["number"],
    "-priority": lambda ticket: (PRIORITIES.index(ticket["priority"]), ticket["number"]),
    "createdAt": lambda ticket: -ticket["number"],
    "slaDueAt": lambda ticket: -ticket["number"],  # nothing is promised here
}


async def found_by(tx: Tx, wanted: WorkFilter) -> list[int]:
    numbers: list[int] = []
    page = await work.list_rows(tx, wanted, PageRequest(size=4))
    while page.next_cursor:
        numbers += [row.number for row in page.rows]
        cursor = decode_cursor(page.next_cursor, wanted.order)
        page = await work.list_rows(tx, wanted, PageRequest(size=4, cursor=cursor))
    return [*numbers, *(row.number for row in page.rows)]


async def test_staff_find_what_a_recount_of_their_tickets_finds(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A random desk, read along each order however far, and by the index alone; nobody finds what is not theirs."""
    chance = random.Random(7)
    told: dict[int, list[str]] = {}
    for n in range(30):
        who = chance.choice((office.una, office.otto, office.abe))
        title, text = " ".join(chance.choices(WORDS, k=2)), f"It is {chance.choice(WORDS)}."
        ticket = await office.raised(who, title=title, description=text, priority=chance.choice(PRIORITIES))
        told[ticket["number"]] = [f"{title} {text}"]
        if chance.random() < 0.6:
            await office.given(ticket, chance.choice((office.abe, office.bea)))
            await office.moved(ticket, *("IN_PROGRESS", "RESOLVED")[: chance.choice((0, 0, 1, 2))])
        if n % 4 == 0:
            office.world.clock.now += 60_000_000
            said = " ".join(chance.choices(WORDS, k=3))
            await office.said(office.max, ticket, said, internal=n % 8 == 0)
            told[ticket["number"]].append(said)
    tickets = await office.read(office.max, "/tickets", size=100)
    asked = []
    for role, person in (("MANAGER", office.max), ("AGENT", office.abe), ("AGENT", office.bea)):
        who_asks = Actor(person.id, "person", frozenset({role}), grants_of([role]))
        for view, sort in ((view, sort) for view in VIEWS for sort in chance.sample(WORK_SORTS, k=3)):
            typed, priority = chance.sample(WORDS, k=chance.choice((1, 1, 2))), chance.choice(("", "", "HIGH"))
            theirs = [
                ticket
                for ticket in tickets
                if (role == "MANAGER" or ticket["assignedTo"] == person.id or VIEWS["unassigned"](ticket, ""))
                and VIEWS[view](ticket, person.id)
                and priority in ("", ticket["priority"])
                and any(all(word in text for word in typed) for text in told[ticket["number"]])
            ]
            theirs.sort(key=SORTS[sort], reverse=True)
            wanted = WorkFilter(view=view, q=" ".join(typed), priority=priority, sort=sort)
            asked.append((who_asks, wanted, [ticket["number"] for ticket in theirs]))
    assert max(len(expected) for *_, expected in asked) > 12
    for many, first, sifted, farthest, enough in (
        (1000, 200, 2000, 25_600, 4),  # few have what is asked for: each is asked
        (0, 200, 2000, 25_600, 4),  # many: all are gone through in their order
        (0, 3, 9, 18, 2),  # the page is near for some, and for others it is not
        (0, 3, 9, 18, 1000),  # the index is asked
    ):
        monkeypatch.setattr(work_store, "_MANY", many)
        for name, value in (("ASKED_FIRST", first), ("SIFTED", sifted), ("FARTHEST", farthest), ("ENOUGH", enough)):
            monkeypatch.setattr(f"answerable.tickets.store.near.{name}", value)
        for who_asks, wanted, expected in asked:
            found = await office.world.db.read(who_asks, found_by, wanted)
            assert found == expected, (many, first, enough, wanted, who_asks.roles)


@pytest.mark.one_engine
async def test_the_index_of_words_is_asked_once_and_only_where_nothing_is_near(office: TicketDesk) -> None:
    class Asking:
        """A unit of work that counts how often the index of all words is asked, and tells how tickets are found."""

        def __init__(self, tx: Tx) -> None:
            self.actor, self._tx, self.times, self.plan = tx.actor, tx, 0, ""

        async def run(self, sql: str, **values: Any) -> Any:
            steps = await self._tx.run(f"EXPLAIN QUERY PLAN {sql}", **values)
            self.plan += "".join(f"{row['detail']}\n" for row in steps)
            self.times += sql.count("FOUND_IN(tickets_ticket")
            return await self._tx.run(sql, **values)

    async def asked(tx: Tx, wanted: WorkFilter) -> Any:
        asking: Any = Asking(tx)
        await work_store.list_work(asking, wanted, PageRequest(size=3))
        return asking

    async def times(tx: Tx, wanted: WorkFilter) -> int:
        return int((await asked(tx, wanted)).times)

    for n in range(12):
        await office.raised(title="A printer" if n > 5 else "A cable", description="It does not work.")
    for role, person in (("MANAGER", office.max), ("AGENT", office.abe)):
        who = Actor(person.id, "person", frozenset({role}), grants_of([role]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(work_store, "_MANY", 1)
            patch.setattr("answerable.tickets.store.near.ASKED_FIRST", 6)
            for view in ("open", "all"):
                assert await office.world.db.read(who, times, WorkFilter(view=view, q="printer")) == 0, role
                assert await office.world.db.read(who, times, WorkFilter(view=view, q="cable")) == 1, role
    manager = Actor(office.max.id, "person", frozenset({"MANAGER"}), grants_of(["MANAGER"]))
    for sort in WORK_SORTS:
        plan = (await office.world.db.read(manager, asked, WorkFilter(view="solved", q="cable", sort=sort))).plan
        assert "SCAN t USING" not in plan, (
            f"few are found by their status, and none is asked that was closed long ago: {plan}"
        )
