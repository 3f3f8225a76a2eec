"""Lists of tickets over HTTP: pages, cursors, orders, filters and search, each only of what the caller may see."""

import base64
import json
import random
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from answerable.infra.database.sqlite import SqliteDatabase
from answerable.infra.database.sqlite_statement import statement
from answerable.kernel.paging import Page, PageRequest, decode_cursor, encode_cursor
from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaPaused, SlaStarted
from answerable.messages.tickets import TicketRef
from answerable.tickets import actions, store
from answerable.tickets.rules import STATUSES, Draft, Ticket
from answerable.tickets.rules.filter import TicketFilter
from answerable.tickets.rules.views import WorkFilter
from answerable.tickets.store import NO_DUE, own, work
from tests.tickets.desk import DRAFT, TicketDesk
from tests.tickets.test_api import expect_problem
from tests.world import json_of, open_world

PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


def next_of(answer: httpx.Response) -> str | None:
    """Return the address of the next page, if there is one."""
    return answer.links["next"]["url"] if "next" in answer.links else None


async def walk(office: TicketDesk, path: str) -> list[dict[str, Any]]:
    """Read a whole list as the manager, following the Link header."""
    seen: list[dict[str, Any]] = []
    wanted: str | None = path
    while wanted:
        answer = await office.get(office.max, wanted)
        assert answer.status_code == 200, answer.text
        seen += json_of(answer)
        wanted = next_of(answer)
    return seen


def numbers(tickets: list[dict[str, Any]]) -> list[int]:
    return [ticket["number"] for ticket in tickets]


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_a_list_is_a_bare_array_newest_first(office: TicketDesk) -> None:
    assert (await office.get(office.una, "/tickets")).headers["x-total-count"] == "0"
    for _ in range(12):
        await office.raised()
    answer = await office.get(office.una, "/tickets")
    assert numbers(json_of(answer)) == list(range(1012, 1002, -1)), "ten where nothing else is asked for"
    assert answer.headers["x-total-count"] == "12"
    rest = await office.get(office.una, next_of(answer) or "")
    assert numbers(json_of(rest)) == [1002, 1001]
    assert next_of(rest) is None
    assert json_of(rest)[0] == await office.read(office.una, f"/tickets/{json_of(rest)[0]['id']}")


async def test_a_cursor_walks_the_list_while_new_tickets_arrive(office: TicketDesk) -> None:
    for _ in range(23):
        await office.raised()
    seen, path = [], "/api/tickets?size=4&priority=HIGH"
    wanted: str | None = path
    while wanted:
        answer = await office.get(office.max, wanted)
        seen += numbers(json_of(answer))
        wanted = next_of(answer)
        if wanted:
            assert "priority=HIGH" in wanted
            assert "size=4" in wanted
        await office.raised(office.otto)
    assert seen == list(range(1023, 1000, -1)), "none twice, none left out, none of the new ones"
    onward = await walk(office, "/api/tickets?size=7&sort=createdAt")
    assert numbers(onward) == list(range(1001, 1001 + len(onward)))
    assert len(onward) == 29


async def test_page_and_size_still_work_and_end_at_a_bound(office: TicketDesk) -> None:
    for _ in range(5):
        await office.raised()
    pages = [numbers(await office.read(office.una, "/tickets", page=page, size=2)) for page in range(4)]
    assert pages == [[1005, 1004], [1003, 1002], [1001], []]
    second = await office.get(office.una, "/tickets", page=1, size=2)
    assert "page=" not in (next_of(second) or ""), "the cursor goes on from where the page ended"
    assert numbers(await walk(office, next_of(second) or "")) == [1001]
    assert await office.read(office.una, "/tickets", page=10, size=1000) == []
    for page, size in ((11, 1000), (10_001, 1), (10**30, 10)):
        problem = expect_problem(await office.get(office.una, "/tickets", page=page, size=size), 400, "page")
        assert "cursor" in problem["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 0),
        ("size", -1),
        ("size", 1001),
        ("size", "many"),
        ("size", "1.5"),
        ("page", -1),
        ("page", "one"),
        ("page", "0x10"),
        ("count", "all"),
        ("sort", "title"),
        ("sort", "createdAt;drop table"),
        ("sort", "createdAt,sideways"),
        ("status", "OPENED"),
        ("status", "' OR 1=1 --"),
        ("priority", "URGENT"),
        ("cursor", "not a cursor"),
        ("cursor", "AAAA"),
        ("cursor", "é"),
        ("cursor", base64.urlsafe_b64encode(b"[" * 3000).decode()),
        ("cursor", base64.urlsafe_b64encode(b'["-createdAt",1]').decode()),
        ("cursor", base64.urlsafe_b64encode(b'["-createdAt",[1],2]').decode()),
        ("cursor", base64.urlsafe_b64encode(b'["-createdAt",1.5,2]').decode()),
        ("cursor", base64.urlsafe_b64encode(json.dumps(["-createdAt", 2**70, 1]).encode()).decode()),
        ("cursor", encode_cursor("createdAt", 1001, 1001)),
        ("cursor", encode_cursor("comments", None, 1)),
        ("cursor", encode_cursor("-createdAt", "'; DROP TABLE tickets_ticket; --", "x")),
        ("cursor", encode_cursor("-createdAt", None, 7)),
    ],
)
async def test_a_parameter_that_cannot_be_is_refused_by_name(office: TicketDesk, field: str, value: Any) -> None:
    await office.raised()
    problem = expect_problem(await office.get(office.una, "/tickets", **{field: value}), 400)
    assert any(field in error for error in problem["errors"]), problem


