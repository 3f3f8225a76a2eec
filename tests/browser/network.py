"""Answers that are slow or do not come, and what a page still waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from playwright.async_api import Error, Page, Request, Route, expect

from answerable.tickets.rules import Ticket
from tests.browser.desk import BrowserDesk, Guest
from tests.browser.test_work import listening, raised
from tests.patience import PATIENCE
from tests.people import TestPerson, make_person


class Late:
    """Answers that the desk has given and that are still on their way: all, or the first to what a page reads live."""

    def __init__(self, *, first_live: bool = False) -> None:
        self.came, self.let_go = asyncio.Event(), asyncio.Event()
        self._first_live = first_live

    async def __call__(self, route: Route) -> None:
        if self._first_live and ("x-desk-live" not in route.request.headers or self.came.is_set()):
            return await route.continue_()
        answer = await route.fetch()
        self.came.set()
        await self.let_go.wait()
        with suppress(Error):  # who asked may be gone
            await route.fulfill(response=answer)

    async def is_there(self) -> None:
        """Wait until the desk has given an answer."""
        async with asyncio.timeout(PATIENCE):
            await self.came.wait()


class Held:
    """Requests that are on their way and do not reach the desk yet: all, or the first."""

    def __init__(self, *, first: bool = False) -> None:
        self.came, self.let_go = asyncio.Event(), asyncio.Event()
        self._first = first

    async def __call__(self, route: Route) -> None:
        if not (self._first and self.came.is_set()):
            self.came.set()
            await self.let_go.wait()
        await route.continue_()

    async def is_there(self) -> None:
        """Wait until something was asked."""
        async with asyncio.timeout(PATIENCE):
            await self.came.wait()


@asynccontextmanager
async def late(page: Page, pattern: str) -> AsyncIterator[Late]:
    """Hold back what the desk answers to some addresses until the end, or until ``let_go`` is set."""
    held = Late()
    await page.route(pattern, held)
    try:
        yield held
    finally:
        held.let_go.set()
        await page.unroute_all(behavior="wait")


class Traffic:
    """What a page has asked for and not been answered, without its stream."""

    def __init__(self, desk: BrowserDesk, page: Page) -> None:
        self._desk, self._open = desk, set[Request]()
        page.on("request", lambda request: None if "/api/" in request.url else self._open.add(request))
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)

    def _end(self, request: Request) -> None:
        self._open.discard(request)

    async def ends(self) -> None:
        """Wait until all is answered."""

        async def nothing() -> bool:
            return not self._open

        await self._desk.until(nothing)


async def cut(route: Route) -> None:
    """Break the connection."""
    await route.abort("connectionfailed")


async def overloaded(route: Route) -> None:
    """Answer as what stands before a desk does while that is away."""
    await route.fulfill(status=503, body="nobody is there", content_type="text/plain")


async def two_tickets(desk: BrowserDesk) -> tuple[Guest, TestPerson, Ticket, Ticket]:
    """Sign an agent in who has two tickets, and open the first."""
    abe = await desk.guest("AGENT", name="Abe Agent")
    una = await make_person(desk.world, name="Una User")
    first, second = await raised(desk, una, "Printer on fire"), await raised(desk, una, "Screen is dark")
    await abe.open(f"/queue?view=mine&ticket={first.id}")
    await abe.ready()
    await listening(desk)
    await desk.until(lambda: abe.page.evaluate("!desk.isReading()"))
    return abe, una, first, second


async def draft_of(desk: BrowserDesk, ticket: Ticket) -> str:
    rows = await desk.world.sql("SELECT body FROM tickets_draft WHERE ticket_id = :id", id=ticket.id)
    return str(rows[0]["body"]) if rows else ""


async def go_to(page: Page, ticket: Ticket) -> None:
    await page.locator(f"#row-{ticket.id} a").click()


async def at(page: Page, ticket: Ticket) -> None:
    await expect(page.locator("#ticket-title")).to_have_text(ticket.title)
