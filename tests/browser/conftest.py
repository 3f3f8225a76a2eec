"""One Chromium for each worker, a desk for each test."""

import os
import shutil
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser import late
from tests.browser.desk import BrowserDesk, open_browser_desk

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
]
# There is no GPU, and a process that draws without one takes its share. The shell would only try again and again.
IN_ITS_PROCESS = "--in-process-gpu"
SHELL = "chromium-headless-shell"  # draws pages as the other does; without windows, a profile takes a fifth of the time
MISSING = "the web desk: there is no Chromium here; run: scripts/chromium install"


def chromium_path() -> str | None:
    """Return where Chromium is, ``None`` where it is not: rather its shell for programs."""
    return next((found for name in (SHELL, "chromium", "chromium-browser") if (found := shutil.which(name))), None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """A browser; its profile is a folder of its own that goes with it."""
    path = chromium_path()
    if path is None:
        assert not os.environ.get("TESTS_INSIST"), MISSING
        pytest.skip(MISSING)
    async with async_playwright() as playwright:
        flags = FLAGS if path.endswith(SHELL) else [*FLAGS, IN_ITS_PROCESS]
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(tmp_path: Path, chromium: Browser) -> AsyncIterator[BrowserDesk]:
    """A desk with all features, served on a free port."""
    async with open_browser_desk(tmp_path / "desk", chromium) as opened:
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say beside a failure what was held back, and with which seed."""
    report = yield
    if report.failed and (said := late.told()):
        report.sections.append(("Held back", said))
    return report
