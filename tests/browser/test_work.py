"""The agents' workspace: by keyboard, live, with two people on one ticket, on a phone, without scripts."""

import asyncio
import re
import time
from typing import Any

import pytest
from playwright.async_api import Route, expect

from answerable.kernel.visit import Preferences
from answerable.tickets import actions as tickets
from answerable.tickets.pages.screens import ROWS
from answerable.tickets.rules import Draft, Ticket
from tests.browser.desk import PHONE, BrowserDesk, Guest
from tests.patience import PATIENCE
from tests.people import TestPerson, make_person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.one_engine]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänskajütenschlüssel " * 3

# In one step with the end of what was read before: a signal may begin the next read at any time.
FIRST_ASKED = """async () => {
    while (window.desk.isReading()) await new Promise((done) => setTimeout(done, 10));
    const asked = [], ask = window.fetch;
    window.fetch = (address, ...more) => (asked.push(address), ask(address, ...more));
    window.desk.readAgain(["tickets"]);
    window.fetch = ask;
    return asked[0];
}"""

TOO_LATE = """() => {
    for (const one of document.querySelectorAll('#properties [name=version]')) one.value = '1';
    const select = document.getElementById('set-priority');
    select.value = 'CRITICAL';
    select.dispatchEvent(new Event('change', { bubbles: true }));
}"""
# As by hand: it is over when the page has heard of it.
SCROLL = """(talk) => new Promise((done) => {
    talk.addEventListener("scroll", () => done(talk.scrollTop), { once: true });
    talk.scrollTop = 120;
})"""
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


async def raised(desk: BrowserDesk, una: TestPerson, title: str, words: str = "It burns, and I need it.") -> Ticket:
    draft = Draft(title=title, description=words, category="HARDWARE", priority="HIGH")
    ticket = await desk.world.db.write(una.actor, tickets.create_ticket, draft)
    await desk.world.settle()
    return ticket


async def said(desk: BrowserDesk, who: TestPerson, ticket: Ticket, words: str) -> None:
    await desk.world.db.write(who.actor, tickets.add_comment, ticket.id, words, 0)


async def status(desk: BrowserDesk, ticket: Ticket) -> str:
    rows = await desk.world.sql("SELECT status FROM tickets_ticket WHERE id = :id", id=ticket.id)
    return str(rows[0]["status"])


async def listening(desk: BrowserDesk, many: int = 1) -> None:
    async def enough() -> bool:
        return bool(desk.world.desk.parts["live"].open_streams >= many)

    await desk.until(enough)


async def reading(desk: BrowserDesk) -> tuple[Guest, TestPerson, Ticket]:
    """Sign an agent in, open a ticket that somebody raised, and wait until its page hears of changes."""
    abe = await desk.guest("AGENT", name="Abe Agent")
    una = await make_person(desk.world, name="Una User")
    ticket = await raised(desk, una, "Printer on fire")
    await abe.open(f"/queue?view=mine&ticket={ticket.id}")
    await abe.ready()
    await listening(desk)
    return abe, una, ticket


async def test_a_day_of_work_by_keyboard_alone(desk: BrowserDesk) -> None:
    abe = await desk.guest("AGENT", name="Abe Agent")
    una = await make_person(desk.world, name="Una User")
    first = await raised(desk, una, "Printer on fire")
    await raised(desk, una, "Screen is dark")
    page = await abe.open("/queue")
    await abe.ready()
    await expect(page.locator("[data-row]")).to_have_count(2)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("#ticket-title")).to_have_text("Printer on fire")
    assert f"ticket={first.id}" in page.url
    await page.keyboard.press("n")
    await page.keyboard.type("Take the extinguisher")
    await expect(page.locator("#saved")).to_contain_text("Draft saved")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".said-note")).to_contain_text("Take the extinguisher")
    await expect(page.locator("#words")).to_have_value("")
    await page.keyboard.press("Escape")
    await page.keyboard.press("r")
    await page.keyboard.type("Is it out?")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".said-answered")).to_contain_text("Is it out?")
    await desk.until(lambda: _is(desk, first, "IN_PROGRESS"))
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await expect(page.get_by_text("The ticket is Resolved now.")).to_be_visible()
    assert await status(desk, first) == "RESOLVED"
    await page.keyboard.press("/")
    await page.keyboard.type("screen")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("q=screen"))
    await expect(page.locator("[data-row]")).to_have_count(1)
    await page.go_back()
    await expect(page.locator("#ticket-title")).to_have_text("Printer on fire")
    await abe.check("work-agent")


