"""Measure the desk and print ratios of this run. ``python -m bench [--tickets N] [--engine postgres] [--write]``."""

import argparse
import asyncio
import http.client
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from answerable.infra.logging import only_errors
from answerable.kernel.actor import Actor, service
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.tickets import actions as tickets
from answerable.tickets.rules import Draft
from answerable.users.actions.people import add_person
from answerable.users.actions.sessions import access_token
from answerable.users.rules import NewPerson, grants_of
from answerable.users.store import people
from bench import servers
from bench.load import Result, closed_loop, open_loop, raw_request
from bench.postgres import measure
from bench.report import Report

WORDS = [
    "printer",
    "laptop",
    "access",
    "folder",
    "network",
    "screen",
    "phone",
    "account",
    "invoice",
    "report",
    "slow",
    "broken",
    "missing",
    "error",
    "update",
]
PEOPLE = 100
AGENTS = 20


def draft(number: int) -> dict[str, str]:
    """Make up a ticket."""
    words = [WORDS[(number * k + k) % len(WORDS)] for k in range(1, 9)]
    return {
        "title": f"{words[0].title()} {words[1]} number {number}",
        "description": f"Since this morning {' '.join(words)} and nobody knows why. Case {number}.",
        "category": ("HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER")[number % 5],
        "priority": ("LOW", "MEDIUM", "HIGH", "CRITICAL")[number % 4],
    }


async def load(folder: Path, count: int) -> dict[str, str]:
    """Fill a desk with ``count`` tickets and everything that follows from them; return tokens by role."""
    only_errors()
    desk = Desk(Settings().with_values("bench", storage__data_dir=str(folder), auth__access_seconds=86_400))
    tokens: dict[str, str] = {}
    async with desk.database.bulk(every=5000):
        await desk.prepare()
        actors = []
        for number in range(PEOPLE):
            role = "ADMIN" if number == 0 else "MANAGER" if number == 1 else "AGENT" if number < 2 + AGENTS else "USER"
            new = NewPerson(f"{role.title()} {number}", f"p{number}@bench.invalid", (role,), "")
            person = await desk.database.write(service("bench"), add_person, new)
            actors.append(Actor(person.id, "person", frozenset({role}), grants_of({role}), person.name))
        requesters = [actor for actor in actors if "USER" in actor.roles]
        for number in range(count):
            await desk.database.write(
                requesters[number % len(requesters)], tickets.create_ticket, Draft(**draft(number))
            )
            if number % 50 == 0:
                await desk.bus.settle()
        await desk.bus.settle()
        for actor in actors:
            role = next(iter(actor.roles))
            if role not in tokens:
                tokens[role] = await desk.database.read(service("bench"), _token, desk, actor.id)
    await desk.stop()
    return tokens


async def _token(tx: Tx, desk: Desk, person_id: str) -> str:
    person = await people.load_person(tx, person_id)
    assert person is not None
    return access_token(tx, desk.parts["door"].keyring, person, tx.new_id())


def raw_commits(folder: Path, seconds: float) -> float:
    """Return how many durable two-row transactions a second sqlite3 itself makes on this disk, one after another."""
    for old in folder.glob("raw.sqlite*"):
        old.unlink()
    db = sqlite3.connect(folder / "raw.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE ticket (id TEXT PRIMARY KEY, title TEXT, description TEXT)")
    db.execute("CREATE TABLE outbox (position INTEGER PRIMARY KEY, body TEXT)")
    text = msgspec.json.encode(draft(1)).decode()
    begun, number = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO ticket VALUES (?, ?, ?)", (f"{number:032}", "A title", text))
        db.execute("INSERT INTO outbox (body) VALUES (?)", (text,))
        db.execute("COMMIT")
        number += 1
    took = time.perf_counter() - begun
    db.close()
    return number / took


def posts(port: int, token: str, start: int) -> Callable[[int], bytes]:
    def make(number: int) -> bytes:
        return raw_request("POST", "/api/tickets", port, token, msgspec.json.encode(draft(start + number)))

    return make


def gets(port: int, path: str, token: str) -> Callable[[int], bytes]:
    raw = raw_request("GET", path, port, token)
    return lambda _: raw


def check(result: Result, *expected: int) -> Result:
    assert set(result.statuses) <= set(expected), result.statuses
    return result


def run(count: int, seconds: float, keep: Path | None) -> Report:
    report = Report()
    base = keep or Path(tempfile.mkdtemp(prefix="answerable-bench-"))
    folder = base / f"desk-{count}"
    saved = base / f"tokens-{count}.json"
    if saved.exists():
        tokens = msgspec.json.decode(saved.read_bytes(), type=dict[str, str])
    else:
        begun = time.perf_counter()
        tokens = asyncio.run(load(folder, count))
        print(f"loaded {count} tickets in {time.perf_counter() - begun:.0f} s", flush=True)
        saved.write_bytes(msgspec.json.encode(tokens))
    empty = base / "empty"
    with servers.desk(empty):
        pass
    with servers.desk(empty) as desk:
        time.sleep(1.0)
        report.add("start to ready", f"{desk.ready_seconds:.2f} s", "under 1.5 s", desk.ready_seconds < 1.5)
        report.add("idle memory", f"{desk.rss_mb():.0f} MB", "under 150 MB", desk.rss_mb() < 150)
        before = desk.cpu_seconds()
        time.sleep(5)
        report.note("idle processor time", f"{(desk.cpu_seconds() - before) / 5:.2%} of a core")
    with servers.hello() as hello:
        closed_loop(hello.port, lambda _: raw_request("GET", "/", hello.port), seconds=1)
        hello_rate = check(
            closed_loop(hello.port, lambda _: raw_request("GET", "/", hello.port), seconds=seconds), 200
        ).rate
    with servers.desk(folder) as desk:
        servers.wait_until_quiet(desk)
        measure_reads(report, desk, tokens, folder, hello_rate, seconds)
        measure_writes(report, desk, tokens, base, seconds, count)
    measure_latency(report, folder, tokens, seconds, count)
    if keep is None:
        shutil.rmtree(base)
    return report


