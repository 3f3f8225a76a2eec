"""What agents type is never lost, and never sent unseen: whatever the network does, and wherever they go."""

import asyncio
from collections.abc import Callable

import pytest
from playwright.async_api import Route, expect

from answerable.tickets import actions as tickets
from tests.browser.desk import BrowserDesk
from tests.browser.network import Held, Traffic, at, cut, draft_of, go_to, late, overloaded, two_tickets
from tests.browser.test_work import FRAMES, said
from tests.people import make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
Away = Callable[[Route], object]


# --- nobody loses what they typed ----------------------------------------------------------------------------------


async def test_what_is_typed_while_the_next_ticket_is_on_its_way_is_kept_for_the_one_it_is_about(
    desk: BrowserDesk,
) -> None:
    abe, _, first, second = await two_tickets(desk)
    page = abe.page
    async with late(page, f"**/queue?*ticket={second.id}") as next_one:
        await page.locator("#words").fill("Take the ext")
        await go_to(page, second)
        await next_one.is_there()
        await page.locator("#words").focus()
        await page.keyboard.press("End")
        await page.keyboard.type("inguisher")
        await expect(page.locator("#words")).to_have_value("Take the extinguisher")
    await at(page, second)
    await expect(page.locator("#words")).to_have_value("")
    await expect(page.locator("#saved")).to_have_text("")

    async def kept() -> bool:
        return await draft_of(desk, first) == "Take the extinguisher"

    await desk.until(kept)
    assert await draft_of(desk, second) == ""
    await go_to(page, first)
    await at(page, first)
    await expect(page.locator("#words")).to_have_value("Take the extinguisher")


async def test_a_draft_that_is_still_on_its_way_is_there_for_whoever_comes_back(desk: BrowserDesk) -> None:
    abe, _, first, second = await two_tickets(desk)
    page = abe.page
    draft = Held()
    await page.route("**/draft", draft)
    await page.locator("#words").fill("Take the extinguisher")
    await go_to(page, second)
    await at(page, second)
    await page.go_back()
    await at(page, first)
    await expect(page.locator("#words")).to_have_value("Take the extinguisher")
    await page.locator("#words").fill("Take the stairs")
    await go_to(page, second)
    await at(page, second)
    draft.let_go.set()

    async def kept() -> bool:
        return await draft_of(desk, first) == "Take the stairs"

    await desk.until(kept)
    await expect(page.locator("#saved")).to_have_text("")
    await page.reload()
    await go_to(page, first)
    await at(page, first)
    await expect(page.locator("#words")).to_have_value("Take the stairs")


@pytest.mark.parametrize("away", [cut, overloaded])
async def test_what_the_desk_could_not_keep_is_kept_here_until_it_can(desk: BrowserDesk, away: Away) -> None:
    abe, _, first, second = await two_tickets(desk)
    page = abe.page
    await page.route("**/draft", away)
    await page.locator("#words").fill("Take the extinguisher")
    await expect(page.locator("#saved")).to_have_text("Not saved yet")
    await go_to(page, second)
    await at(page, second)
    await expect(page.locator("#saved")).to_have_text("")
    await go_to(page, first)
    await at(page, first)
    await expect(page.locator("#words")).to_have_value("Take the extinguisher")
    await page.reload()
    await expect(page.locator("#words")).to_have_value("Take the extinguisher")
    await page.unroute("**/draft", away)
    await page.locator("#words").press("End")
    await page.keyboard.type(" now")
    await expect(page.locator("#saved")).to_contain_text("Draft saved")
    assert await draft_of(desk, first) == "Take the extinguisher now"
    await page.reload()
    await expect(page.locator("#words")).to_have_value("Take the extinguisher now")
    assert await page.evaluate("Object.keys(sessionStorage).filter((name) => name.startsWith('draft')).length") == 0


async def test_who_signs_out_leaves_no_words_behind_in_the_tab(desk: BrowserDesk) -> None:
    abe, _, _, _ = await two_tickets(desk)
    page = abe.page
    await page.route("**/draft", cut)
    await page.locator("#words").fill("What only staff may read")
    await expect(page.locator("#saved")).to_have_text("Not saved yet")
    left = "Object.keys(sessionStorage).filter((name) => name.startsWith('draft')).length"
    assert await page.evaluate(left) == 1
    await page.locator(".account > summary").click()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await desk.until(lambda: page.evaluate(f"{left} === 0"))


async def test_a_draft_that_failed_is_sent_again_by_itself(desk: BrowserDesk) -> None:
    abe, _, first, _ = await two_tickets(desk)
    page = abe.page
    tried = asyncio.Event()

    async def fail_once(route: Route) -> None:
        await (route.continue_() if tried.is_set() else overloaded(route))
        tried.set()

    await page.route("**/draft", fail_once)
    await page.locator("#words").fill("Take the extinguisher")
    await expect(page.locator("#saved")).to_contain_text("Draft saved")
    assert await draft_of(desk, first) == "Take the extinguisher"


async def test_a_long_text_in_any_script_is_kept(desk: BrowserDesk) -> None:
    abe, _, first, _ = await two_tickets(desk)
    text = "Возьмите огнетушитель. " * 800  # as a form, six letters for each
    await abe.page.locator("#words").fill(text)
    await expect(abe.page.locator("#saved")).to_contain_text("Draft saved")
    assert await draft_of(desk, first) == text