async def _is(desk: BrowserDesk, ticket: Ticket, wanted: str) -> bool:
    return await status(desk, ticket) == wanted


async def test_what_others_do_appears_at_once_and_disturbs_nothing(desk: BrowserDesk) -> None:
    abe = await desk.guest("AGENT", name="Abe Agent")
    una = await make_person(desk.world, name="Una User")
    ticket = await raised(desk, una, "Printer on fire")
    for number in range(12):
        await said(desk, una, ticket, f"Line {number} of a long story.\n\nMore of it.")
    page = await abe.open(f"/queue?view=mine&ticket={ticket.id}")
    await abe.ready()
    await listening(desk)
    await page.locator("#words").click()
    await page.keyboard.type("Half a sen")
    scrolled = await page.locator("#talk").evaluate(SCROLL)
    await said(desk, una, ticket, "It is **out** now.")
    await expect(page.get_by_text("It is out now.").last).to_be_attached()
    await expect(page.locator("#words")).to_be_focused()
    await expect(page.locator("#words")).to_have_value("Half a sen")
    await expect(page.locator("#news")).to_be_visible()
    assert await page.locator("#talk").evaluate("(talk) => talk.scrollTop") == scrolled
    await page.keyboard.type("tence")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator("#trouble")).to_contain_text("A newer message has arrived")
    await expect(page.locator("#words")).to_have_value("Half a sentence")
    await abe.check("work-crossed")
    await page.locator("#words").focus()
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".said-answered")).to_contain_text("Half a sentence")
    await expect(page.locator(".panel-inside .promises, .panel-inside .soft").first).to_be_visible()
    first = await page.evaluate(FIRST_ASKED)
    assert "part=list" in first, "what somebody looks at is asked for before the counts around it"
    other = await raised(desk, una, "A second one")
    await expect(page.locator(f"#row-{other.id}")).to_be_visible()
    await expect(page.locator(".view-mine .count")).to_have_text("2")


async def test_the_row_one_is_on_keeps_the_focus_while_the_list_changes(desk: BrowserDesk) -> None:
    max_ = await desk.guest("MANAGER", name="Max Manager")
    una = await make_person(desk.world, name="Una User")
    first = await raised(desk, una, "Printer on fire")
    page = await max_.open("/queue?view=open")
    await max_.ready()
    await listening(desk)
    await page.keyboard.press("j")
    row = page.locator(f"#row-{first.id}")
    await expect(row).to_be_focused()
    second = await raised(desk, una, "Screen is dark")
    await expect(page.locator(f"#row-{second.id}")).to_be_visible()
    await page.evaluate(FRAMES)  # what cannot have the focus loses it with the next picture
    await expect(row).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#ticket-title")).to_have_text("Printer on fire")


async def test_what_was_not_changed_is_told_until_one_goes_on(desk: BrowserDesk) -> None:
    max_ = await desk.guest("MANAGER", name="Max Manager")
    una = await make_person(desk.world, name="Una User")
    first, second = await raised(desk, una, "Printer on fire"), await raised(desk, una, "Screen is dark")
    page = await max_.open("/queue?view=open")
    await max_.ready()
    await listening(desk)
    await desk.until(lambda: page.evaluate("!desk.isReading()"))
    stale = "(id) => (document.querySelector(`#row-${id} [data-select]`).value = `${id} 0`)"
    await page.evaluate(stale, first.id)
    for ticket in (first, second):
        await page.locator(f"#row-{ticket.id}").hover()
        await page.locator(f"#row-{ticket.id} input").check()
    await page.get_by_role("button", name="Set priority").click()
    await expect(page.locator("#outcome")).to_contain_text("One stays as it is")
    third = await raised(desk, una, "Mouse is gone")
    await expect(page.locator(f"#row-{third.id}")).to_be_visible()
    await expect(page.locator("#outcome")).to_contain_text("One stays as it is")
    await page.get_by_role("link", name="Unassigned").first.click()
    await expect(page.locator("#outcome")).to_have_count(0)