async def test_a_cursor_of_comments_cannot_be_forged(office: TicketDesk) -> None:
    ticket = await office.raised()
    for name, key in (("comments", "x"), ("comments", "1e9"), ("history", 5)):
        path = f"/tickets/{ticket['id']}/{name}"
        answer = await office.get(office.una, path, cursor=encode_cursor(name, None, key))
        expect_problem(answer, 400, "cursor")
        answer = await office.get(office.una, path, cursor=encode_cursor("-createdAt", 1, 1))
        expect_problem(answer, 400, "cursor")


async def test_a_cursor_belongs_to_its_order(office: TicketDesk) -> None:
    for _ in range(3):
        await office.raised()
    first = await office.get(office.una, "/tickets", size=1, sort="priority")
    cursor = httpx.URL(next_of(first) or "").params["cursor"]
    assert len(await office.read(office.una, "/tickets", size=5, sort="priority", cursor=cursor)) == 2
    expect_problem(await office.get(office.una, "/tickets", size=1, sort="-priority", cursor=cursor), 400, "cursor")
    expect_problem(await office.get(office.una, "/tickets", size=1, cursor=cursor), 400, "cursor")


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[TicketDesk]:
    """1,005 tickets of Una's, five of them CRITICAL, and one of Otto's."""
    async with open_world(tmp_path / "crowd", ["users", "tickets"]) as world:
        office = await TicketDesk(world).hire()
        draft = Draft(**DRAFT)
        urgent = Draft(**{**DRAFT, "priority": "CRITICAL"})
        async with world.db.bulk():
            for _ in range(1000):
                await world.db.write(office.una.actor, actions.create_ticket, draft)
            for _ in range(5):
                await world.db.write(office.una.actor, actions.create_ticket, urgent)
            await world.db.write(office.otto.actor, actions.create_ticket, draft)
        yield office


async def test_counts_are_exact_up_to_a_thousand_and_beyond_where_asked(crowd: TicketDesk) -> None:
    async def total(who: Any, path: str = "/tickets", **params: Any) -> str:
        return (await crowd.get(who, path, **params)).headers["x-total-count"]

    assert await total(crowd.una) == "1000+"
    assert await total(crowd.una, count="exact") == "1005"
    assert await total(crowd.max, count="exact") == "1006"
    assert await total(crowd.abe, count="exact") == "1006", "the queue"
    assert await total(crowd.abe) == "1000+"
    assert await total(crowd.otto) == "1"
    assert await total(crowd.una, priority="HIGH") == "1000"
    assert await total(crowd.una, priority="CRITICAL") == "5"
    assert await total(crowd.una, q="printer") == "1000+"
    assert await total(crowd.una, q="printer", count="exact") == "1005"
    assert await total(crowd.una, f"/tickets/user/{crowd.una.id}") == "1000+"
    assert await total(crowd.max, "/tickets/status/CREATED", count="exact") == "1006"
    whole = await crowd.get(crowd.una, "/tickets", size=1000)
    assert len(json_of(whole)) == 1000
    last = await crowd.get(crowd.una, next_of(whole) or "")
    assert (numbers(json_of(last)), next_of(last)) == ([1005, 1004, 1003, 1002, 1001], None)
    assert last.headers["x-total-count"] == "1000+", "the count is of the list, not of what is left"
    deep = await crowd.read(crowd.una, "/tickets", page=100, size=10)
    assert numbers(deep) == [1005, 1004, 1003, 1002, 1001]


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def mixed(office: TicketDesk) -> TicketDesk:
    """Twelve tickets of mixed priorities, deadlines (three of them none) and last changes, with many ties."""
    for n in range(12):
        office.world.clock.now += 60_000_000 * (n % 2)
        ticket = await office.raised(priority=PRIORITIES[n % 4])
        ref = TicketRef(
            id=ticket["id"],
            number=ticket["number"],
            title=ticket["title"],
            category=ticket["category"],
            priority=ticket["priority"],
            status=ticket["status"],
            requester_id=ticket["createdBy"],
            agent_id=None,
            created_at=0,
        )
        due_at = office.world.clock.now + (n % 3) * 3_600_000_000
        await office.world.tell(
            SlaStarted(ticket=ref, target="RESOLUTION", cycle=1, started_at=0, due_at=due_at, policy="default")
        )
        if n % 4 == 3:
            await office.world.tell(SlaPaused(ticket=ref, target="RESOLUTION", cycle=1))
    office.world.clock.now += 60_000_000
    for ticket in (await office.read(office.una, "/tickets", size=50))[::3]:
        await office.call(office.una, "PATCH", f"/tickets/{ticket['id']}", json={"title": "Changed later"})
    return office


KEYS: dict[str, Any] = {
    "createdAt": lambda ticket: ticket["createdAt"],
    "updatedAt": lambda ticket: ticket["updatedAt"],
    "priority": lambda ticket: PRIORITIES.index(ticket["priority"]),
    "slaDueAt": lambda ticket: ticket["slaDueAt"] or "9999",  # none: the farthest
}


