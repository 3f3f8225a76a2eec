"""Every list, count, search, dashboard and report at a million tickets against ten thousand, on each engine.

``python -m bench.million [--tickets N] [--engine sqlite|postgres] [--keep FOLDER] [--only WORD]`` prints a table: p95
of one connection, the best of several short rounds that take turns, for other work on the machine slows both.
"""

import argparse
import asyncio
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from bench import postgres, servers
from bench.__main__ import load, machine
from bench.grow import grow
from bench.load import closed_loop, raw_request

BASE = 10_000
ROUNDS, SECONDS = 3, 0.6
LISTS = [
    "/api/tickets?size=20",
    "/api/tickets?size=20&status=CLOSED",
    "/api/tickets?size=20&status=ASSIGNED",
    "/api/tickets?size=20&priority=HIGH",
    "/api/tickets?size=20&category=NETWORK",
    "/api/tickets?size=20&status=CLOSED&priority=CRITICAL&category=HARDWARE",
    "/api/tickets?size=20&sort=createdAt",
    "/api/tickets?size=20&sort=updatedAt",
    "/api/tickets?size=20&sort=-updatedAt",
    "/api/tickets?size=20&sort=-priority",
    "/api/tickets?size=20&sort=slaDueAt",
    "/api/tickets?size=20&page=400",
    "/api/tickets?size=20&status=CLOSED&sort=-priority",
    "/api/tickets/status/CLOSED?size=20",
    "/api/tickets?size=20&q=printer",
    "/api/tickets?size=20&q=printer%20slow",
    "/api/tickets?size=20&q=prin",
    "/api/tickets?size=20&q=case%207777",
    "/api/tickets?size=20&q=printer&status=ASSIGNED",
    "/api/tickets?size=20&q=printer&sort=-priority",
    "/api/tickets?size=20&q=another%20cable",
    "/api/tickets?size=20&q=nothinglikeit",
    "/api/notifications?size=20",
    "/api/notifications?size=20&unread=true",
    "/api/notifications/unread-count",
    "/api/users/agents?size=20",
]
OWN = {"USER": "/api/tickets/user/{me}?size=20", "AGENT": "/api/tickets/agent/{me}?size=20"}
WATCHED = [
    "/api/agents/workload?size=20",
    "/api/escalations/logs?size=20",
    "/api/dashboard/summary",
    "/api/reports/summary",
    "/api/reports/summary?from={week}",
    "/api/reports/tickets-by-status",
    "/api/reports/tickets-by-status?from={week}",
    "/api/reports/tickets-by-priority",
    "/api/reports/avg-resolution-time",
    "/api/reports/avg-resolution-time?from={week}",
    "/api/reports/sla-breaches?size=20",
    "/api/reports/sla-breaches?size=20&from={week}",
    "/api/reports/agents?size=20",
    "/api/reports/agents?size=20&from={week}",
]


def paths(role: str, me: str) -> list[str]:
    """Return what a role asks for."""
    week = f"{datetime.now(UTC) - timedelta(days=7):%Y-%m-%d}"
    chosen = [*LISTS, *([OWN[role]] if role in OWN else []), *(WATCHED if role == "MANAGER" else [])]
    return [path.format(me=me, week=week) for path in chosen]


def now() -> int:
    return time.time_ns() // 1000


def grow_sqlite(folder: Path, copies: int) -> None:
    with closing(sqlite3.connect(folder / "answerable.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -1000000")

        def run(sql: str, *values: Any) -> list[Any]:
            return db.execute(sql, values).fetchall()

        def columns(table: str) -> list[str]:
            return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]

        db.execute("BEGIN")
        grow(run, columns, copies, now())
        for index in ("tickets_ticket_fts", "tickets_comment_fts"):
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
        db.execute("COMMIT")
        db.execute("ANALYZE")


