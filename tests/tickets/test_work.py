"""The agents' workspace over HTTP, as a browser without scripts sees it."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from answerable.kernel.actor import Actor
from answerable.kernel.paging import PageRequest, decode_cursor
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Tx
from answerable.messages.sla import SlaAtRisk, SlaBreached, SlaFulfilled, SlaStarted
from answerable.messages.tickets import TicketRef
from answerable.tickets import timers
from answerable.tickets.actions import work as deeds
from answerable.tickets.queries import work
from answerable.tickets.rules.views import WORK_SORTS, WorkFilter
from answerable.tickets.store import work as work_store
from answerable.users.rules import grants_of
from tests.forms import Browser
from tests.tickets.desk import TicketDesk
from tests.world import START, TESTER


class Work:
    """Somebody of the staff in front of the workspace."""

    def __init__(self, office: TicketDesk, browser: Browser) -> None:
        self.office = office
        self.browser = browser

    async def open(self, path: str) -> str:
        page = await self.browser.open(path)
        assert page.status_code == 200, page.text
        return page.text

    async def send(self, path: str, status: int = 200, **fields: str) -> str:
        page = await self.browser.send(path, fields)
        assert page.status_code == status, page.text
        return page.text

    async def deed(self, ticket: dict[str, Any], name: str, status: int = 200, **fields: str) -> str:
        back = {"back": f"/queue?view=open&ticket={ticket['id']}"} | fields
        return await self.send(f"/queue/tickets/{ticket['id']}/{name}", status, **back)


async def sit_down(office: TicketDesk, person: Any) -> Work:
    browser = Browser(office.world)
    await browser.sign_in(person, next="/profile")
    return Work(office, browser)


def titles(page: str) -> list[str]:
    return [unescape(title) for title in re.findall(r'class="row-title">([^<]*)<', page)]


def counts(page: str) -> dict[str, str]:
    found = re.findall(r'<a class="view view-([a-z-]+)[^>]*>.*?<span class="count">([^<]*)<', page, re.S)
    return dict(found)


def hidden(page: str, name: str) -> str:
    found = re.findall(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return unescape(found[-1])


async def test_the_views_hold_what_their_names_say_and_count_it(office: TicketDesk) -> None:
    mine = await office.given(await office.raised(title="Mine to solve"))
    await office.raised(title="Nobody has it")
    waiting = await office.moved(await office.given(await office.raised(title="Waits")), "IN_PROGRESS", "WAITING")
    await office.moved(await office.given(await office.raised(title="Was solved")), "IN_PROGRESS", "RESOLVED")
    await office.given(await office.raised(title="Of Bea"), office.bea)
    abe = await sit_down(office, office.abe)
    page = await abe.open("/queue")
    assert titles(page) == ["Waits", "Mine to solve"] or titles(page) == ["Mine to solve", "Waits"]
    expected = {
        "mine": "2",
        "unassigned": "1",
        "at-risk": "0",
        "breached": "0",
        "waiting": "1",
        "solved": "1",
        "open": "3",
        "all": "4",
    }
    assert counts(page) == expected
    assert titles(await abe.open("/queue?view=unassigned")) == ["Nobody has it"]
    assert titles(await abe.open("/queue?view=solved")) == ["Was solved"]
    max_ = await sit_down(office, office.max)
    page = await max_.open("/queue")
    assert "Of Bea" in titles(page)
    assert counts(page)["open"] == "4"
    assert counts(page)["mine"] == "0"
    assert mine["id"] in page
    assert waiting["id"] in page


async def test_a_list_is_narrowed_sorted_and_read_on_by_keyset(office: TicketDesk, monkeypatch: Any) -> None:
    for number, priority in enumerate(("LOW", "HIGH", "MEDIUM", "CRITICAL", "LOW")):
        await office.raised(title=f"Number {number} rings", priority=priority, category="NETWORK")
    await office.raised(title="Another matter")
    max_ = await sit_down(office, office.max)
    assert titles(await max_.open("/queue?view=open&priority=LOW&sort=createdAt")) == [
        "Number 0 rings",
        "Number 4 rings",
    ]
    page = await max_.open("/queue?view=open&category=NETWORK&sort=-priority&rows=2")
    assert titles(page) == ["Number 3 rings", "Number 1 rings"]
    more = re.search(r'href="([^"]+)" data-more', page)
    assert more
    page = await max_.open(unescape(more[1]))
    assert titles(page) == ["Number 2 rings", "Number 4 rings", "Number 0 rings"]
    assert titles(await max_.open("/queue?view=open&q=another")) == ["Another matter"]
    assert "No ticket fits" in await max_.open("/queue?view=open&q=nothingatall")
    part = await max_.browser.http.get("/queue?view=open&part=list", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert len(titles(part.text)) == 6


async def test_a_view_is_the_same_whichever_way_it_is_read(office: TicketDesk, monkeypatch: Any) -> None:
    for number in range(3):
        await office.raised(title=f"Printer {number} on fire")
    max_ = await sit_down(office, office.max)
    few = titles(await max_.open("/queue?view=open"))
    monkeypatch.setattr(work_store, "_MANY", 1)
    assert titles(await max_.open("/queue?view=open")) == few
    assert len(few) == 3
    assert titles(await max_.open("/queue?view=solved")) == []


async def test_much_is_looked_for_at_the_beginning_of_its_order(office: TicketDesk, monkeypatch: Any) -> None:
    for number, priority in enumerate(("LOW", "HIGH", "MEDIUM", "CRITICAL", "LOW", "HIGH", "HIGH")):
        await office.raised(title=f"Printer {number} rings", priority=priority)
    await office.given(await office.raised(title="Printer of Bea"), office.bea)
    await office.given(await office.raised(title="Printer of Abe"))
    found: dict[int, list[list[int]]] = {}
    for near in (0, 2, 4, 5000):  # nothing is looked through, too few tickets, enough for a page, all
        monkeypatch.setattr(work_store, "_MANY", 1 if near else 1000)
        monkeypatch.setattr(work_store, "_NEAR", near)
        for role, person in (("MANAGER", office.max), ("AGENT", office.abe)):
            who = Actor(person.id, "person", frozenset({role}), grants_of([role]))
            for sort in WORK_SORTS:
                lists = [WorkFilter(view=view, sort=sort) for view in ("unassigned", "open", "at-risk")]
                lists += [
                    WorkFilter(view="all", q="printer", sort=sort),
                    WorkFilter(view="open", priority="HIGH", sort=sort),
                ]
                lists += [
                    WorkFilter(view="all", status="ASSIGNED", agent=office.abe.id, category="HARDWARE", sort=sort)
                ]
                for wanted in lists:
                    found.setdefault(near, []).append(await office.world.db.read(who, _numbers_of, wanted))
    assert found[0] == found[2] == found[4] == found[5000]
    assert max(map(len, found[0])) == 9


@pytest.mark.one_engine
async def test_what_is_at_risk_or_rare_is_found_by_an_index_of_its_own(office: TicketDesk) -> None:
    class Asking:
        """A unit of work that tells how the engine goes about what it is asked."""

        def __init__(self, tx: Tx) -> None:
            self.actor, self._tx, self.plan = tx.actor, tx, ""

        async def run(self, sql: str, **values: Any) -> Any:
            steps = await self._tx.run(f"EXPLAIN QUERY PLAN {sql}", **values)
            self.plan += "\n".join(row["detail"] for row in steps)
            return await self._tx.run(sql, **values)

    async def plan_of(tx: Tx, wanted: WorkFilter) -> str:
        asking: Any = Asking(tx)
        await work_store.count_work(asking, [wanted], 1000)
        await work_store.list_work(asking, wanted, PageRequest(size=3))
        return str(asking.plan)

    agent = Actor(office.abe.id, "person", frozenset({"AGENT"}), grants_of(["AGENT"]))
    manager = Actor(office.max.id, "person", frozenset({"MANAGER"}), grants_of(["MANAGER"]))
    for view, index in (("at-risk", "sla_at_risk"), ("breached", "sla_breached")):
        plan = await office.world.db.read(agent, plan_of, WorkFilter(view=view))
        assert plan.count(f"({index}=? AND agent_id=?)") >= 4, plan  # their own and the queue's, counted and listed
    wanted = WorkFilter(view="all", status="CLOSED", priority="HIGH", category="ODD", sort="slaDueAt")
    plan = await office.world.db.read(manager, plan_of, wanted)
    assert "tickets_ticket_category" in plan
    assert "SCAN t" not in plan, "no ticket is asked that has nothing of the filter"


async def _numbers_of(tx: Tx, wanted: WorkFilter) -> list[int]:
    numbers: list[int] = []
    page = await work.list_rows(tx, wanted, PageRequest(size=3))
    while page.next_cursor:
        numbers += [row.number for row in page.rows]
        page = await work.list_rows(
            tx, wanted, PageRequest(size=3, cursor=decode_cursor(page.next_cursor, wanted.order))
        )
    return [*numbers, *(row.number for row in page.rows)]


async def test_the_list_and_the_views_read_themselves_again_each_alone(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised(title="Rings all day"))
    abe = await sit_down(office, office.abe)
    page = await abe.open(f"/queue?view=mine&ticket={ticket['id']}")
    sources = {name: unescape(found) for name, found in re.findall(r'id="(list|views)"[^>]*data-src="([^"]+)"', page)}
    assert sources.keys() == {"list", "views"}
    live = {"x-desk-live": "1", "hx-request": "true"}
    again = {name: (await abe.browser.http.get(path, headers=live)).text for name, path in sources.items()}
    assert titles(again["list"]) == ["Rings all day"]
    assert 'class="count"' not in again["list"]
    assert counts(again["views"]) == counts(page)
    assert 'aria-current="page"' in again["views"]
    assert "Rings all day" not in again["views"]
    whole = (await abe.browser.http.get(f"/queue?view=mine&ticket={ticket['id']}", headers={"x-desk-live": "1"})).text
    assert 'id="conversation"' in whole
    assert 'id="views"' not in whole, "the parts that read themselves are not read with the ticket"
    assert titles(whole) == []


async def test_nobody_sees_or_counts_what_is_not_theirs(office: TicketDesk) -> None:
    secret = await office.given(await office.raised(title="Of Bea alone"), office.bea)
    abe = await sit_down(office, office.abe)
    for path in ("/queue?view=open", "/queue?view=open&q=alone", f"/queue?view=open&agent={office.bea.id}"):
        page = await abe.open(path)
        assert "Of Bea alone" not in page
        assert counts(page)["open"] == "0"
    assert "This ticket is not here" in await abe.open(f"/queue?view=open&ticket={secret['id']}")
    assert (await abe.browser.open(f"/tickets/{secret['id']}")).status_code == 404
    assert (await abe.browser.open("/tickets/find?q=alone")).text.strip() == ""
    await abe.open("/queue")
    for name in ("reply", "set", "here", "draft"):
        await abe.send(f"/queue/tickets/{secret['id']}/{name}", 404, text="Hello", field="status", value="CANCELLED")
    una = await sit_down(office, office.una)
    assert (await una.browser.open("/queue")).status_code == 403
    assert (await una.browser.open(f"/tickets/{secret['id']}")).status_code == 200


async def test_a_reply_begins_the_work_and_may_solve_it_in_one_step(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe = await sit_down(office, office.abe)
    page = await abe.open(f"/queue?view=mine&ticket={ticket['id']}")
    assert "Printer on fire" in page
    page = await abe.deed(ticket, "reply", kind="reply", text="**Try** again.", newest=hidden(page, "newest"))
    assert "<strong>Try</strong> again." in page
    assert (await office.read(office.max, f"/tickets/{ticket['id']}"))["status"] == "IN_PROGRESS"
    page = await abe.deed(ticket, "reply", kind="note", text="Cable was loose", newest=hidden(page, "newest"))
    assert "Internal note" in page
    assert "Cable was loose" not in (await (await sit_down(office, office.una)).open(f"/tickets/{ticket['id']}"))
    page = await abe.deed(ticket, "reply", kind="reply", then="resolve", text="Done.", newest=hidden(page, "newest"))
    assert "Sent, and the ticket is Resolved now." in page
    assert (await office.read(office.max, f"/tickets/{ticket['id']}"))["status"] == "RESOLVED"


async def test_a_reply_that_crosses_a_newer_message_is_stopped_and_stays_typed(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe = await sit_down(office, office.abe)
    page = await abe.open(f"/tickets/{ticket['id']}")
    newest = hidden(page, "newest")
    await office.said(office.una, ticket, "It is out already.")
    back = f"/tickets/{ticket['id']}"
    page = await abe.deed(
        ticket, "reply", 409, kind="reply", text="Bring a bucket.", newest=newest, happened="~", back=back
    )
    assert "A newer message has arrived" in page
    assert "Bring a bucket." in page
    assert re.search(r'said-asked fresh"[^>]*>.*?It is out already', page, re.S)
    comments = await office.read(office.una, f"/tickets/{ticket['id']}/comments")
    assert [one["comment"] for one in comments] == ["It is out already."]
    page = await abe.deed(ticket, "reply", kind="reply", text="Good.", newest=hidden(page, "newest"), back=back)
    assert "Good." in page


async def test_a_change_that_comes_too_late_shows_what_changed_and_can_be_made_again(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    max_ = await sit_down(office, office.max)
    page = await max_.open(f"/queue?view=open&ticket={ticket['id']}")
    old = {name: hidden(page, name) for name in ("version", "newest", "happened")}
    await office.put(office.abe, f"/tickets/{ticket['id']}/status", status="IN_PROGRESS")
    page = await max_.deed(ticket, "set", 409, field="priority", value="CRITICAL", **old)
    assert "Somebody was quicker" in page
    assert re.search(r'class="mark fresh"[^>]*>.*?Abe Agent.*?In progress', page, re.S)
    assert (await office.read(office.max, f"/tickets/{ticket['id']}"))["priority"] == "HIGH"
    page = await max_.deed(ticket, "set", field="priority", value="CRITICAL", version=hidden(page, "version"))
    assert "The priority is Critical now." in page
    undo = re.search(r'<form method="post" action="(/queue/tickets/[^"]+/set)">(.*?)</form>', page, re.S)
    assert undo
    fields = {str(name): unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', undo[2])}
    await max_.send(undo[1], 200, **fields)
    assert (await office.read(office.max, f"/tickets/{ticket['id']}"))["priority"] == "HIGH"


async def test_only_managers_give_tickets_to_somebody(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe, max_ = await sit_down(office, office.abe), await sit_down(office, office.max)
    page = await abe.open(f"/tickets/{ticket['id']}")
    assert "set-agent" not in page
    await abe.deed(ticket, "set", 403, field="agent", value=office.bea.id, back=f"/tickets/{ticket['id']}")
    page = await max_.open(f"/tickets/{ticket['id']}")
    assert "Abe Agent · 1 open" in page
    assert "Una User" in page
    await max_.deed(ticket, "set", field="agent", value=office.bea.id, version=hidden(page, "version"))
    assert (await office.read(office.max, f"/tickets/{ticket['id']}"))["assignedTo"] == office.bea.id


async def chosen(office: TicketDesk, work_: Work, deed: dict[str, str], *tickets: dict[str, Any]) -> httpx.Response:
    rows = []
    for ticket in tickets:
        version = (await office.read(office.max, f"/tickets/{ticket['id']}"))["version"]
        rows.append(("ticket", f"{ticket['id']} {version}"))
    body = urlencode([*rows, *deed.items(), ("back", "/queue?view=open"), ("_form", work_.browser.token)])
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await work_.browser.http.post("/queue/apply", content=body, headers=headers, follow_redirects=True)
    await office.world.settle()
    work_.browser.page = answer
    return answer


async def test_many_tickets_change_at_once_and_can_be_taken_back(office: TicketDesk) -> None:
    one, two = await office.raised(priority="LOW"), await office.raised(priority="MEDIUM")
    max_ = await sit_down(office, office.max)
    await max_.open("/queue?view=open")
    page = (await chosen(office, max_, {"deed": "priority", "priority": "CRITICAL"}, one, two)).text
    assert "2 tickets are changed." in page
    shown = [(await office.read(office.max, f"/tickets/{one_['id']}"))["priority"] for one_ in (one, two)]
    assert shown == ["CRITICAL", "CRITICAL"]
    undo = re.search(r'action="/queue/undo">(.*?)</form>', page, re.S)
    assert undo
    fields = {str(name): unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', undo[1])}
    assert "Taken back." in await max_.send("/queue/undo", 200, **fields)
    shown = [(await office.read(office.max, f"/tickets/{one_['id']}"))["priority"] for one_ in (one, two)]
    assert shown == ["LOW", "MEDIUM"]
    page = (await chosen(office, max_, {"deed": "priority", "priority": "MEDIUM"}, one, two)).text
    assert 'action="/queue/undo"' in page, "also where one of them was so already"


async def test_of_many_tickets_each_tells_what_became_of_it(office: TicketDesk) -> None:
    solved = await office.moved(await office.given(await office.raised(title="Solved one")), "IN_PROGRESS", "RESOLVED")
    fresh = await office.raised(title="Fresh one")
    max_ = await sit_down(office, office.max)
    await max_.open("/queue?view=open")
    answer = await chosen(office, max_, {"deed": "close"}, solved, fresh)
    assert answer.status_code == 409
    assert "1 changed." in answer.text
    assert "Fresh one" in answer.text
    assert "CREATED → CLOSED" in answer.text
    assert (await office.read(office.max, f"/tickets/{solved['id']}"))["status"] == "CLOSED"
    await max_.open("/queue?view=open")
    answer = await chosen(office, max_, {"deed": "agent", "agent": office.bea.id}, fresh)
    assert answer.status_code == 200
    assert (await office.read(office.max, f"/tickets/{fresh['id']}"))["assignedTo"] == office.bea.id


async def test_a_draft_waits_for_whoever_wrote_it(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe = await sit_down(office, office.abe)
    path = f"/tickets/{ticket['id']}"
    await abe.open(path)
    assert "Draft saved 09:00" in await abe.deed(ticket, "draft", text="Half a sen", kind="note")
    page = await abe.open(path)
    assert re.search(r"<textarea[^>]*>\s*Half a sen</textarea>", page)
    assert re.search(r'value="note" checked', page)
    assert "Half a sen" not in await (await sit_down(office, office.max)).open(path)
    await abe.deed(ticket, "reply", kind="note", text="Half a sentence.", newest="0")
    assert "Half a sen</textarea>" not in await abe.open(path)


async def test_a_draft_that_nobody_goes_on_with_is_forgotten_and_so_is_who_read_what(office: TicketDesk) -> None:
    world = office.world
    old, new = await office.given(await office.raised()), await office.given(await office.raised())
    abe = Actor(office.abe.id, "person", frozenset({"AGENT"}), grants_of(["AGENT"]))
    await world.db.write(abe, deeds.keep_draft, old["id"], "Half a sen", 1)
    assert await world.db.read(TESTER, timers.next_pruning) == START + 90 * DAY + HOUR
    world.clock.now += 60 * DAY
    await world.db.write(abe, deeds.be_here, new["id"], "0", 0)
    await world.db.write(abe, deeds.keep_draft, new["id"], "Half a wor", 1)
    world.clock.now += 31 * DAY
    assert await timers.prune(world.db) == 1
    assert [row["ticket_id"] for row in await world.sql("SELECT ticket_id FROM tickets_draft")] == [new["id"]]
    world.clock.now += 150 * DAY
    assert await timers.prune(world.db) == 2
    assert await world.db.read(TESTER, timers.next_pruning) is None


async def test_colleagues_on_one_ticket_see_each_other(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe, max_ = await sit_down(office, office.abe), await sit_down(office, office.max)

    async def beat(who: Work, writing: str = "") -> str:
        await who.open("/queue")
        return await who.deed(ticket, "here", newest="0", writing=writing)

    assert "Max Manager" not in await beat(abe)
    assert "Abe Agent is here" in await beat(max_, "yes")
    assert "Max Manager is writing" in await beat(abe)
    assert "Max Manager is writing" in await abe.open(f"/tickets/{ticket['id']}")
    await office.world.advance(minutes=1)
    assert "Max Manager" not in await beat(abe)


async def test_what_somebody_has_read_is_not_bold_until_something_new_is_said(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe = await sit_down(office, office.abe)
    assert "row unread" in await abe.open("/queue")
    await abe.deed(ticket, "here", newest="0")
    assert "row unread" not in await abe.open("/queue")
    await office.said(office.una, ticket, "Any *news*?")
    page = await abe.open("/queue")
    assert "row unread" in page
    assert "Any news?" in page


async def test_filters_are_kept_counted_and_forgotten(office: TicketDesk) -> None:
    await office.raised(priority="CRITICAL")
    max_ = await sit_down(office, office.max)
    await max_.open("/queue?view=open&priority=CRITICAL")
    page = await max_.send("/queue/filters", name="On fire", back="/queue?view=open&priority=CRITICAL&ticket=x")
    assert "The filter is kept." in page
    own = re.search(r'own-filter"><a class="view" href="([^"]+)"[^>]*>.*?On fire.*?count">(\d+)<', page, re.S)
    assert own
    assert (unescape(own[1]), own[2]) == ("/queue?view=open&priority=CRITICAL", "1")
    assert "On fire" not in await (await sit_down(office, office.abe)).open("/queue")
    assert "The filter needs a name." in await max_.send("/queue/filters", name=" ", back="/queue?view=open&q=x")
    gone = re.search(r'action="(/queue/filters/[^"]+/delete)"', page)
    assert gone
    page = await max_.send(gone[1], back="/queue")
    assert "The filter is gone." in page
    assert "own-filter" not in page


async def test_a_long_conversation_shows_its_end_and_the_rest_on_demand(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    for number in range(work.TAIL + 5):
        await office.said(office.una, ticket, f"Message {number}.")
    abe = await sit_down(office, office.abe)
    page = await abe.open(f"/tickets/{ticket['id']}")
    assert "Message 3." not in page
    assert "Message 64." in page
    page = await abe.open(f"/tickets/{ticket['id']}?all=1")
    assert "Message 3." in page
    assert "It burns" in page


@pytest.mark.parametrize(
    "query", ["view=none", "sort=x;drop", "status=BAD", "cursor=!!", "rows=99999999", "cursor=WyIteCIsMSwyXQ"]
)
async def test_an_address_that_somebody_wrote_themselves_does_no_harm(office: TicketDesk, query: str) -> None:
    max_ = await sit_down(office, office.max)
    page = await max_.browser.open(f"/queue?{query}")
    assert page.status_code in (200, 400)


async def test_a_promise_at_risk_or_broken_shows_until_it_has_ended(office: TicketDesk) -> None:
    ticket = await office.given(await office.raised())
    abe = await sit_down(office, office.abe)
    now = office.world.clock.now
    ref = TicketRef(
        id=ticket["id"],
        number=ticket["number"],
        title=ticket["title"],
        category="HARDWARE",
        priority="HIGH",
        status="ASSIGNED",
        requester_id=office.una.id,
        agent_id=office.abe.id,
        created_at=now,
    )
    about: dict[str, Any] = {"ticket": ref, "target": "RESOLUTION", "cycle": 1}
    await office.world.tell(
        SlaStarted(**about, started_at=now, due_at=now + HOUR, policy="default"), SlaAtRisk(**about, due_at=now + HOUR)
    )
    page = await abe.open("/queue?view=at-risk")
    assert titles(page) == ["Printer on fire"]
    assert "sla-at-risk" in page
    await office.world.tell(SlaBreached(**about, due_at=now + HOUR, breached_at=now + HOUR))
    page = await abe.open("/queue?view=breached")
    assert titles(page) == ["Printer on fire"]
    assert (counts(page)["at-risk"], counts(page)["breached"]) == ("0", "1")
    await office.moved(ticket, "IN_PROGRESS", "RESOLVED")
    await office.world.tell(SlaFulfilled(**about, fulfilled_at=now + HOUR, breached=True, cancelled=False))
    assert counts(await abe.open("/queue"))["breached"] == "0"


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 30, "²", "-1", "1e3"])
async def test_texts_in_place_of_numbers_are_passed_over(office: TicketDesk, number: str) -> None:
    ticket = await office.raised(priority="LOW")
    max_ = await sit_down(office, office.max)
    await max_.open(f"/queue?view=open&ticket={ticket['id']}&rows={number[:100]}")
    forms = {
        f"/queue/tickets/{ticket['id']}/here": {"newest": number},
        f"/queue/tickets/{ticket['id']}/reply": {"newest": number, "text": "Is it out?", "kind": "reply"},
        f"/queue/tickets/{ticket['id']}/set": {"field": "priority", "value": "HIGH", "version": number},
        "/queue/apply": {"deed": "priority", "priority": "HIGH", "ticket": f"{ticket['id']} {number}"},
        "/queue/undo": {"field": "priority", "was": f"{number}:{number}:LOW"},
    }
    for path, fields in forms.items():
        sent = {"_form": max_.browser.token, "back": "/queue?view=open", **fields}
        answer = await max_.browser.http.post(path, data=sent)
        assert answer.status_code < 500, (path, answer.text)
