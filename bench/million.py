"""Every list, count, search, dashboard and report at a million tickets against ten thousand, on each engine.

``python -m bench.million [--people few|as-in-the-log] [--tickets N] [--engine sqlite|postgres] [--role ROLE]
[--keep FOLDER] [--only WORD]`` prints a table. Measured is the processor time of the desk and its database for one
answer: the p95 of a short round on one connection, and the least of several rounds that take turns, for other work on
the machine slows both. With ``--keep``, desks, PostgreSQL's among them, and figures stay in a folder, and the table
shows all that were measured there.

Of the people, a few have all tickets, however many those are; or so many join that each has about as many tickets as in
a real incident log (bench/grow.py).
"""

import argparse
import asyncio
import http.client
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import asyncpg
import msgspec

from answerable.infra.logging import only_errors
from answerable.kernel.actor import service
from answerable.reporting.actions import count as count_tickets
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.sla.actions.kept import count as count_promises
from bench import postgres, servers
from bench.__main__ import load
from bench.grow import A_DAY, IN_THE_LOG, grow
from bench.report import machine

BASE = 10_000
ROUNDS, SECONDS = 3, 0.6
FEWEST, MOST = 8, 40  # answers of a round
ROLES = ("MANAGER", "AGENT", "USER")
PEOPLE: dict[str, dict[str, float]] = {"few": {}, "as-in-the-log": IN_THE_LOG}  # tickets for each
Figures: TypeAlias = dict[str, dict[str, list[float]]]  # by address and role, both sizes
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


async def count_all(folder: Path, **values: Any) -> None:
    """Bring a desk up to date and let it count for its reports: in its own time, that would be measured along."""
    only_errors()
    desk = Desk(Settings().with_values("bench", storage__data_dir=str(folder), **values))
    await desk.prepare()
    for count in (count_promises, count_tickets):
        while await desk.database.write(service("bench"), count, 2000):
            pass
    await desk.stop()


def grow_sqlite(folder: Path, copies: int, a_day: int = A_DAY, each: Mapping[str, float] | None = None) -> None:
    with closing(sqlite3.connect(folder / "answerable.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -1000000")

        def run(sql: str, *values: Any) -> list[Any]:
            return db.execute(sql, values).fetchall()

        def columns(table: str) -> list[str]:
            return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]

        db.execute("BEGIN")
        grow(run, columns, copies, now(), a_day, each)
        for index in ("tickets_ticket_fts", "tickets_comment_fts"):
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
        db.execute("COMMIT")
        db.execute("ANALYZE")


async def grow_postgres(url: str, copies: int, each: Mapping[str, float]) -> None:
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
        await asyncio.to_thread(grow, ask, columns, copies, now(), A_DAY, each)
        await db.execute("DELETE FROM tickets_ticket_words")
        await db.execute(
            """INSERT INTO tickets_ticket_words
            SELECT number, tickets_words_of(title || ' ' || description, requester_id) FROM tickets_ticket"""
        )
        await db.execute("INSERT INTO tickets_comment_words SELECT number, words FROM tickets_comment_said")
    await db.execute("VACUUM ANALYZE")
    await db.close()


async def tidy(url: str) -> None:
    """Clear away what counting left behind, as a server in use does within minutes by itself."""
    db = await asyncpg.connect(url)
    await db.execute("VACUUM ANALYZE")
    await db.close()


@contextmanager
def kept_cluster(base: Path) -> Iterator[str]:
    """Run a cluster whose data stay in the folder; yield its address."""
    folder = base / "postgres"
    folder.mkdir(parents=True, exist_ok=True)
    for above in (base, folder):
        above.chmod(0o755)
    started = subprocess.run(
        [postgres.SCRIPT, "start", folder, "0", *postgres.OPTIONS], capture_output=True, text=True, check=True
    )
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([postgres.SCRIPT, "stop", folder, "fast"], check=False)


