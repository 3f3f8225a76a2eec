"""Those who manage, in a browser: the dashboard by mouse and by keyboard, reports, administration."""

import pytest
from playwright.async_api import Page, expect

from answerable.assignment.actions import assign_to, set_availability
from answerable.assignment.rules import Availability
from answerable.kernel.visit import Preferences
from answerable.tickets import actions as tickets
from answerable.tickets.rules import Draft
from tests.browser.desk import DESKTOP, PHONE, SIDEWAYS, BrowserDesk
from tests.people import TestPerson, make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen " * 3 + "is missing"


async def agent(desk: BrowserDesk, name: str) -> TestPerson:
    """Hire somebody who takes nothing by themselves."""
    person = await make_person(desk.world, "AGENT", name=name)
    await desk.world.db.write(person.actor, set_availability, person.id, Availability(available=False))
    return person


async def ticket(desk: BrowserDesk, title: str, priority: str = "HIGH") -> str:
    una = await make_person(desk.world)
    draft = Draft(title=title, description="It burns, help.", category="HARDWARE", priority=priority)
    return (await desk.world.db.write(una.actor, tickets.create_ticket, draft)).id


async def holder(desk: BrowserDesk, ticket_id: str) -> str | None:
    rows = await desk.world.sql("SELECT agent_id FROM tickets_ticket WHERE id = :id", id=ticket_id)
    held: str | None = rows[0]["agent_id"]
    return held


def waiting(page: Page, title: str) -> object:
    return page.get_by_role("region", name="Waiting for an agent").get_by_text(title)


