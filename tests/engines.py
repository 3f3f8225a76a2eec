"""The engine that a test runs on: a SQLite file in its folder, or a PostgreSQL database made for that folder.

One private cluster serves a whole test run, whatever the number of its workers; each folder gets a database copied from
one that was migrated once.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg

from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate
from answerable.runtime import wanted_migrations
from answerable.services import features_of
from answerable.settings import Settings

T = TypeVar("T")
SCRIPT = Path(__file__).parent.parent / "scripts" / "postgres"
SHARED = "TESTS_POSTGRES"  # the folder of this run's cluster, made by the first process of the run
SCHEMA = "answerable"
# Nothing here has to survive a power cut.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_connections=200")


class Cluster:
    """A PostgreSQL server of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""

    def start(self, *options: str, port: int = 0) -> str:
        """Start it, on the same port as before where ``port`` says so; return the address of a database in it."""
        command = [str(SCRIPT), "start", str(self.folder), str(port), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        self.url = done.stdout.strip()
        return self.url

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``immediate`` is what a power cut does."""
        subprocess.run([SCRIPT, "stop", self.folder, mode], capture_output=True, timeout=120)

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.url.rpartition(":")[2].partition("/")[0])


@contextmanager
def cluster(*options: str) -> Iterator[Cluster]:
    """Run a cluster of one's own for the time of a test."""
    folder = Path(tempfile.mkdtemp(prefix="answerable-cluster-"))
    folder.chmod(0o755)
    made = Cluster(folder)
    made.start(*options)
    try:
        yield made
    finally:
        made.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@cache
def missing() -> str:
    """Say what is missing to test with PostgreSQL; empty where nothing is."""
    found = subprocess.run([SCRIPT, "programs"], capture_output=True, timeout=30)
    return "" if found.returncode == 0 else "no PostgreSQL server here; run scripts/postgres install"


def begin_run() -> None:
    """Choose the folder of this run's cluster; nothing is started before a test wants it."""
    for left in Path(tempfile.gettempdir()).glob("answerable-postgres-*"):  # by a run that was killed
        owner = left / "owner"
        if owner.exists() and not Path(f"/proc/{owner.read_text()}").exists():
            _remove(left)
    folder = Path(tempfile.mkdtemp(prefix="answerable-postgres-"))
    folder.chmod(0o755)
    (folder / "owner").write_text(str(os.getpid()))
    os.environ[SHARED] = str(folder)


def end_run() -> None:
    """Stop the cluster of this run, if there is one."""
    _remove(Path(os.environ.pop(SHARED)))


def _remove(folder: Path) -> None:
    if (folder / "data").exists():
        Cluster(folder).stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


@cache
def shared_cluster() -> str:
    """Return the address of this run's cluster; the first worker who asks starts it and migrates the template."""
    folder = Path(os.environ[SHARED])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / "address"
        if not known.exists():
            url = Cluster(folder).start(*CARELESS)
            DATABASES.execute(url, "CREATE DATABASE template_desk")
            settings = Settings().with_values("test", storage__database=database(url, "template_desk"))
            opened = open_database(settings.with_values("test", storage__schema=SCHEMA))
            migrate(opened, wanted_migrations(features_of(), opened.engine))
            known.write_text(url)
    return known.read_text()


def database(url: str, name: str) -> str:
    """Return the address of another database of the same cluster."""
    return f"{url.rpartition('/')[0]}/{name}"


class _Databases:
    """Makes and drops databases from a thread with a loop of its own: fixtures and helpers need not await."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connections: dict[str, Any] = {}

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="database admin", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def execute(self, url: str, statement: str) -> None:
        """Run a statement."""
        self._run(self._execute(url, statement))

    async def _execute(self, url: str, statement: str) -> None:
        connection = self._connections.get(url)
        if connection is None or connection.is_closed():
            connection = self._connections[url] = await asyncpg.connect(url)
        for _ in range(50):
            try:
                await connection.execute(statement)
                return
            except asyncpg.ObjectInUseError:  # the template's last visitor is still leaving
                await asyncio.sleep(0.05)
        raise AssertionError(f"{statement}: still in use")

    def fetch(self, url: str, query: str, *values: Any) -> list[Any]:
        """Read rows."""

        async def work() -> list[Any]:
            connection = await asyncpg.connect(url)
            try:
                await connection.execute(f"SET search_path = {SCHEMA}")
                rows: list[Any] = await connection.fetch(query, *values)
            finally:
                await connection.close()
            return rows

        return self._run(work())


DATABASES = _Databases()


class Engine:
    """The engine of the test that runs now."""

    def __init__(self) -> None:
        self.name = "sqlite"
        self._made: dict[Path, str] = {}

    def use(self, name: str) -> None:
        """Run what comes on another engine."""
        self.name = name

    def address_of(self, folder: Path) -> str:
        """Return the address of the database that belongs to a folder, made where it is missing; empty for SQLite."""
        if self.name == "sqlite":
            return ""
        folder = folder.resolve()
        if folder not in self._made:
            url = shared_cluster()
            name = f"desk_{uuid4().hex[:16]}"
            DATABASES.execute(url, f"CREATE DATABASE {name} TEMPLATE template_desk")
            self._made[folder] = database(url, name)
        return self._made[folder]

    def forget(self) -> None:
        """Drop what was made."""
        for url in self._made.values():
            DATABASES.execute(shared_cluster(), f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")
        self._made.clear()
        self.name = "sqlite"


ENGINE = Engine()
