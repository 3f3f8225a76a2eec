"""A desk that serves pages on a free port, and people in front of real browsers."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, expect

from answerable.infra.database.open import system_clock
from answerable.infra.web.cookies import SESSION
from answerable.kernel.actor import service
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences
from answerable.runtime import Desk
from answerable.users.actions.browsers import Browser as Signed
from answerable.users.actions.browsers import prefer, sign_in
from answerable.users.store import people
from tests.apart import open_apart, serving_app
from tests.browser import late
from tests.kafka import Broker
from tests.people import TestPerson, make_person
from tests.world import Clock, World, lay_out, settings_for

ROOT = Path(__file__).parents[2]
AXE = ROOT / "assets" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS = os.environ.get("SCREENS", "")
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 45_000  # milliseconds until something is missing: other tests want the processors, too
expect.set_options(timeout=PATIENCE)
LOOK = """async () => {
    const moving = document.getAnimations().filter(one => Number.isFinite(one.effect.getComputedTiming().endTime));
    await Promise.allSettled(moving.map(one => one.finished));  // what fades in has the contrast of its end
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await axe.run(document, { runOnly, resultTypes: ["violations"] });
    const place = ({ html }) => html.slice(0, 200);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(place).join(" | ")}`);
}"""
SIDEWAYS = """() => [...document.querySelectorAll(".table-box")]
    .filter(box => box.clientWidth && box.scrollWidth > box.clientWidth + 1)
    .map(box => box.getAttribute("aria-label"))"""
HARMLESS = re.compile(r"the server responded with a status of (4\d\d|503)|net::ERR_")  # tests provoke these on purpose


@cache
def axe() -> str:
    """Return the barrier finder."""
    return AXE.read_text()


class Guest:
    """Somebody in front of a browser of their own. What their pages complain of fails the test at its end."""

    def __init__(self, desk: "BrowserDesk", context: BrowserContext, page: Page, person: TestPerson | None) -> None:
        self.desk = desk
        self.context = context
        self.page = page
        self._person = person
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @property
    def person(self) -> TestPerson:
        assert self._person is not None, "nobody is signed in here"
        return self._person

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning") and not HARMLESS.search(message.text):
            self.complaints.append(message.text)

    async def open(self, path: str) -> Page:
        """Open a page of the desk."""
        await self.page.goto(self.desk.url + path)
        return self.page

    async def another_tab(self) -> "Guest":
        """Return the same person in a second tab."""
        return Guest(self.desk, self.context, await self.context.new_page(), self._person)

    async def ready(self) -> None:
        """Wait until the page's script has begun."""
        await self.page.wait_for_selector("html.js", state="attached")

    async def check(self, name: str = "") -> None:
        """Look for barriers, and for content that is wider than the window.

        With a ``name``, a picture goes to the folder that the variable SCREENS names.
        """
        if name and SCREENS:
            await self.page.screenshot(path=f"{SCREENS}/{name}.png")
        await self.page.evaluate(axe())
        found = await self.page.evaluate(LOOK)
        assert found == [], f"{self.page.url} ({name}):\n" + "\n".join(found)
        over = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{self.page.url} ({name}) is {over} px too wide"


class BrowserDesk:
    """A running desk, and the way to sit down in front of it."""

    def __init__(self, world: World, url: str, browser: Browser) -> None:
        self.world = world
        self.url = url
        self._browser = browser
        self.guests: list[Guest] = []

    async def stranger(self, **options: Any) -> Guest:
        """Return somebody who is not signed in; ``options`` are those of a browser context."""
        options = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin", **options}
        context = await self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        return self._add(Guest(self, context, await context.new_page(), None))

    async def guest(self, *roles: str, name: str = "", likes: Preferences | None = None, **options: Any) -> Guest:
        """Return somebody new with some roles, signed in."""
        return await self.sit_down(await make_person(self.world, *roles, name=name), likes, **options)

    async def sit_down(self, person: TestPerson, likes: Preferences | None = None, **options: Any) -> Guest:
        """Sign a person in in a browser of its own, without the form."""
        guest = await self.stranger(**options)
        cookie = await self.cookie_of(person, likes)
        await guest.context.add_cookies([{"name": SESSION, "value": cookie, "url": self.url, "httpOnly": True}])
        guest._person = person
        return guest

    async def cookie_of(self, person: TestPerson, likes: Preferences | None = None) -> str:
        """Sign a browser in and return its cookie."""

        async def begin(tx: Tx) -> str:
            known = await people.load_person(tx, person.id)
            assert known is not None
            return await sign_in(tx, known, Signed(zone="Europe/Berlin"))

        users = self.world.desk_of("users").database
        if likes is not None:
            await users.write(person.actor, prefer, likes)
        return await users.write(service("users"), begin)

    def _add(self, guest: Guest) -> Guest:
        self.guests.append(guest)
        return guest

    async def until(self, check: Callable[[], Awaitable[object]], seconds: float = PATIENCE / 1000) -> None:
        """Wait until ``check()`` gives something true."""
        async with asyncio.timeout(seconds):
            while not await check():
                await self.world.db.pulse.wait(self.world.db.pulse.count, 0.02)

    async def close(self) -> None:
        """Close the browsers; fail with what their pages complained of."""
        for guest in self.guests:
            await guest.context.close()
        complaints = [complaint for guest in self.guests for complaint in guest.complaints]
        assert complaints == []


@asynccontextmanager
async def open_browser_desk(folder: Path, browser: Browser, **settings: Any) -> AsyncIterator[BrowserDesk]:
    """Serve a desk in ``folder``; its clock stands still at the present time, its messages travel by themselves."""
    clock = Clock(system_clock())
    await lay_out(folder)
    world = World(Desk(settings_for(folder, **settings), (), clock), clock)
    try:
        await world.desk.start()
        async with serving_app(world.desk.app) as address, late.held_back(address, late.wanted()) as url:
            desk = BrowserDesk(world, url, browser)
            try:
                yield desk
            finally:
                world.desk.parts["live"].close()  # as serve does when it stops
                await desk.close()
    finally:
        await world.close()


@asynccontextmanager
async def open_browser_desk_apart(folder: Path, browser: Browser, broker: Broker) -> AsyncIterator[BrowserDesk]:
    """Serve a desk whose services run apart, through its gateway; messages travel by themselves, over the broker."""
    async with (
        open_apart(folder, broker, Clock(system_clock()), running=True) as world,
        serving_app(world.desk.app) as address,
        late.held_back(address, late.wanted()) as url,
    ):
        opened = BrowserDesk(world, url, browser)
        try:
            yield opened
        finally:
            world.desk.parts["live"].close()
            await opened.close()
