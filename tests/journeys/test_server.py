"""The desk as a process: starting, stopping, running out of room, commands beside it."""

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest

from answerable.infra.database.open import system_clock
from answerable.kernel.actor import Actor
from answerable.kernel.times import MINUTE, SECOND
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.tickets.actions import create_ticket
from answerable.tickets.rules import Draft
from answerable.users.rules import grants_of
from tests.engines import ENGINE
from tests.patience import PATIENCE
from tests.processes import (
    ADMIN,
    PASSWORD,
    answerable,
    environment,
    eventually,
    hire,
    make_admin,
    quickly,
    rows_in,
    server,
    sign_in,
    warm_server,
)

pytestmark = pytest.mark.slow
DRAFT = {"title": "Printer on fire", "description": "It burns, please help.", "category": "HARDWARE", "priority": "LOW"}


async def test_the_first_admin_comes_by_the_link_that_is_printed_once(tmp_path: Path) -> None:
    with server(tmp_path / "desk") as running:
        assert running.process.stdout is not None
        running.process.stdout.readline()
        link = running.process.stdout.readline().strip()
        token = link.partition("token=")[2]
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            page = await client.get(link)
            assert page.status_code == 200
            assert "text/html" in page.headers["content-type"]
            form = {"token": token, "name": "Ada Admin", "email": ADMIN, "password": PASSWORD}
            assert (await client.post("/api/auth/setup", json=form)).status_code in (200, 201)
            again = await client.post("/api/auth/setup", json={**form, "email": "eve@desk.test"})
            assert again.status_code in (400, 409)
            headers = await sign_in(client, ADMIN)
            assert (await client.get("/api/auth/me", headers=headers)).json()["roles"] == ["ADMIN"]


async def test_commands_work_beside_a_running_server(tmp_path: Path, engine: str) -> None:
    folder = tmp_path / "desk"
    with server(folder) as running:
        make_admin(folder)
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            headers = await sign_in(client, ADMIN)
            assert (await client.post("/api/tickets", json=DRAFT, headers=headers)).status_code == 201
        tail = answerable("events", "tail", "--json", "--type", "TICKET_CREATED", "--data-dir", str(folder)).stdout
        assert msgspec.json.decode(tail)["body"]["ticket"]["title"] == "Printer on fire"
        assert "no difference" in answerable("events", "verify", "--data-dir", str(folder)).stdout
        assert "Nothing is parked" in answerable("events", "parked", "--data-dir", str(folder)).stdout
        assert "up to date" in answerable("migrate", "--data-dir", str(folder)).stdout
        if engine == "sqlite":
            second = answerable("serve", "--port", "0", "--data-dir", str(folder), check=False)
            assert second.returncode == 1
            assert "Another process serves" in second.stderr


async def test_stopping_does_not_wait_for_open_streams(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    with server(folder) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            headers = await sign_in(client, ADMIN)
            async with client.stream("GET", "/api/live", headers=headers) as stream:
                assert stream.status_code == 200
                running.stop()
        assert running.process.returncode == 0
        assert "graceful shutdown exceeded" not in running.errors.read_text(), "the stream ended by itself"


@pytest.mark.one_engine
async def test_a_full_disk_is_told_and_survived(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    with warm_server(folder) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            headers = await sign_in(client, ADMIN)
            first = (await client.post("/api/tickets", json=DRAFT, headers=headers)).json()
            room = max(path.stat().st_size for path in folder.iterdir())
            _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (room, hard))
            big = {**DRAFT, "description": "x" * 20_000}
            statuses: list[int] = []
            while 503 not in statuses and len(statuses) < 500:
                answer = await client.post("/api/tickets", json=big, headers=headers)
                statuses.append(answer.status_code)
            assert set(statuses) == {201, 503}
            assert answer.headers["retry-after"]
            assert "Nothing was changed" in answer.json()["message"]
            assert (await client.get(f"/api/tickets/{first['id']}", headers=headers)).status_code == 200
            assert "storage fault" in running.errors.read_text()
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))

            async def works_again() -> bool:
                return (await client.post("/api/tickets", json=DRAFT, headers=headers)).status_code == 201

            await eventually(works_again)
            kept = await client.get("/api/tickets?size=1000", headers=headers)
            assert len(kept.json()) == 1 + statuses.count(201) + 1
        running.stop()
    assert "no difference" in quickly("events", "verify", "--data-dir", str(folder)).stdout