async def grow_postgres(url: str, copies: int) -> None:
    db = await asyncpg.connect(url, server_settings={"search_path": "answerable"})
    loop = asyncio.get_running_loop()

    def ask(sql: str, *values: Any) -> list[Any]:
        parts = sql.split("?")
        text = "".join(part + (f"${n}" if n < len(parts) else "") for n, part in enumerate(parts, 1))
        return list(asyncio.run_coroutine_threadsafe(db.fetch(text, *values), loop).result())

    def columns(table: str) -> list[str]:
        found = ask(
            """SELECT column_name FROM information_schema.columns
            WHERE table_schema = 'answerable' AND table_name = ? ORDER BY ordinal_position""",
            table,
        )
        return [row[0] for row in found]

    async with db.transaction():
        await db.execute(
            "SET LOCAL session_replication_role = replica"
        )  # references and words are not checked one by one
        await asyncio.to_thread(grow, ask, columns, copies, now())
        await db.execute("DELETE FROM tickets_ticket_words")
        await db.execute(
            """INSERT INTO tickets_ticket_words
            SELECT number, tickets_words_in(title || ' ' || description) FROM tickets_ticket"""
        )
        await db.execute("INSERT INTO tickets_comment_words SELECT number, tickets_words_in(body) FROM tickets_comment")
    await db.execute("VACUUM ANALYZE")
    await db.close()


@contextmanager
def desks(engine: str, base: Path, sizes: list[int]) -> Iterator[list[servers.Server]]:
    """Serve a desk of each size."""
    with ExitStack() as stack:
        opened = []
        root = stack.enter_context(postgres.cluster())[1] if engine == "postgres" else ""
        for size in sizes:
            folder, url = base / f"million-{size}", root.replace("/postgres", f"/desk{size}")
            begun = time.perf_counter()
            if not folder.exists():
                shutil.copytree(base / f"desk-{BASE}", folder)
                if engine == "sqlite":
                    grow_sqlite(folder, size // BASE)
            if engine == "postgres":
                postgres.sql(root, f"CREATE DATABASE desk{size}")
                postgres.fill(base / f"desk-{BASE}", url)
                asyncio.run(grow_postgres(url, size // BASE))
            print(f"{engine}: {size:,} tickets after {time.perf_counter() - begun:.0f} s", flush=True)
            more = {"ANSWERABLE_DATABASE": url} if url else {}
            opened.append(stack.enter_context(servers.desk(folder, **more)))
        time.sleep(3)
        yield opened


def measure(desk: servers.Server, path: str, token: str) -> float:
    """Return the p95 of one connection, in milliseconds."""
    raw = raw_request("GET", path, desk.port, token)
    found = closed_loop(desk.port, lambda _: raw, connections=1, seconds=SECONDS)
    assert set(found.statuses) == {200}, (path, found.statuses)
    return found.percentile(0.95) * 1000


def compare(engine: str, base: Path, tokens: dict[str, str], people: dict[str, str], size: int, only: str) -> list[str]:
    """Measure one engine; return rows of the table."""
    rows = []
    with desks(engine, base, [BASE, size]) as opened:
        for role in ("MANAGER", "AGENT", "USER"):
            for path in paths(role, people[role]):
                if only not in path:
                    continue
                best = [float("inf")] * 2
                for _ in range(ROUNDS):
                    best = [min(b, measure(desk, path, tokens[role])) for b, desk in zip(best, opened, strict=True)]
                ratio = best[1] / best[0]
                mark = "" if ratio <= 2 else " **over**"
                rows.append(f"| {engine} | {role} | `{path}` | {best[0]:.1f} | {best[1]:.1f} | {ratio:.1f}{mark} |")
                print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgres"])
    parser.add_argument("--keep", type=Path, help="Keep the desks in this folder and use them again.")
    parser.add_argument("--only", default="", help="Only paths that hold this.")
    given = parser.parse_args()
    base = given.keep or Path(tempfile.mkdtemp(prefix="answerable-million-"))
    saved = base / f"tokens-{BASE}.json"
    if not saved.exists():
        base.mkdir(parents=True, exist_ok=True)
        saved.write_bytes(msgspec.json.encode(asyncio.run(load(base / f"desk-{BASE}", BASE))))
    tokens = msgspec.json.decode(saved.read_bytes(), type=dict[str, str])
    with closing(sqlite3.connect(base / f"desk-{BASE}" / "answerable.sqlite")) as db:
        found = db.execute("SELECT roles, MIN(id) FROM users_person GROUP BY roles ORDER BY 1").fetchall()
    head = f"| engine | who | what | 10,000: p95 ms | {given.tickets:,}: p95 ms | ratio |"
    print(f"{machine()}\n\n{head}\n|---|---|---|---|---|---|", flush=True)
    for engine in [given.engine] if given.engine else ["sqlite", "postgres"]:
        compare(engine, base, tokens, dict(found), given.tickets, given.only)
    if given.keep is None:
        subprocess.run(["rm", "-rf", str(base)], check=True)


if __name__ == "__main__":
    main()