@pytest.mark.parametrize("name", list(KEYS))
@pytest.mark.parametrize("down", [False, True])
async def test_each_order_in_both_directions_with_ties(mixed: TicketDesk, name: str, down: bool) -> None:
    every = await mixed.read(mixed.max, "/tickets", size=50)
    wanted = sorted(every, key=lambda ticket: (KEYS[name](ticket), ticket["number"]), reverse=down)
    assert len({KEYS[name](ticket) for ticket in every}) < len(every), "there are ties"
    sort = f"-{name}" if down else name
    old_words = f"{name},{'desc' if down else 'asc'}"
    for who in (mixed.max, mixed.una, mixed.abe):
        assert await mixed.read(who, "/tickets", size=50, sort=sort) == wanted
    assert await mixed.read(mixed.max, "/tickets", size=50, sort=old_words) == wanted
    for size in (1, 5):
        assert await walk(mixed, f"/api/tickets?size={size}&sort={sort}") == wanted
    pages = [await mixed.read(mixed.max, "/tickets", size=5, page=page, sort=sort) for page in range(3)]
    assert [ticket for page in pages for ticket in page] == wanted


# --- filters ---------------------------------------------------------------------------------------------------------


async def test_filters_alone_and_together(office: TicketDesk) -> None:
    plain = await office.raised()
    given = await office.given(await office.raised(office.otto, priority="LOW"))
    other = await office.given(await office.raised(priority="LOW", category="NETWORK"), office.bea)
    begun = await office.moved(await office.given(await office.raised(priority="LOW")), "IN_PROGRESS")

    async def found(who: Any = None, **wanted: str) -> list[int]:
        answer = await office.get(who or office.max, "/tickets", sort="createdAt", **wanted)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-total-count"] == str(len(json_of(answer)))
        return numbers(json_of(answer))

    a, b, c, d = (ticket["number"] for ticket in (plain, given, other, begun))
    assert await found() == [a, b, c, d]
    assert await found(status="CREATED") == await found(status="OPEN") == await found(status="open") == [a]
    assert await found(status="ASSIGNED") == [b, c]
    assert await found(status="CANCELLED") == []
    assert await found(priority="LOW") == await found(priority="low") == [b, c, d]
    assert await found(category="NETWORK") == [c]
    assert await found(category="NO_SUCH") == []
    assert await found(assignedTo=office.abe.id) == [b, d]
    assert await found(assignedTo="nobody") == []
    assert await found(createdBy=office.una.id) == [a, c, d]
    assert await found(createdBy=office.una.id, priority="LOW", assignedTo=office.abe.id) == [d]
    assert await found(createdBy=office.una.id, priority="LOW", status="ASSIGNED", category="NETWORK") == [c]
    assert await found(status="", priority="", category="", q="") == [a, b, c, d], "empty is not wanted"
    assert await found(office.una) == [a, c, d]
    assert await found(office.una, assignedTo=office.abe.id) == [d]
    assert await found(office.una, createdBy=office.otto.id) == []
    assert await found(office.abe) == [a, b, d], "what is theirs and the queue"
    assert await found(office.abe, assignedTo=office.bea.id) == []
    assert await found(office.bea, status="IN_PROGRESS") == []


async def test_an_agent_who_asks_sees_each_ticket_once(office: TicketDesk) -> None:
    own = await office.raised(office.abe)
    queued = await office.raised()
    held = await office.given(await office.raised(office.abe))
    elsewhere = await office.given(await office.raised(office.abe), office.bea)
    shown = await office.get(office.abe, "/tickets", size=50)
    assert numbers(json_of(shown)) == [ticket["number"] for ticket in (elsewhere, held, queued, own)]
    assert shown.headers["x-total-count"] == "4"
    seen, wanted = [], "/api/tickets?size=1"
    path: str | None = wanted
    while path:
        answer = await office.get(office.abe, path)
        seen += numbers(json_of(answer))
        path = next_of(answer)
    assert seen == numbers(json_of(shown))


# --- lists of one ----------------------------------------------------------------------------------------------------


async def test_who_may_read_which_list(office: TicketDesk) -> None:
    unas = await office.raised()
    ottos = await office.given(await office.raised(office.otto))
    hidden = await office.given(await office.raised(office.otto), office.bea)

    async def read(who: Any, path: str) -> list[int] | int:
        answer = await office.get(who, path)
        if answer.status_code != 200:
            expect_problem(answer, answer.status_code)
            return answer.status_code
        return sorted(numbers(json_of(answer)))

    a, b, c = unas["number"], ottos["number"], hidden["number"]
    user, agent = f"/tickets/user/{office.otto.id}", f"/tickets/agent/{office.abe.id}"
    assert await read(office.otto, user) == await read(office.max, user) == await read(office.ada, user) == [b, c]
    assert await read(office.una, user) == 404
    assert await read(office.abe, user) == [b], "of another's tickets an agent sees what is theirs"
    assert await read(office.abe, agent) == await read(office.max, agent) == [b]
    assert await read(office.bea, agent) == await read(office.una, agent) == await read(office.otto, agent) == 404
    assert await read(office.max, "/tickets/status/ASSIGNED") == [b, c]
    assert await read(office.otto, "/tickets/status/assigned") == [b, c]
    assert await read(office.una, "/tickets/status/ASSIGNED") == []
    assert await read(office.una, "/tickets/status/OPEN") == await read(office.abe, "/tickets/status/CREATED") == [a]
    assert await read(office.una, "/tickets/status/NOWHERE") == 400
    assert await read(office.max, "/tickets/user/nobody") == []