async def test_what_is_written_while_an_answer_is_on_its_way_stays(desk: BrowserDesk) -> None:
    page = (await reading(desk))[0].page
    sent, let_go = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch()
        sent.set()
        await let_go.wait()
        await route.fulfill(response=answer)

    await page.route("**/reply", hold)
    await page.locator("#words").click()
    await page.keyboard.type("Is it out?")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Control+Enter")
    async with asyncio.timeout(PATIENCE):
        await sent.wait()
    await expect(page.locator(".said-answered")).to_contain_text("Is it out?")  # a signal was quicker
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await page.keyboard.type("And which floor")
    let_go.set()
    await expect(page.locator("#words")).to_have_value("And which floor")
    await expect(page.get_by_role("radio", name="Internal note")).to_be_checked()
    await expect(page.locator("#words")).to_be_focused()
    await expect(page.locator("#saved")).to_contain_text("Draft saved")


async def test_a_draft_that_is_late_leaves_nothing_of_what_was_sent(desk: BrowserDesk) -> None:
    abe = await desk.guest("AGENT", name="Abe Agent")
    una = await make_person(desk.world, name="Una User")
    ticket = await raised(desk, una, "Printer on fire")
    page = await abe.open(f"/queue?view=mine&ticket={ticket.id}")
    await abe.ready()
    drafting, pressed, asked, answered = (asyncio.Event() for _ in range(4))

    async def late(route: Route) -> None:
        drafting.set()
        await pressed.wait()
        if asked.is_set():
            await answered.wait()
        await route.continue_()

    async def reply(route: Route) -> None:
        asked.set()
        answer = await route.fetch()
        answered.set()
        await route.fulfill(response=answer)

    await page.route("**/draft", late)
    await page.route("**/reply", reply)
    await page.locator("#words").click()
    await page.keyboard.type("Is it out?")
    async with asyncio.timeout(PATIENCE):
        await drafting.wait()
    await page.keyboard.press("Control+Enter")
    await page.evaluate(FRAMES)
    pressed.set()
    await expect(page.locator(".said-answered")).to_contain_text("Is it out?")
    await expect(page.locator("#saved")).to_have_text("")
    await page.reload()
    await expect(page.locator(".said-answered")).to_contain_text("Is it out?")
    await expect(page.locator("#words")).to_have_value("")


async def test_two_people_on_one_ticket_see_each_other_and_cannot_overwrite_each_other(desk: BrowserDesk) -> None:
    una = await make_person(desk.world, name="Una User")
    abe = await desk.guest("AGENT", name="Abe Agent")
    ticket = await raised(desk, una, "Printer on fire")
    max_ = await desk.guest("MANAGER", name="Max Manager")
    page = await abe.open(f"/tickets/{ticket.id}")
    await abe.ready()
    await page.locator("#words").click()
    await page.keyboard.type("I am at it")
    await expect(page.locator("#saved")).to_contain_text("Draft saved")
    other = await max_.open(f"/queue?view=open&ticket={ticket.id}")
    await expect(other.locator("#presence")).to_contain_text("Abe Agent is writing")
    await max_.ready()
    await listening(desk, 2)
    await desk.world.db.write(abe.person.actor, tickets.set_status, ticket.id, "IN_PROGRESS", None)
    await expect(other.locator(".mark").last).to_contain_text("In progress")
    await desk.world.settle()
    await desk.until(lambda: other.evaluate("!desk.isReading()"))
    # As if the signal had not come yet: in one step, for it may be on its way.
    await other.evaluate(TOO_LATE)
    await expect(other.get_by_text("Somebody was quicker")).to_be_visible()
    await said(desk, una, ticket, "It is **out** now.")
    await expect(other.locator("#talk")).to_contain_text("It is out now.")
    await max_.check("work-stale")
    await other.get_by_role("button", name="Make my change now").click()
    await expect(other.get_by_text("The priority is Critical now.")).to_be_visible()
    await other.get_by_role("button", name="Undo").click()
    await expect(other.locator("#set-priority")).to_have_value("HIGH")


