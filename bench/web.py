"""The web desk: how long the server takes for each page, what a first visit weighs, how soon a change is seen.

``python -m bench.web [--tickets N] [--solved] [--paths WORD] [--keep FOLDER]``; the last two need Chromium
(``scripts/chromium install``). ``--solved`` gives the tickets three years in which nearly all of them were solved.
"""

import argparse
import asyncio
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from answerable.infra.logging import only_errors
from answerable.infra.web.cookies import SESSION
from answerable.kernel.actor import service
from answerable.kernel.tx import Tx
from answerable.reporting.pages.catalogue import REPORTS
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.sla.pages.reports import CATALOGUE as PROMISES
from answerable.users.actions.browsers import Browser, sign_in
from answerable.users.store import people
from bench import servers
from bench.__main__ import draft, load
from bench.million import count_all, grow_sqlite

# A person of each role, as bench.load numbers them.
ROLES = {
    role: f"p{number}@bench.invalid" for role, number in {"ADMIN": 0, "MANAGER": 1, "AGENT": 2, "USER": 50}.items()
}
TIMES = 40
PAGE_MS, VISIT_KB, LIVE_MS = 30, 90, 300
YEARS_DAYS = 1095
PAUSE = 1.5  # seconds between one change and the next; a browser reads many in a row less often (assets/js/pace.js)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]
SHIFTS = """() => new Promise(resolve => {
    let sum = 0;
    new PerformanceObserver(list => list.getEntries().forEach(e => { if (!e.hadRecentInput) sum += e.value; }))
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => resolve(sum), 1500);
})"""

# When a text is on the page and painted, by the page's own clock: whoever asks from outside asks now and then.
WATCH = """text => void (window.seen = new Promise((resolve, reject) => {
    const look = () => document.getElementById("list").textContent.includes(text)
        && requestAnimationFrame(() => resolve(Date.now()));
    new MutationObserver((_, watching) => look() && watching.disconnect())
        .observe(document.body, {subtree: true, childList: true, characterData: true});
    setTimeout(reject, 10_000);
}))"""


async def cookies_of(folder: Path, emails: Mapping[str, str] = ROLES) -> dict[str, str]:
    """Sign a browser in for a person of each role, by address; return the cookies."""
    only_errors()
    desk = Desk(Settings().with_values("bench", storage__data_dir=str(folder)))
    await desk.prepare()

    async def begin(tx: Tx, email: str) -> str:
        person = await people.load_person_by_email(tx, email)
        assert person is not None
        return await sign_in(tx, person, Browser(zone="Europe/Berlin"))

    found = {role: await desk.database.write(service("bench"), begin, email) for role, email in emails.items()}
    await desk.stop()
    return found


def pages() -> list[str]:
    """Return the addresses of all pages that need no id, as the program itself knows them."""
    folder = Path(tempfile.mkdtemp(prefix="answerable-bench-"))
    desk = Desk(Settings().with_values("bench", storage__data_dir=str(folder)))
    found = {
        route.path
        for route in desk.litestar.routes
        for handler in getattr(route, "route_handlers", ())
        if "GET" in handler.http_methods and "{" not in route.path and not route.path.startswith(("/api", "/static"))
    }
    asyncio.run(desk.stop())
    shutil.rmtree(folder)
    return sorted(found - {"/healthz", "/readyz", "/metrics", "/sw.js"})


def more_pages() -> list[str]:
    """Return addresses of pages that the routes alone do not tell: views, reports and ranges."""
    views = [
        f"/queue?view={name}" for name in ("unassigned", "at-risk", "breached", "waiting", "solved", "open", "all")
    ]
    reports = [f"/reports/{name}" for name in REPORTS if name != "summary"]
    filters = ["view=all&q=printer", "view=open&q=printer&sort=-priority", "view=all&status=CLOSED&priority=HIGH"]
    filters += ["view=mine&q=broken+number", "view=all&part=views", "view=all&part=list", "view=all&ticket={}"]
    queues = [f"/queue?{query}" for query in filters]
    more = ["/my?part=all", "/my?q=printer", "/tickets/find?q=printer", "/admin/people/find?q=agent"]
    today = datetime.now(UTC)
    days = {number: f"{today - timedelta(days=number):%Y-%m-%d}" for number in (0, 365, 400, 765)}
    ranges = ["from=", f"from={days[365]}&to={days[0]}", f"from={days[765]}&to={days[400]}"]
    asked = [
        f"{path}?{each}" for path in ("/reports", *reports, *(report.path for report in PROMISES)) for each in ranges
    ]
    return [*views, *queues, *more, *reports, *asked]