@pytest.mark.one_engine
async def test_a_disk_that_takes_no_byte_gives_503_and_reads_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    with warm_server(folder) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            headers = await sign_in(client, ADMIN)
            _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (0, hard))  # no byte can be written any more
            answer = await client.post("/api/tickets", json=DRAFT, headers=headers)
            assert answer.status_code == 503
            assert (await client.get("/api/tickets", headers=headers)).status_code == 200

            async def says_so() -> bool:
                return (await client.get("/readyz")).status_code == 503

            await eventually(says_so)
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))

            async def works_again() -> bool:
                return (await client.post("/api/tickets", json=DRAFT, headers=headers)).status_code == 201

            await eventually(works_again)


async def test_a_breach_is_found_within_a_second_of_its_time(tmp_path: Path) -> None:
    """The promise of a CRITICAL ticket (first answer in 15 minutes) runs out three seconds from now."""
    folder = tmp_path / "desk"
    make_admin(folder)
    with warm_server(folder) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            admin = await sign_in(client, ADMIN)
            await hire(client, admin, "Una")
            people = (await client.get("/api/users/admin?role=USER", headers=admin)).json()
        past = system_clock() - 15 * MINUTE + 3 * SECOND
        own = Settings().with_values("test", storage__data_dir=str(folder), storage__database=ENGINE.address_of(folder))
        desk = Desk(own, clock=lambda: past)
        una = Actor(people[0]["id"], "person", frozenset({"USER"}), grants_of({"USER"}), "Una")
        ticket = await desk.database.write(una, create_ticket, Draft(**(DRAFT | {"priority": "CRITICAL"})))
        await desk.stop()
        give_up = time.monotonic() + PATIENCE
        found = f"SELECT time, body FROM bus_outbox WHERE type = 'SLA_BREACHED' AND key = '{ticket.id}'"

        async def breached() -> bool:
            return bool(rows_in(folder, found))

        slowest, before = 0.0, time.monotonic()
        while not await breached():  # how long the machine lets anybody wait is not the desk's doing
            await asyncio.sleep(0.02)
            slowest, before = max(slowest, time.monotonic() - before), time.monotonic()
            assert before < give_up
        rows = rows_in(folder, found)
        assert len(rows) == 1
        due = msgspec.json.decode(rows[0][1])["dueAt"]
        assert due == past + 15 * MINUTE
        assert 0 <= rows[0][0] - due < SECOND + slowest * SECOND