@pytest.mark.parametrize("path", ["/tickets/user/{una}", "/tickets/agent/{abe}", "/tickets/status/ASSIGNED"])
async def test_the_lists_of_one_have_pages_too(office: TicketDesk, path: str) -> None:
    for _ in range(5):
        await office.given(await office.raised())
    path = path.format(una=office.una.id, abe=office.abe.id)
    answer = await office.get(office.max, f"{path}?size=2")
    assert (len(json_of(answer)), answer.headers["x-total-count"]) == (2, "5")
    assert numbers(await walk(office, f"/api{path}?size=2")) == [1005, 1004, 1003, 1002, 1001]
    assert numbers(await office.read(office.max, path, size=2, page=2)) == [1001]
    expect_problem(await office.get(office.max, path, size=0), 400, "size")
    expect_problem(await office.get(office.max, path, page=10_001, size=1), 400, "page")
    expect_problem(await office.get(office.max, path, cursor="x"), 400, "cursor")


# --- search ----------------------------------------------------------------------------------------------------------


async def test_search_finds_words_wherever_they_were_said(office: TicketDesk) -> None:
    printer = await office.raised()
    coffee = await office.raised(title="Kaffeemaschine kaputt", description="Die Größe der Tasse fehlt völlig.")
    network = await office.raised(
        office.otto, title="Wifi is slow", description="Since the café was opened downstairs. Geschlosséne İstanbul."
    )
    await office.said(office.una, coffee, "Es tropft auch aus dem Wassertank.")
    await office.said(office.abe, coffee, "Zurückhaltung: he always complains.", internal=True)

    async def found(who: Any, q: str, **more: Any) -> list[int]:
        answer = await office.get(who, "/tickets", q=q, sort="createdAt", **more)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-total-count"] == str(len(json_of(answer)))
        return numbers(json_of(answer))

    p, c, n = printer["number"], coffee["number"], network["number"]
    for q, wanted in (
        ("printer", [p]),
        ("PRINTER", [p]),
        ("fire printer", [p]),
        ("printer wifi", []),
        ("burns", [p]),
        ("kaff", [c]),
        ("ffee", []),
        ("wassertank", [c]),
        ("grosse", []),
        ("größe", [c]),
        ("GRÖSSE", []),
        ("Große", [c]),
        ("vollig", [c]),
        ("cafe", [n]),
        ("CAFÉ", [n]),
        ("cafe\u0301", [n]),
        ("cafe\u0301 downsta", [n]),
        ("geschlosse\u0301ne", [n]),
        ("İSTANBUL", [n]),
        ("istanbul", [n]),
        ("complains", [c]),
        ("zuruckhaltung", [c]),
        (f"#{n}", [n]),
        (f" #{n} ", [n]),
        (str(n), [n]),
        ("#999999", []),
        ("#", []),
        ("***", []),
        ('"', []),
        ('"printer" OR wifi', []),
        ("printer*", [p]),
        ("print NEAR fire", []),
        ("title:printer", []),
        ("-printer", [p]),
        ("'; DROP TABLE tickets_ticket; --", []),
        ("%", []),
        ("a\x00b", []),
        ("#" + "9" * 40, []),
        ("x" * 2000, []),
        ("printer " * 100, [p]),
        ("🔥", []),
    ):
        assert await found(office.max, q) == wanted, q
    assert await found(office.una, "complains") == [], "a note among staff is not found by the requester"
    assert await found(office.una, "wassertank") == [c]
    assert await found(office.otto, "wassertank") == await found(office.otto, f"#{c}") == []
    assert await found(office.una, "i", priority="LOW") == []
    assert await found(office.max, "printer", status="CREATED", createdBy=office.una.id) == [p]
    assert await found(office.max, "printer", createdBy=office.otto.id) == []
    assert (await office.get(office.max, "/tickets?q=%ff%fe")).status_code in (200, 400)


async def test_search_follows_what_is_changed(office: TicketDesk) -> None:
    ticket = await office.raised()
    await office.call(office.una, "PATCH", f"/tickets/{ticket['id']}", json={"title": "Toaster on fire"})
    assert await office.read(office.una, "/tickets", q="printer") == []
    assert len(await office.read(office.una, "/tickets", q="toaster")) == 1


async def test_found_tickets_have_pages_and_orders(office: TicketDesk) -> None:
    for n in range(7):
        await office.raised(priority=PRIORITIES[n % 4])
        await office.raised(title="Something else")
    found = await walk(office, "/api/tickets?q=printer&size=2&sort=-priority")
    assert [ticket["priority"] for ticket in found] == sorted(
        (ticket["priority"] for ticket in found), key=PRIORITIES.index, reverse=True
    )
    assert len(found) == 7


