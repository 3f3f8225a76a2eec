"""Measure the desk on Kafka, with a real broker on the same two cores. ``python -m bench.kafka [--events N]``.

``--only catching-up --events 20000`` takes a minute; with ``--local`` the same on the bus of one process.
"""

import argparse
import asyncio
import http.client
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec
import uvloop

from answerable.infra.bus.kafka import KafkaBus
from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate, migrations_of
from answerable.infra.logging import only_errors
from answerable.kernel.actor import service
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.messages.users import UserRegistered
from answerable.settings import Settings
from bench import servers
from bench.__main__ import check, draft, load, posts, wait_until_caught_up
from bench.apart import Ask, asking_from_elsewhere
from bench.load import Result, closed_loop, open_loop, raw_request
from bench.report import Report

# Compiled quickly rather than well: a broker that has just started would compile all the time, on the cores that are
# measured, and one that has run for days has long done so (docs/speed.md).
os.environ.setdefault("KAFKA_JAVA", "-XX:TieredStopAtLevel=1")
SCRIPT = str(Path(__file__).parent.parent / "scripts" / "kafka")
RATE = 200
PARTS = ("relay", "latency", "catching-up")


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Run a broker; give its address for ``bus.url``."""
    started = subprocess.run([SCRIPT, "start", str(folder)], check=True, capture_output=True, text=True)
    try:
        yield f"kafka://{started.stdout.split()[-1]}"
    finally:
        subprocess.run([SCRIPT, "stop", str(folder)], check=True)


async def relay(folder: Path, url: str, events: int) -> float:
    """Return how many events a second the relay takes from a full outbox to acknowledged by the broker."""
    only_errors()
    settings = Settings().with_values("bench", storage__data_dir=str(folder), bus__url=url, bus__prefix="bench-relay")
    database = open_database(settings)
    migrate(database, migrations_of("bus", "answerable.infra.bus"))
    bus = KafkaBus(settings.bus, database, [])

    async def tell(tx: Tx, start: int) -> None:
        for number in range(start, start + 1000):
            text = msgspec.json.encode(draft(number)).decode()
            tx.publish(UserRegistered(user_id=f"u{number % 500}", name=text, email="", roles=["USER"], active=True))

    await bus.settle()
    await bus.stop()
    for start in range(0, events, 1000):
        await database.write(service("bench"), tell, start)
    begun = time.perf_counter()
    await bus.settle()
    took = time.perf_counter() - begun
    await bus.stop()
    await database.close()
    return events / took


def environment(url: str, prefix: str) -> dict[str, str]:
    return {"ANSWERABLE_BUS_URL": url, "ANSWERABLE_BUS_PREFIX": prefix}


def latency(report: Report, folder: Path, url: str, token: str, seconds: float) -> None:
    """Measure the time from a ticket to its stored notification at 200 tickets a second."""
    with servers.desk(folder, **environment(url, "bench")) as desk:
        wait_until_ready(desk.port)
        wait_until_caught_up(desk.port)
        before = desk.cpu_seconds()
        time.sleep(5)
        idle = f"{(desk.cpu_seconds() - before) / 5:.2%} of a core, {desk.rss_mb():.0f} MB"
        report.note("idle processor time and memory on Kafka", idle)
        check(open_loop(desk.port, posts(desk.port, token, 5_000_000), RATE, 2), 201)  # warm
        wait_until_caught_up(desk.port)
        db = sqlite3.connect(folder / "answerable.sqlite")
        last = db.execute("SELECT MAX(number) FROM tickets_ticket").fetchone()[0]
        sent = check(open_loop(desk.port, posts(desk.port, token, 6_000_000), RATE, seconds), 201)
        wait_until_caught_up(desk.port)
    spans = sorted(
        row[0] / SECOND * 1000
        for row in db.execute(
            """SELECT MIN(n.created_at) - t.created_at FROM tickets_ticket t JOIN notifications_notice n
            ON n.ticket_id = t.id WHERE t.number > ? GROUP BY t.id""",
            (last,),
        )
    )
    db.close()
    assert len(spans) == len(sent.latencies), (len(spans), len(sent.latencies))
    p50, p99 = spans[len(spans) // 2], spans[int(len(spans) * 0.99)]
    shown = f"{p99:.1f} ms (p50 {p50:.1f} ms)"
    report.add(f"creation to stored notification over Kafka at {RATE}/s, p99", shown, "250 ms", p99 < 250)
    report.note(
        "POST meanwhile, p99", f"{sent.percentile(0.99) * 1000:.1f} ms (p50 {sent.percentile(0.5) * 1000:.1f} ms)"
    )


def catching_up(report: Report, folder: Path, url: str, tokens: dict[str, str], events: int, ask: Ask) -> None:
    """Measure how long the desk takes for a backlog, and what people feel of it."""
    db = sqlite3.connect(folder / "answerable.sqlite")
    ids = [row[0] for row in db.execute("SELECT id FROM tickets_ticket ORDER BY number LIMIT 2000")]

    def get(port: int) -> Result:
        paths = (f"/api/tickets/{ids[n * 7 % len(ids)]}" for n in range(400))
        return check(ask(port, [raw_request("GET", path, port, tokens["MANAGER"]) for path in paths], 100), 200)

    def get_hello(port: int) -> Result:
        return check(ask(port, [raw_request("GET", "/", port)] * 200, 100), 200)

    with servers.desk(folder, **environment(url, "bench")) as desk:
        wait_until_ready(desk.port)
        wait_until_caught_up(desk.port)
        servers.wait_until_quiet(desk)
        get(desk.port)
        quiet = get(desk.port).latencies + get(desk.port).latencies
        with servers.hello() as hello:
            get_hello(hello.port)
            hello_quiet = get_hello(hello.port)
    # The backlog: tickets raised while Kafka was away.
    with servers.desk(folder, **environment("kafka://127.0.0.1:1", "bench")) as desk:
        before = db.execute("SELECT MAX(position) FROM bus_outbox").fetchone()[0]
        number = 0
        while db.execute("SELECT MAX(position) FROM bus_outbox").fetchone()[0] < before + events:
            check(closed_loop(desk.port, posts(desk.port, tokens["USER"], 7_000_000 + number), seconds=1), 201)
            number += 100_000
    waiting = db.execute("SELECT MAX(position) FROM bus_outbox").fetchone()[0] - before
    db.close()
    with servers.hello() as hello, servers.desk(folder, **environment(url, "bench")) as desk:
        get_hello(hello.port)
        cpu = desk.cpu_seconds()
        found: list[float] = []
        done = threading.Event()

        def wait() -> None:
            found.append(wait_until_caught_up(desk.port, 600, every=2.0))  # to write all figures takes a while
            done.set()

        thread = threading.Thread(target=wait)
        thread.start()
        meanwhile: list[float] = []
        hello_meanwhile: list[float] = []
        while not done.is_set():
            meanwhile += get(desk.port).latencies
            if not done.is_set():
                hello_meanwhile += get_hello(hello.port).latencies
        thread.join()
        cpu = desk.cpu_seconds() - cpu
        servers.wait_until_quiet(desk)  # and once more: a machine is not the same from one minute to the next
        quiet += get(desk.port).latencies + get(desk.port).latencies
    db = sqlite3.connect(folder / "answerable.sqlite")
    followed = db.execute("SELECT MAX(position) FROM bus_outbox").fetchone()[0] - before
    db.close()
    before_and_after, result = Result(1.0, quiet), Result(1.0, meanwhile)
    report.note("a backlog caught up with", f"{waiting} events, {followed} with what followed, in {found[0]:.1f} s")
    each = f"{cpu / followed * 1e6:.0f} µs, {len(meanwhile)} GETs included"
    report.note("the desk's processor time for an event of them", each)
    for name, one in (
        ("GET quiet", before_and_after),
        ("GET meanwhile", result),
        # What the machine itself makes of it: the desk, the broker and the load share its cores.
        ("hello-world, which does nothing else, quiet", hello_quiet),
        ("hello-world meanwhile", Result(1.0, hello_meanwhile)),
    ):
        report.note(f"{name}, p99", f"{one.percentile(0.99) * 1000:.1f} ms (p50 {one.percentile(0.5) * 1000:.1f} ms)")
    slow, usual = result.percentile(0.99), before_and_after.percentile(0.99)
    report.add("GET p99 while catching up / quiet", f"{slow / usual:.1f}", "2", slow <= 2 * usual)


def wait_until_ready(port: int, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/readyz")
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return
        time.sleep(0.1)
    raise TimeoutError("the desk is not ready")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--write", action="store_true", help="Write the table to docs/speed.md.")
    parser.add_argument("--local", action="store_true", help="Catch up on the local bus; there is no broker then.")
    given = parser.parse_args()
    if given.write and (given.only or given.local):
        parser.error("--write: writes the whole table, and not a part of it.")
    report = Report()
    parts = PARTS[2:] if given.local else (given.only,) if given.only else PARTS
    with tempfile.TemporaryDirectory(prefix="answerable-bench-") as name:
        base = Path(name)
        with nullcontext("") if given.local else broker(base / "kafka") as url:
            if "relay" in parts:
                rate = uvloop.run(relay(base / "relay", url, given.events))
                report.add("relay", f"{rate:.0f} events/s", "5,000", rate >= 5000)
            tokens = asyncio.run(load(base / "desk", 1000))
            if "latency" in parts:
                latency(report, base / "desk", url, tokens["USER"], given.seconds)
            if "catching-up" in parts:
                with asking_from_elsewhere() as ask:
                    catching_up(report, base / "desk", url, tokens, given.events, ask)
    if given.write:
        report.write("kafka", f"one broker on the same cores, {given.events:,} events")


if __name__ == "__main__":
    main()
