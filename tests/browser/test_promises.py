"""Promises as managers and administrators see them: reports, forms, a draft over the real history; without barriers."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from answerable.kernel.visit import Preferences
from tests.browser.desk import DESKTOP, PHONE, SIDEWAYS, BrowserDesk
from tests.browser.test_managers import ticket
from tests.world import TESTER

pytestmark = pytest.mark.asyncio(loop_scope="session")
DRAFT = (Path(__file__).parents[1] / "sla" / "desk.toml").read_text()


async def test_every_page_of_promises_is_without_barriers(desk: BrowserDesk) -> None:
    held = await ticket(desk, "Printer on fire")

    async def be_late(tx: Any) -> None:
        await tx.run("UPDATE sla_clock SET breached_at = started_at WHERE target = 'RESOLUTION'")

    await desk.world.settle()
    await desk.world.db.write(TESTER, be_late)
    for theme, window in (("light", DESKTOP), ("dark", PHONE)):
        ada = await desk.guest("ADMIN", "MANAGER", likes=Preferences(theme=theme), viewport=window)
        for path in ("sla", "sla/text", "sla/calendars/new", "sla/policies/default"):
            await ada.open(f"/admin/{path}")
            await ada.check(f"admin-{path.replace('/', '-')}-{theme}")
        for name in ("promises", "promise-times", "promise-breaches"):
            await ada.open(f"/reports/{name}")
            await ada.check(f"reports-{name}-{theme}")
            assert await ada.page.evaluate(SIDEWAYS) == [], "on a phone a row is a card of its own"
        page = await ada.open("/admin/sla/calendars/new")
        await page.get_by_label("Name").fill("Berlin")
        await page.get_by_label("Monday").fill("09:00-12:00, 11:00-13:00")
        await page.get_by_role("button", name="Show what would change").click()
        await expect(page.locator("#mon-error")).to_contain_text("11:00-13:00 overlaps 09:00-12:00")
        await ada.check(f"admin-sla-calendar-wrong-{theme}")
        await page.get_by_label("Monday").fill("09:00-12:00")
        await page.get_by_role("button", name="Show what would change").click()
        await expect(page.locator("#plan")).to_contain_text("calendar Berlin: new")
        await ada.check(f"admin-sla-calendar-plan-{theme}")
        page = await ada.open("/admin/sla/backtest")
        await page.get_by_label("Draft (TOML)").fill(DRAFT)
        await page.get_by_role("button", name="Replay").click()
        await expect(page.locator("#found")).to_contain_text("1 tickets replayed")
        await ada.check(f"admin-sla-backtest-{theme}")
        if window is DESKTOP:
            page = await ada.open(f"/tickets/{held}")
            await page.get_by_text("How it counts").first.click()
            await ada.check("ticket-promises")