def page_times(
    desk: servers.Server, cookies: dict[str, str], ids: list[str], only: str = ""
) -> Iterator[tuple[float, float, float, str, str]]:
    """Ask for every page as every role that may see it; give p95, median, processor time of the server, role, address.

    All times are in milliseconds for one request. Where others keep the machine busy, the processor time tells more.
    """
    port = desk.port
    for role, cookie in cookies.items():
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies={SESSION: cookie}, timeout=30) as client:
            client.headers["accept"] = "text/html"
            for path in [*pages(), *more_pages(), "/tickets/{}"]:
                if only not in path or client.get(path.format(ids[0])).status_code != 200:
                    continue
                times, busy = [], desk.cpu_seconds() * 1000
                for number in range(TIMES):
                    asked = path.format(ids[number % len(ids)])
                    begun = time.perf_counter()
                    client.get(asked)
                    times.append((time.perf_counter() - begun) * 1000)
                times.sort()
                busy = (desk.cpu_seconds() * 1000 - busy) / TIMES
                yield times[int(TIMES * 0.95)], times[TIMES // 2], busy, role, path


def first_visit(port: int, cookie: str, path: str) -> float:
    """Return how many kilobytes of pages, styles and scripts a first visit takes, as they go over the wire."""
    total, seen = 0, set()
    headers = {"accept": "text/html", "accept-encoding": "br, gzip", "cookie": f"{SESSION}={cookie}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, follow_redirects=True) as client:

        def take(address: str) -> str:
            nonlocal total
            seen.add(address)
            with client.stream("GET", address) as answer:
                raw = b"".join(answer.iter_raw())
            total += len(raw)
            return client.get(address).text

        page = take(path)
        # What the page itself names, what its panels load at once, and what its scripts import.
        waiting = re.findall(r'(?:src|href)="(/static/[^"]+\.(?:js|css)[^"]*)"', page)
        waiting += [unit.replace("&amp;", "&") for unit in re.findall(r'hx-get="([^"]+)"[^>]*hx-trigger="load', page)]
        while waiting:
            address = waiting.pop()
            if address not in seen:
                text = take(address)
                waiting += re.findall(r'"(/static/[^"]+\.js[^"]*)"', text) if ".js" in address else []
    return total / 1000


async def in_chromium(
    port: int, cookies: dict[str, str], token: str, path: str
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Return how soon a manager sees a ticket that somebody raises, and what shifts after loading.

    The first is p95 and median in ms of tickets that come one by one, the second of a storm, where each is raised as
    soon as the former is seen.
    """
    from playwright.async_api import async_playwright  # noqa: PLC0415  # only where there is a browser

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    base = f"http://127.0.0.1:{port}"
    async with async_playwright() as playwright, httpx.AsyncClient(base_url=base, timeout=30) as client:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        context = await browser.new_context(viewport={"width": 1440, "height": 900})
        await context.add_cookies([{"name": SESSION, "value": cookies["MANAGER"], "url": base}])
        page = await context.new_page()
        await page.goto(base + path)
        shifts = float(await page.evaluate(SHIFTS))

        async def times(pause: float) -> tuple[float, float]:
            found = []
            for number in range(20):
                await asyncio.sleep(pause)
                title = f"Seen at once {number} {time.time_ns()}"
                await page.evaluate(WATCH, title)
                begun = time.time()
                sent = {**draft(number), "title": title}
                answer = await client.post("/api/tickets", json=sent, headers={"authorization": f"Bearer {token}"})
                assert answer.status_code == 201, answer.text
                found.append(await page.evaluate("seen") - begun * 1000)
            found.sort()
            return found[18], found[10]

        one_by_one, storm = await times(PAUSE), await times(0)
        await browser.close()
    return one_by_one, storm, shifts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--only", choices=["pages", "live"], help="Measure this alone.")
    parser.add_argument("--paths", default="", help="Only pages whose addresses hold this.")
    parser.add_argument("--solved", action="store_true", help="Give the tickets three years and an end.")
    parser.add_argument("--keep", type=Path, help="Keep the loaded desk in this folder and use it again.")
    given = parser.parse_args()
    base = given.keep or Path(tempfile.mkdtemp(prefix="answerable-bench-"))
    folder, saved = base / f"desk-{given.tickets}", base / f"tokens-{given.tickets}.json"
    if not saved.exists():
        saved.parent.mkdir(parents=True, exist_ok=True)
        saved.write_bytes(msgspec.json.encode(asyncio.run(load(folder, given.tickets))))
    tokens = msgspec.json.decode(saved.read_bytes(), type=dict[str, str])
    asyncio.run(count_all(folder))
    if given.solved:
        folder, loaded = base / f"solved-{given.tickets}", folder
        if not folder.exists():
            shutil.copytree(loaded, folder)
            grow_sqlite(folder, 1, given.tickets // YEARS_DAYS)
            asyncio.run(count_all(folder))
    cookies = asyncio.run(cookies_of(folder))
    db = sqlite3.connect(folder / "answerable.sqlite")
    ids = [row[0] for row in db.execute("SELECT id FROM tickets_ticket ORDER BY number LIMIT 1000")]
    db.close()
    with servers.desk(folder) as desk:
        servers.wait_until_quiet(desk)
        slowest = sorted(
            () if given.only == "live" else page_times(desk, cookies, ids, given.paths),
            key=lambda row: row[2],
            reverse=True,
        )
        for p95, median, busy, role, path in slowest:
            missed = "" if p95 < PAGE_MS else f"  <-- MISSED (goal {PAGE_MS} ms)"
            print(f"{path} as {role}: p95 {p95:.1f} ms, median {median:.1f} ms, processor {busy:.1f} ms{missed}")
        weight = first_visit(desk.port, cookies["AGENT"], "/queue")
        print(f"first visit of the workspace: {weight:.1f} KB (goal {VISIT_KB} KB)")
        if given.only != "pages" and (shutil.which("chromium") or shutil.which("chromium-browser")):
            live, storm, shifts = asyncio.run(
                in_chromium(desk.port, cookies, tokens["USER"], "/queue?view=open&sort=-createdAt")
            )
            print(f"a new ticket is seen after: p95 {live[0]:.0f} ms (goal {LIVE_MS} ms), median {live[1]:.0f} ms")
            print(f"in a storm of them: p95 {storm[0]:.0f} ms, median {storm[1]:.0f} ms")
            print(f"layout shift {shifts:.3f} (goal 0)")
    if given.keep is None:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
