"""The same desk on PostgreSQL: against pgbench, against hello-world, and with two workers against one."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec

from bench import servers
from bench.hammer import Hammered, hammer
from bench.load import raw_request
from bench.report import Report
from bench.share import held_to

SCRIPT = Path(__file__).parent.parent / "scripts" / "postgres"
TABLES = """CREATE TABLE ticket (id TEXT PRIMARY KEY, title TEXT, description TEXT);
CREATE TABLE outbox (position BIGSERIAL PRIMARY KEY, body TEXT);"""
TWO_INSERTS = """\\set a random(1, 1000000000000)
\\set b random(1, 1000000000000)
BEGIN;
INSERT INTO ticket VALUES (:a || '-' || :b, 'A title', '{text}');
INSERT INTO outbox (body) VALUES ('{text}');
COMMIT;
"""
CLIENTS = 32
MODES = {"simple": "as it comes", "prepared": "prepared"}
ROUNDS = 5
SHARE = 0.3  # of a core, for each worker: then two cores are enough for two of them, PostgreSQL and the load
OPTIONS = ("shared_buffers=512MB", "max_wal_size=4GB")


@contextmanager
def cluster() -> Iterator[tuple[Path, str]]:
    """Run a cluster with PostgreSQL's own defaults, but for more memory; return its folder and address."""
    folder = Path(tempfile.mkdtemp(prefix="answerable-bench-postgres-"))
    folder.chmod(0o755)
    started = subprocess.run([SCRIPT, "start", folder, "0", *OPTIONS], capture_output=True, text=True)
    assert started.returncode == 0, started.stderr
    try:
        yield folder, started.stdout.strip()
    finally:
        subprocess.run([SCRIPT, "stop", folder, "fast"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def programs(name: str) -> str:
    """Return where a program of PostgreSQL is."""
    found = subprocess.run([SCRIPT, "programs"], capture_output=True, text=True, check=True)
    return str(Path(found.stdout.strip()) / name)


def sql(url: str, *statements: str) -> None:
    """Run statements."""
    for statement in statements:
        subprocess.run(["psql", "-q", "-X", "-d", url, "-c", statement], check=True)


def has(url: str, database: str) -> bool:
    """Tell whether a cluster has a database."""
    asked = ["psql", "-q", "-X", "-A", "-t", "-d", url, "-c", f"SELECT 1 FROM pg_database WHERE datname = '{database}'"]
    return bool(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())


def pgbench(url: str, seconds: float, text: str, mode: str = "prepared") -> float:
    """Return how many durable two-insert transactions a second ``CLIENTS`` clients of pgbench make.

    ``simple``, its default, sends each statement as text; ``prepared`` plans it once, as the desk's driver does.
    """
    port = re.findall(r":(\d+)/", url)[0]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(TWO_INSERTS.format(text=text.replace("'", "")))
        script.flush()
        options = ["-n", "-M", mode, "-c", str(CLIENTS), "-j", "2", "-T", str(max(2, round(seconds)))]
        done = subprocess.run(
            [
                programs("pgbench"),
                "-h",
                "127.0.0.1",
                "-p",
                port,
                "-U",
                "answerable",
                *options,
                "-f",
                script.name,
                "raw",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    return float(re.findall(r"tps = ([\d.]+)", done.stdout)[0])


def fill(folder: Path, url: str) -> None:
    """Move a SQLite desk, which may have been kept by an earlier version, to a database."""
    for words in (["migrate", "--data-dir", str(folder)], ["move", "--data-dir", str(folder), "--to", url, "--json"]):
        subprocess.run([sys.executable, "-m", "answerable", *words], check=True, stdout=subprocess.DEVNULL)


def ids_of(port: int, token: str) -> list[str]:
    """Return the ids of the newest tickets."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/tickets?size=1000", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(asked) as answer:
        return [ticket["id"] for ticket in msgspec.json.decode(answer.read())]


def hello_rate(workers: int, seconds: float) -> float:
    """Return how many answers a second the framework's hello-world gives: what this machine and this load allow."""
    with servers.hello(workers) as hello:
        asks = [raw_request("GET", "/", hello.port)]
        time.sleep(0.5)  # the others are there soon after the first
        hammer(hello.port, asks, 1)
        return hammer(hello.port, asks, seconds).rate


def get_rates(
    report: Report, folder: Path, url: str, token: str, workers: int, seconds: float, cluster: Path
) -> tuple[Hammered, Hammered | None]:
    """Return how many GETs by id a second a desk with some workers answers; note what each costs whom.

    The second is with each worker held to ``SHARE`` of a core, where the machine lets that be.
    """
    server = int((cluster / "data" / "postmaster.pid").read_text().split()[0])
    with servers.desk(folder, ANSWERABLE_DATABASE=url, ANSWERABLE_SERVER_WORKERS=str(workers)) as desk:
        servers.wait_until_quiet(desk)
        gets = [raw_request("GET", f"/api/tickets/{id_}", desk.port, token) for id_ in ids_of(desk.port, token)]
        hammer(desk.port, gets, 1)
        before = [servers.tree_seconds(desk.process.pid), servers.tree_seconds(server), sum(os.times()[:4])]
        found = hammer(desk.port, gets, seconds)
        after = [servers.tree_seconds(desk.process.pid), servers.tree_seconds(server), sum(os.times()[:4])]
        with held_to(SHARE, servers.workers_of(desk) if workers > 1 else [desk.process.pid]) as is_held:
            held = hammer(desk.port, gets, seconds) if is_held else None
    each = [(end - begin) / found.answers * 1e6 for begin, end in zip(before, after, strict=True)]
    report.note(
        f"an answer's processor time, workers: {workers}",
        f"desk {each[0]:.0f}, PostgreSQL {each[1]:.0f}, load {each[2]:.0f} µs: two cores answer {2e6 / sum(each):.0f} "
        "a second at most",
    )
    return found, held


def post_rate(folder: Path, url: str, token: str, workers: int, seconds: float, start: int) -> Hammered:
    """Return how many durable POSTs a second a desk answers."""
    from bench.__main__ import posts  # noqa: PLC0415  # it imports this module

    with servers.desk(folder, ANSWERABLE_DATABASE=url, ANSWERABLE_SERVER_WORKERS=str(workers)) as desk:
        servers.wait_until_quiet(desk)
        make = posts(desk.port, token, start)
        hammer(desk.port, [make(number) for number in range(1000)], 1)
        return hammer(desk.port, [make(number) for number in range(1000, 6000)], seconds)


def bare_rate(raw_url: str, seconds: float) -> Hammered:
    """Return what the framework alone does: the same bodies, and two rows in one commit for each (``bench.bare``)."""
    from bench.__main__ import draft  # noqa: PLC0415  # it imports this module

    port = servers.free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare", raw_url, str(port)])
    try:
        servers.wait_until_answers(port, "/healthz")
        asks = [raw_request("POST", "/", port, body=msgspec.json.encode(draft(number))) for number in range(5000)]
        hammer(port, asks, 1)
        return hammer(port, asks, seconds)
    finally:
        process.terminate()
        process.wait(10)


def measure(count: int, seconds: float, keep: Path | None) -> Report:
    """Measure everything."""
    from bench.__main__ import draft, load  # noqa: PLC0415

    report = Report()
    base = keep or Path(tempfile.mkdtemp(prefix="answerable-bench-"))
    folder, saved = base / f"desk-{count}", base / f"tokens-{count}.json"
    if not saved.exists():
        saved.parent.mkdir(parents=True, exist_ok=True)
        saved.write_bytes(msgspec.json.encode(asyncio.run(load(folder, count))))
    tokens = msgspec.json.decode(saved.read_bytes(), type=dict[str, str])
    with cluster() as (place, url):
        desk_url, raw_url = url.replace("/postgres", "/desk"), url.replace("/postgres", "/raw")
        sql(url, "CREATE DATABASE desk", "CREATE DATABASE raw")
        sql(raw_url, TABLES)
        begun = time.perf_counter()
        fill(folder, desk_url)
        print(f"moved {count} tickets in {time.perf_counter() - begun:.0f} s", flush=True)
        plain, plain_two = hello_rate(1, seconds), hello_rate(2, seconds)
        report.note("hello-world itself, two workers / one", f"{plain_two:.0f} / {plain:.0f} = {plain_two / plain:.2f}")
        first, first_held = get_rates(report, folder, desk_url, tokens["MANAGER"], 1, seconds, place)
        one = first.rate
        report.add(
            "GET by id / framework hello-world",
            f"{one:.0f} / {plain:.0f} = {one / plain:.2f}",
            "0.25",
            one >= plain / 4,
        )
        both, both_held = get_rates(report, folder, desk_url, tokens["MANAGER"], 2, seconds, place)
        for how, two, of in (("", both, first), (f", each held to {SHARE:.0%} of a core", both_held, first_held)):
            if two and of:
                shown = f"{two.rate:.0f} / {of.rate:.0f} = {two.rate / of.rate:.2f}"
                report.add(f"GET by id, two workers / one{how}", shown, "1.5", two.rate >= 1.5 * of.rate)
        text = draft(1)["description"]
        raw: dict[str, list[float]] = {mode: [] for mode in MODES}
        made: dict[int, list[Hammered]] = {1: [], 2: []}
        for _ in range(ROUNDS):  # in turns: what the disk takes changes from one minute to the next
            for mode, found in raw.items():
                sql(url, "CHECKPOINT")  # all begin behind one: a page that is changed first goes to the log as a whole
                found.append(pgbench(raw_url, seconds, text, mode))
            for workers, posted in made.items():
                sql(url, "CREATE DATABASE posts TEMPLATE desk", "CHECKPOINT")  # none has a backlog of another
                posts_url = url.replace("/postgres", "/posts")
                posted.append(post_rate(folder, posts_url, tokens["USER"], workers, seconds, count * 10))
                sql(url, "DROP DATABASE posts WITH (FORCE)")
        bare, planned = bare_rate(raw_url, seconds).rate, median(raw["prepared"])
        report.note(
            "the framework alone, two rows in one commit / pgbench, prepared",
            f"{bare:.0f} / {planned:.0f} = {bare / planned:.2f}",
        )
        for workers, posted in made.items():
            rate, slow = median(one.rate for one in posted), median(one.p99 for one in posted)
            for mode, what in MODES.items():
                plain = median(raw[mode])
                report.add(
                    f"durable POST, 32 connections, workers: {workers} / pgbench's two inserts, {what}, "
                    f"medians of {ROUNDS} in turns",
                    f"{rate:.0f} / {plain:.0f} = {rate / plain:.2f} (p99 {slow:.0f} ms)",
                    "1.0",
                    rate >= plain,
                )
    if keep is None:
        shutil.rmtree(base)
    return report
