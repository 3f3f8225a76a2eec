"""Those who ask: raising a ticket, following it, and being told."""

import asyncio
import re
from contextlib import suppress
from typing import Any

import pytest
from playwright.async_api import Error, Page, Route, expect

from answerable.infra.web.cookies import SAID, SESSION
from answerable.kernel.visit import Preferences
from answerable.tickets import actions
from answerable.tickets.rules import Draft, Ticket
from tests.browser.desk import PHONE, BrowserDesk, Guest
from tests.patience import PATIENCE
from tests.people import TestPerson, make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
LONG = ("Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrikationsmaschine " * 3)[:200]

# What is sent stays on its way.
NEVER_ARRIVES = """() => {
    [window.sent, window.told] = [0, false];
    document.addEventListener("htmx:afterRequest", ({ target }) => (window.told ||= target.matches(".own-promise")));
    window.addEventListener("submit", (event) => (event.preventDefault(), (window.sent += 1)));
}"""
SENT = """Object.keys(localStorage).filter((name) => name.startsWith("draft:"))
    .map((name) => JSON.parse(localStorage[name]).sent === true)"""


async def raised(desk: BrowserDesk, who: TestPerson, title: str = "Printer on fire") -> Ticket:
    draft = Draft(title=title, description="It **burns**, help.", category="HARDWARE", priority="HIGH")
    return await desk.world.db.write(who.actor, actions.create_ticket, draft)


async def live(desk: BrowserDesk) -> bool:
    return bool(desk.world.desk.parts["live"].open_streams)


async def stored(page: Page) -> int:
    count: int = await page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('draft:')).length")
    return count


async def at_form(guest: Guest) -> Page:
    page = await guest.open("/tickets/new")
    await guest.ready()
    return page