@pytest.mark.parametrize(("first", "farthest"), [(8, 25_600), (8, 16)])
async def test_the_same_is_found_however_far_one_walks_before_the_index_is_asked(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch, first: int, farthest: int
) -> None:
    monkeypatch.setattr("answerable.tickets.store.near.ASKED_FIRST", first)
    monkeypatch.setattr("answerable.tickets.store.near.FARTHEST", farthest)
    tickets = []
    for n in range(36):
        title = "Printer on fire" if n % 3 else "Something else"
        who = office.una if n % 2 else office.otto
        tickets.append(
            await office.raised(who, title=title, priority=PRIORITIES[n % 4], description="It does not work.")
        )
    for n in (0, 6, 12, 30):
        await office.said(office.max, tickets[n], "It is the printer after all.", internal=n == 30)
    told = {0, 6, 12, 30}
    hits = [tickets[n]["number"] for n in range(36) if n % 3 or n in told]
    for sort in ("createdAt", "-createdAt", "-priority", "updatedAt"):
        found = await walk(office, f"/api/tickets?q=printer&size=5&sort={sort}")
        assert sorted(numbers(found)) == hits, sort
        exact = await office.get(office.max, "/tickets", q="printer", size=100, sort=sort, count="exact")
        assert numbers(found) == numbers(json_of(exact)), sort
    answer = await office.get(office.max, "/tickets", q="printer", size=3, page=2)
    assert (numbers(json_of(answer)), answer.headers["x-total-count"]) == (hits[::-1][6:9], str(len(hits)))
    none = await office.get(office.max, "/tickets", q="printer", cursor=encode_cursor("-createdAt", 1001, 1001))
    assert (json_of(none), none.headers["x-total-count"]) == ([], str(len(hits))), "nothing was before the first"
    for q, count in (("printer", 6 + 6 + 3), ("fire", 12), ("#1001", 1), ("all", 3), ("nothing", 0)):
        answer = await office.get(office.otto, "/tickets", q=q, size=2)
        assert answer.headers["x-total-count"] == str(count), q


@pytest.mark.parametrize("far", [(1, 2), (30, 120)])
async def test_a_list_of_many_is_the_same_however_it_is_found(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch, far: tuple[int, int]
) -> None:
    """Many of somebody's are looked for along the order of all, and not said to fit the index of a status."""
    for n in range(24):
        ticket = await office.raised(
            (office.una, office.otto, office.abe)[n % 3],
            priority=PRIORITIES[n % 4],
            category=("HARDWARE", "NETWORK")[n % 2],
        )
        if n % 5:
            await office.given(ticket, (office.abe, office.bea)[n % 2])
        if n % 7 == 0:
            office.world.clock.now += 60_000_000
            await office.said(office.max, ticket, "Only among us.", internal=True)
    filters = [{}, {"status": "ASSIGNED"}, {"priority": "HIGH"}, {"status": "ASSIGNED", "category": "NETWORK"}]
    asked = [
        (who, {"sort": f"{sign}{name}", **narrowed})
        for who in (office.una, office.abe, office.max)
        for name in KEYS
        for sign in ("", "-")
        for narrowed in filters
    ]
    before = [numbers(await office.read(who, "/tickets", size=50, **params)) for who, params in asked]
    assert max(map(len, before)) == 24
    monkeypatch.setattr("answerable.tickets.store.lists.COUNT_CAP", 1)
    monkeypatch.setattr("answerable.tickets.store.lists._FAR", far)
    for (who, params), expected in zip(asked, before, strict=True):
        first = await office.get(who, "/tickets", size=4, **params)
        assert numbers(json_of(first)) == expected[:4], (who.name, params)
        if following := next_of(first):
            assert numbers(json_of(await office.get(who, following))) == expected[4:8], (who.name, params)
        assert numbers(await office.read(who, "/tickets", size=3, page=1, **params)) == expected[3:6], (
            who.name,
            params,
        )