@contextmanager
def desks(engine: str, base: Path, sizes: list[int], people: str) -> Iterator[list[servers.Server]]:
    """Serve a desk of each size with such people."""
    kind, each = "" if people == "few" else "-log", PEOPLE[people]
    with ExitStack() as stack:
        opened = []
        root = stack.enter_context(kept_cluster(base)) if engine == "postgres" else ""
        for size in sizes:
            name = f"desk{size}{kind.replace('-', '_')}"
            folder, url = base / f"{engine}{kind}-{size}", root.replace("/postgres", f"/{name}")
            begun = time.perf_counter()
            if not folder.exists():
                shutil.copytree(base / f"desk-{BASE}", folder)
                if engine == "sqlite":
                    grow_sqlite(folder, size // BASE, each=each)
            grows = engine == "postgres" and not postgres.has(root, name)
            if grows:
                postgres.sql(root, f"CREATE DATABASE {name}")
                postgres.fill(base / f"desk-{BASE}", url)
                asyncio.run(grow_postgres(url, size // BASE, each))
            asyncio.run(count_all(folder, **({"storage__database": url} if url else {})))
            if grows:
                asyncio.run(tidy(url))
            print(f"{engine}: {size:,} tickets after {time.perf_counter() - begun:.0f} s", flush=True)
            more = {"ANSWERABLE_DATABASE": url} if url else {}
            opened.append(stack.enter_context(servers.desk(folder, **more)))
        time.sleep(3)
        yield opened


def processor_seconds(processes: Iterable[int]) -> float:
    """Return the time that all threads of some processes have had on a processor."""
    total = 0
    for process in processes:
        for thread in Path(f"/proc/{process}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(thread.read_text().split()[0])
    return total / 1e9


def servers_of(base: Path) -> list[int]:
    """Return the processes of the kept cluster, the first of which has the time of those that ended."""
    lock = base / "postgres" / "data" / "postmaster.pid"
    if not lock.exists():
        return []
    first = int(lock.read_text().split()[0])
    return [first, *(int(each) for each in Path(f"/proc/{first}/task/{first}/children").read_text().split())]


def ended_seconds(process: int) -> float:
    """Return the time of the children of a process that ended, such as those that shared a query."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def measure(base: Path, desk: servers.Server, path: str, token: str) -> float:
    """Return the p95 of what one answer takes, in milliseconds of processor time."""
    asked = http.client.HTTPConnection("127.0.0.1", desk.port)
    times: list[float] = []
    cluster = servers_of(base)
    ended = ended_seconds(cluster[0]) if cluster else 0
    begun = time.perf_counter()
    while len(times) < FEWEST or (time.perf_counter() - begun < SECONDS and len(times) < MOST):
        before = processor_seconds([desk.process.pid, *cluster])
        asked.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = asked.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)
        times.append(processor_seconds([desk.process.pid, *cluster]) - before)
    asked.close()
    shared = (ended_seconds(cluster[0]) - ended) / len(times) if cluster else 0
    return (sorted(times)[int(len(times) * 0.95)] + shared) * 1000


def compare(engine: str, base: Path, tokens: dict[str, str], people: dict[str, str], given: argparse.Namespace) -> None:
    """Measure one engine, and keep what it took."""
    kept = figures_in(base, engine, given.people)
    figures = msgspec.json.decode(kept.read_bytes(), type=Figures) if kept.exists() else {}
    with desks(engine, base, [BASE, given.tickets], given.people) as opened:
        for role in [given.role] if given.role else ROLES:
            for path in paths(role, people[role]):
                if given.only not in path:
                    continue
                best = [float("inf")] * 2
                for _ in range(ROUNDS):
                    took = [measure(base, desk, path, tokens[role]) for desk in opened]
                    best = [min(pair) for pair in zip(best, took, strict=True)]
                figures.setdefault(shown(path, people[role]), {})[role] = best
                print(f"{engine} {role} {shown(path, people[role])} {cell(best)}", flush=True)
                kept.write_bytes(msgspec.json.encode(figures))


def shown(path: str, me: str) -> str:
    """Write an address as the table has it."""
    text = unquote(path).removeprefix("/api").replace("?size=20", "?").replace("?&", "?").rstrip("?").replace(me, "…")
    return re.sub(r"from=[\d-]+", "from=a week ago", text)


def cell(took: Sequence[float]) -> str:
    """Write one figure of the table: bold where it is over twice as much, and by more than a millisecond."""
    if not took:
        return "–"
    small, large = (f"{each:.1f}" if each < 100 else f"{each:.0f}" for each in took)
    text = f"{small} → {large}"
    return f"**{text}**" if took[1] > 2 * took[0] and took[1] > took[0] + 1 else text


def figures_in(base: Path, engine: str, people: str) -> Path:
    """Return the file that keeps what was measured."""
    return base / f"figures-{engine}{'' if people == 'few' else '-log'}.json"


def table(base: Path, people: str) -> Iterator[str]:
    """Write the table of docs/operate.md with all that was measured."""
    found = [
        msgspec.json.decode(kept.read_bytes(), type=Figures) if kept.exists() else {}
        for kept in (figures_in(base, engine, people) for engine in ("sqlite", "postgres"))
    ]
    yield f"| what | SQLite: {' | '.join(ROLES)} | PostgreSQL: {' | '.join(ROLES)} |"
    yield "|---|---|---|---|---|---|---|"
    for what in dict.fromkeys(shown(path, "…") for role in ROLES for path in paths(role, "…")):
        cells = [cell(figures.get(what, {}).get(role, ())) for figures in found for role in ROLES]
        yield f"| `{what}` | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--people", choices=list(PEOPLE), default="few")
    parser.add_argument("--engine", choices=["sqlite", "postgres"])
    parser.add_argument("--keep", type=Path, help="Keep the desks in this folder and use them again.")
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument("--only", default="", help="Only paths that hold this.")
    parser.add_argument("--table", action="store_true", help="Measure nothing, print what was measured.")
    given = parser.parse_args()
    base = given.keep or Path(tempfile.mkdtemp(prefix="answerable-million-"))
    if not given.table:
        base.mkdir(parents=True, exist_ok=True)
        saved = base / f"tokens-{BASE}.json"
        if not saved.exists():
            saved.write_bytes(msgspec.json.encode(asyncio.run(load(base / f"desk-{BASE}", BASE))))
        tokens = msgspec.json.decode(saved.read_bytes(), type=dict[str, str])
        with closing(sqlite3.connect(base / f"desk-{BASE}" / "answerable.sqlite")) as db:
            people = dict(db.execute("SELECT roles, MIN(id) FROM users_person GROUP BY roles ORDER BY 1").fetchall())
        for engine in [given.engine] if given.engine else ["sqlite", "postgres"]:
            compare(engine, base, tokens, people, given)
    print(f"\n{machine()}\n", *table(base, given.people), sep="\n")
    if given.keep is None:
        subprocess.run(["rm", "-rf", str(base)], check=True)


if __name__ == "__main__":
    main()