def measure_reads(
    report: Report, desk: servers.Server, tokens: dict[str, str], folder: Path, hello: float, seconds: float
) -> None:
    db = sqlite3.connect(folder / "answerable.sqlite")
    ids = [row[0] for row in db.execute("SELECT id FROM tickets_ticket ORDER BY number LIMIT 5000")]
    db.close()

    def get(number: int) -> bytes:
        return raw_request("GET", f"/api/tickets/{ids[number * 7 % len(ids)]}", desk.port, tokens["MANAGER"])

    closed_loop(desk.port, get, seconds=1)
    found = check(closed_loop(desk.port, get, seconds=seconds), 200)
    ratio = found.rate / hello
    report.add(
        "GET by id / framework hello-world", f"{found.rate:.0f} / {hello:.0f} = {ratio:.2f}", "0.4", ratio >= 0.4
    )
    for role in ("MANAGER", "AGENT", "USER"):
        path = "/api/tickets?size=20"
        listed = check(
            closed_loop(desk.port, gets(desk.port, path, tokens[role]), seconds=seconds),
            200,
        )
        p99 = listed.percentile(0.99) * 1000
        report.add(
            f"list of 20 as {role}, 32 connections, p99", f"{p99:.1f} ms ({listed.rate:.0f}/s)", "25 ms", p99 < 25
        )
    for path in (
        "/api/tickets?status=ASSIGNED&priority=HIGH&size=20",
        "/api/tickets?q=printer%20slow&size=20",
        "/api/dashboard/summary",
    ):
        one = check(
            closed_loop(desk.port, gets(desk.port, path, tokens["MANAGER"]), connections=1, seconds=2),
            200,
        )
        report.note(f"`{path}`, one connection, p95", f"{one.percentile(0.95) * 1000:.1f} ms")


def measure_writes(
    report: Report, desk: servers.Server, tokens: dict[str, str], base: Path, seconds: float, start: int
) -> None:
    os.sync()  # what the loading left to be written is no part of this
    before = raw_commits(base, seconds / 2)
    made = check(closed_loop(desk.port, posts(desk.port, tokens["USER"], start), seconds=seconds), 201)
    waited = wait_until_caught_up(desk.port)
    print(f"what followed from {len(made.latencies)} tickets was done {waited:.1f} s later")
    raw = (before + raw_commits(base, seconds / 2)) / 2  # a disk is not the same from one minute to the next
    ratio = made.rate / raw
    report.add(
        "durable POST /api/tickets, 32 connections / raw two-row commits",
        f"{made.rate:.0f} / {raw:.0f} = {ratio:.2f} (p99 {made.percentile(0.99) * 1000:.0f} ms)",
        "0.8",
        ratio >= 0.8,
    )


def measure_latency(report: Report, folder: Path, tokens: dict[str, str], seconds: float, start: int) -> None:
    db = sqlite3.connect(folder / "answerable.sqlite")
    with servers.desk(folder) as desk:
        wait_until_caught_up(desk.port)
        before = db.execute("SELECT MAX(number) FROM tickets_ticket").fetchone()[0]
        begun = time.time() * SECOND
        sent = check(open_loop(desk.port, posts(desk.port, tokens["USER"], start * 2), 200, seconds * 2), 201)
        wait_until_caught_up(desk.port)
    broken = db.execute("SELECT COUNT(*) FROM sla_clock WHERE breached_at >= ?", (begun,)).fetchone()[0]
    spans = sorted(
        row[0] / SECOND * 1000
        for row in db.execute(
            """SELECT MIN(n.created_at) - t.created_at FROM tickets_ticket t JOIN notifications_notice n
            ON n.ticket_id = t.id WHERE t.number > ? GROUP BY t.id""",
            (before,),
        )
    )
    db.close()
    assert len(spans) == len(sent.latencies), (len(spans), len(sent.latencies))
    p99 = spans[int(len(spans) * 0.99)]
    report.add("creation to stored notification at 200/s, p99", f"{p99:.1f} ms", "100 ms", p99 < 100)
    if broken:  # those of what an earlier run created all at once: what follows from them goes before what is measured
        print(f"{broken} promises were broken meanwhile")
    print(f"POST at 200/s: p50 {sent.percentile(0.5) * 1000:.1f} ms, p99 {sent.percentile(0.99) * 1000:.1f} ms")


def wait_until_caught_up(port: int, seconds: float = 120, every: float = 0.2) -> float:
    """Wait until every consumer has read everything; return how long it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        lags = re.findall(r"^answerable_consumer_lag\{.*\} ([\d.e+]+)$", text, re.MULTILINE)
        assert lags, "no consumer lag in /metrics"
        if not any(float(lag) for lag in lags):
            return time.monotonic() - begun
        time.sleep(every)
    raise TimeoutError("messages are still waiting")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--keep", type=Path, help="Keep the loaded desk in this folder and use it again.")
    parser.add_argument("--engine", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--write", action="store_true", help="Write the table to docs/speed.md.")
    given = parser.parse_args()
    measured = measure if given.engine == "postgres" else run
    report = measured(given.tickets, given.seconds, given.keep)
    if given.write:
        report.write(given.engine, f"{given.tickets:,} tickets")


if __name__ == "__main__":
    main()