async def test_lists_of_what_has_ended_and_what_has_not_are_what_a_recount_of_all_tickets_has(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has ended has indexes of its own, so a list is put together from several ways: none twice, none left out."""
    chance = random.Random(5)
    agents = [office.abe.id, office.bea.id]
    askers = [office.una.id, office.otto.id, office.abe.id]

    async def fill(tx: Tx) -> list[dict[str, Any]]:
        made = list[dict[str, Any]]()
        for n in range(1, 61):
            status = chance.choice([*STATUSES, "CLOSED", "CLOSED"])
            made.append(
                {
                    "number": 1000 + n,
                    "status": status,
                    "requester_id": chance.choice(askers),
                    "agent_id": None if status == "CREATED" else chance.choice([*agents, None]),
                    "category": chance.choice(("HARDWARE", "NETWORK")),
                    "priority_rank": chance.randrange(4),
                    "updated_at": chance.randrange(9),
                    "public_at": chance.randrange(9),
                    "sla_due_at": chance.choice((None, 5, 7)),
                }
            )
            await tx.run(
                """INSERT INTO tickets_ticket (number, id, title, description, priority, created_at, version, status,
                    requester_id, agent_id, category, priority_rank, updated_at, public_at, sla_due_at)
                VALUES (:number, :id, 'A printer', 'It does not work.', :priority, :number, 1, :status,
                    :requester_id, :agent_id, :category, :priority_rank, :updated_at, :public_at, :sla_due_at)""",
                id=tx.new_id(),
                priority=PRIORITIES[made[-1]["priority_rank"]],
                **made[-1],
            )
        return made

    made = await office.world.db.write(office.max.actor, fill)
    keys = {"createdAt": "number", "priority": "priority_rank", "slaDueAt": "sla_due_at"}
    filters: list[dict[str, str]] = [
        {},
        *({"status": status} for status in ("CLOSED", "CANCELLED", "ASSIGNED")),
        {"priority": "HIGH"},
        {"category": "NETWORK"},
        {"category": "NETWORK", "priority": "HIGH"},
        {"status": "CLOSED", "category": "NETWORK"},
        {"status": "CLOSED", "priority": "HIGH"},
        {"status": "CLOSED", "category": "NETWORK", "priority": "HIGH"},
        {"created_by": office.una.id},
        {"assigned_to": office.bea.id, "category": "NETWORK"},
    ]
    told = {"status": "status", "category": "category", "created_by": "requester_id", "assigned_to": "agent_id"}

    def fits(who: Any, wanted: dict[str, str], one: dict[str, Any]) -> bool:
        sees = who is office.max or one["requester_id"] == who.id
        if who is office.abe:
            sees = sees or one["agent_id"] == who.id or (one["agent_id"] is None and one["status"] == "CREATED")
        asked: dict[str, Any] = {column: wanted[name] for name, column in told.items() if name in wanted}
        if "priority" in wanted:
            asked["priority_rank"] = PRIORITIES.index(wanted["priority"])
        return sees and all(one[column] == value for column, value in asked.items())

    for cap, deep, far in ((1000, 500, (30, 120)), (2, 1, (1, 30))):
        monkeypatch.setattr("answerable.tickets.store.lists.COUNT_CAP", cap)
        monkeypatch.setattr("answerable.tickets.store.lists._DEEP", deep)
        monkeypatch.setattr("answerable.tickets.store.lists._FAR", far)
        for who in (office.una, office.abe, office.max):
            for wanted in filters:
                visible = [one for one in made if fits(who, wanted, one)]
                for name in chance.sample(list(KEYS), k=2):
                    changed = "updated_at" if who is not office.una else "public_at"
                    key, none = keys.get(name, changed), NO_DUE
                    down = chance.random() < 0.5
                    ordered = sorted(
                        visible, key=lambda one: (none if one[key] is None else one[key], one["number"]), reverse=down
                    )
                    expected = [one["number"] for one in ordered]
                    narrowed = TicketFilter(sort=f"-{name}" if down else name, **wanted)
                    case = (who.name, wanted, narrowed.sort, cap, deep)

                    async def read(asked: TicketFilter, **part: Any) -> Page[Ticket]:
                        whole = PageRequest(size=7, **part)
                        return await office.world.db.read(who.actor, store.list_tickets, asked, whole)  # noqa: B023

                    first, third = await read(narrowed), await read(narrowed, offset=14)
                    assert [one.number for one in first.rows] == expected[:7], case
                    assert first.total == third.total == str(min(len(expected), cap + 1)), case
                    assert [one.number for one in third.rows] == expected[14:21], case
                    if first.next_cursor:
                        second = await read(narrowed, cursor=decode_cursor(first.next_cursor, narrowed.sort))
                        assert [one.number for one in second.rows] == expected[7:14], case
    raised = [one for one in reversed(made) if one["requester_id"] == office.una.id]
    for part, statuses in (("all", STATUSES), ("done", ("CLOSED", "CANCELLED"))):
        expected = [one["number"] for one in raised if one["status"] in statuses]
        for after in (None, (0, expected[3])):
            own_ones = await office.world.db.read(office.una.actor, own.list_own, part, "", after, 4)
            assert [one.number for one in own_ones] == expected[4 if after else 0 :][:4], (part, after)
    others = await office.world.db.read(office.max.actor, store.list_others_of, office.una.id, "", 5)
    assert [one["number"] for one in others] == [one["number"] for one in raised][:5]


async def test_what_is_typed_is_a_beginning_of_few_words_or_of_many(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ("Printer on fire", "Two PRINTERS", "Printing is slow", "Das Prints\u00e4ubern", "Pri\u00f1ter", "Sprint")
    made = {title: (await office.raised(title=title, description="It does not work."))["number"] for title in titles}
    said = await office.raised(title="Something else", description="It does not work.")
    await office.said(office.una, said, "The printery is closed.")
    begin = [made[title] for title in titles[:5]]
    for most in (24, 1):
        monkeypatch.setattr("answerable.infra.database.search.MOST_FORMS", most)
        for q, found in (
            ("print", [*begin, said["number"]]),
            ("PRINTER", [*begin[:2], begin[4], said["number"]]),
            ("does printer", [*begin[:2], begin[4]]),
            ("prin", [*begin, said["number"]]),
            ("Pri\u00f1", [*begin, said["number"]]),
            ("printerx", []),
        ):
            answer = await office.read(office.max, "/tickets", q=q, size=50, sort="createdAt")
            assert numbers(answer) == found, (most, q)


async def test_lists_of_ones_own_and_of_work_find_the_same_however_far_one_walks(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(30):
        title = "Printer on fire" if n % 3 == 0 else "Something else"
        who = (office.una, office.abe)[n % 5 == 0]
        ticket = await office.raised(who, title=title, description="It does not work.", priority=PRIORITIES[n % 4])
        if n % 4:
            await office.given(ticket, (office.abe, office.bea)[n % 2])
        if n % 6 == 1:
            await office.said(office.max, ticket, "It is the printer after all.", internal=n % 12 == 1)

    async def found() -> list[list[int]]:
        lists: list[list[int]] = []
        for who in (office.max, office.abe, office.una):
            for view in ("all", "open", "mine", "unassigned") if who is not office.una else ():
                for sort in ("", "-priority", "createdAt"):
                    wanted = WorkFilter(view=view, q="printer", sort=sort)
                    rows = await office.world.db.read(who.actor, work.list_work, wanted, PageRequest(size=5))
                    lists.append([row["number"] for row in rows])
            for part in ("open", "all"):
                for after in (None, (0, 1016)):
                    own_ones = await office.world.db.read(who.actor, own.list_own, part, "printer", after, 6)
                    lists.append([ticket.number for ticket in own_ones])
        return lists

    walked = await found()
    assert max(map(len, walked)) == 6
    for first, farthest in ((1, 1), (4, 8), (16, 32)):
        monkeypatch.setattr("answerable.tickets.store.near.ASKED_FIRST", first)
        monkeypatch.setattr("answerable.tickets.store.near.FARTHEST", farthest)
        assert await found() == walked, (first, farthest)
    monkeypatch.setattr("answerable.tickets.store.near.ENOUGH", 10_000)  # the index is asked
    assert await found() == walked


@pytest.fixture
def own_read(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Of how many rows of one person, and how long ones, SQLite reads each; of others the index is asked."""
    monkeypatch.setattr("answerable.infra.database.search.OWN_READ", request.param[0])
    monkeypatch.setattr("answerable.infra.database.search.OWN_LONGEST", request.param[1])
    statement.cache_clear()
    yield request.param
    statement.cache_clear()


@pytest.mark.parametrize(
    ("cap", "own_read"), [(1000, (20, 4000)), (3, (20, 4000)), (3, (4, 4000)), (3, (20, 30))], indirect=["own_read"]
)
async def test_what_a_requester_finds_is_what_a_recount_of_all_words_finds(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch, cap: int, own_read: tuple[int, int]
) -> None:
    """Their own stand together in the index of words: nothing of others, no note among staff, all that they read."""
    chance = random.Random(f"{cap}{own_read}")
    words = ("printer", "slow", "wifi", "Größe", "printing", "fire")
    told: dict[int, list[str]] = {}
    made: list[tuple[Any, dict[str, Any]]] = []
    for n in range(26):
        who = (office.una, office.otto)[chance.random() < 0.4]
        title, text = " ".join(chance.choices(words, k=2)), f"It is {chance.choice(words)}."
        ticket = await office.raised(who, title=title, description=text, priority=PRIORITIES[n % 4])
        told[ticket["number"]] = [f"{title} {text}"]
        made.append((who, ticket))
        if n % 3 == 0:
            said, hidden = " ".join(chance.choices(words, k=3)), n % 6 == 0
            await office.said(office.max, ticket, said, internal=hidden)
            told[ticket["number"]] += [] if hidden else [said]
        if n % 5 == 4:
            await office.call(who, "PATCH", f"/tickets/{ticket['id']}", json={"title": "wifi printer"})
            told[ticket["number"]][0] = f"wifi printer {text}"

    def has(text: str, typed: list[str]) -> bool:
        there = text.lower().rstrip(".").split()
        return all(word in there for word in typed[:-1]) and any(word.startswith(typed[-1]) for word in there)

    monkeypatch.setattr("answerable.tickets.store.search.COUNT_CAP", cap)
    for first in (2, 200):
        monkeypatch.setattr("answerable.tickets.store.near.ASKED_FIRST", first)
        for who in (office.una, office.otto):
            for _ in range(16):
                typed = [word.lower() for word in chance.sample([*words, "pri", "nothing"], k=chance.choice((1, 1, 2)))]
                priority, sort = chance.choice((None, "HIGH")), chance.choice(("-createdAt", "-priority"))
                fitting = [
                    ticket
                    for whose, ticket in reversed(made)
                    if whose is who
                    and priority in (None, ticket["priority"])
                    and any(has(text, typed) for text in told[ticket["number"]])
                ]
                newest = numbers(fitting)
                if sort == "-priority":  # a sort that keeps the newest first
                    fitting.sort(key=lambda ticket: PRIORITIES.index(ticket["priority"]), reverse=True)
                expected = numbers(fitting)
                params = {"q": " ".join(typed), "sort": sort} | ({"priority": priority} if priority else {})
                answer = await office.get(who, "/tickets", size=4, **params)
                assert numbers(json_of(answer)) == expected[:4], (who.name, params)
                assert answer.headers["x-total-count"] == str(min(len(expected), cap + 1)), (who.name, params)
                exact = await office.get(who, "/tickets", size=3, page=1, count="exact", **params)
                assert numbers(json_of(exact)) == expected[3:6], (who.name, params)
                assert exact.headers["x-total-count"] == str(len(expected))
                if following := next_of(answer):
                    assert numbers(await office.read(who, following)) == expected[4:8], (who.name, params)
                own_ones = await office.world.db.read(who.actor, own.list_own, "all", params["q"], None, 30)
                if priority is None:
                    assert [ticket.number for ticket in own_ones] == newest


@pytest.mark.one_engine
async def test_the_index_is_not_asked_about_a_few_tickets_of_ones_own(office: TicketDesk) -> None:
    """A desk of a million tickets takes half a millisecond to tell which words begin so; five rows are read at once."""
    mine = [(await office.raised(title=title))["number"] for title in ("A printer", "The printing press", "A cable")]
    await office.raised(office.otto, title="Another printer")
    assert isinstance(office.world.db, SqliteDatabase)
    asked: list[str] = []
    office.world.db._reader.set_trace_callback(asked.append)
    for q, found in (("prin", [mine[1], mine[0]]), ("a cable", [mine[2]]), ("nothing", [])):
        page = await office.world.db.read(office.una.actor, store.list_tickets, TicketFilter(q=q), PageRequest(size=5))
        assert [ticket.number for ticket in page.rows] == found
    office.world.db._reader.set_trace_callback(None)
    assert any("FROM near" in sql for sql in asked)
    assert [sql for sql in asked if re.search("_fts_(data|idx|terms)", sql)] == []


@pytest.mark.one_engine
async def test_an_agent_with_few_tickets_far_apart_finds_the_same_as_one_with_many_at_once(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's index is asked about all between two tickets or, where others with the words are many, each is read."""
    for n in range(24):
        title = ("Printer on fire", "Printing is slow", "Something else")[n % 3]
        who_says = "" if n % 2 else ", says Zo\u00eb"
        ticket = await office.raised(title=title, description=f"It does not work{who_says}.")
        await office.given(ticket, office.abe if n % 4 == 0 else office.bea)
        if n % 8 == 4:
            await office.said(office.max, ticket, "It is the printer after all.", internal=n == 12)

    async def search(tx: Tx, q: str) -> Page[Ticket]:
        return await store.list_tickets(tx, TicketFilter(q=q), PageRequest(size=4))

    async def found() -> list[tuple[list[int], str]]:
        pages = [
            await office.world.db.read(office.abe.actor, search, q)
            for q in (
                "printer",
                "prin",
                "does print",
                "after all",
                "slow",
                "nothing",
                "zoe",
                "Zo\u00eb printer",
                "sa prin",
            )
        ]
        return [([ticket.number for ticket in page.rows], page.total) for page in pages]

    at_once = await found()
    assert at_once[:2] == [([1021, 1013, 1005, 1001], "4"), ([1021, 1017, 1013, 1005], "5")]
    try:
        for apart, others, read in ((-1, 0, 0), (-1, 0, 250), (-1, 1, 0), (0, 100, 0)):
            statement.cache_clear()
            for more in ("", "_TO_READ"):
                monkeypatch.setattr(f"answerable.infra.database.search.APART{more}", apart)
                monkeypatch.setattr(f"answerable.infra.database.search.OTHERS{more}", others)
            monkeypatch.setattr("answerable.infra.database.search.READ", read)
            assert await found() == at_once, (apart, others, read)
    finally:
        statement.cache_clear()


async def test_who_types_the_beginning_of_a_common_word_has_it_counted_as_it_is_written(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where those with the word of the first tickets go beyond the cap, what else begins so is not collected."""
    for title in ("A printer", "A printing press", "The PRINTER", "Another printer", "A print", "A printer again"):
        await office.raised(title=title, description="It does not work.")
    asked: list[str] = []

    class Asking:
        """A unit of work that remembers what is asked of the index of words."""

        def __init__(self, tx: Tx) -> None:
            self.actor, self._tx = tx.actor, tx

        async def run(self, sql: str, **values: Any) -> Any:
            asked.extend(values["whole_q" if "whole_q" in values else "q"] for _ in range(sql.count("FOUND_IN(")))
            return await self._tx.run(sql, **values)

    async def found(tx: Tx, q: str) -> Page[Ticket]:
        asked.clear()
        asking: Any = Asking(tx)
        return await store.list_tickets(asking, TicketFilter(q=q), PageRequest(size=2))

    monkeypatch.setattr("answerable.tickets.store.near.ASKED_FIRST", 4)
    monkeypatch.setattr("answerable.tickets.store.near.ENOUGH", 2)
    for cap, q, counted, said in (
        (2, "it prin", 3, ["it printer"]),
        (2, "prin", 3, ["printer"]),
        (4, "prin", 5, ["printer", "prin", "prin"]),  # as many as begin so, tickets and comments
        (6, "prin", 6, ["printer", "prin", "prin", "prin", "prin"]),  # and which they are
        (6, "press", 1, ["press", "press"]),  # few: which they are, at once
    ):
        monkeypatch.setattr("answerable.tickets.store.search.COUNT_CAP", cap)
        page = await office.world.db.read(office.una.actor, found, q)
        newest = [1002] if q == "press" else [1006, 1005]
        assert ([ticket.number for ticket in page.rows], page.total, asked) == (newest, str(counted), said), (cap, q)


async def test_a_ticket_that_the_index_finds_more_than_once_is_one_find(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees everything gets what the index says as it is; a number that no ticket has finds none."""
    monkeypatch.setattr("answerable.tickets.store.near.ASKED_FIRST", 1)
    first = await office.raised(title="The printer again", description="A printer.")
    second = await office.raised(title="A cable")
    for ticket in (first, second):
        for _ in range(2):
            await office.said(office.max, ticket, "It is the printer.")
    await office.raised(title="Nothing like it")
    for q, found in (("printer", [1002, 1001]), ("#1001", [1001]), ("9999", []), ("printer cable", [])):
        answer = await office.get(office.max, "/tickets", q=q)
        assert (numbers(json_of(answer)), answer.headers["x-total-count"]) == (found, str(len(found))), q


async def test_nobody_writes_a_ticket_into_what_another_person_finds(
    office: TicketDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose a ticket is stands in the index of words as a word: written by hand, it makes nobody the owner."""
    mine = [(await office.raised(office.una, title="A printer"))["number"] for _ in range(2)]
    una = office.una.actor.id
    for mark in (f"\ue000{una.replace('-', '')}", f"'#{una}'", f"#{una}"):
        for _ in range(2):
            await office.raised(office.otto, title=f"printer {mark}", description=f"{mark} printer")
    monkeypatch.setattr("answerable.tickets.store.search.COUNT_CAP", 3)
    answer = await office.get(office.una, "/tickets", q="printer")
    assert numbers(json_of(answer)) == mine[::-1]
    assert answer.headers["x-total-count"] == "2", "not even counted"
