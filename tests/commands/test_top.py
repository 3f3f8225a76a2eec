"""``answerable top``: what it tells of real processes, of one that is away, and of one that says nothing sensible."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from rich.console import Console

from answerable.commands import build
from answerable.commands.top.reading import Look
from answerable.commands.top.showing import from_now, shown
from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND
from tests.apart import SECRET
from tests.https import https_source
from tests.kafka import Broker, settings_on
from tests.patience import PATIENCE
from tests.processes import (
    ADMIN,
    ServerProcess,
    environment,
    eventually,
    hire,
    make_admin,
    server,
    sign_in,
)

DRAFT = {"title": "Printer on fire", "description": "It burns, please help.", "category": "HARDWARE", "priority": "LOW"}


async def top(folder: Path, how: str, **values: Any) -> str:
    """Return what ``answerable top`` prints."""
    arguments = ["top", how, "--data-dir", str(folder)]
    done = await asyncio.to_thread(CliRunner().invoke, build(), arguments, env=values)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


async def seen(folder: Path, **values: Any) -> dict[str, dict[str, Any]]:
    """Return what ``top --json`` tells, by service."""
    return {each["service"]: each for each in json.loads(await top(folder, "--json", **values))["services"]}


@pytest.mark.slow
@pytest.mark.one_engine
async def test_a_desk_in_one_piece(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    with server(folder) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            admin = await sign_in(client, ADMIN)
            await hire(client, admin, "Abe", "AGENT")
            assert (await client.post("/api/tickets", json=DRAFT, headers=admin)).status_code == 201
            async with client.stream("GET", "/api/live", headers=admin) as stream:
                assert stream.status_code == 200

                async def settled() -> bool:
                    desk = (await seen(folder))["desk"]
                    return bool(desk["runningClocks"] and not any(desk["lag"].values()))

                await eventually(settled)
                desk = (await seen(folder))["desk"]
        assert (desk["answers"], desk["ready"], desk["reasons"]) == (True, True, [])
        assert desk["address"] == running.url
        assert {"tickets", "assignment", "sla", "notifications", "reporting"} <= set(desk["lag"])
        assert (desk["parked"], desk["liveStreams"], desk["outboxWaiting"]) == (0, 1, None)
        assert desk["runningClocks"] == 2, "an answer and a resolution are promised"
        assert desk["nextDueAt"] > "2026"
        once = await top(folder, "--once")
        assert [word in once for word in ("service", "desk", "yes", "sla 0", "in ")] == [True] * 5
        running.stop()
    gone = (await seen(folder))["desk"]
    assert (gone["answers"], gone["ready"], gone["lag"]) == (False, False, {})
    assert gone["reasons"] == ["cannot be reached (Connection refused)"]
    assert "away" in await top(folder, "--once")


@pytest.mark.slow
@pytest.mark.one_engine
async def test_services_apart_and_one_of_them_away(tmp_path: Path, broker: Broker) -> None:
    common: dict[str, Any] = {
        f"ANSWERABLE_{name.replace('__', '_').upper()}": str(v) for name, v in settings_on(broker).items()
    }
    common["ANSWERABLE_PEERS_SECRET"] = SECRET
    running: dict[str, ServerProcess] = {}
    try:
        for name in ("tickets", "assignment"):
            running[name] = ServerProcess(tmp_path / name, name, **common)
        peers: dict[str, Any] = {f"ANSWERABLE_PEERS_{name.upper()}": process.url for name, process in running.items()}
        peers |= {f"ANSWERABLE_PEERS_{name.upper()}": "http://127.0.0.1:1" for name in ("users", "notifications")}
        peers["ANSWERABLE_PEERS_REPORTING"] = "http://127.0.0.1:1"
        running["gateway"] = ServerProcess(tmp_path / "gateway", "gateway", **common, **peers)

        async def all_read() -> bool:
            told = await seen(tmp_path / "gateway", **common, **peers)
            return bool(told["tickets"]["lag"] == {"tickets": 0} and told["assignment"]["outboxWaiting"] == 0)

        await eventually(all_read)
        told = await seen(tmp_path / "gateway", **common, **peers)
        assert list(told) == ["gateway", "users", "tickets", "assignment", "notifications", "reporting"]
        assert {name for name, each in told.items() if each["ready"]} == set(running)
        assert told["gateway"]["address"] == running["gateway"].url
        assert set(told["assignment"]["lag"]) == {"assignment", "sla"}
        assert [told[name]["runningClocks"] for name in ("assignment", "tickets", "users")] == [0, None, None]
        assert told["users"]["reasons"] == ["cannot be reached (Connection refused)"]
        assert SECRET not in await top(tmp_path, "--once", **common, **peers)
    finally:
        for process in running.values():
            process.kill()


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Any]:
    """Somebody who answers at the address of the desk, and is none."""
    with https_source(tmp_path, "http") as source:
        yield source


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (200, b"<html>", ["its numbers cannot be read"]),
        (200, b"\xff\xfe", ["its numbers cannot be read"]),
        (
            200,
            b'{"status": "ready", "waiting": ["bus: is not running"]}',
            ["people can work, what follows waits (bus: is not running)", "its numbers cannot be read"],
        ),
        (404, b"", ["/readyz answers 404", "its numbers are not for this machine (server.metrics_networks)"]),
        (
            503,
            b'{"message": "Not now.", "errors": ["bus: is not running"]}',
            ["bus: is not running", "/metrics answers 503"],
        ),
    ],
)
async def test_what_is_no_desk_is_told(
    tmp_path: Path, stranger: Any, status: int, body: bytes, wanted: list[str]
) -> None:
    stranger.respond = lambda exchange: exchange.say(body, status)
    address = stranger.url.removesuffix("/desk.toml")
    desk = (await seen(tmp_path / "nobody", ANSWERABLE_SERVER_PUBLIC_URL=address))["desk"]
    assert (desk["answers"], desk["ready"], desk["reasons"]) == (True, status == 200, wanted)


@pytest.mark.one_engine
def test_the_table_comes_again_until_it_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "answerable", "top", "--data-dir", str(tmp_path / "nobody")]
    values = environment(ANSWERABLE_SERVER_PORT="1", TERM="xterm", FORCE_COLOR="1")
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=values,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background of a shell
    )
    assert running.stdout is not None
    shown = 0
    for line in running.stdout:
        shown += "away" in line
        if shown == 2:
            break
    running.send_signal(2)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (0, "")


@pytest.mark.one_engine
def test_in_a_pipe_it_is_one_table_with_whole_addresses(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "answerable", "top", "--data-dir", str(tmp_path / "nobody")]
    values = environment(ANSWERABLE_SERVER_PORT="1")
    done = subprocess.run(command, capture_output=True, text=True, env=values, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("away") == 1
    assert "127.0.0.1:1" in done.stdout


@pytest.mark.parametrize(
    ("microseconds", "words"),
    [
        (0, "in 0 s"),
        (59 * SECOND, "in 59 s"),
        (3 * MINUTE + 20 * SECOND, "in 3 min 20 s"),
        (2 * DAY + 4 * MINUTE, "in 2 d"),
        (DAY + 23 * HOUR, "in 1 d 23 h"),
        (-HOUR, "1 h ago"),
    ],
)
def test_how_far_away_an_instant_is(microseconds: int, words: str) -> None:
    assert from_now(10 * DAY + microseconds, 10 * DAY) == words


def test_a_service_that_is_away_has_no_numbers() -> None:
    away = Look("sla", "http://sla", False, False)
    assert (away.lag, away.clocks, away.next_due) == ({}, None, None)


def test_a_narrow_terminal_keeps_every_number_on_its_line() -> None:
    lag = {"assignment": 12, "notifications": 123_456}
    look = Look("notifications", "http://10.0.0.12:8784", True, True, (), lag, 1_000_000, 12, 1_000, 100_000, 4 * HOUR)
    printed = {}
    for width in (80, 120):
        console = Console(width=width, record=True, file=StringIO())
        console.print(shown([look], 0, width))
        printed[width] = console.export_text()
    assert "10.0.0.12" in printed[120]
    for number in ("1,000,000", "12", "1,000", "100,000", "in 4 h", "notifications 123,456"):
        assert number in printed[80]
    assert len(printed[80].splitlines()) == 1 + len(lag)
