"""A desk moves to the other engine and back: everything is there, and what is not is told."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from answerable.infra.bus.seals import Sealing
from answerable.infra.database.open import open_store
from answerable.infra.database.postgres.transfer import PostgresStore
from answerable.infra.database.sqlite_transfer import SqliteStore
from answerable.infra.database.transfer import compare, copy
from answerable.settings import Settings
from answerable.tickets import actions
from answerable.tickets.rules import Draft
from tests.engines import ENGINE, SCHEMA
from tests.people import make_person
from tests.processes import cold_server, quickly
from tests.world import open_world

pytestmark = pytest.mark.on_postgres
DRAFT = Draft(
    title="Drücker «brennt» 🔥", description="Zeile 1\nZeile 2\tund 'Zitate'", category="HARDWARE", priority="HIGH"
)


@pytest.fixture
async def desk(tmp_path: Path) -> Path:
    """A SQLite desk on which something has happened."""
    folder = tmp_path / "desk"
    async with open_world(folder, storage__database="") as world:
        una, abe = await make_person(world, "USER"), await make_person(world, "AGENT")
        for number in range(5):
            ticket = await world.db.write(una.actor, actions.create_ticket, DRAFT)
            await world.settle()
            await world.db.write(una.actor, actions.add_comment, ticket.id, f"Hörst du? {number}", 0)
            await world.db.write(abe.actor, actions.set_status, ticket.id, "IN_PROGRESS", None)
        await world.settle()
        await Sealing(world.db).seal()
    return folder


def run(folder: Path, *arguments: str, check: bool = True) -> str:
    done = quickly("move", "--data-dir", str(folder), *arguments, check=check, ANSWERABLE_DATABASE="", **SECRET)
    return done.stdout + done.stderr


SECRET: dict[str, Any] = {"ANSWERABLE_STORAGE_SECRET": "t7" * 8 + "-a-secret-for-tests-only"}


@pytest.mark.slow
def test_there_and_back(desk: Path, tmp_path: Path) -> None:
    there, back = ENGINE.address_of(tmp_path / "there"), tmp_path / "back"
    told = run(desk, "--to", there)
    assert "copied and compared: no difference" in told
    assert f"ANSWERABLE_DATABASE={there}" in told
    assert asyncio.run(comments_of_their_own(there)) == 5, "whose the ticket of a comment is came with it"
    assert "is not empty" in run(desk, "--to", there, check=False)
    assert "compared: no difference" in run(desk, "--to", there, "--verify")
    told = run(desk, "--from", there, "--to", str(back))
    assert f"--data-dir {back}" in told
    here = everything_in(desk)
    assert everything_in(back) == here
    places: tuple[dict[str, Any], ...] = ({"ANSWERABLE_DATABASE": there}, {"ANSWERABLE_DATABASE": ""})
    for place in places:
        tail = quickly("events", "tail", "--last", "3", "--data-dir", str(back), **place, **SECRET).stdout
        assert len(tail.splitlines()) == 3
    assert "where the desk is already" in run(desk, "--to", str(desk), check=False)
    assert "there is no desk here" in run(tmp_path / "nothing", "--to", there, check=False)


@pytest.mark.slow
def test_a_desk_moves_with_its_own_secret_or_not_at_all(desk: Path, tmp_path: Path) -> None:
    """What is sealed with a secret opens with no other: a move does not make one up, and is not led astray."""
    unset: dict[str, Any] = {"ANSWERABLE_DATABASE": "", "ANSWERABLE_STORAGE_SECRET": ""}

    def move(*arguments: str, check: bool = False) -> str:
        done = quickly("move", *arguments, check=check, **unset)
        return " ".join((done.stdout + done.stderr).split())

    secret = SECRET["ANSWERABLE_STORAGE_SECRET"]
    there, back, empty = ENGINE.address_of(tmp_path / "there"), tmp_path / "back", tmp_path / "empty"
    assert "there is no desk here" in move("--data-dir", str(empty), "--to", there)
    assert "storage.secret: there is none in" in move("--data-dir", str(desk), "--to", there)
    assert not empty.exists()
    assert not (desk / "secret").exists()

    (desk / "secret").write_text("another secret, that of no desk " + "x7Q")
    assert "was sealed with another one" in move("--data-dir", str(desk), "--to", there)
    (desk / "secret").write_text(secret)
    assert "no difference" in move("--data-dir", str(empty), "--from", str(desk), "--to", there, check=True)
    assert not empty.exists(), "whose secret it is, --from has said"

    assert "there is none in" in move("--data-dir", str(empty), "--database", there, "--to", str(back))
    assert not back.exists()
    back.mkdir()
    (back / "secret").write_text("another secret, that of no desk " + "x7Q")
    told = move("--data-dir", str(desk), "--database", there, "--to", str(back))
    assert "has the secret of another desk" in told
    (back / "secret").unlink()
    assert "no difference" in move("--data-dir", str(desk), "--database", there, "--to", str(back), check=True)
    assert (back / "secret").read_text() == secret

    (tmp_path / "held").write_text(secret)
    (desk / "secret").write_text("another secret, that of no desk " + "x7Q")
    unset = {"ANSWERABLE_DATABASE": "", "ANSWERABLE_STORAGE_SECRET_FILE": str(tmp_path / "held")}
    told = move("--data-dir", str(desk), "--to", ENGINE.address_of(tmp_path / "again"), check=True)
    assert "3. Start it with ANSWERABLE_DATABASE=" in told
    assert "keep the folder" not in told, "the secret in the folder is not the desk's"


def test_a_service_alone_moves_alone(tmp_path: Path) -> None:
    here, there = tmp_path / "tickets", ENGINE.address_of(tmp_path / "there")
    quickly("migrate", "--service", "tickets", "--data-dir", str(here), ANSWERABLE_DATABASE="", **SECRET)
    with sqlite3.connect(here / "answerable.sqlite") as db:
        db.execute("INSERT INTO tickets_counter (name, last) VALUES ('test', 7)")
    assert "no difference" in run(here, "--service", "tickets", "--to", there)


async def comments_of_their_own(there: str) -> int:
    """Count the comments that their requester's searches find."""
    db = await asyncpg.connect(there, server_settings={"search_path": SCHEMA})
    sql = """SELECT COUNT(*) FROM tickets_comment_words w JOIN tickets_comment c ON c.number = w.number
        JOIN tickets_ticket t ON t.id = c.ticket_id
        WHERE w.words @@ CAST('''#' || t.requester_id || '''' AS TSQUERY)"""
    found = int(await db.fetchval(sql))
    await db.close()
    return found


