"""The SLA engine: deadlines a second, the longest wait for one, and the breach clock. ``python -m bench.sla``.

``--clocks 1000000`` arms so many clocks in a desk of its own and lets ten thousand of them come due in one second;
``--backtest 100000`` replays so many tickets under a draft.
"""

import argparse
import asyncio
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import msgspec

from answerable.infra.bus import outbox
from answerable.infra.bus.open import open_history
from answerable.infra.logging import only_errors
from answerable.kernel.actor import service
from answerable.kernel.span import Span
from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND
from answerable.kernel.tx import Row, Tx
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.sla.queries.backtest import backtest
from answerable.sla.rules import Calendar, OpenTime, Stop, Window, day_of, due, toml
from answerable.sla.rules.replay import TYPES

FIRST = day_of(date(2026, 1, 1))
OFFICE = (Window(540, 720), Window(780, 1020))
YEARS = 100


def usual() -> Calendar:
    """Five days a week with a lunch break, and twelve holidays a year for ten years."""
    holidays = {FIRST + 365 * year + 29 * number: "Holiday" for year in range(10) for number in range(12)}
    return Calendar(zone="Europe/Berlin", week=(OFFICE,) * 5 + ((),) * 2, holidays=holidays)


def hostile() -> dict[str, Calendar]:
    """One minute a year, written in three ways."""
    minute = (Window(540, 541),)
    days = range(FIRST, FIRST + 365 * YEARS)
    return {
        "special days": Calendar(zone="Europe/Berlin", special=dict.fromkeys(days[::365], minute)),
        "Mondays but for 51 holidays": Calendar(
            zone="Europe/Berlin",
            week=(minute, *((),) * 6),
            holidays=dict.fromkeys((day for day in days if (day - FIRST) % 364 > 6), ""),
        ),
        "all days but for 364 holidays": Calendar(
            zone="Europe/Berlin", week=(minute,) * 7, holidays=dict.fromkeys(set(days) - set(days[::365]), "")
        ),
    }


def deadlines(count: int = 200_000) -> None:
    """Print how many deadlines a second one core finds."""
    rng, hours = random.Random(1), OpenTime(usual())
    cases: list[tuple[int, int, list[Stop]]] = []
    for _ in range(count):
        start = (FIRST + 30) * DAY + rng.randrange(365 * DAY)
        stops: list[Stop] = [(start + HOUR, start + 2 * HOUR), (start + 20 * HOUR, start + 30 * HOUR)]
        cases.append((start, rng.randrange(1, 40 * 60) * MINUTE, stops))
    for name, pauses in (("without pauses", False), ("with two pauses", True)):
        begun = time.process_time()
        for start, target, stops in cases:
            due(start, stops if pauses else (), target, hours)
        print(f"deadlines of a usual calendar {name}: {count / (time.process_time() - begun):,.0f} a second")


def longest(tries: int = 21) -> None:
    """Print the median time of the first deadline of a calendar that opens for one minute a year."""
    for name, calendar in hostile().items():
        for target in (1, 10, 30):
            spans = []
            for _ in range(tries):
                hours = OpenTime(calendar)
                begun = time.process_time()
                assert due((FIRST + 1) * DAY, (), target * MINUTE, hours)
                spans.append(time.process_time() - begun)
            print(f"one minute a year ({name}), {target} to wait for: {sorted(spans)[tries // 2] * 1000:.2f} ms")


# --- the breach clock ----------------------------------------------------------------------------------------------

DUE_AT_ONCE = 10_000
AHEAD = 20  # seconds until they are due
TICKET = "INSERT INTO sla_ticket VALUES (?, ?, 'A title', 'OTHER', 'HIGH', 'ASSIGNED', 'una', 'abe', ?, NULL)"
CLOCK = """INSERT INTO sla_clock (id, ticket_id, target, cycle, policy, target_micros, warn_micros, started_at,
    applied_at, state, due_at, warn_at, look_at, warned_at, version, levels_ahead)
VALUES (?, ?, 'RESOLUTION', 1, 'default', ?, NULL, ?, ?, 'RUNNING', ?, NULL, ?, NULL, 1, ?)"""
METRIC = "INSERT INTO sla_metric VALUES (?, 1, 'activate', ?, ?, '', 'default', '')"


