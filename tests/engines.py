"""The engine that a test runs on: a SQLite file in its folder, or a PostgreSQL database made for that folder.

One private cluster serves a whole test run, whatever the number of its workers; each folder gets a database copied from
one that was migrated once.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg

from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate
from answerable.runtime import wanted_migrations
from answerable.services import features_of
from answerable.settings import Settings
from tests import run
from tests.patience import PATIENCE

T = TypeVar("T")
# Asking a server that has no TLS for it first makes a connection half as dear again, and each test makes several.
# Processes are not told (``processes.environment``): they connect as the desks of others do.
os.environ.setdefault("PGSSLMODE", "disable")
SCRIPT = Path(__file__).parent.parent / "scripts" / "postgres"
SCHEMA = "answerable"
# Nothing here has to survive a power cut.
CARELESS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_connections=200")


USES = 40  # of one database, before a new one is made
# What a new desk has in its tables, kept aside so that a used one can be made new again.
KEEP_SEEDS = f"""CREATE SCHEMA seed; DO $$ DECLARE t TEXT; filled BOOLEAN; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}' AND tablename <> 'bus_migration' LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM {SCHEMA}.%I)', t) INTO filled;
        IF filled THEN EXECUTE format('CREATE TABLE seed.%I AS TABLE {SCHEMA}.%I', t, t); END IF;
    END LOOP; END $$"""
RENEW = f"""SET session_replication_role = replica; DO $$ DECLARE t TEXT; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{SCHEMA}' AND tablename <> 'bus_migration' LOOP
        EXECUTE format('DELETE FROM {SCHEMA}.%I', t);
    END LOOP;
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'seed' LOOP
        EXECUTE format('INSERT INTO {SCHEMA}.%I SELECT * FROM seed.%I', t, t);
    END LOOP; END $$"""
# Everything a test may have made, changed or switched off but rows: then the database is not used again.
SHAPE = f"""SELECT md5(concat(
    (SELECT string_agg(concat_ws(' ', n.nspname, c.relname, c.relkind, c.relnatts), ',' ORDER BY n.nspname, c.relname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')),
    (SELECT count(*) FROM pg_trigger), ' ', (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'O'), ' ',
    (SELECT count(*) FROM pg_proc), ' ', (SELECT count(*) FROM pg_constraint),
    (SELECT count(*) FROM {SCHEMA}.bus_migration)))"""
EMPTY_COPY = 21  # bytes: a head and a tail
LEAVE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


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
    with run.disk_folder("answerable-cluster-") as folder:
        made = Cluster(folder)
        made.start(*options)
        try:
            yield made
        finally:
            made.stop("immediate")


@cache
def missing() -> str:
    """Say what is missing to test with PostgreSQL; empty where nothing is."""
    found = subprocess.run([SCRIPT, "programs"], capture_output=True, timeout=PATIENCE)
    return "" if found.returncode == 0 else "no PostgreSQL server here; run scripts/postgres install"


@cache
def programs() -> str:
    """Return the folder of PostgreSQL's programs."""
    return subprocess.run(
        [SCRIPT, "programs"], capture_output=True, timeout=PATIENCE, text=True, check=True
    ).stdout.strip()


def start_early() -> None:
    """Start the cluster of this run before somebody waits for it."""
    if not missing():
        shared_cluster()


def end_run(of: Path) -> None:
    """Stop the cluster of a run, if it has one."""
    if (of / "postgres" / "data").exists():
        Cluster(of / "postgres").stop("immediate")
        shutil.rmtree(of / "postgres", ignore_errors=True)


@cache
def shared_cluster() -> str:
    """Return the address of this run's cluster; the first worker who asks starts it and migrates the template."""
    folder = run.folder() / "postgres"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / "address"
        if not known.exists():
            url = Cluster(folder).start(*CARELESS)
            DATABASES.execute(url, "CREATE DATABASE template_desk")
            settings = Settings().with_values("test", storage__database=database(url, "template_desk"))
            opened = open_database(settings.with_values("test", storage__schema=SCHEMA))
            migrate(opened, wanted_migrations(features_of(), opened.engine))
            DATABASES.execute(database(url, "template_desk"), KEEP_SEEDS)
            DATABASES.let_go(database(url, "template_desk"))
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
        connection = await self._connection(url)
        for _ in range(50):
            try:
                await connection.execute(statement)
                return
            except asyncpg.ObjectInUseError:  # the template's last visitor is still leaving
                await asyncio.sleep(0.05)
        raise AssertionError(f"{statement}: still in use")

    async def _connection(self, url: str) -> Any:
        connection = self._connections.get(url)
        if connection is None or connection.is_closed():
            connection = self._connections[url] = await asyncpg.connect(url)
        return connection

    def let_go(self, url: str) -> None:
        """Close what is open to a database."""
        connection = self._connections.pop(url, None)
        if connection is not None:
            self._run(connection.close())

    def shape(self, url: str) -> str:
        """Return what tells whether anything but rows is different."""
        return str(self.fetch(url, SHAPE)[0][0])

    def renew(self, url: str, shape: str) -> bool:
        """Make a used database as new; false where it has another shape, or cannot be.

        The connection is kept until the database is dropped: a new one would have to read the catalogue each time.
        """

        async def work() -> bool:
            try:
                connection = await self._connection(url)
                await connection.execute(LEAVE)
                if await connection.fetchval(SHAPE) != shape:
                    return False
                await connection.execute(RENEW)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                return False
            return True

        return self._run(work())

    def rows(self, url: str) -> dict[str, bytes]:
        """Return what is in the tables that are not empty, or did not begin so."""

        async def work() -> dict[str, bytes]:
            connection, found = await self._connection(url), {}
            names = "SELECT tablename, schemaname FROM pg_tables WHERE schemaname IN ($1, 'seed') ORDER BY schemaname"
            for name, schema in await connection.fetch(names, SCHEMA):
                content = BytesIO()
                await connection.copy_from_table(name, schema_name=SCHEMA, output=content, format="binary")
                if name != "bus_migration" and (content.tell() > EMPTY_COPY or schema == "seed"):
                    found[name] = content.getvalue()
            return found

        return self._run(work())

    def put(self, url: str, rows: dict[str, bytes]) -> None:
        """Put rows into a new database, in the place of those that it began with."""

        async def work() -> None:
            connection = await self._connection(url)
            begun = "; ".join(f"DELETE FROM {SCHEMA}.{name}" for name in rows)
            await connection.execute(f"SET session_replication_role = replica; {begun}")
            for name, content in rows.items():
                await connection.copy_to_table(name, schema_name=SCHEMA, source=BytesIO(content), format="binary")

        self._run(work())

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
        self._untouched: set[Path] = set()
        self._free: list[str] = []
        self._uses: dict[str, int] = {}
        self._shape = ""

    def use(self, name: str) -> None:
        """Run what comes on another engine."""
        self.name = name

    def address_of(self, folder: Path) -> str:
        """Return the address of the database that belongs to a folder, made where it is missing; empty for SQLite."""
        if self.name == "sqlite":
            return ""
        folder = folder.resolve()
        if folder not in self._made:
            self._made[folder] = self._free.pop() if self._free else self._new()
            self._untouched.add(folder)
        return self._made[folder]

    def is_untouched(self, folder: Path, address: str) -> bool:
        """Tell, once, that this is the address of a folder's database and nobody has opened that: it is as copied."""
        folder = folder.resolve()
        known = folder in self._untouched and self._made[folder] == address
        self._untouched.discard(folder)
        return known

    def _new(self) -> str:
        cluster_url, name = shared_cluster(), f"desk_{uuid4().hex[:16]}"
        DATABASES.execute(cluster_url, f"CREATE DATABASE {name} TEMPLATE template_desk")
        url = database(cluster_url, name)
        self._shape = self._shape or DATABASES.shape(url)
        self._uses[url] = 0
        return url

    def forget(self) -> None:
        """Make what was used as new, for the next test; drop what cannot be."""
        for url in self._made.values():
            self._uses[url] += 1
            if self._uses[url] < USES and DATABASES.renew(url, self._shape):
                self._free.append(url)
            else:
                DATABASES.let_go(url)
                DATABASES.execute(shared_cluster(), f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")
        self._made.clear()
        self._untouched.clear()
        self.name = "sqlite"


ENGINE = Engine()