async def test_a_ticket_that_was_given_to_somebody_else_leaves_the_screen(desk: BrowserDesk) -> None:
    una, max_ = await make_person(desk.world, name="Una User"), await make_person(desk.world, "MANAGER")
    abe = await desk.guest("AGENT", name="Abe Agent")
    ticket = await raised(desk, una, "Printer on fire")
    bea = await make_person(desk.world, "AGENT", name="Bea Agent")
    await abe.page.clock.install()
    page = await abe.open(f"/queue?view=mine&ticket={ticket.id}")
    await abe.ready()
    await listening(desk)
    await desk.world.db.write(max_.actor, tickets.assign_ticket, ticket.id, bea.id, None)
    await expect(page.locator("[data-row]")).to_have_count(0)
    await page.clock.fast_forward(11_000)
    await expect(page.get_by_text("This ticket is not here")).to_be_visible()


async def test_many_are_chosen_with_shift_and_changed_at_once(desk: BrowserDesk) -> None:
    max_ = await desk.guest("MANAGER", name="Max Manager")
    una = await make_person(desk.world, name="Una User")
    made = [await raised(desk, una, f"Printer {number} on fire") for number in range(60)]
    page = await max_.open("/queue?view=open&sort=createdAt")
    await max_.ready()
    rows = page.locator("[data-row]")
    await expect(rows).to_have_count(ROWS)
    await page.get_by_role("link", name="Load more").click()
    await expect(rows).to_have_count(60)
    await rows.nth(55).scroll_into_view_if_needed()
    scrolled = await page.locator("#list").evaluate("(list) => list.scrollTop")
    await page.locator(f"#row-{made[55].id} a").click()
    await expect(page.locator("#ticket-title")).to_have_text("Printer 55 on fire")
    assert await page.locator("#list").evaluate("(list) => list.scrollTop") == scrolled
    await rows.nth(55).hover()
    await rows.nth(55).locator("input").check()
    await rows.nth(58).locator("input").click(modifiers=["Shift"])
    await expect(page.locator("[data-chosen]")).to_have_text("4")
    await max_.check("work-many")
    await page.locator("#bulk [name=priority]").select_option("LOW")
    await page.get_by_role("button", name="Set priority").click()
    await expect(page.get_by_text("4 tickets are changed.")).to_be_visible()
    await expect(page.locator("#bulk")).to_be_hidden()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("Taken back.")).to_be_visible()
    rows_ = await desk.world.sql("SELECT COUNT(*) AS n FROM tickets_ticket WHERE priority = 'HIGH'")
    assert rows_[0]["n"] == 60


@pytest.mark.parametrize("look", ["light", "dark-compact-german", "phone-dark"])
async def test_the_workspace_has_no_barriers(desk: BrowserDesk, look: str) -> None:
    guest = await looking(desk, look)
    una = await make_person(desk.world, name="Una User")
    for path in ("/queue", "/queue?view=open&q=nothing", "/queue?view=breached"):
        await guest.open(path)
        await guest.ready()
        await guest.check(f"work-empty-{look}")
    ticket = await raised(desk, una, LONG.strip()[:200], "# Help\n\n" + LONG + "\n\n* one\n* two\n\n`code`\n\n> quoted")
    await said(desk, una, ticket, "x" * 300)
    await raised(desk, una, "Printer on fire")
    for path in ("/queue", f"/queue?view=mine&ticket={ticket.id}", f"/tickets/{ticket.id}"):
        await guest.open(path)
        await guest.ready()
        await guest.check(f"work-{'ticket' if 'ticket' in path else 'list'}-{look}")


