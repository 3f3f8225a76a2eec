"""Webhooks: programs are told what happens, signed, and again until they have it."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND
from answerable.messages.tickets import TicketErased
from answerable.messages.users import PersonErased, UserChanged
from answerable.webhooks import actions, timers
from answerable.webhooks.rules import EVENTS, FIRST_PAUSE, LONGEST_PAUSE, pause_after
from tests.forms import Browser
from tests.notifications.stories import breached, comment, ref
from tests.people import TestPerson, make_person
from tests.webhooks.receiver import receiving
from tests.world import World, json_of, open_world

TICKET = {"title": "Printer on fire", "description": "It burns, help.", "category": "HARDWARE", "priority": "LOW"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A desk of today, as receivers compare the time, which may send to this machine."""
    now = int(time.time()) * SECOND
    values: dict[str, Any] = {"webhooks__private_networks": ("127.0.0.0/8",), "webhooks__timeout_seconds": 0.5}
    async with open_world(tmp_path / "desk", begin=now, auth__access_seconds=10**8, **values) as opened:
        yield opened


@pytest.fixture
async def ada(world: World) -> TestPerson:
    return await make_person(world, "ADMIN", name="Ada Admin")


async def add(world: World, ada: TestPerson, url: str, *events: str, notes: bool = False) -> dict[str, str]:
    body = {"name": "Chat room", "url": url, "events": list(events) or ["TICKET_CREATED"], "notes": notes}
    answer = await world.http.post("/api/webhooks", json=body, headers=ada.headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = json_of(answer)
    return made


async def raise_ticket(world: World, who: TestPerson) -> str:
    ticket: str = json_of(await world.http.post("/api/tickets", json=TICKET, headers=who.headers))["id"]
    await world.settle()
    return ticket


async def send(world: World) -> None:
    """Let what is due go out."""
    await world.settle()
    await timers.send_due(world.db)


async def log(world: World, ada: TestPerson, hook: dict[str, str]) -> list[dict[str, Any]]:
    answer = await world.http.get(f"/api/webhooks/{hook['id']}/deliveries?size=100", headers=ada.headers)
    rows: list[dict[str, Any]] = json_of(answer)
    return rows


async def state(world: World, ada: TestPerson, hook: dict[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = json_of(await world.http.get(f"/api/webhooks/{hook['id']}", headers=ada.headers))
    return shown


def changed(person_id: str, name: str) -> UserChanged:
    """A person has another name."""
    return UserChanged(
        user_id=person_id, name=name, email="zoe@mail.test", roles=["AGENT"], active=True, changed=["name"]
    )


async def test_a_program_is_told_and_can_prove_who_told_it(world: World, ada: TestPerson) -> None:
    async with receiving() as program:
        hook = await add(world, ada, program.url)
        ticket = await raise_ticket(world, ada)
        await send(world)
        [told] = program.received
        assert told.fits(hook["secret"])
        assert not told.fits("whsec_" + "A" * 43 + "=")
        told.headers["webhook-timestamp"] = str(int(told.headers["webhook-timestamp"]) - 1000)
        assert not told.fits(hook["secret"])  # nobody plays it again later
        event = told.event
        assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "TICKET_CREATED", ticket)
        assert told.headers["webhook-id"] == f"msg_{event['id']}"
        assert event["data"]["ticket"]["title"] == "Printer on fire"
        [row] = await log(world, ada, hook)
        assert (row["state"], row["status"], row["attempts"]) == ("DELIVERED", 204, 1)
        assert row["webhookId"] == told.headers["webhook-id"]


@pytest.mark.one_engine
async def test_each_endpoint_is_told_what_it_asked_for(world: World, ada: TestPerson) -> None:
    una = await make_person(world, name="Una User")
    async with receiving() as program:
        await add(world, ada, program.url + "/comments", "COMMENT_ADDED")
        await add(world, ada, program.url + "/notes", "COMMENT_ADDED", notes=True)
        await add(world, ada, program.url + "/people", "USER_REGISTERED")
        ticket = await raise_ticket(world, una)
        for internal in (True, False):
            body = {"comment": "Have you tried water?", "internal": internal}
            await world.http.post(f"/api/tickets/{ticket}/comments", json=body, headers=ada.headers)
        await make_person(world, name="Nora New")
        await send(world)
        told = sorted((one.path, one.event["data"].get("internal")) for one in program.received)
        paths = [path.removeprefix("/hook/") for path, _ in told]
        assert paths == ["comments", "notes", "notes", "people"]
        assert told[0][1] is False
        assert all("Have you tried" not in one.body.decode() for one in program.received), "what is said stays here"
        [person] = [one.event["data"] for one in program.received if one.path.endswith("people")]
        assert "sessionVersion" not in person
        assert person["name"] == "Nora New"


async def test_what_fails_is_tried_again_for_three_days_under_the_same_id(world: World, ada: TestPerson) -> None:
    async with receiving(*[500] * 100) as program:
        hook = await add(world, ada, program.url)
        begun = world.clock.now
        await raise_ticket(world, ada)
        waits, last = [], begun
        while True:
            due = await world.db.read(ada.actor, timers.next_delivery)
            if due is None:
                break
            world.clock.now = max(world.clock.now, due)
            waits.append(world.clock.now - last)
            last = world.clock.now
            await timers.send_due(world.db)
        assert last - begun == 3 * DAY, "the last try is at the end"
        assert 15 <= len(waits) <= 30
        assert [wait < 6 * SECOND * 3**place for place, wait in enumerate(waits[1:6])] == [True] * 5
        assert len({one.headers["webhook-id"] for one in program.received}) == 1
        [row] = await log(world, ada, hook)
        assert (row["state"], row["status"], row["error"]) == ("FAILED", 500, "answered 500")
        assert row["answer"].startswith("told [31mred [0m and more"), "on one line, without control characters"
        assert len(row["answer"]) == 200
        assert (await state(world, ada, hook))["failingSince"] is not None

        program.answers.clear()
        path = f"/api/webhooks/{hook['id']}/deliveries/{row['id']}/again"
        assert (await world.http.post(path, headers=ada.headers)).status_code == 202
        assert (await world.http.post(path, headers=ada.headers)).status_code == 409
        await send(world)
        assert program.received[-1].headers["webhook-id"] == row["webhookId"]
        assert (await log(world, ada, hook))[0]["state"] == "DELIVERED"
        assert (await state(world, ada, hook))["failingSince"] is None


async def test_an_endpoint_that_fails_for_days_is_disabled_and_so_is_one_that_is_gone(
    world: World, ada: TestPerson
) -> None:
    bob, max_, una = [await make_person(world, role) for role in ("ADMIN", "MANAGER", "USER")]
    async with receiving(*[500] * 6) as program:
        hook = await add(world, ada, program.url)
        await raise_ticket(world, ada)
        await send(world)
        world.clock.now += 5 * DAY
        await raise_ticket(world, ada)
        await send(world)
        shown = await state(world, ada, hook)
        assert (shown["state"], shown["reason"]) == ("DISABLED", "Nothing arrived there for days.")
        count = len(program.received)
        await raise_ticket(world, ada)
        await send(world)
        assert len(program.received) == count
        acts = await world.sql("SELECT act, actor_kind FROM users_act WHERE act LIKE 'WEBHOOK%' ORDER BY number")
        assert [(act["act"], act["actor_kind"]) for act in acts] == [
            ("WEBHOOK_MADE", "person"),
            ("WEBHOOK_DISABLED", "service"),
        ]
        told = "The desk tells this program nothing any more. Reason: Nothing arrived there for days."
        for person, notices in ((ada, [told]), (bob, [told]), (max_, []), (una, [])):
            shown = json_of(await world.http.get("/api/notifications?size=100", headers=person.headers))
            assert [each["message"] for each in shown if each["type"] == "WEBHOOK_DISABLED"] == notices, person.name
        browser = Browser(world)
        await browser.sign_in(bob, next="/notifications")
        [notice] = await world.sql("SELECT id FROM notifications_notice WHERE user_id = :id", id=bob.id)
        page = await browser.open(f"/notifications/{notice['id']}")
        assert str(page.url).endswith("/admin/webhooks")
        assert "The webhook Chat room is disabled" in (await browser.open("/notifications")).text
        await world.http.put(f"/api/webhooks/{hook['id']}/resume", headers=ada.headers)
        assert (await state(world, ada, hook))["failingSince"] is None
        program.answers[:] = [410]
        world.clock.now += HOUR
        await send(world)
        assert (await state(world, ada, hook))["state"] == "DISABLED"


@pytest.mark.one_engine
async def test_a_redirect_is_not_followed_a_slow_program_is_left_and_a_long_answer_not_read(
    world: World, ada: TestPerson
) -> None:
    async with receiving(302, "hang", "endless") as program:
        hook = await add(world, ada, program.url)
        errors = []
        for _ in range(3):
            await world.http.post(f"/api/webhooks/{hook['id']}/test", headers=ada.headers)
            await send(world)
            errors.append((await log(world, ada, hook))[0])
            world.clock.now += MINUTE
        assert [one["error"] for one in errors] == ["answered 302", "it takes too long", ""]
        assert [one["state"] for one in errors] == ["FAILED", "FAILED", "DELIVERED"], "a test is tried once"
        assert {one.path for one in program.received} == {"/hook"}, "nobody came to /else"
        assert program.received[0].event["type"] == "PING"


@pytest.mark.one_engine
async def test_a_slow_endpoint_does_not_hold_up_another(world: World, ada: TestPerson) -> None:
    async with receiving(*["hang"] * 10) as slow, receiving() as quick:
        await add(world, ada, slow.url)
        await add(world, ada, quick.url)
        for _ in range(4):
            await raise_ticket(world, ada)
        sending = asyncio.create_task(timers.send_due(world.db))
        await quick.until(4)
        assert 1 <= len(slow.received) <= 2, "two at once, and those still wait for an answer"
        assert not sending.done()
        await sending


@pytest.mark.one_engine
async def test_a_replaced_secret_signs_for_a_day_beside_the_new_one(world: World, ada: TestPerson) -> None:
    async with receiving() as program:
        hook = await add(world, ada, program.url)
        path = f"/api/webhooks/{hook['id']}"
        again = json_of(await world.http.post(f"{path}/secret", headers=ada.headers))
        assert again["secret"] != hook["secret"]
        assert (await world.http.post(f"{path}/secret", headers=ada.headers)).status_code == 409
        await world.http.post(f"{path}/test", headers=ada.headers)
        await send(world)
        assert program.received[0].fits(hook["secret"])
        assert program.received[0].fits(again["secret"])
        world.clock.now += DAY
        await world.http.post(f"{path}/test", headers=ada.headers)
        await send(world)
        [former, present] = [program.received[1].headers["webhook-signature"], again["secret"]]
        assert former.count("v1,") == 1
        stored = await world.everything_stored()
        assert present.encode() not in stored, "a secret is nowhere at rest"
        assert "secret" not in str(await state(world, ada, hook))


async def test_paused_is_told_nothing_and_old_deliveries_are_forgotten(world: World, ada: TestPerson) -> None:
    async with receiving() as program:
        hook = await add(world, ada, program.url)
        await raise_ticket(world, ada)
        await send(world)
        await world.http.put(f"/api/webhooks/{hook['id']}/pause", headers=ada.headers)
        await raise_ticket(world, ada)
        await send(world)
        assert (await world.http.post(f"/api/webhooks/{hook['id']}/test", headers=ada.headers)).status_code == 409
        assert len(program.received) == 1
        due = await world.db.read(ada.actor, timers.next_pruning)
        assert due is not None
        world.clock.now = due
        assert await timers.prune(world.db) == 1
        assert await log(world, ada, hook) == []


async def test_what_waits_for_an_endpoint_that_is_paused_is_given_up_and_forgotten_in_time(
    world: World, ada: TestPerson
) -> None:
    async with receiving() as program:
        paused = await add(world, ada, program.url + "/paused")
        await raise_ticket(world, ada)
        assert await world.db.read(ada.actor, timers.next_delivery) is not None
        await world.http.put(f"/api/webhooks/{paused['id']}/pause", headers=ada.headers)
        assert await world.db.read(ada.actor, timers.next_delivery) is None
        await add(world, ada, program.url + "/open")
        await raise_ticket(world, ada)
        await send(world)
        assert [one.path for one in program.received] == ["/hook/open"]
        due = await world.db.read(ada.actor, timers.next_pruning)
        assert due is not None
        assert 0 < due - world.clock.now - 3 * DAY <= HOUR
        world.clock.now = due
        assert await timers.prune(world.db) == 1
        [row] = await log(world, ada, paused)
        assert (row["state"], row["error"]) == ("FAILED", "the endpoint was not active")
        while (due := await world.db.read(ada.actor, timers.next_pruning)) is not None:
            world.clock.now = due
            await timers.prune(world.db)
        assert await log(world, ada, paused) == [], "it is kept no longer than the others"


async def test_of_an_erased_ticket_nothing_is_told_with_its_words(world: World, ada: TestPerson) -> None:
    async with receiving() as program:
        await add(world, ada, program.url, "SLA_BREACHED", "COMMENT_ADDED")
        ticket = ref(ada.id, None, id="ticket-9")
        await world.tell(breached(ticket=ticket), comment(ada.id, ticket=ticket))  # both are yet to be sent
        await world.tell(TicketErased(ticket=ref(ada.id, None, id="ticket-9", title="Erased"), description="Erased"))
        assert (await world.sql("SELECT COUNT(*) AS n FROM webhooks_delivery"))[0]["n"] == 0
        await world.tell(breached(ticket=ticket))  # by a feature that had not heard of it
        await world.tell(comment(ada.id, ticket=ref(ada.id, None, id="ticket-9", title="New words", version=1)))
        await send(world)
        assert {told.event["subject"] for told in program.received} == {"ticket-9"}
        assert {told.event["type"]: told.event["data"]["ticket"]["title"] for told in program.received} == {
            "SLA_BREACHED": "Erased",
            "COMMENT_ADDED": "New words",  # what somebody has written since
        }


async def test_of_an_erased_person_nothing_is_told_some_at_a_time(
    world: World, ada: TestPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "FORGOTTEN_AT_ONCE", 2)
    async with receiving() as program:
        await add(world, ada, program.url, "COMMENT_ADDED", "USER_CHANGED")
        said = comment("zoe", ticket=ref(ada.id), name="Zoe Zyzzyva")
        other = comment("abe", ticket=ref(ada.id), name="Abe Agent")
        await world.tell(said, said, said, changed("zoe", "Zoe Zyzzyva"), other)
        await world.tell(PersonErased(user_id="zoe"))
        while (due := await world.db.read(ada.actor, timers.next_pruning)) is not None and due <= world.clock.now:
            await timers.prune(world.db)
        [left] = await world.sql("SELECT author_id FROM webhooks_delivery")
        assert left["author_id"] == "abe"
        await world.tell(said, changed("zoe", "Zoe Zyzzyva"))  # one that had been put aside until now
        await send(world)
        assert len(program.received) == 3
        assert not [told for told in program.received if "Zyzzyva" in told.body.decode()]


@pytest.mark.one_engine
async def test_what_is_told_twice_by_the_bus_goes_out_once(world: World, ada: TestPerson) -> None:
    async with receiving() as program:
        await add(world, ada, program.url)
        await raise_ticket(world, ada)
        await world.redeliver_everything()
        await send(world)
        assert len(program.received) == 1


@pytest.mark.one_engine
async def test_the_pages_of_an_administrator(world: World, ada: TestPerson) -> None:
    async with receiving(500) as program:
        browser = Browser(world)
        await browser.sign_in(ada)
        await browser.open("/admin/webhooks")
        page = await browser.send("/admin/webhooks", {"name": "x", "url": "https://10.0.0.1/", "notes": "yes"})
        assert page.status_code == 400
        assert "must be a public address" in page.text
        page = await browser.send("/admin/webhooks", {"name": "Chat", "url": program.url, "events": "TICKET_CREATED"})
        assert "whsec_" in page.text
        [hook] = json_of(await world.http.get("/api/webhooks", headers=ada.headers))
        path = f"/admin/webhooks/{hook['id']}"
        assert "whsec_" not in (await browser.open(path)).text
        await browser.send(f"{path}/test")
        await send(world)
        page = await browser.open(path)
        assert "answered 500" in page.text
        assert "Given up" in page.text
        [row] = await log(world, ada, hook)
        page = await browser.send(f"{path}/deliveries/{row['id']}/again")
        assert "on its way" in page.text
        page = await browser.send(path, {"name": "Chat room", "url": program.url, "events": "COMMENT_ADDED"})
        assert "up to date" in page.text
        page = await browser.send(f"{path}/pause")
        assert "Paused" in page.text
        page = await browser.send(f"{path}/resume")
        page = await browser.send(f"{path}/secret")
        assert "whsec_" in page.text
        page = await browser.open(f"{path}/remove")
        page = await browser.send(f"{path}/remove")
        assert "No webhook yet" in page.text
        rows = (await browser.open("/admin/audit")).text.partition('id="rows"')[2]
        said = "".join(rows.split())
        assert "Events:<del>Aticketisraised</del>" in said
        assert "<ins>Somebodywroteonaticket</ins>" in said
        assert "Address:" in rows
        assert "TICKET_CREATED" not in rows


def test_pauses_grow_and_are_spread() -> None:
    for attempts in range(1, 30):
        pauses = [pause_after(attempts, str(key)) for key in range(50)]
        middle = min(FIRST_PAUSE * 3 ** (attempts - 1), LONGEST_PAUSE)
        assert all(0.8 * middle <= pause <= 1.2 * middle for pause in pauses)
        assert len(set(pauses)) > 40


def test_every_event_that_is_offered_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    assert [event.TYPE for event in EVENTS if f"`{event.TYPE}`" not in text] == []
