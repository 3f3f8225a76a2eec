"""The whole life of a ticket, told by four people in four browsers at once."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from answerable.kernel.visit import Preferences
from tests.browser.desk import PHONE, BrowserDesk, Guest, open_browser_desk_apart
from tests.kafka import Broker
from tests.people import make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
TITLE = "The printer on the second floor burns"


async def say(page: Page, words: str) -> None:
    """Answer as staff do: the keys r, words, Ctrl+Enter."""
    await page.locator("#words").fill(words)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#talk")).to_contain_text(words)


async def everybody(desk: BrowserDesk) -> tuple[Guest, Guest, Guest, Guest]:
    """Let a requester on a phone, an agent in the dark, a manager and an administrator sit down."""
    una = await desk.guest(name="Una User", viewport=PHONE, has_touch=True)
    abe = await desk.guest("AGENT", name="Abe Agent", likes=Preferences(theme="dark", density="compact"))
    mia = await desk.guest("MANAGER", name="Mia Manager")
    ada = await desk.guest("ADMIN", name="Ada Admin")
    return una, abe, mia, ada


async def test_four_people_and_one_ticket(desk: BrowserDesk) -> None:
    await tell(desk)


@pytest.mark.slow
@pytest.mark.on_postgres
async def test_the_same_with_the_services_apart(tmp_path: Path, chromium: Browser, broker: Broker) -> None:
    async with open_browser_desk_apart(tmp_path, chromium, broker) as desk:
        await tell(desk)


async def tell(desk: BrowserDesk) -> None:
    """Tell the whole story."""
    una, abe, mia, ada = await everybody(desk)
    await make_person(desk.world, "AGENT", name="Bea Agent")
    hers, his = await una.open("/tickets/new"), await abe.open("/queue?view=open")
    board, people = await mia.open("/dashboard"), await ada.open("/admin/people")
    for guest in (una, abe, mia, ada):
        await guest.ready()

    # Una raises it; everybody else sees that without touching anything.
    await hers.get_by_label("In one sentence").fill(TITLE)
    await hers.get_by_label("What happened").fill("There is **smoke**, and I need my papers.")
    await hers.get_by_label("What is it about").select_option("HARDWARE")
    await hers.get_by_label("I cannot work").check()
    await hers.get_by_role("button", name="Raise the ticket").click()
    await expect(hers.get_by_role("heading", level=1)).to_have_text(TITLE)
    await expect(hers.locator("#standing")).to_contain_text("looks after it")
    row = his.locator("[data-row]").filter(has_text=TITLE)
    await expect(row).to_be_visible()
    await expect(board.locator(".figure-value").first).to_have_text("1")

    # The desk chose somebody; Mia wants Abe.
    rows = await desk.world.sql("SELECT id, agent_id FROM tickets_ticket")
    number, holder = rows[0]["id"], rows[0]["agent_id"]
    if holder != abe.person.id:
        page = await mia.open(f"/tickets/{number}")
        await mia.ready()
        await page.locator("#set-agent").select_option(abe.person.id)
        await expect(page.get_by_text("The ticket has another agent now.")).to_be_visible()
    await expect(hers.locator("#standing")).to_contain_text("Abe Agent")

    # Abe asks, Una answers, and he sees it while he writes a note that she never sees.
    await his.goto(f"{desk.url}/queue?view=mine&ticket={number}")
    await abe.ready()
    await say(his, "Is anybody hurt?")
    await expect(hers.locator("#talk")).to_contain_text("Is anybody hurt?")
    await his.keyboard.press("Escape")
    await his.keyboard.press("n")
    await his.keyboard.type("Third time this month")
    await hers.get_by_role("textbox").last.fill("Nobody, but my papers are gone.")
    await hers.get_by_role("button", name="Send").click()
    await expect(his.locator("#talk")).to_contain_text("my papers are gone")
    await expect(his.locator("#words")).to_have_value("Third time this month")
    await abe.check("story-agent")
    await his.locator("#words").focus()
    await his.keyboard.press("Control+Enter")
    await expect(his.locator("#trouble")).to_contain_text("A newer message has arrived")
    await his.locator("#words").focus()
    await his.keyboard.press("Control+Enter")
    await expect(his.locator(".said-note")).to_contain_text("Third time this month")

    # He solves it; she says that it is not; then it is, and all figures agree.
    await his.keyboard.press("Escape")
    await his.keyboard.press("e")
    await expect(hers.get_by_role("button", name="Yes, it is solved")).to_be_visible()
    assert "Third time" not in await hers.content()
    await una.check("story-requester")
    await hers.get_by_role("textbox").last.fill("It smokes again.")
    await hers.get_by_role("button", name="No, open it again").click()
    await expect(hers.locator("#talk")).to_contain_text("It smokes again.")
    await his.goto(f"{desk.url}/tickets/{number}")
    await abe.ready()
    await expect(his.locator("#talk")).to_contain_text("It smokes again.")
    await his.keyboard.press("e")
    await hers.get_by_role("button", name="Yes, it is solved").click()
    await expect(hers.locator("#standing")).to_contain_text("It is finished.")
    page = await mia.open("/dashboard")
    await expect(page.get_by_role("link", name="Solved in 7 days 1")).to_be_visible()
    await mia.check("story-manager")

    # Ada lets Abe go: he is out at once, and the log of administration says so.
    await people.get_by_role("link", name="Abe Agent").first.click()
    await people.get_by_role("link", name="Deactivate").first.click()
    await people.get_by_role("button", name="Deactivate").first.click()
    await expect(his.get_by_role("button", name="Sign in")).to_be_visible()
    log = await ada.open("/admin/audit")
    await expect(log.locator("main")).to_contain_text("Abe Agent")
    await ada.check("story-admin")