@pytest.mark.one_engine
def test_helpful_errors(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[server]\nport = 'eight'\n")
    made, nowhere = str(tmp_path / "b"), str(tmp_path / "mistyped")
    quickly("migrate", "--data-dir", made)
    for arguments, words in (
        (("serve", "nonsense", "--data-dir", str(tmp_path / "a")), "Unknown service nonsense"),
        (("config", "show", "--config", str(bad)), "server.port: must be a whole number"),
        (("serve", "--data-dir", "/proc/nothing"), "cannot be used"),
        (("replay", str(bad)), "line 1"),
        (("events", "retry", "no-such-message", "--data-dir", made), "No parked message"),
        (("events", "verify", "--data-dir", nowhere), "mistyped: there is no desk here"),
        (("person", "export", "una@example.org", "--data-dir", nowhere), "mistyped: there is no desk here"),
        (("serve", "--data-dir", str(tmp_path / "c"), "--host", "203.0.113.1"), "Cannot listen"),
        (("mirror", "verify", "--data-dir", nowhere), "No mirror is set"),
        (("migrate", "--data-dir", nowhere, "--database", "mysql://desk@db/desk"), "storage.database: must be like"),
        (("serve", "--data-dir", str(tmp_path / "d"), "--mirror", "nonsense"), "mirror.url: is not an address"),
    ):
        failed = quickly(*arguments, check=False)
        assert failed.returncode != 0
        assert words in failed.stderr
        assert "Traceback" not in failed.stderr
    assert not Path(nowhere).exists(), "no new desk is made, proved whole, and taken for the one that was meant"


@pytest.mark.one_engine
def test_settings_show_where_they_come_from_and_hide_secrets(tmp_path: Path) -> None:
    config = tmp_path / "desk.toml"
    config.write_text('[mail]\nhost = "mail.example"\npassword = "very-secret-indeed"\n')
    config.chmod(0o600)
    shown = quickly("config", "show", "--json", "--config", str(config), ANSWERABLE_TICKETS_AUTO_CLOSE_DAYS="3").stdout
    assert "very-secret-indeed" not in shown
    rows = {row["setting"]: row for row in msgspec.json.decode(shown)}
    assert rows["mail.host"]["from"] == str(config)
    assert rows["tickets.auto_close_days"]["value"] == "3.0"
    assert rows["tickets.auto_close_days"]["from"] == "ANSWERABLE_TICKETS_AUTO_CLOSE_DAYS"
    assert rows["server.port"]["from"] == "default"


def test_the_demo_fills_an_empty_desk_once(tmp_path: Path) -> None:
    folder = str(tmp_path / "desk")
    made = msgspec.json.decode(quickly("demo", "--json", "--data-dir", folder).stdout)
    assert set(made["tickets"]) == {
        "CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED", "CLOSED", "CANCELLED"
    }  # fmt: skip
    if (kept := Path(folder, "answerable.sqlite")).is_file():
        with closing(sqlite3.connect(kept)) as desk:
            shares = desk.execute("SELECT AVG(breached_at IS NULL) FROM sla_clock GROUP BY target").fetchall()
        assert len(shares) == 3
        assert all(0.8 < share < 1 for (share,) in shares), "its agents answer as people do: mostly in time"
    again = quickly("demo", "--data-dir", folder, check=False)
    assert again.returncode == 1
    assert "not empty" in again.stderr
    assert "no difference" in quickly("events", "verify", "--data-dir", folder).stdout


@pytest.mark.one_engine
def test_an_interrupt_among_the_imports_ends_it_without_a_word_about_them(tmp_path: Path) -> None:
    # Whoever runs the tests may have interrupts ignored, which the desk would respect.
    begun = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{begun}; from answerable.__main__ import main; main()"
    command = [sys.executable, "-X", "importtime", "-c", program, "serve", "--port", "0", "--data-dir", str(tmp_path)]
    told: list[str] = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment()) as process:
        impatience = threading.Timer(PATIENCE, process.kill)
        impatience.start()
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line)
            if line.split("|")[-1].strip() == "click":  # about the first of many
                process.send_signal(signal.SIGINT)
        impatience.cancel()
    assert process.returncode == -signal.SIGINT
    words = [line for line in told if not line.startswith("import time:")]
    assert not words, words


def test_environment_of_tests_is_clean() -> None:
    ours = {name for name in environment() if name.startswith("ANSWERABLE_")}
    assert {name for name in ours if not name.startswith("ANSWERABLE_LIMITS_")} == set()  # one person asks for all


@pytest.mark.one_engine
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_stops_it_as_soon_as_it_says_where_it_is_stops_it_in_good_order(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "answerable", "serve", "--port", "0", "--data-dir", str(tmp_path / "desk")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
        impatience = threading.Timer(PATIENCE, process.kill)
        impatience.start()
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Answerable is at")
        process.send_signal(number)
        _, logged = process.communicate()
        impatience.cancel()
    assert process.returncode == 0
    assert "stopped" in logged.splitlines()[-1]
