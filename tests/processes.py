"""Real server processes on free ports, started and ended by the test that uses them."""

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import httpx

from tests import warm
from tests.engines import DATABASES, ENGINE
from tests.patience import PATIENCE

COMMAND = [sys.executable, "-m", "answerable"]


def environment(**values: str) -> dict[str, str]:
    """Return this process's environment without the desk's settings, without limits, plus ``values``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSWERABLE_", "PGSSLMODE"))}
    limits = {f"ANSWERABLE_LIMITS_{name}": "0" for name in ("ACCOUNT", "ADDRESS", "COSTLY", "AT_ONCE")}
    return {**kept, **limits, **values}


def answerable(
    *arguments: str, check: bool = True, typed: str = "", **values: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command of the desk to its end as people do (see ``_as_people_do``); ``typed`` is its standard input."""
    if not _as_people_do():
        return quickly(*arguments, check=check, typed=typed, **values)
    return subprocess.run(
        [*COMMAND, *arguments],
        check=check,
        capture_output=True,
        text=True,
        input=typed,
        timeout=120,
        env=environment(**{**_database_named(arguments), **values}),
    )


def _as_people_do() -> bool:
    """Tell whether a test's processes begin with the command line rather than as copies (see ``tests.warm``).

    What comes before a desk opens its database is the same on each engine. ``cold_server`` begins so on PostgreSQL too.
    """
    return ENGINE.name == "sqlite"


def quickly(*arguments: str, check: bool = True, typed: str = "", **values: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the desk to its end in a process that has read its program before; see ``tests.warm``."""
    with TemporaryFile("w+") as given, TemporaryFile("w+") as said, TemporaryFile("w+") as told:
        given.write(typed)
        given.seek(0)
        around = environment(**{**_database_named(arguments), **values})
        ended = warm.start(arguments, around, said.fileno(), told.fileno(), given.fileno()).wait(120)
        said.seek(0)
        told.seek(0)
        done = subprocess.CompletedProcess(["answerable", *arguments], ended, said.read(), told.read())
    if check:
        assert ended == 0, done.stderr
    return done


def _database_named(arguments: Sequence[str]) -> dict[str, str]:
    if "--data-dir" not in arguments:
        return {}
    return database_of(Path(arguments[arguments.index("--data-dir") + 1]))


def database_of(folder: Path) -> dict[str, str]:
    """Return what tells a process about the database of its folder."""
    address = ENGINE.address_of(folder)
    return {"ANSWERABLE_DATABASE": address} if address else {}


class ServerProcess:
    """A running desk, in a process that has read its program before; see ``tests.warm``."""

    def __init__(self, folder: Path, *arguments: str, **values: str) -> None:
        self.folder = folder
        self.errors = folder.parent / f"{folder.name}.log"
        with self.errors.open("a") as log:
            given = ["serve", "--port", "0", "--data-dir", str(folder), *arguments]
            self.process = self._begin(given, environment(**{**_database_named(given), **values}), log)
        self.url = self._read_address()
        self._wait_until_ready()

    def _begin(self, arguments: list[str], around: dict[str, str], log: IO[str]) -> "subprocess.Popen[str] | warm.Copy":
        return warm.start(arguments, around, subprocess.PIPE, log.fileno())

    def _read_address(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        match = re.search(r"(http://[\d.]+:\d+)$", line.strip())
        if match is None:
            self.process.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{self.errors.read_text()[-4000:]}")
        return match.group(1)

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.01)
        raise AssertionError(f"the server is not ready\n{self.errors.read_text()[-4000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self._close()

    def stop(self, seconds: float = PATIENCE) -> None:
        """End it as an operator would; fails where it takes longer than ``seconds``."""
        self.process.terminate()
        self.process.wait(seconds)
        self._close()

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


class ColdServerProcess(ServerProcess):
    """A running desk that was started as an operator does."""

    def _begin(self, arguments: list[str], around: dict[str, str], log: IO[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=around)


@contextmanager
def warm_server(folder: Path, *arguments: str, **values: str) -> Iterator[ServerProcess]:
    """Run a desk in ``folder`` for the time of a test."""
    with _while(ServerProcess(folder, *arguments, **values)) as running:
        yield running


@contextmanager
def server(folder: Path, *arguments: str, **values: str) -> Iterator[ServerProcess]:
    """Run a desk in ``folder`` for the time of a test, started as an operator does (see ``_as_people_do``)."""
    with (cold_server if _as_people_do() else warm_server)(folder, *arguments, **values) as running:
        yield running


@contextmanager
def cold_server(folder: Path, *arguments: str, **values: str) -> Iterator[ServerProcess]:
    """Run a desk in ``folder`` for the time of a test, started as an operator does, whatever the engine."""
    with _while(ColdServerProcess(folder, *arguments, **values)) as running:
        yield running


@contextmanager
def _while(running: ServerProcess) -> Iterator[ServerProcess]:
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()


@dataclass(frozen=True)
class Child:
    """A process that another one has started."""

    pid: int

    @property
    def alive(self) -> bool:
        """Tell whether it runs."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)


def children_of(running: ServerProcess) -> list[Child]:
    """Return the workers of a server that run."""
    found = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    return [child for child in (Child(int(pid)) for pid in found) if child.alive]


def rows_in(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Read rows of the database that belongs to a folder, beside whoever serves it."""
    address = ENGINE.address_of(folder)
    if address:
        return [tuple(row) for row in DATABASES.fetch(address, query)]
    with closing(sqlite3.connect(folder / "answerable.sqlite")) as db:
        return db.execute(query).fetchall()


async def eventually(check: "object", seconds: float = PATIENCE) -> None:
    """Wait until ``check()`` (async) gives something true; fails after ``seconds``."""
    assert callable(check)
    give_up = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < give_up, "it did not happen in time"
        await asyncio.sleep(0.02)


PASSWORD = "correct horse battery"
ADMIN = "ada@desk.test"


def make_admin(folder: Path, **values: Any) -> None:
    """Make the first administrator with the command line."""
    quickly(
        "create-admin",
        "--email",
        ADMIN,
        "--name",
        "Ada Admin",
        "--password-stdin",
        "--data-dir",
        str(folder),
        typed=PASSWORD,
        **values,
    )


async def sign_in(client: httpx.AsyncClient, email: str) -> dict[str, str]:
    """Sign in; return the headers that say so."""
    answer = await client.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def hire(client: httpx.AsyncClient, admin: dict[str, str], name: str, *roles: str) -> dict[str, str]:
    """Register somebody, give them roles, sign them in."""
    email = f"{name.lower()}@desk.test"
    answer = await client.post(
        "/api/auth/register", json={"name": f"{name} Person", "email": email, "password": PASSWORD}
    )
    assert answer.status_code == 201, answer.text
    if roles:
        person = answer.json()["id"]
        changed = await client.patch(f"/api/users/admin/{person}", json={"roles": list(roles)}, headers=admin)
        assert changed.status_code == 200, changed.text
    return await sign_in(client, email)
