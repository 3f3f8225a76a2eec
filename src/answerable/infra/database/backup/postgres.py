"""Backups of a schema in PostgreSQL, by ``pg_dump`` and ``pg_restore``."""

import asyncio
import ctypes
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from answerable.infra.database.backup.facts import EMPTY, SEAL, Facts
from answerable.infra.database.postgres.connection import close, connect, is_lost
from answerable.infra.database.transfer import NOT_OF_THE_DESK
from answerable.kernel.errors import Conflict, Invalid
from answerable.settings import Settings, without_password

_PATIENT = {"idle_in_transaction_session_timeout": "0", "statement_timeout": "0"}
_ASIDE = "_before_restore"
LONGEST_SECONDS = 6 * 3600
_LIBRARY, _END_WITH_PARENT = ctypes.CDLL(None), 1  # PR_SET_PDEATHSIG


@asynccontextmanager
async def _session(settings: Settings) -> AsyncIterator[Any]:
    try:
        connection = await connect(settings, _PATIENT, None)
    except Exception as error:
        if not is_lost(error):
            raise
        place = without_password(settings.storage.database)
        raise Invalid(f"{place}: cannot be reached ({str(error) or 'it does not answer'}).") from None
    try:
        yield connection
    finally:
        await close(connection)


async def copy(settings: Settings, target: Path) -> Facts:
    """Dump a schema, whose desk may run, as it is at one moment; return what is in the dump."""
    schema = settings.storage.schema
    async with _session(settings) as connection:
        await _check_tool("pg_dump", connection)
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
        found = await _facts(connection, schema)
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        await _run(
            settings,
            "pg_dump",
            "--format=custom",
            "--compress=0",  # the file of the backup is compressed as a whole
            "--no-owner",
            "--no-privileges",
            f"--schema={schema}",
            f"--snapshot={snapshot}",
            f"--file={target}",
        )
        await connection.execute("ROLLBACK")
    return found


async def facts(settings: Settings) -> Facts:
    """Return what is in a schema."""
    async with _session(settings) as connection:
        return await _facts(connection, settings.storage.schema)


async def _facts(connection: Any, schema: str) -> Facts:
    named = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY 1", schema)
    names = [row[0] for row in named]
    if "bus_migration" not in names:
        raise Invalid(f"There is no desk in the schema {schema}.")
    counted = {
        name: int(await connection.fetchval(f"SELECT COUNT(*) FROM {name}"))
        for name in names
        if name not in NOT_OF_THE_DESK
    }
    done = await connection.fetch("SELECT owner, name, checksum FROM bus_migration ORDER BY owner, name")
    seal = await connection.fetchrow(SEAL) if "bus_seal" in names else None
    return Facts(counted, [(row[0], row[1], row[2]) for row in done], *(tuple(seal) if seal else ("", "")))


async def put(settings: Settings, copied: Path, schema: str, *, replace: bool) -> None:
    """Put a dump in the place of a schema, all or nothing.

    Raises ``Conflict`` where the schema is not empty or a desk is at work in the database, ``Invalid`` where the dump
    cannot be restored.
    """
    if schema != settings.storage.schema:
        raise Invalid(f"The backup is of the schema {schema}; set storage.schema to it.")
    aside = schema + _ASIDE
    async with _session(settings) as connection:
        await _check_tool("pg_restore", connection)
        exists = await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", schema)
        if exists and not replace and await _is_filled(connection, schema):
            raise Conflict(f"The schema {schema} is not empty. Name an empty database, or give --replace.")
        others = await connection.fetch(
            """SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()
            AND application_name IN ('answerable', 'pg_restore') AND pid <> pg_backend_pid()"""
        )
        if ("pg_restore",) in map(tuple, others):  # what it has begun may go on when the command itself is gone
            raise Conflict("Another restore is still at work in this database. Try again when it has ended.")
        if others:
            raise Conflict("A desk is at work in this database. Stop it first.")
        if await connection.fetchval("SELECT 1 FROM pg_namespace WHERE nspname = $1", aside):
            raise Conflict(
                f"The schema {aside} has the desk that an earlier restore set aside before it was broken off. "
                f"Rename it to {schema} to have it back (drop what has that name), or drop it; then try again."
            )
        if exists:
            await connection.execute(f"ALTER SCHEMA {schema} RENAME TO {aside}")
        try:
            await _run(
                settings,
                "pg_restore",
                "--single-transaction",
                "--exit-on-error",
                "--no-owner",
                "--no-privileges",
                f"--dbname={_without_password(settings.storage.database)}",
                str(copied),
                named=False,
            )
        except BaseException:
            await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            if exists:
                await connection.execute(f"ALTER SCHEMA {aside} RENAME TO {schema}")
            raise
        await connection.execute(f"DROP SCHEMA IF EXISTS {aside} CASCADE")


