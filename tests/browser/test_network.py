"""The agents' workspace where answers are slow, come in another order, or do not come at all."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from answerable.tickets import actions as tickets
from answerable.tickets.pages.screens import ROWS
from answerable.tickets.rules import Ticket
from tests.browser.desk import BrowserDesk, Guest
from tests.browser.network import Late, Traffic, at, cut, go_to, late, two_tickets
from tests.browser.test_work import listening, raised, said
from tests.patience import PATIENCE
from tests.people import TestPerson, make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
SOON = 9000  # milliseconds: before the page looks by itself whether it has missed something


# --- what one sees is how it is ------------------------------------------------------------------------------------


async def test_one_ticket_never_shows_the_conversation_of_another(desk: BrowserDesk) -> None:
    abe, una, first, second = await two_tickets(desk)
    page = abe.page
    await said(desk, una, first, "It is the printer.")
    await said(desk, una, second, "It is the screen.")
    await go_to(page, second)
    await at(page, second)
    await expect(page.locator("#talk")).to_contain_text("It is the screen.")
    await desk.until(lambda: page.evaluate("!desk.isReading()"))
    visited, let_go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if "x-desk-live" in route.request.headers:
            return await route.continue_()
        visited.set()
        await let_go.wait()
        await cut(route)

    await page.route(f"**/queue?*ticket={first.id}", hold)
    await page.evaluate("history.back()")
    async with asyncio.timeout(PATIENCE):
        await visited.wait()
    await said(desk, una, second, "It is dark again.")
    await expect(page.locator("#talk")).to_contain_text("It is dark again.")
    let_go.set()
    await expect(page.locator("#toasts")).to_contain_text("did not answer")
    await said(desk, una, second, "And again.")
    await expect(page.locator("#talk")).to_contain_text("And again.")
    await expect(page.locator("#ticket-title")).to_have_text("Screen is dark")
    await expect(page.locator("#talk")).not_to_contain_text("It is the printer.")
    assert second.id in page.url, "the address says what is shown"
    await page.unroute_all()
    await page.go_back()
    await at(page, first)
    assert first.id in page.url


async def test_what_changes_while_one_goes_on_is_shown_there(desk: BrowserDesk) -> None:
    abe, una, _, _ = await two_tickets(desk)
    page = abe.page
    async with late(page, "**/queue?view=open") as next_one:
        await page.get_by_role("link", name="All open").first.click()
        await next_one.is_there()
        third = await raised(desk, una, "Mouse is gone")
        await expect(page.locator(f"#row-{third.id}")).to_be_visible()
        await desk.until(lambda: page.evaluate("!desk.isReading()"))
    await expect(page.locator('.view[aria-current="page"]')).to_have_class("view view-open view-some")
    await expect(page.locator(f"#row-{third.id}")).to_be_visible(timeout=SOON)


async def test_what_was_read_before_does_not_replace_what_was_read_after_it(desk: BrowserDesk) -> None:
    abe, una, first, second = await two_tickets(desk)
    page = abe.page
    old = Late(first_live=True)
    await page.route(f"**/queue?*ticket={first.id}", old)
    await said(desk, una, first, "It burns.")
    await old.is_there()
    await go_to(page, second)
    await at(page, second)
    await desk.until(lambda: page.evaluate("document.querySelector('#presence') !== null"))
    await said(desk, una, first, "It burns more.")
    await desk.world.settle()
    await page.go_back()
    await at(page, first)
    await expect(page.locator("#talk")).to_contain_text("It burns more.")
    old.let_go.set()
    await desk.until(lambda: page.evaluate("!desk.isReading()"))
    await expect(page.locator("#talk")).to_contain_text("It burns more.", timeout=SOON)


async def test_an_answer_to_oneself_does_not_hide_what_others_said_meanwhile(desk: BrowserDesk) -> None:
    abe, una, first, _ = await two_tickets(desk)
    page = abe.page
    async with late(page, "**/set") as answer:
        await page.locator("#set-priority").select_option("LOW")
        await answer.is_there()
        await said(desk, una, first, "It burns more.")
        await expect(page.locator("#talk")).to_contain_text("It burns more.")
        await desk.until(lambda: page.evaluate("!desk.isReading()"))
    await expect(page.get_by_text("The priority is Low now.")).to_be_visible()
    await expect(page.locator("#talk")).to_contain_text("It burns more.", timeout=SOON)


# --- lists ---------------------------------------------------------------------------------------------------------


async def many_tickets(desk: BrowserDesk) -> tuple[Guest, TestPerson, list[Ticket]]:
    max_ = await desk.guest("MANAGER", name="Max Manager")
    una = await make_person(desk.world, name="Una User")
    made = [await raised(desk, una, f"Printer {number} on fire") for number in range(ROWS + 10)]
    await max_.open("/queue?view=open&sort=createdAt")
    await max_.ready()
    await listening(desk)
    await desk.until(lambda: max_.page.evaluate("!desk.isReading()"))
    return max_, una, made


async def test_more_of_a_list_comes_once_and_only_into_that_list(desk: BrowserDesk) -> None:
    max_, _, made = await many_tickets(desk)
    page = max_.page
    rows, more, traffic = page.locator("[data-row]"), page.get_by_role("link", name="Load more"), Traffic(desk, page)
    async with late(page, "**/queue?*cursor=*") as next_rows:
        await more.click()
        await next_rows.is_there()
        await more.click()
        await page.get_by_role("link", name="Breached").first.click()
        await expect(page.get_by_text("Every promise is kept")).to_be_visible()
    await traffic.ends()
    await expect(rows).to_have_count(0)
    await page.go_back()
    await expect(rows).to_have_count(ROWS)
    async with late(page, "**/queue?*cursor=*") as next_rows:
        await more.click()
        await next_rows.is_there()
        await more.click()
    await expect(more).to_have_count(0)
    await traffic.ends()
    await expect(rows).to_have_count(len(made))
    ids = await page.evaluate("[...document.querySelectorAll('[data-row]')].map((row) => row.id)")
    assert len(set(ids)) == len(ids)


async def test_what_changes_while_more_of_a_list_comes_is_shown(desk: BrowserDesk) -> None:
    max_, una, made = await many_tickets(desk)
    page = max_.page
    read = Late(first_live=True)
    await page.route("**/queue?*part=list", read)
    await desk.world.db.write(una.actor, tickets.cancel_ticket, made[3].id, None)
    await read.is_there()
    await page.get_by_role("link", name="Load more").click()
    await expect(page.locator(f"#row-{made[-1].id}")).to_be_attached()
    read.let_go.set()
    await expect(page.locator(f"#row-{made[3].id}")).to_have_count(0, timeout=SOON)


async def test_a_change_of_many_that_is_answered_late_does_not_bring_the_former_list_back(desk: BrowserDesk) -> None:
    max_, _, made = await many_tickets(desk)
    page = max_.page
    await page.locator(f"#row-{made[0].id}").hover()
    await page.locator(f"#row-{made[0].id} input").check()
    async with late(page, "**/queue/apply") as answer:
        await page.locator("#bulk [name=priority]").select_option("LOW")
        await page.get_by_role("button", name="Set priority").click()
        await answer.is_there()
        await page.get_by_role("link", name="Breached").first.click()
        await expect(page.locator("[data-row]")).to_have_count(0)
    await expect(page.get_by_text("One ticket is changed.")).to_be_visible()
    await expect(page.locator("[data-row]")).to_have_count(0)
    assert "view=breached" in str(await page.locator("#list").get_attribute("data-src"))
    await expect(page.locator('.view[aria-current="page"]')).to_have_class("view view-breached")