def arm(path: Path, count: int, first: int, offset: int, due_at: Callable[[int], int]) -> None:
    """Write running clocks straight into the tables."""
    db = sqlite3.connect(path)
    for start in range(0, count, 50_000):
        numbers = range(offset + start, offset + min(count, start + 50_000))
        db.executemany(TICKET, [(f"t{n}", n, first) for n in numbers])
        rows = [(f"k{n}", f"t{n}", due_at(n) - first, first, first, due_at(n), due_at(n)) for n in numbers]
        db.executemany(CLOCK, [(*row, f'[["100%",{row[5]}]]') for row in rows])
        db.executemany(METRIC, [(row[0], first, row[2]) for row in rows])
        db.commit()
    db.close()


async def breach_clock(count: int) -> None:
    """Print what a running desk costs that waits for ``count`` clocks, and how late it tells of ten thousand breaches.

    Late is how long after the due instant a reader of the database finds SLA_BREACHED: after the commit of the unit
    that closed the clock's promise, wrote its metric event, and put the message into the outbox.
    """
    only_errors()
    folder = Path(tempfile.mkdtemp(prefix="answerable-bench-sla-"))
    settings = Settings().with_values("bench", storage__data_dir=str(folder))
    desk = Desk(settings)
    try:
        await desk.prepare()
        await desk.stop()
        path, now = folder / "answerable.sqlite", time.time_ns() // 1000
        arm(path, count, now, 2 * DUE_AT_ONCE, lambda n: now + DAY + n * SECOND)
        soon = time.time_ns() // 1000 + AHEAD * SECOND
        arm(path, DUE_AT_ONCE, now, 0, lambda n: soon + n * SECOND // DUE_AT_ONCE)
        desk = Desk(settings)
        await desk.prepare()
        await desk.bus.start()
        desk.timers.start()
        await asyncio.sleep(3)
        began, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(5)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        print(f"{count + DUE_AT_ONCE:,} clocks armed: {resident():.0f} MB, idle CPU {share:.2%}")
        await crowd(desk, soon, "due within a second")
        while max((await desk.bus.lag()).values()):  # what follows from them
            await desk.database.pulse.wait(desk.database.pulse.count, 0.5)
        soon = time.time_ns() // 1000 + 5 * SECOND
        arm(path, DUE_AT_ONCE, now, DUE_AT_ONCE, lambda _: soon)
        desk.database.pulse.beat()  # what was written past the desk wakes nobody
        await crowd(desk, soon, "due at the same instant")
        print(f"{resident():.0f} MB then")
    finally:
        await desk.stop()
        shutil.rmtree(folder)


async def crowd(desk: Desk, soon: int, what: str) -> None:
    """Print how late each of those is told that come due from ``soon`` on, and what it costs."""
    seen, pulse = await desk.database.read(service("bench"), outbox.last_position), desk.database.pulse
    await asyncio.sleep(max(0.0, (soon - time.time_ns() // 1000) / SECOND - 0.1))
    late: list[float] = []
    cpu = time.process_time()
    while len(late) < DUE_AT_ONCE:
        beats = pulse.count
        rows = await desk.database.read(service("bench"), told_after, seen)
        now = time.time_ns() // 1000
        if rows:
            seen = rows[-1]["position"]
            late += [(now - row["due_at"]) / SECOND for row in rows]
        await pulse.wait(beats, 0.2)
    cpu = time.process_time() - cpu
    late.sort()
    middle, worst, last = late[len(late) // 2], late[int(len(late) * 0.99)], late[-1]
    print(f"{len(late):,} {what}: told {middle:.2f} s late (median), {worst:.2f} s (p99), {last:.2f} s (the last)")
    print(f"processor time until then, with what followed meanwhile: {cpu:.2f} s")


async def told_after(tx: Tx, position: int) -> list[Row]:
    """Read the breaches behind a place of the log, and when each was due."""
    return await tx.run(
        """SELECT o.position, c.due_at FROM bus_outbox o JOIN sla_clock c ON c.ticket_id = o.key
        WHERE o.type = 'SLA_BREACHED' AND o.position > :position ORDER BY o.position""",
        position=position,
    )


# --- the back-test -------------------------------------------------------------------------------------------------

OUTBOX = """INSERT INTO bus_outbox (position, id, topic, type, key, sequence, time, actor, actor_kind, depth, body)
VALUES (?, ?, ?, ?, ?, ?, ?, 'abe', 'person', 0, ?)"""


def life(number: int, start: int) -> Iterator[tuple[str, str, int, dict[str, object]]]:
    """Yield what was said of a ticket from its beginning to its end: topic, type, when, body."""
    rng = random.Random(number)
    ticket = {
        "id": f"0193c0de-0000-7000-8000-{number:012}",
        "number": number,
        "title": f"Printer on fire on floor {number}",
        "category": rng.choice(("HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER")),
        "priority": rng.choice(("LOW", "MEDIUM", "HIGH", "CRITICAL")),
        "requesterId": f"0193c0de-0000-7000-9000-{number % 5000:012}",
        "agentId": f"0193c0de-0000-7000-a000-{number % 50:012}",
        "createdAt": start,
    }
    at = start

    def told(kind: str, status: str, minutes: int, **more: object) -> tuple[str, str, int, dict[str, object]]:
        nonlocal at
        at += rng.randrange(1, minutes) * MINUTE
        return "answerable.tickets", kind, at, {"ticket": {**ticket, "status": status}, **more}

    said = {"commentId": "c", "authorId": "abe", "authorName": "Abe", "internal": False}
    yield told("TICKET_CREATED", "CREATED", 2, createdBy="una", description="It burns. " * 20)
    for status, minutes in (("ASSIGNED", 2), ("IN_PROGRESS", 120)):
        yield told("STATUS_CHANGED", status, minutes, formerStatus="CREATED")
    yield told("TICKET_ASSIGNED", "ASSIGNED", 2, formerAgentId=None, assignedBy=None, automatic=True)
    yield told("COMMENT_ADDED", "IN_PROGRESS", 60, fromStaff=True, **said)
    yield told("STATUS_CHANGED", "WAITING", 10, formerStatus="IN_PROGRESS")
    yield told("COMMENT_ADDED", "IN_PROGRESS", 600, fromStaff=False, **said)
    yield told("STATUS_CHANGED", "IN_PROGRESS", 2, formerStatus="WAITING")
    yield told("COMMENT_ADDED", "IN_PROGRESS", 100, fromStaff=True, **said)
    yield told("STATUS_CHANGED", "RESOLVED", 600, formerStatus="IN_PROGRESS")
    yield told("STATUS_CHANGED", "CLOSED", 600, formerStatus="RESOLVED")
    for kind in ("SLA_STARTED", "SLA_FULFILLED", "SLA_PAUSED", "SLA_RESUMED", "NOTIFICATION_CREATED"):
        yield "answerable.sla", kind, at, {"ticket": ticket, "target": "RESOLUTION"}


def write_log(path: Path, count: int, start: int) -> None:
    """Write the lives of tickets into the event log, five minutes apart."""
    db, position = sqlite3.connect(path), 0
    for number in range(count):
        for sequence, (topic, kind, at, body) in enumerate(life(number, start + number * 5 * MINUTE), 1):
            position += 1
            key = body["ticket"]["id"]  # type: ignore[index]
            text = msgspec.json.encode(body).decode()
            db.execute(OUTBOX, (position + 10, f"m{position}", topic, kind, key, sequence, at, text))
    db.commit()
    db.close()


async def backtest_of(count: int) -> None:
    """Print how long a back-test of so many tickets takes."""
    only_errors()
    folder = Path(tempfile.mkdtemp(prefix="answerable-bench-sla-"))
    settings = Settings().with_values("bench", storage__data_dir=str(folder))
    desk = Desk(settings)
    try:
        await desk.prepare()
        await desk.stop()
        write_log(folder / "answerable.sqlite", count, (FIRST - 400) * DAY)
        desk = Desk(settings)
        await desk.prepare()
        draft = toml.read_toml((Path(__file__).parent.parent / "tests" / "sla" / "desk.toml").read_bytes())
        began, cpu = time.monotonic(), time.process_time()
        found = await backtest(desk.database, open_history(settings, desk.database, TYPES), draft, Span())
        cpu, took = time.process_time() - cpu, time.monotonic() - began
        print(f"back-test of {found.tickets:,} tickets: {cpu:.1f} s of processor time, {took:.1f} s on the clock")
        print(f"{found.changed_total:,} verdicts would be others; {resident():.0f} MB")
    finally:
        await desk.stop()
        shutil.rmtree(folder)


def resident() -> float:
    """Return the memory of this process in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clocks", type=int, default=0, help="Arm so many clocks, and measure nothing else.")
    parser.add_argument("--backtest", type=int, default=0, help="Replay so many tickets, and measure nothing else.")
    given = parser.parse_args()
    if given.backtest:
        asyncio.run(backtest_of(given.backtest))
    elif given.clocks:
        asyncio.run(breach_clock(given.clocks))
    else:
        deadlines()
        longest()


if __name__ == "__main__":
    main()