async def is_empty(settings: Settings) -> bool:
    """Tell whether nothing has ever happened in a schema, or there is none."""
    async with _session(settings) as connection:
        return not await _is_filled(connection, settings.storage.schema)


async def _is_filled(connection: Any, schema: str) -> bool:
    known = await connection.fetchval(
        "SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'bus_outbox'", schema
    )
    return bool(known) and await connection.fetchval(EMPTY) is not None


@asynccontextmanager
async def scratch(settings: Settings) -> AsyncIterator[Settings]:
    """Give settings for an empty database on the same server, which goes afterwards. Raises ``Invalid``."""
    name = f"answerable_prove_{os.getpid()}"
    async with _session(settings) as connection:
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        except Exception as error:
            raise Invalid(f"No scratch database can be made on the server to prove the backup in ({error}).") from error
        parts = urlsplit(settings.storage.database)
        try:
            yield settings.with_values("scratch", storage__database=urlunsplit(parts._replace(path=f"/{name}")))
        finally:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _check_tool(tool: str, connection: Any) -> None:
    """Raise ``Invalid`` where a program of PostgreSQL is missing, or older than the server."""
    found = shutil.which(tool)
    if found is None:
        raise Invalid(f"{tool} is missing: install PostgreSQL's client programs, or put their folder on the PATH.")
    process = await asyncio.create_subprocess_exec(found, "--version", stdout=asyncio.subprocess.PIPE)
    said = (await process.communicate())[0].decode("utf-8", "replace")
    mine = re.search(r"(\d+)(?:\.\d+)?", said)
    server = int(await connection.fetchval("SHOW server_version_num")) // 10000
    if mine is None or int(mine[1]) < server:
        version = mine[1] if mine else "unknown"
        raise Invalid(f"{tool} is of version {version}, but the server of version {server}. Install at least that.")


async def _run(settings: Settings, tool: str, *options: str, named: bool = True) -> None:
    """Run a program of PostgreSQL; the password goes by the environment, for command lines can be read by others."""
    arguments = [*options, *([f"--dbname={_without_password(settings.storage.database)}"] if named else [])]
    password = urlsplit(settings.storage.database).password
    environment = os.environ | ({"PGPASSWORD": unquote(password)} if password else {})
    process = await asyncio.create_subprocess_exec(
        tool,
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=_end_with_parent,
    )
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            said = (await process.communicate())[1].decode("utf-8", "replace").strip()
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise Invalid(f"{tool} failed: {said.splitlines()[-1][:300] if said else process.returncode}.")


def _end_with_parent() -> None:
    """Let a program end when the command that started it does, also where that is killed. Only Linux can do so."""
    if hasattr(_LIBRARY, "prctl"):
        _LIBRARY.prctl(_END_WITH_PARENT, signal.SIGTERM)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "password"]
    return urlunsplit(parts._replace(netloc=user.partition(":")[0] + at + place, query=urlencode(query)))