async def test_drafts_come_to_the_desk_in_the_order_in_which_they_were_typed(desk: BrowserDesk) -> None:
    abe, _, first, _ = await two_tickets(desk)
    page = abe.page
    draft, traffic = Held(first=True), Traffic(desk, page)
    await page.route("**/draft", draft)
    await page.locator("#words").fill("Take the ext")
    await draft.is_there()
    await page.locator("#words").fill("Take the extinguisher")
    await page.evaluate("new Promise((done) => setTimeout(done, 1500))")  # longer than a draft waits for the next key
    draft.let_go.set()

    async def kept() -> bool:
        return await draft_of(desk, first) == "Take the extinguisher"

    await desk.until(kept)
    await traffic.ends()
    assert await draft_of(desk, first) == "Take the extinguisher"


async def test_words_about_a_ticket_that_was_given_away_can_still_be_copied(desk: BrowserDesk) -> None:
    abe, _, first, _ = await two_tickets(desk)
    page = abe.page
    max_, bea = await make_person(desk.world, "MANAGER"), await make_person(desk.world, "AGENT", name="Bea Agent")
    await page.locator("#words").fill("Take the extinguisher")
    await desk.world.db.write(max_.actor, tickets.assign_ticket, first.id, bea.id, None)
    await expect(page.locator(f"#row-{first.id}")).to_have_count(0)
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(page.get_by_text("This ticket is not here")).to_be_visible()
    await expect(page.get_by_label("What you had written")).to_have_value("Take the extinguisher")
    await abe.check("work-gone")


# --- what is sent is sent, or it is said that it was not -----------------------------------------------------------


async def test_an_answer_that_was_refused_after_one_went_on_is_told_and_its_words_are_there(desk: BrowserDesk) -> None:
    abe, una, first, second = await two_tickets(desk)
    page = abe.page
    async with late(page, "**/reply") as reply:
        await page.locator("#words").fill("Is it out?")
        await said(desk, una, first, "It spreads.")
        await page.locator("#words").press("Control+Enter")
        await reply.is_there()
        await go_to(page, second)
        await at(page, second)
    await expect(page.locator("#toasts")).to_contain_text("A newer message has arrived")
    await expect(page.locator("#toasts")).to_contain_text("Printer on fire")
    assert "Screen is dark" in await page.title()
    await go_to(page, first)
    await at(page, first)
    await expect(page.locator("#words")).to_have_value("Is it out?")


async def test_an_answer_that_did_not_arrive_after_one_went_on_is_told_and_its_words_are_there(
    desk: BrowserDesk,
) -> None:
    abe, _, first, second = await two_tickets(desk)
    page = abe.page
    let_go = asyncio.Event()

    async def fail(route: Route) -> None:
        await let_go.wait()
        await cut(route)

    await page.route("**/reply", fail)
    await page.locator("#words").fill("Is it out?")
    await page.locator("#words").press("Control+Enter")
    await go_to(page, second)
    await at(page, second)
    let_go.set()
    await expect(page.locator("#toasts")).to_contain_text("did not answer")
    abe.complaints[:] = [complaint for complaint in abe.complaints if not complaint.startswith("htmx:")]
    await go_to(page, first)
    await at(page, first)
    await expect(page.locator("#words")).to_have_value("Is it out?")


async def test_an_answer_is_sent_although_one_goes_on_while_its_draft_is_on_its_way(desk: BrowserDesk) -> None:
    abe, _, first, second = await two_tickets(desk)
    page = abe.page
    draft, traffic = Held(), Traffic(desk, page)
    await page.route("**/draft", draft)
    await page.locator("#words").fill("Is it out?")
    await draft.is_there()
    await page.locator("#words").press("Control+Enter")
    async with page.expect_response(f"**/queue?*ticket={second.id}"):
        await go_to(page, second)
    await page.evaluate(FRAMES)
    async with late(page, "**/reply"):  # whoever went on need not wait for that
        draft.let_go.set()
        await at(page, second)

    async def arrived() -> bool:
        return bool(await desk.world.sql("SELECT 1 FROM tickets_comment WHERE body = 'Is it out?'"))

    await desk.until(arrived)
    await go_to(page, first)
    await at(page, first)
    await expect(page.locator(".said-answered")).to_contain_text("Is it out?")
    await expect(page.locator("#words")).to_have_value("")
    await traffic.ends()
    assert await draft_of(desk, first) == ""


async def test_an_answer_that_was_sent_while_one_left_the_page_is_no_draft(desk: BrowserDesk) -> None:
    abe, _, first, _ = await two_tickets(desk)
    page = abe.page
    async with late(page, "**/reply") as reply:
        await page.locator("#words").fill("Is it **out**?")
        await page.locator("#words").press("Control+Enter")
        await reply.is_there()
        await page.goto(desk.url + "/profile")
    await page.goto(f"{desk.url}/queue?view=mine&ticket={first.id}")
    await expect(page.locator(".said-answered")).to_contain_text("Is it out?")
    await abe.ready()
    await expect(page.locator("#words")).to_have_value("")