async def test_tickets_are_given_by_dragging_and_by_keyboard_and_the_page_follows(desk: BrowserDesk) -> None:
    abe, bea = await agent(desk, "Abe Agent"), await agent(desk, "Bea Agent")
    first, second = await ticket(desk, "Printer on fire"), await ticket(desk, LONG, "CRITICAL")
    mia = await desk.guest("MANAGER", name="Mia Manager")
    page = await mia.open("/dashboard")
    await mia.ready()
    rows = page.locator("[data-ticket]")
    await expect(rows).to_have_count(2)
    await mia.check("dashboard")
    # By mouse: the note says so, and the row is gone without a reload.
    await page.evaluate("window.same = true")
    await page.locator(f'[data-ticket="{first}"]').drag_to(page.locator(f'[data-agent="{abe.id}"] summary'))
    await expect(page.get_by_text("is with Abe Agent now.")).to_be_visible()
    await expect(page.get_by_role("region", name="Waiting for an agent").locator("[data-ticket]")).to_have_count(1)
    assert await holder(desk, first) == abe.id
    # By keyboard: to the ticket, the list of agents, the second of them.
    await page.keyboard.press("j")
    await expect(page.locator(f'[data-ticket="{second}"]')).to_be_focused()
    await page.keyboard.press("a")
    chooser = page.get_by_role("dialog", name="Assign")
    await expect(chooser.get_by_role("button", name="Bea Agent")).to_be_visible()
    await mia.check("chooser")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await expect(chooser.get_by_role("button", name="Bea Agent")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(chooser).to_be_hidden()
    await expect(page.get_by_text("Nobody waits.")).to_be_visible()
    await expect(page.get_by_text("is with Bea Agent now.")).to_be_visible()
    assert await holder(desk, second) == bea.id
    # Back again: somebody's ticket goes to another agent, and Undo returns it.
    await page.locator(f'[data-agent="{bea.id}"] summary').click()
    await page.locator(f'[data-ticket="{second}"]').drag_to(page.locator(f'[data-agent="{abe.id}"] summary'))
    await expect(page.get_by_text("is with Abe Agent now.")).to_be_visible()  # the Undo before it is of another change
    await page.locator("#toasts").get_by_role("button", name="Undo").click()
    await desk.until(lambda: _is_with(desk, second, bea.id))


async def test_keys_walk_the_list_one_sees_when_the_focus_went_into_a_closed_one(desk: BrowserDesk) -> None:
    abe = await agent(desk, "Abe Agent")
    first, second = await ticket(desk, "Printer on fire"), await ticket(desk, "Screen is dark")
    mia = await desk.guest("MANAGER", name="Mia Manager")
    page = await mia.open("/dashboard")
    await mia.ready()
    await desk.world.db.write(mia.person.actor, assign_to, first, abe.id)
    agents = page.locator(f'[data-agent="{abe.id}"]')
    await expect(agents.locator(f'[data-ticket="{first}"]')).to_have_count(1)
    await agents.locator("summary").click()
    await agents.locator(f'[data-ticket="{first}"] a').first.focus()
    # In one step, before the browser takes the focus away from what it no longer shows.
    closed_and_pressed = """(agent) => {
        document.querySelector(`[data-agent="${agent}"] details`).open = false;
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
    }"""
    await page.evaluate(closed_and_pressed, abe.id)
    await expect(page.locator(f'[data-ticket="{second}"]')).to_be_focused()


async def _is_with(desk: BrowserDesk, ticket_id: str, agent_id: str) -> bool:
    return await holder(desk, ticket_id) == agent_id


async def test_the_dashboard_follows_what_others_do_and_fits_a_small_dark_window(desk: BrowserDesk) -> None:
    abe = await agent(desk, "Abe Agent")
    mia = await desk.guest("MANAGER", likes=Preferences(theme="dark", language="de"), viewport=PHONE)
    page = await mia.open("/dashboard")
    await mia.ready()
    await expect(page.get_by_text("Niemand wartet.")).to_be_visible()
    await mia.check("dashboard-phone-dark-empty")
    waits = await ticket(desk, LONG)
    await expect(page.locator(f'[data-ticket="{waits}"]').first).to_be_visible()
    await expect(page.locator(".figure-value").first).to_have_text("1")
    await mia.check("dashboard-phone-dark")
    box = await page.locator(".ticket-row-title").first.bounding_box()
    assert box is not None
    assert box["height"] >= 24, "a finger finds it beside the button"
    await desk.world.db.write(mia.person.actor, assign_to, waits, abe.id)
    await expect(page.get_by_text("Niemand wartet.")).to_be_visible()


async def test_a_chart_is_drawn_in_both_themes_and_its_table_is_one_click_away(desk: BrowserDesk) -> None:
    await ticket(desk, "Printer on fire")
    for theme, window in (("light", DESKTOP), ("dark", PHONE)):
        likes = Preferences(theme=theme)
        mia = await desk.guest("MANAGER", likes=likes, viewport=window)
        page = await mia.open("/reports")
        await page.get_by_role("link", name="Raised and solved").click()
        await expect(page.locator(".plot canvas")).to_be_visible()
        await mia.check(f"reports-over-time-{theme}")
        await page.get_by_role("link", name="Table", exact=True).click()
        await expect(page.locator('td[data-name="created"]')).to_have_text("1")
        await mia.check(f"reports-over-time-table-{theme}")
        for name in ("sla-attainment",) if window is PHONE else ("avg-resolution-time", "agents"):
            await mia.open(f"/reports/{name}")
            await mia.check(f"reports-{name}-{theme}")


async def test_every_page_of_administration_is_without_barriers(desk: BrowserDesk) -> None:
    gone = await make_person(desk.world, name="Wolfeschlegelsteinhausenbergerdorff Mustermann")
    person = f"people/{gone.id}"
    small = ("people", person, "settings")
    pages = (
        *small,
        "people?q=nobody",
        "people/new",
        f"{person}/deactivate",
        f"{person}/erase",
        "categories",
        "sla",
        "audit",
        "events",
    )
    for theme, window, wanted in (("light", DESKTOP, pages), ("dark", PHONE, small)):
        ada = await desk.guest("ADMIN", likes=Preferences(theme=theme), viewport=window)
        for path in wanted:
            await ada.open(f"/admin/{path}")
            await ada.ready()
            await ada.check(f"admin-{path.split('?')[0].replace('/', '-').replace(gone.id, 'person')}-{theme}")
            assert await ada.page.evaluate(SIDEWAYS) == [], "on a phone a row is a card of its own"
            if window is PHONE and path in ("people", "settings"):
                await expect(ada.page.locator('.sections [aria-current="page"]')).to_be_in_viewport(ratio=1)
            if path == "people/new":
                await ada.page.get_by_label("Name").fill("A")  # what complains of it must not move the next click away
                await ada.page.get_by_label("Requester").uncheck()
            if path == "people":
                box = await ada.page.locator(".person-words").first.bounding_box()
                assert box is not None
                assert box["width"] > 90, "one can read who it is, also beside long names of roles"
