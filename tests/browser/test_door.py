"""Coming in and going out, in a browser."""

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from answerable.infra.web.cookies import SESSION
from answerable.users.actions import people
from answerable.users.rules import Changes
from tests.browser.desk import PHONE, BrowserDesk
from tests.gateway.test_whole_desk import DRAFT
from tests.patience import PATIENCE
from tests.people import PASSWORD, make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]


async def test_somebody_signs_in_and_out(desk: BrowserDesk) -> None:
    una, guest = await make_person(desk.world, "AGENT", name="Abe Agent"), await desk.stranger()
    page = await guest.open("/profile")
    await expect(page).to_have_url(re.compile("/login"))
    await guest.check("login")
    await page.get_by_label("Email").fill(una.email)
    await page.get_by_label("Password").fill("not this one")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("The email or the password is not right.")
    await expect(page.get_by_label("Email")).to_have_value(una.email)
    await guest.check("login-wrong")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_label("Password").press("Enter")
    await expect(page).to_have_url(desk.url + "/profile")
    await guest.check("profile")
    await page.locator(".account > summary").click()
    await guest.check("account-menu")
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()


async def test_what_is_wrong_is_said_beside_the_field_as_one_types_and_on_submit(desk: BrowserDesk) -> None:
    guest = await desk.stranger()
    page = await guest.open("/register")
    await guest.ready()
    await guest.check("register")
    name, email = page.get_by_label("Name"), page.get_by_label("Email")
    await name.fill("Al")
    await email.focus()
    await expect(page.locator("#name-error")).to_have_text("At least 3 characters, please.")
    await name.fill("Ali")
    await expect(page.locator("#name-error")).to_be_hidden()
    await page.get_by_role("button", name="Create account").click()
    await expect(page.locator("#email-error")).to_have_text("Please fill this in.")
    await expect(email).to_be_focused()
    await email.fill("nobody")
    await expect(page.locator("#email-error")).to_have_text("This is not an email address.")
    await guest.check("register-wrong")
    await email.fill("person@desk")
    await page.get_by_label("Password").fill(PASSWORD)
    await make_person(desk.world, email="person@desk")
    await page.get_by_role("button", name="Create account").click()
    await expect(page.locator("#email-error")).to_have_text("Email already exists.")  # only the server knows
    await expect(name).to_have_value("Ali")
    await email.fill("ali@desk.test")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Create account").click()
    await expect(page).to_have_url(desk.url + "/my")
    await expect(page.get_by_text("You have not asked for anything yet")).to_be_visible()


async def test_without_javascript_everything_works_by_forms(desk: BrowserDesk) -> None:
    guest = await desk.stranger(java_script_enabled=False)
    page = await guest.open("/register")
    for label, value in (("Name", "Nora New"), ("Email", "nora@desk.test"), ("Password", PASSWORD)):
        await page.get_by_label(label).fill(value)
    await page.get_by_role("button", name="Create account").click()
    await expect(page).to_have_url(desk.url + "/my")
    await page.goto(desk.url + "/profile")
    await page.get_by_label("How others see you").fill("Nora Newer")
    await page.get_by_role("button", name="Change name").click()
    await expect(page.get_by_text("Your name is changed.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Nora Newer")).to_be_visible()
    await page.locator(".account > summary").click()
    await page.get_by_role("button", name="Sign out", exact=True).first.click()
    await expect(page.get_by_text("You are signed out.")).to_be_visible()


async def test_a_page_whose_token_is_too_old_says_what_to_do(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/profile")
    await page.evaluate("document.querySelectorAll('[name=_form]').forEach((field) => (field.value = 'old'))")
    await page.get_by_role("button", name="Change name").click()
    await expect(page.get_by_role("heading", name="This page has expired")).to_be_visible()
    await guest.check("expired")


async def test_whoever_loses_their_rights_is_out_at_once(desk: BrowserDesk) -> None:
    admin, guest = await make_person(desk.world, "ADMIN"), await desk.guest("AGENT")
    page = await guest.open("/profile")
    await guest.ready()
    await desk.until(lambda: streams(desk))
    await desk.world.db.write(admin.actor, people.change_somebody, guest.person.id, Changes(active=False))
    await expect(page).to_have_url(re.compile("/login"))


async def streams(desk: BrowserDesk) -> bool:
    return bool(desk.world.desk.parts["live"].open_streams)


async def test_a_lost_connection_is_shown_and_healed(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/profile")
    await guest.ready()
    await desk.until(lambda: streams(desk))
    await guest.context.set_offline(True)
    for stream in list(desk.world.desk.parts["live"]._open):
        stream.end()
    await expect(page.get_by_text("No connection.")).to_be_visible()
    await guest.check("offline")
    await guest.context.set_offline(False)
    await expect(page.get_by_text("No connection.")).to_be_hidden()


async def test_tabs_of_one_browser_share_one_stream(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    await guest.open("/profile")
    await guest.ready()
    await desk.until(lambda: streams(desk))
    second = await guest.another_tab()
    await second.open("/profile")
    await second.ready()
    assert desk.world.desk.parts["live"].open_streams == 1


async def test_what_happens_while_another_tab_takes_the_stream_over_is_seen(desk: BrowserDesk) -> None:
    guest = await desk.guest("USER")
    await desk.world.http.post("/api/tickets", json=DRAFT, headers=guest.person.headers)
    await guest.open("/my")
    await guest.ready()
    await desk.until(lambda: streams(desk))
    second, asked, answer = await guest.another_tab(), asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await answer.wait()
        await route.continue_()

    await second.page.route("**/api/live", hold)
    page = await second.open("/my")
    await second.ready()
    await page.wait_for_load_state("networkidle")
    await guest.page.close()
    async with asyncio.timeout(PATIENCE):
        await asked.wait()
    another = DRAFT | {"title": "The printer is out"}
    await desk.world.http.post("/api/tickets", json=another, headers=guest.person.headers)
    await desk.world.settle()  # its signals have gone to nobody
    answer.set()
    await expect(page.get_by_text(another["title"])).to_be_visible()


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_pages_of_strangers_have_no_barriers(desk: BrowserDesk, theme: str, size: str) -> None:
    options = {"viewport": PHONE, "has_touch": True, "is_mobile": True} if size == "phone" else {}
    guest = await desk.stranger(color_scheme=theme, **options)
    for path in ("/", "/login", "/register", "/forgot", "/reset?token=x", "/nothing"):
        await guest.open(path)
        await guest.check(f"{path.strip('/').partition('?')[0] or 'start'}-{theme}-{size}")


async def test_the_cookie_is_not_for_scripts(desk: BrowserDesk) -> None:
    guest = await desk.guest("AGENT")
    page = await guest.open("/profile")
    assert SESSION not in await page.evaluate("document.cookie")