def everything_in(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    db = sqlite3.connect(folder / "answerable.sqlite")
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {
        name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
        for name in names
        if "_fts" not in name and not name.startswith("sqlite") and name != "bus_migration"
    }
    found["search"] = db.execute(
        "SELECT rowid FROM tickets_ticket_fts WHERE tickets_ticket_fts MATCH 'drucker'"
    ).fetchall()
    db.close()
    return found


def test_a_row_that_refers_to_nothing_is_named(desk: Path, tmp_path: Path) -> None:
    db = sqlite3.connect(desk / "answerable.sqlite")
    (number,) = db.execute("SELECT MAX(number) FROM tickets_comment").fetchone()
    db.execute("UPDATE tickets_comment SET ticket_id = 'nowhere' WHERE number = ?", (number,))
    db.commit()
    db.close()
    told = " ".join(run(desk, "--to", str(tmp_path / "there"), check=False).split())
    assert f"A row is in tickets_comment: the row with number {number} refers to ticket_id 'nowhere'" in told
    assert "which is not in tickets_ticket." in told
    assert "Traceback" not in told


def test_a_desk_of_another_version_is_brought_up_to_date_before_it_moves(desk: Path, tmp_path: Path) -> None:
    """A copy would have the tables of this version, and nothing in those that its migrations fill."""
    there = ENGINE.address_of(tmp_path / "there")
    with sqlite3.connect(desk / "answerable.sqlite") as db:
        late = db.execute("SELECT * FROM bus_migration ORDER BY owner, name LIMIT 1").fetchone()
        db.execute("DELETE FROM bus_migration WHERE owner = ? AND name = ?", late[:2])
    told = " ".join(run(desk, "--to", there, check=False).split())
    assert f"{desk}: the desk is of an older version. Bring it up to date first" in told
    with sqlite3.connect(desk / "answerable.sqlite") as db:
        db.executemany("INSERT INTO bus_migration VALUES (?, ?, ?, ?)", [late, ("bus", "9999_later", "", 0)])
    assert "newer than this program" in run(desk, "--to", there, check=False)
    with sqlite3.connect(desk / "answerable.sqlite") as db:
        db.execute("DELETE FROM bus_migration WHERE name = '9999_later'")
    assert "no difference" in run(desk, "--to", there)


@pytest.mark.slow
def test_a_moved_desk_goes_on(desk: Path, tmp_path: Path) -> None:
    there = ENGINE.address_of(tmp_path / "there")
    run(desk, "--to", there, "--hold")
    with cold_server(desk, ANSWERABLE_DATABASE=there, **SECRET) as running:
        running.stop()
    assert "tables differ" in run(desk, "--to", there, "--verify", check=False), "the new desk has begun to live"


async def test_a_desk_that_goes_on_meanwhile_is_not_called_whole(desk: Path, tmp_path: Path) -> None:
    source, target = stores(desk, ENGINE.address_of(tmp_path / "there"))
    wrote: list[str] = []

    def tell(what: str, _rows: int) -> None:
        if not wrote:
            wrote.append(what)
            with sqlite3.connect(source.path) as db:
                db.execute("UPDATE tickets_counter SET last = last + 1")

    outcome = await copy(source, target, tell)
    assert outcome.differences == [], "the snapshot was copied whole"
    assert outcome.went_on
    assert (await compare(source, target, lambda what, rows: None)).differences == [
        "tickets_counter: 2 rows on both sides, but not the same"
    ]


async def test_a_held_desk_cannot_go_on(desk: Path, tmp_path: Path) -> None:
    source, target = stores(desk, ENGINE.address_of(tmp_path / "there"))
    refused: list[str] = []

    def tell(what: str, _rows: int) -> None:
        if not refused:
            db = sqlite3.connect(source.path, timeout=0)
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                db.execute("UPDATE tickets_counter SET last = last + 1")
            db.close()
            refused.append(what)

    outcome = await copy(source, target, tell, hold=True)
    assert refused
    assert (outcome.differences, outcome.went_on) == ([], False)


def stores(folder: Path, address: str) -> tuple[SqliteStore, PostgresStore | SqliteStore]:
    target = Settings().with_values("test", storage__database=address, storage__schema=SCHEMA)
    return SqliteStore(folder / "answerable.sqlite"), open_store(target)