async def looking(desk: BrowserDesk, look: str) -> Guest:
    likes = Preferences(
        theme="dark" if "dark" in look else "light",
        density="compact" if "compact" in look else "comfortable",
        language="de" if "german" in look else "",
    )
    options: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True} if "phone" in look else {}
    return await desk.guest("MANAGER", "AGENT", name="Mia Manager", likes=likes, **options)


async def test_without_scripts_everything_can_be_done_all_the_same(desk: BrowserDesk) -> None:
    una = await make_person(desk.world, name="Una User")
    mia = await desk.guest("MANAGER", "AGENT", name="Mia Manager", java_script_enabled=False)
    ticket = await raised(desk, una, "Printer on fire")
    page = await mia.open("/queue")
    await page.get_by_role("link", name="Printer on fire").click()
    await page.get_by_label("Your words").fill("We are coming.")
    await page.get_by_role("button", name="Send reply").click()
    await expect(page.locator(".said-answered")).to_contain_text("We are coming.")
    await page.locator("#set-priority").select_option("CRITICAL")
    await page.locator(".property:has(#set-priority) button").click()
    await expect(page.get_by_text("The priority is Critical now.")).to_be_visible()
    await page.locator(f"#row-{ticket.id}").hover()
    await page.locator(f"#row-{ticket.id} input").check()
    await page.locator("#bulk").get_by_role("button", name="Resolve").click()
    await expect(page.get_by_text("One ticket is changed.")).to_be_visible()
    assert await status(desk, ticket) == "RESOLVED"


async def test_the_list_is_as_wide_as_one_likes_it_by_mouse_and_keyboard(desk: BrowserDesk) -> None:
    abe = await desk.guest("AGENT", name="Abe Agent")
    page = await abe.open("/queue")
    await abe.ready()
    width = "document.getElementById('lists').offsetWidth"
    usual: int = await page.evaluate(width)
    await page.locator("#grip").focus()
    await page.keyboard.press("ArrowRight")
    assert await page.evaluate(width) == usual + 20
    await expect(page.locator("#grip")).to_have_attribute("aria-valuenow", str(usual + 20))
    box = await page.locator("#grip").bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 4, 400)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 104, 410, steps=3)
    await page.mouse.up()
    wide: int = await page.evaluate(width)
    assert abs(wide - usual - 120) <= 6
    await page.reload()
    await abe.ready()
    assert await page.evaluate(width) == wide, "remembered"
    await page.locator("#grip").dblclick()
    assert await page.evaluate(width) == usual


async def test_a_storm_of_news_is_read_a_few_times_and_then_it_is_quiet(desk: BrowserDesk) -> None:
    abe, una, ticket = await reading(desk)
    page = abe.page
    await desk.until(lambda: page.evaluate("!desk.isReading()"))
    session = await abe.context.new_cdp_session(page)
    before, asked = await nodes_of(session), 0

    def count(request: Any) -> None:
        nonlocal asked
        asked += "here" not in request.url and "/api/" not in request.url

    page.on("request", count)
    began = time.monotonic()
    for number in range(100):
        await said(desk, una, ticket, f"And another thing: {number}")
    await expect(page.locator("#talk")).to_contain_text("And another thing: 99")
    for _ in range(200):  # as the stream tells it, all at once
        await page.evaluate(f"desk.readAgain(['ticket:{ticket.id}', 'tickets', 'queue', 'bell'])")
    await desk.until(lambda: page.evaluate("!desk.isReading()"))
    parts: int = await page.evaluate(
        "new Set([...document.querySelectorAll('[data-live]')].map(e => e.dataset.src)).size"
    )
    calm = (time.monotonic() - began) / 0.6  # as assets/js/pace.js has it
    assert asked <= (8 + calm) * parts, "a part is read once in a while, not at every signal"
    assert await nodes_of(session) < before + 6000, "a hundred messages, and nothing that nobody needs any more"


async def nodes_of(session: Any) -> int:
    await session.send("HeapProfiler.collectGarbage")
    await session.send("Performance.enable")
    metrics = (await session.send("Performance.getMetrics"))["metrics"]
    return int(next(metric["value"] for metric in metrics if metric["name"] == "Nodes"))