async def test_a_ticket_is_raised_with_all_that_helps(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    await raised(desk, guest.person, "Printers are on fire")
    page = await at_form(guest)
    await page.get_by_label("In one sentence").press_sequentially("Printer on fire again")
    await expect(page.get_by_role("link", name="Printers are on fire")).to_be_visible()
    await page.get_by_label("What happened").fill("kurz")
    await page.get_by_label("What is it about").focus()
    await expect(page.get_by_text("At least 10 characters, please.")).to_be_visible()
    await page.get_by_label("What happened").fill("It **burns** on all floors.")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator("#preview strong")).to_have_text("burns")
    await page.get_by_label("What happened").press_sequentially(" And *smells*.")
    await expect(page.locator("#preview em")).to_have_text("smells")
    await expect(page.get_by_text("First answer within 2 h, solved within 8 h")).to_be_visible()
    await page.get_by_label("I cannot work").check()
    await expect(page.get_by_text("First answer within 1 h, solved within 4 h")).to_be_visible()
    await guest.check("raise")
    await page.get_by_role("button", name="Raise the ticket").click()
    await expect(page.get_by_text("Please choose one.")).to_be_visible()
    await expect(page.get_by_label("What is it about")).to_be_focused()
    await desk.until(lambda: stored(page))
    await page.reload()
    await guest.ready()
    await expect(page.get_by_label("In one sentence")).to_have_value("Printer on fire again")
    await expect(page.get_by_label("I cannot work")).to_be_checked()
    await page.get_by_label("What is it about").select_option("HARDWARE")
    await page.get_by_label("What happened").press("Control+Enter")
    await expect(page.get_by_text("Your request is with us.")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Printer on fire again")
    await page.wait_for_load_state()  # its script forgets the draft, once the page says that it is done
    page = await at_form(guest)
    await expect(page.get_by_label("In one sentence")).to_have_value("")


async def test_who_presses_twice_while_the_page_still_looks_something_up_raises_one_ticket(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    page = await at_form(guest)
    await page.get_by_label("In one sentence").fill("Printer on fire")
    await page.get_by_label("What happened").fill("It burns on all floors.")
    asked, pressed = asyncio.Event(), asyncio.Event()

    async def look_up(route: Route) -> None:
        asked.set()
        await pressed.wait()
        await route.continue_()

    await expect(page.get_by_text("First answer within 2 h")).to_be_visible()
    await page.route("**/sla/promises*", look_up)
    await page.evaluate(NEVER_ARRIVES)
    await page.get_by_label("What is it about").select_option("HARDWARE")
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
    await page.get_by_label("What happened").press("Control+Enter")
    pressed.set()
    await desk.until(lambda: page.evaluate("window.told"))
    await page.get_by_label("What happened").press("Control+Enter")
    assert await page.evaluate("window.sent") == 1, "what is on its way is not sent again"
    page = await guest.open("/my")
    assert await page.evaluate(SENT) == [True], "nor does it come back as a draft, once it has arrived"


async def test_what_was_typed_outlives_the_session_for_its_writer_alone(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    page = await at_form(guest)
    await page.get_by_label("In one sentence").fill("Half a sentence")
    await page.get_by_label("What happened").fill("All the details that took me ten minutes.")
    await page.get_by_label("What is it about").select_option("OTHER")
    await guest.context.clear_cookies()
    with suppress(Error):  # the page may have noticed by itself, and be on its way to the door
        await page.evaluate("document.getElementById('raise').requestSubmit()")
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    otto = await make_person(desk.world, name="Otto User")
    await sign_in_again(desk, guest, otto)
    page = await at_form(guest)
    await expect(page.get_by_label("In one sentence")).to_have_value("")
    await sign_in_again(desk, guest, guest.person)
    page = await guest.open("/my")
    await page.get_by_role("link", name="Go on writing").click()
    await expect(page.get_by_label("In one sentence")).to_have_value("Half a sentence")
    await expect(page.get_by_label("What happened")).to_have_value("All the details that took me ten minutes.")
    await page.get_by_role("button", name="Start anew").click()
    await expect(page.get_by_label("What happened")).to_have_value("")
    assert not await stored(page)


async def sign_in_again(desk: BrowserDesk, guest: Guest, person: TestPerson) -> None:
    cookie = await desk.cookie_of(person)
    await guest.context.add_cookies([{"name": SESSION, "value": cookie, "url": desk.url, "httpOnly": True}])


async def test_a_conversation_goes_on_while_one_writes(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    abe = await make_person(desk.world, "AGENT", name="Abe Agent")
    ticket = await raised(desk, guest.person)
    page = await guest.open(f"/tickets/{ticket.id}")
    await guest.ready()
    await desk.until(lambda: live(desk))
    await expect(page.get_by_role("heading", name="Abe Agent looks after it.")).to_be_visible()
    await expect(page.locator("#standing")).to_contain_text("You will hear by")
    answer = page.get_by_label("Add something")
    await answer.fill("I have not finished")
    await desk.world.db.write(abe.actor, actions.set_status, ticket.id, "IN_PROGRESS", None)
    await desk.world.db.write(abe.actor, actions.add_comment, ticket.id, "Which floor?", 0)
    await desk.world.db.write(abe.actor, actions.set_status, ticket.id, "WAITING", None)
    await expect(page.get_by_role("heading", name="We need your answer.")).to_be_visible()
    await expect(page.locator("#talk")).to_contain_text("Which floor?")
    answer = page.get_by_role("textbox")
    await expect(answer).to_have_value("I have not finished")
    await guest.check("own-waiting")
    await desk.world.db.write(abe.actor, actions.set_status, ticket.id, "RESOLVED", None)
    await expect(page.get_by_role("button", name="Yes, it is solved")).to_be_visible()
    await expect(answer).to_have_value("I have not finished")
    await guest.check("own-solved")
    await answer.fill("The third, and it burns.")
    await page.get_by_role("button", name="No, open it again").click()
    await expect(page.get_by_text("You opened it again")).to_be_visible()
    await expect(page.locator("#talk")).to_contain_text("The third, and it burns.")
    await page.get_by_role("link", name="I do not need this any more").click()
    await expect(page.get_by_role("dialog", name="Take this ticket back?")).to_be_visible()
    await guest.check("own-cancel")
    await page.get_by_role("button", name="Take it back").click()
    await expect(page.get_by_role("heading", name="It was taken back.")).to_be_visible()


async def test_an_answer_on_its_way_is_not_sent_again_when_the_conversation_goes_on(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    abe = await make_person(desk.world, "AGENT", name="Abe Agent")
    ticket = await raised(desk, guest.person)
    page = await guest.open(f"/tickets/{ticket.id}")
    await guest.ready()
    await desk.until(lambda: live(desk))
    await page.evaluate(NEVER_ARRIVES)
    answer = page.get_by_label("Add something")
    await answer.fill("It is the third floor.")
    await answer.press("Control+Enter")
    await desk.world.db.write(abe.actor, actions.add_comment, ticket.id, "Which floor?", 0)
    await expect(page.locator("#talk")).to_contain_text("Which floor?")
    await answer.press("Control+Enter")
    assert await page.evaluate("window.sent") == 1


async def test_the_bell_counts_and_so_does_the_title(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    abe = await make_person(desk.world, "AGENT", name="Abe Agent")
    ticket = await raised(desk, guest.person)
    await desk.until(lambda: desk.world.sql("SELECT 1 FROM notifications_notice WHERE type = 'TICKET_ASSIGNED'"))
    page = await guest.open("/notifications")
    await guest.ready()
    await expect(page).to_have_title("(2) Notifications · Answerable")
    await desk.until(lambda: live(desk))
    await desk.world.db.write(abe.actor, actions.add_comment, ticket.id, "On my way.", 0)
    await expect(page).to_have_title("(3) Notifications · Answerable")
    await expect(page.get_by_role("link", name="New comment on ticket")).to_be_visible()
    await guest.check("notifications")
    await page.get_by_role("button", name="Mark as read").first.click()
    await expect(page).to_have_title("(2) Notifications · Answerable")
    await page.get_by_role("link", name="We have your ticket").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Printer on fire")
    await expect(page).to_have_title("Printer on fire · Answerable")


@pytest.mark.parametrize(
    ("name", "options", "likes"),
    [
        ("phone", {"viewport": PHONE, "has_touch": True}, Preferences()),
        ("dark-german", {"color_scheme": "dark"}, Preferences(language="de", theme="dark")),
    ],
)
async def test_every_page_fits_and_has_no_barriers(
    desk: BrowserDesk, name: str, options: dict[str, Any], likes: Preferences
) -> None:
    ada = await make_person(desk.world, "ADMIN", "AGENT", name="Wolfeschlegelsteinhausenbergerdorff Mustermann")
    guest = await desk.guest(name="Una User", likes=likes, **options)
    empty = await guest.open("/my")
    await expect(empty.get_by_role("heading", level=1)).to_be_visible()
    await guest.check(f"my-empty-{name}")
    await guest.open("/notifications")
    await guest.check(f"notifications-empty-{name}")
    ticket = await raised(desk, guest.person, LONG)
    await desk.world.db.write(ada.actor, actions.add_comment, ticket.id, "x" * 300 + "\n\n    " + "code " * 90, 0)
    for path in ("/my", "/tickets/new", f"/tickets/{ticket.id}", f"/my/{ticket.id}/cancel", "/my?part=done"):
        await guest.open(path)
        await guest.check(f"{path.strip('/').replace('/', '-').replace('?', '-')[:12]}-{name}")
    for path in ("/notifications", "/notifications/preferences", "/sla/promises"):
        await guest.open(path)
        await guest.check(f"{path.strip('/').replace('/', '-')}-{name}")
    staff = await desk.sit_down(ada, likes, **options)
    for path in ("/admin/mails", "/tickets/new", "/notifications", "/notifications/preferences"):
        await staff.open(path)
        await staff.check(f"staff-{path.strip('/').replace('/', '-')}-{name}")


async def comments(desk: BrowserDesk) -> int:
    return len(await desk.world.sql("SELECT 1 FROM tickets_comment"))


async def lose_the_answer(route: Route) -> None:
    """Let the desk do it, and break the connection before it can say so."""
    await route.fetch(max_redirects=0)
    await route.abort("connectionreset")


async def forget_the_answer(guest: Guest) -> None:
    """Take away the note that came with it: who plays the network here keeps cookies for the browser."""
    await guest.context.clear_cookies(name=re.compile(SAID))
    await guest.page.unroute_all()


async def test_what_was_sent_is_not_sent_twice_where_the_answer_was_lost(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    ticket = await raised(desk, guest.person)
    page = await guest.open(f"/tickets/{ticket.id}")
    await guest.ready()
    await page.route("**/answer", lose_the_answer)
    await page.get_by_label("Add something").fill("It is the third floor.")
    async with page.expect_event("requestfailed"):
        await page.get_by_label("Add something").press("Control+Enter")
    assert await comments(desk) == 1
    await forget_the_answer(guest)
    await page.goto(f"{desk.url}/tickets/{ticket.id}")
    await guest.ready()
    await expect(page.get_by_label("Add something")).to_have_value("It is the third floor.")
    await page.get_by_label("Add something").press("Control+Enter")
    await expect(page.get_by_text("Your message is sent.")).to_be_visible()
    assert await comments(desk) == 1


async def test_a_ticket_is_not_raised_twice_where_the_answer_was_lost(desk: BrowserDesk) -> None:
    guest = await desk.guest(name="Una User")
    page = await at_form(guest)
    await page.get_by_label("In one sentence").fill("Printer on fire")
    await page.get_by_label("What happened").fill("It burns on all floors.")
    await page.get_by_label("What is it about").select_option("HARDWARE")
    await page.route("**/tickets", lose_the_answer)
    async with page.expect_event("requestfailed"):
        await page.get_by_label("What happened").press("Control+Enter")
    await forget_the_answer(guest)
    page = await at_form(guest)
    await expect(page.get_by_label("What happened")).to_have_value("It burns on all floors.")
    await page.get_by_label("What happened").press("Control+Enter")
    await expect(page.get_by_text("Your request is with us.")).to_be_visible()
    assert len(await desk.world.sql("SELECT 1 FROM tickets_ticket")) == 1
