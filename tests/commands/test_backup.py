"""A desk in one file: made while it is at work, proved, put back; and refused where a single byte is not as it was."""

import asyncio
import os
import random
import resource
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from answerable.commands import build
from answerable.infra.bus.seals import Sealing
from answerable.infra.bus.verify import verify_log
from answerable.infra.database.backup import container, postgres, sqlite
from answerable.infra.database.open import FILE
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.kernel.errors import Invalid
from answerable.kernel.paging import PageRequest
from answerable.tickets import actions, queries
from answerable.tickets.rules import Draft
from answerable.tickets.rules.filter import TicketFilter
from tests import engines
from tests.engines import ENGINE, SCHEMA
from tests.people import TestPerson, make_person
from tests.processes import eventually
from tests.world import World, open_world

SECRET = "t7" * 8 + "-a-secret-for-tests-only"
DRAFT = Draft(
    title="Printer on fire", description="It burns, and I need it today.", category="HARDWARE", priority="HIGH"
)


@pytest.fixture(autouse=True)
def programs(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSWERABLE_STORAGE_SECRET", SECRET)
    if engine == "postgres":
        monkeypatch.setenv("PATH", f"{engines.programs()}:{os.environ['PATH']}")


def run(folder: Path, *arguments: str) -> Result:
    database = ENGINE.address_of(folder) if ENGINE.name == "postgres" else ""
    place = ("--data-dir", str(folder), *(("--database", database) if database else ()))
    environment = {"ANSWERABLE_STORAGE_SCHEMA": SCHEMA} if database else {}
    return CliRunner(env=environment).invoke(build(), [arguments[0], *place, *arguments[1:]])


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let this process find no room for more: SQLite takes that for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def at_prompt(folder: Path, *arguments: str) -> Result:
    return await asyncio.to_thread(run, folder, *arguments)


async def a_desk(world: World) -> TestPerson:
    una, abe = await make_person(world, "USER"), await make_person(world, "AGENT")
    for number in range(4):
        ticket = await world.db.write(una.actor, actions.create_ticket, DRAFT)
        await world.settle()
        await world.db.write(una.actor, actions.add_comment, ticket.id, f"Zanzibar {number}", 0)
        await world.db.write(abe.actor, actions.set_status, ticket.id, "IN_PROGRESS", None)
    await world.settle()
    await Sealing(world.db).seal()
    return una


async def found(world: World, una: TestPerson, words: str) -> int:
    page = await world.db.read(una.actor, queries.list_tickets, TicketFilter(q=words), PageRequest(100))
    return len(page.rows)


async def test_a_desk_is_backed_up_at_work_and_goes_on_from_there(tmp_path: Path) -> None:
    desk, file, place = tmp_path / "desk", tmp_path / "desk.backup", tmp_path / "place"
    async with open_world(desk, storage__secret=SECRET) as world:
        una = await a_desk(world)
        busy = True

        async def go_on() -> int:
            made = 0
            while busy:
                await world.db.write(una.actor, actions.create_ticket, DRAFT)
                made += 1
                await asyncio.sleep(0)
            return made

        work = asyncio.create_task(go_on())
        made = await at_prompt(desk, "backup", str(file))
        busy = False
        assert made.exit_code == 0, made.output
        assert await work > 0
        await world.settle()
        everything = (await world.sql("SELECT COUNT(*) AS n FROM tickets_ticket"))[0]["n"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")], "nothing is left lying about"
    manifest = container.check(file)
    assert 4 <= manifest.tables["tickets_ticket"] <= everything
    proved = await at_prompt(desk, "backup", "--prove", str(file))
    assert proved.exit_code == 0, proved.output
    assert "restored and proved: no difference" in proved.output
    assert (await at_prompt(desk, "backup", str(file))).exit_code == 1, "nothing is written over"
    assert "is not empty" in (await at_prompt(desk, "restore", str(file))).output

    restored = await at_prompt(place, "restore", str(file))
    assert restored.exit_code == 0, restored.output
    async with open_world(place, storage__secret=SECRET, begin=world.clock.now) as world:
        await world.settle()
        assert (await verify_log(world.db))[1] == []
        assert (await world.sql("SELECT COUNT(*) AS n FROM tickets_ticket"))[0]["n"] == manifest.tables[
            "tickets_ticket"
        ]
        assert await found(world, una, "zanzibar") == 4
        number = (await world.db.write(una.actor, actions.create_ticket, DRAFT)).number
        assert number == 1000 + manifest.tables["tickets_ticket"] + 1
        await world.advance(hours=30)
        assert await world.log("SLA_BREACHED"), "clocks go on"
        assert (await verify_log(world.db))[1] == []
        assert await world.desk.audit() == []
    back = await at_prompt(place, "restore", str(file), "--replace")
    assert back.exit_code == 0, back.output
    async with open_world(place, storage__secret=SECRET) as world:
        assert (await world.sql("SELECT COUNT(*) AS n FROM tickets_ticket"))[0]["n"] == manifest.tables[
            "tickets_ticket"
        ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A backup of a SQLite desk; a copy of it may be spoilt."""
    folder = tmp_path_factory.mktemp("whole")

    async def make() -> None:
        async with open_world(folder / "desk", storage__secret=SECRET, storage__database="") as world:
            await a_desk(world)

    asyncio.run(make())
    os.environ["ANSWERABLE_STORAGE_SECRET"] = SECRET
    try:
        made = CliRunner().invoke(build(), ["backup", "--data-dir", str(folder / "desk"), str(folder / "file")])
    finally:
        del os.environ["ANSWERABLE_STORAGE_SECRET"]
    assert made.exit_code == 0, made.output
    yield folder / "file"
    shutil.rmtree(folder)


@pytest.mark.one_engine
def test_a_file_with_another_byte_anywhere_is_refused(whole: Path, tmp_path: Path) -> None:
    content, spoilt = whole.read_bytes(), tmp_path / "spoilt"
    dice = random.Random(7)
    head = len(container.MAGIC) + 4
    places = {*range(head + 40), *range(len(content) - 40, len(content)), *dice.sample(range(len(content)), 300)}
    for place in sorted(places):
        spoilt.write_bytes(content[:place] + bytes([content[place] ^ (1 << dice.randrange(8))]) + content[place + 1 :])
        with pytest.raises(Invalid, match="is not a whole backup"):
            container.check(spoilt)


@pytest.mark.one_engine
def test_a_file_that_was_cut_or_added_to_is_refused(whole: Path, tmp_path: Path) -> None:
    content, cut = whole.read_bytes(), tmp_path / "cut"
    dice = random.Random(8)
    lengths = {*range(60), *range(len(content) - 60, len(content)), *dice.sample(range(len(content)), 200)}
    for length in sorted(lengths):
        cut.write_bytes(content[:length])
        with pytest.raises(Invalid, match="is not a whole backup"):
            container.check(cut)
    for more in (b"\0", b"x" * 100, content):
        cut.write_bytes(content + more)
        with pytest.raises(Invalid):
            container.check(cut)


@pytest.mark.one_engine
def test_nothing_is_touched_by_what_is_refused(whole: Path, tmp_path: Path) -> None:
    spoilt, place = tmp_path / "spoilt", tmp_path / "place"
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 1
    spoilt.write_bytes(content)
    for arguments in (("restore",), ("restore", "--replace"), ("backup", "--prove")):
        refused = run(place, arguments[0], str(spoilt), *arguments[1:])
        assert refused.exit_code == 1
        assert "cut or changed" in refused.output
        assert not (place / FILE).exists()
    assert run(place, "restore", str(whole)).exit_code == 0
    before = (place / FILE).read_bytes()
    assert run(place, "restore", str(spoilt), "--replace").exit_code == 1
    assert (place / FILE).read_bytes() == before


@pytest.mark.one_engine
def test_a_damaged_desk_is_replaced_by_its_backup(whole: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / FILE).write_bytes(b"nonsense " * 1000)
    refused = run(place, "restore", str(whole))
    assert refused.exit_code == 1
    assert "is not empty" in refused.output
    assert (place / FILE).read_bytes().startswith(b"nonsense")
    replaced = run(place, "restore", str(whole), "--replace")
    assert replaced.exit_code == 0, replaced.output
    assert not sqlite.is_empty(place / FILE)
    assert sqlite.facts(place / FILE).tables == container.check(whole).tables


@pytest.mark.one_engine
def test_a_backup_of_another_time_place_or_secret(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied, newer = tmp_path / "copied", tmp_path / "newer"
    container.unpack(whole, copied)
    manifest = container.check(whole)
    ahead = [*manifest.migrations, ("tickets", "9999_future", "x")]
    made = container.Manifest(
        **{name: getattr(manifest, name) for name in manifest.__struct_fields__} | {"migrations": ahead}
    )
    container.write(newer, made, copied)
    refused = run(tmp_path / "place", "restore", str(newer))
    assert "newer than this program" in refused.output
    apart = run(tmp_path / "place", "restore", str(whole), "--service", "users")
    assert "Name the same with --service" in apart.output
    assert not (tmp_path / "place" / FILE).exists()

    with sqlite3.connect(copied) as meddled:
        meddled.execute("UPDATE bus_outbox SET body = REPLACE(body, 'Printer', 'Pranter')")
    meddled.close()
    false = tmp_path / "false"
    container.write(false, manifest, copied)
    proved = run(tmp_path / "place", "backup", "--prove", str(false))
    assert proved.exit_code == 1
    assert "are not what was sealed" in proved.output

    monkeypatch.setenv("ANSWERABLE_STORAGE_SECRET", "another secret of the desk, long enough")
    proved = run(tmp_path / "place", "backup", "--prove", str(whole))
    assert proved.exit_code == 1
    assert "was made with another secret" in proved.output
    assert "--data-dir" in proved.output
    monkeypatch.delenv("ANSWERABLE_STORAGE_SECRET")
    proved = run(tmp_path / "nowhere", "backup", "--prove", str(whole))
    assert proved.exit_code == 1
    assert "name the desk's folder with --data-dir" in proved.output
    assert not (tmp_path / "nowhere").exists(), "no secret is made for what was another desk's"


@pytest.mark.one_engine
async def test_an_older_backup_is_brought_up_to_date(whole: Path, tmp_path: Path) -> None:
    copied, older, place = tmp_path / "copied", tmp_path / "older", tmp_path / "place"
    container.unpack(whole, copied)
    with sqlite3.connect(copied) as back:  # as it was before somebody could be erased
        back.execute("ALTER TABLE users_person DROP COLUMN erased_at")
        back.execute("DELETE FROM bus_migration WHERE owner = 'users' AND name LIKE '%erasure'")
    back.close()
    manifest = container.check(whole)
    left = [each for each in manifest.migrations if not (each[0] == "users" and each[1].endswith("erasure"))]
    made = container.Manifest(
        **{name: getattr(manifest, name) for name in manifest.__struct_fields__} | {"migrations": left}
    )
    container.write(older, made, copied)
    restored = await at_prompt(place, "restore", str(older))
    assert restored.exit_code == 0, restored.output
    async with open_world(place, storage__secret=SECRET) as world:
        assert isinstance(world.db, SqliteDatabase)
        assert {row["erased_at"] for row in await world.sql("SELECT erased_at FROM users_person")} == {None}
        assert (await verify_log(world.db))[1] == []


@pytest.mark.one_engine
def test_a_disk_that_is_full_is_told_in_a_sentence(whole: Path, tmp_path: Path) -> None:
    """Wherever the room ends: in the copy of the desk, or in what comes back out of a backup."""
    (tmp_path / "copies").mkdir()
    with no_file_longer_than(200_000):
        copied = run(whole.parent / "desk", "backup", str(tmp_path / "copies" / "another"))
        restored = run(tmp_path / "elsewhere", "restore", str(whole))
    for done in (copied, restored):
        assert isinstance(done.exception, SystemExit), done.exception
        assert (done.exit_code, done.output.count("\n")) == (1, 1)
        assert done.output.startswith("Error: "), done.output
    assert list((tmp_path / "copies").iterdir()) == [], "nothing is left of it"
    assert run(tmp_path / "elsewhere", "restore", str(whole)).exit_code == 0


@pytest.mark.on_postgres
def test_a_server_that_is_away_is_not_taken_for_the_file(tmp_path: Path) -> None:
    nobody = "postgresql://desk:geheim@127.0.0.1:1/desk"
    told = CliRunner().invoke(
        build(), ["backup", "--data-dir", str(tmp_path), "--database", nobody, f"{tmp_path}/file"]
    )
    assert "127.0.0.1:1/desk: cannot be reached" in told.output
    assert "written" not in told.output
    assert "geheim" not in told.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.on_postgres
async def test_the_desk_that_a_broken_restore_set_aside_is_not_lost(tmp_path: Path) -> None:
    """A restore that is killed half way leaves it under another name; the next one says so, and drops nothing."""
    place, file = tmp_path / "desk", tmp_path / "file"
    async with open_world(place, storage__secret=SECRET) as world:
        await a_desk(world)
    assert (await at_prompt(place, "backup", str(file))).exit_code == 0
    connection = await asyncpg.connect(ENGINE.address_of(place))
    try:
        await connection.execute(f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_before_restore")
        for again in ((), ("--replace",)):
            refused = await at_prompt(place, "restore", str(file), *again)
            assert isinstance(refused.exception, SystemExit), refused.exception
            assert f"The schema {SCHEMA}_before_restore has the desk" in refused.output
            assert await connection.fetchval(f"SELECT COUNT(*) FROM {SCHEMA}_before_restore.tickets_ticket") == 4
        await connection.execute(f"ALTER SCHEMA {SCHEMA}_before_restore RENAME TO {SCHEMA}")
    finally:
        await connection.close()
    back = await at_prompt(place, "restore", str(file), "--replace")
    assert back.exit_code == 0, back.output


@pytest.mark.on_postgres
async def test_what_a_restore_has_begun_ends_with_it(tmp_path: Path) -> None:
    """A restore that is killed leaves nothing behind that goes on, and puts its desk beside the next one's."""
    place, file = tmp_path / "desk", tmp_path / "file"
    async with open_world(place, storage__secret=SECRET) as world:
        await a_desk(world)
    assert (await at_prompt(place, "backup", str(file))).exit_code == 0
    another = tmp_path / "another"
    connection, onlooker = [await asyncpg.connect(ENGINE.address_of(another)) for _ in range(2)]
    command = [sys.executable, "-m", "answerable", "restore", "--data-dir", str(another), str(file)]
    given = {"ANSWERABLE_STORAGE_SCHEMA": SCHEMA, "ANSWERABLE_DATABASE": ENGINE.address_of(another)}
    await connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    await connection.execute(f"BEGIN; CREATE SCHEMA {SCHEMA}")  # nobody gets past that
    killed = begin(command, given)
    try:
        await eventually(lambda: restores_in(onlooker, 1))
        begun = begun_by(killed.pid)
        assert begun
        refused = await at_prompt(another, "restore", str(file))
        assert "Another restore is still at work in this database." in refused.output
        killed.kill()
        killed.wait()
        await eventually(lambda: are_gone(begun))
        await connection.execute("ROLLBACK")
        await eventually(lambda: restores_in(onlooker, 0))
    finally:
        killed.kill()
        await connection.close()
        await onlooker.close()
    back = await at_prompt(another, "restore", str(file))
    assert back.exit_code == 0, back.output


async def restores_in(connection: Any, count: int) -> bool:
    found = await connection.fetchval(
        """SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'pg_restore'"""
    )
    return bool(found == count)


def begin(command: Sequence[str], given: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env=os.environ | given)


def begun_by(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def are_gone(processes: Sequence[str]) -> bool:
    return not set(processes) & set(os.listdir("/proc"))


@pytest.mark.on_postgres
async def test_without_the_programs_of_postgresql_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_world(tmp_path / "desk", storage__secret=SECRET):
        pass
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = await at_prompt(tmp_path / "desk", "backup", str(tmp_path / "file"))
    assert "pg_dump is missing" in missing.output
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho pg_dump '(PostgreSQL) 9.6.1'\n")
    old.chmod(0o700)
    too_old = await at_prompt(tmp_path / "desk", "backup", str(tmp_path / "file"))
    assert "pg_dump is of version 9, but the server of version" in too_old.output
    assert not (tmp_path / "file").exists()


@pytest.mark.one_engine
def test_a_password_is_in_no_command_line() -> None:
    shown = postgres._without_password("postgresql://desk:s%2Fcret@db:5432/desk?password=x&sslmode=require")
    assert shown == "postgresql://desk@db:5432/desk?sslmode=require"
