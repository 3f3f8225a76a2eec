"""The frame around all pages: keys, the palette, preferences, live parts, small windows."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from answerable.kernel.visit import Preferences
from answerable.tickets import actions as tickets
from answerable.tickets.rules import Draft
from answerable.users.actions import people
from tests.browser.desk import DESKTOP, PHONE, BrowserDesk, Guest
from tests.patience import PATIENCE
from tests.people import make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
LONG = "Wolfeschlegelsteinhausenbergerdorff Mustermann"


async def change_queue(desk: BrowserDesk) -> None:
    """Let somebody raise a ticket that nobody can take: everybody who reads the queue gets a signal."""
    una = await make_person(desk.world)
    draft = Draft(title="Printer on fire", description="It burns, help.", category="HARDWARE", priority="LOW")
    await desk.world.db.write(una.actor, tickets.create_ticket, draft)


async def test_the_palette_finds_pages_by_keyboard_alone(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/")
    await guest.ready()
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox", name="Find and do")).to_be_focused()
    await page.keyboard.type("prof")
    await expect(page.get_by_role("option", name="Profile and preferences")).to_have_attribute("aria-selected", "true")
    await guest.check("palette")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(desk.url + "/profile")
    await guest.ready()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("nothing like this")
    await expect(page.get_by_text("Nothing fits.")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("combobox", name="Find and do")).to_be_hidden()


async def test_what_one_chose_in_the_palette_stays_when_more_is_found(desk: BrowserDesk) -> None:
    guest = await desk.guest("ADMIN")
    page = await guest.open("/")
    await guest.ready()
    found, asked = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await found.wait()
        await route.continue_()

    await page.route("**/*?q=*", hold)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("e")
    chosen = page.locator('#palette [aria-selected="true"]')
    await expect(chosen).to_have_count(1)
    first = await chosen.inner_text()
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
    await page.keyboard.press("ArrowDown")
    second = await chosen.inner_text()
    assert second != first
    async with page.expect_response("**/*?q=*"):
        found.set()
    await page.wait_for_load_state("networkidle")
    assert await chosen.inner_text() == second


async def test_keys_work_until_they_are_switched_off_and_never_while_one_types(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/")
    await guest.ready()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await guest.check("shortcuts")
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("p")
    await expect(page).to_have_url(desk.url + "/profile")
    await guest.ready()
    await page.get_by_label("How others see you").press("?")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.get_by_label("Single-key shortcuts").uncheck()
    await page.get_by_role("button", name="Keep preferences").click()
    await expect(page.get_by_text("Your preferences are kept.")).to_be_visible()
    await guest.ready()
    await page.locator("h1").click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_person_without_a_mouse_gets_everywhere(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/profile")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("How others see you")).to_be_focused()
    await page.keyboard.press("Shift+Tab")
    await page.locator(".account > summary").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("link", name="Profile and preferences")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator(".account > summary")).to_be_focused()


async def test_the_menu_of_the_account_is_seen_and_leads_to_what_a_phone_has_no_room_for(desk: BrowserDesk) -> None:
    ada = await desk.guest("ADMIN", viewport=DESKTOP)
    page = await ada.open("/notifications")
    await ada.ready()
    main = page.get_by_role("navigation", name="Main")
    for window in (DESKTOP, PHONE):
        await page.set_viewport_size({"width": window["width"], "height": window["height"]})
        await main.locator(".account > summary").click()
        await expect(main.get_by_role("link", name="Profile and preferences")).to_be_in_viewport(ratio=1)
        await expect(main.locator(".rail-places").get_by_role("link", name="Notifications")).to_be_in_viewport(ratio=1)
        if window is DESKTOP:
            await expect(main.locator(".menu-items").get_by_text("Administration")).to_be_hidden()
            await main.locator(".account > summary").click()
    await ada.check("account-phone")
    await main.get_by_role("link", name="Administration").click()
    await expect(page).to_have_url(desk.url + "/admin/people")


async def test_what_somebody_else_changed_appears_and_disturbs_nothing(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT", name="Abe Agent")
    page = guest.page
    # Once its stream is open, a page reads itself, and would take away what is marked below.
    async with page.expect_request(lambda request: "x-desk-live" in request.headers):
        await guest.open("/profile")
    await desk.until(lambda: page.evaluate("!desk.isReading()"))
    await page.evaluate(
        """for (const part of document.querySelectorAll("#who, #name-card, #password-card")) {
            part.dataset.live = "queue";
            part.dataset.says = "It has changed.";
        }"""
    )
    await page.get_by_label("Current password").fill("half a pass")
    await page.get_by_label("Current password").evaluate("(field) => field.setSelectionRange(2, 2)")
    scroll = await page.evaluate("scrollTo(0, 200), scrollY")
    await desk.world.db.write(guest.person.actor, people.rename_oneself, "Abe Renamed")
    await change_queue(desk)
    await expect(page.locator("#who h1")).to_have_text("Abe Renamed")
    await expect(page.get_by_label("How others see you")).to_have_value("Abe Renamed")
    await expect(page.get_by_label("Current password")).to_have_value("half a pass")
    await expect(page.get_by_label("Current password")).to_be_focused()
    assert await page.get_by_label("Current password").evaluate("(field) => field.selectionStart") == 2
    assert await page.evaluate("scrollY") == scroll
    await expect(page.locator("#said")).to_have_text("It has changed.")


async def test_without_a_network_there_is_a_page_of_ours(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/profile")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await desk.until(lambda: page.evaluate("caches.match('/offline').then(Boolean)"))
    await guest.context.set_offline(True)
    await page.goto(desk.url + "/profile?again")
    await expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    await guest.check("offline-page")
    await guest.context.set_offline(False)
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("heading", name="Preferences")).to_be_visible()


@pytest.mark.parametrize("role", ["USER", "AGENT", "ADMIN"])
@pytest.mark.parametrize("look", ["light", "dark-compact-german", "phone-dark"])
async def test_pages_of_everybody_have_no_barriers(desk: BrowserDesk, role: str, look: str) -> None:
    guest = await looking(desk, role, look)
    for path in ("/", "/profile", "/nothing", "/static/nothing.css"):
        page = await guest.open(path)
        await page.locator("h1").wait_for()
        await guest.check(f"{path.strip('/').partition('/')[0] or 'home'}-{role.lower()}-{look}")


async def looking(desk: BrowserDesk, role: str, look: str) -> Guest:
    """Return somebody with a long name who likes the desk in some way."""
    likes = Preferences(
        theme="dark" if "dark" in look else "light",
        density="compact" if "compact" in look else "comfortable",
        language="de" if "german" in look else "",
    )
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True} if "phone" in look else {}
    return await desk.guest(role, name=LONG, likes=likes, **options)


async def test_notes_go_by_themselves_and_can_be_sent_away(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    await guest.page.clock.install()
    page = await guest.open("/profile")
    note = page.get_by_text("Your name is changed.")
    for way in ("sent away", "by itself"):
        await guest.ready()
        await page.get_by_role("button", name="Change name").click()
        await expect(note).to_be_visible()
        await guest.ready()
        await guest.check("toast")
        if way == "sent away":
            await page.get_by_role("region", name="Notices").get_by_role("button", name="Close").click()
        else:
            await page.clock.fast_forward(9000)
        await expect(note).to_be_hidden()
    await page.reload()
    await expect(note).to_be_hidden()
