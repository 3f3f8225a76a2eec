"""Somebody is forgotten: everywhere, for good, and without a trace in what stays."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from answerable.infra.bus import redaction
from answerable.infra.bus.outbox import envelope
from answerable.infra.bus.seals import Sealing
from answerable.infra.bus.verify import verify_log
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.infra.database.sqlite_connection import connect, scrub
from answerable.infra.scrubbing import CALM, scrubbing
from answerable.kernel.actor import Actor
from answerable.kernel.times import DAY
from answerable.messages.tickets import TicketErased
from answerable.messages.users import PersonErased
from answerable.tickets.actions import work as deeds
from answerable.users.actions.keys import make_key
from answerable.users.rules import grants_of
from answerable.users.rules.keys import NewKey
from tests.forms import Browser
from tests.people import TestPerson, make_person
from tests.privacy.kept import Kept, read_kept
from tests.tickets.desk import TicketDesk
from tests.world import TESTER, World, json_of, open_world

WORD = "zyzzyva"
OF_STAFF = ["reporting_agent", "tickets_history"]  # where only staff are named
LISTS = (
    "/tickets?size=100",
    f"/tickets?q={WORD}",
    "/notifications?size=100",
    "/users/agents",
    "/users/admin?size=100",
    f"/users/admin?q={WORD}",
    "/users/admin/audit?size=100",
    "/notifications/mail?size=100",
    "/reports/agents",
    "/agents/workload",
    "/escalations/logs",
)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[TicketDesk]:
    async with open_world(tmp_path / "desk", auth__access_seconds=10**8) as world:
        yield await TicketDesk(world).hire()


async def a_full_life(office: TicketDesk) -> tuple[TestPerson, list[dict[str, Any]]]:
    """Somebody comes, asks, is answered, and is known by a word that nobody else uses."""
    world = office.world
    zoe = await make_person(world, "USER", name="Zyzzyva Quill", email="zyzzyva@mail.test")
    browser = Browser(world)
    await browser.sign_in(zoe, next="/profile")
    tickets = []
    for number in range(3):
        raised = await office.call(
            zoe,
            "POST",
            "/tickets",
            json={
                "title": f"Zyzzyva number {number}",
                "description": "My zyzzyva is broken, and I am sad.",
                "category": "HARDWARE",
                "priority": "HIGH",
            },
            headers={"Idempotency-Key": f"zoe-{number}"},
        )
        ticket = await office.given(json_of(raised))
        await office.said(zoe, ticket, "The zyzzyva again, please.")
        await office.said(office.abe, ticket, "Is it plugged in?")
        await office.said(office.abe, ticket, "Seems nice.", internal=True)
        tickets.append(ticket)
    await office.call(office.ada, "PATCH", f"/users/admin/{zoe.id}", json={"name": "Zyzzyva Quill-Abbot"})
    await office.call(None, "POST", "/auth/forgot-password", json={"email": zoe.email})
    await office.moved(tickets[0], "IN_PROGRESS", "RESOLVED")
    await world.db.write(zoe.actor, make_key, NewKey("Zyzzyva export", ("live:read",)))
    await world.db.write(TESTER, _told_to_a_program, zoe, tickets[0]["id"])
    await world.advance(hours=30)  # promises are broken, managers called in, mails sent
    return zoe, tickets


async def _parked(tx: Any, zoe: TestPerson) -> None:
    """A feature could not do what it was told of somebody."""
    [row] = await tx.run("SELECT * FROM bus_outbox WHERE key = :id AND type = 'USER_REGISTERED'", id=zoe.id)
    await tx.run(
        """INSERT INTO bus_retry (consumer, message, type, topic, key, position, attempts, next_at, error, parked_at,
            envelope) VALUES ('sla', :message, :type, :topic, :key, 1, 8, 0, 'no Zyzzyva here', 1, :envelope)""",
        message=row["id"],
        type=row["type"],
        topic=row["topic"],
        key=row["key"],
        envelope=msgspec.json.encode(envelope(row)).decode(),
    )


async def _add_row_of(world: World, table: str, zoe: TestPerson, ticket_id: str) -> None:
    """Put a row of somebody into a table: every column that may name them does, every text is theirs."""
    sqlite = "SELECT name, type AS kind FROM pragma_table_info(:name)"
    postgres = "SELECT column_name AS name, data_type AS kind FROM information_schema.columns WHERE table_name = :name"
    columns = await world.sql(sqlite if isinstance(world.db, SqliteDatabase) else postgres, name=table)
    values: dict[str, Any] = {"ticket_id": ticket_id} if "ticket_id" in [each["name"] for each in columns] else {}
    for column in columns:
        name, kind = column["name"], column["kind"].lower()
        if name in ("person_id", "caller"):
            values[name] = zoe.id
        elif re.match("(email|recipient)", name):
            values[name] = zoe.email
        else:
            later = world.clock.now + DAY if "_at" in name else 1
            values.setdefault(name, f"Zyzzyva {name}" if kind == "text" else later)

    async def insert(tx: Any) -> None:
        given = ", ".join(f":{name}" for name in values)
        await tx.run(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({given})", **values)

    await world.db.write(TESTER, insert)


async def _told_to_a_program(tx: Any, zoe: TestPerson, ticket_id: str) -> None:
    for number, said in enumerate(
        (
            f'{{"subject":"{ticket_id}","data":{{"title":"Zyzzyva number 0"}}}}',
            f'{{"subject":"{zoe.id}","data":{{"name":"{zoe.name}"}}}}',
            '{"subject":"somebody-else","data":{}}',
        )
    ):
        await tx.run(
            """INSERT INTO webhooks_delivery (id, endpoint_id, message_id, type, subject, payload, state, attempts,
                give_up_at, answer, error, created_at, done_at)
            VALUES (:id, 'endpoint', :id, 'TICKET_CREATED', :subject, :payload, 'DELIVERED', 1, 0, '', '', :now,
                :now)""",
            id=f"delivery-{number}",
            subject=json.loads(said)["subject"],
            payload=said,
            now=tx.now,
        )


async def _holds(world: World, kept: Kept, zoe: TestPerson) -> bool:
    """Tell whether a table knows somebody: by a word of theirs in what goes, or by a row of theirs."""
    rows = await world.sql(f"SELECT * FROM {kept.table}")
    if kept.deletes:
        return any(zoe.id in row.values() or WORD in str(dict(row)).lower() for row in map(dict, rows))
    return any(WORD in str(row[column]).lower() for row in rows for column in kept.goes)


def _at_rest(world: World) -> str:
    assert isinstance(world.db, SqliteDatabase)
    parts = [path.read_bytes() for path in sorted(world.db.path.parent.iterdir()) if path.is_file()]
    return b"".join(parts).decode("latin-1").lower()


async def test_a_life_is_erased_and_what_stays_keeps_its_shape(
    office: TicketDesk, capfd: pytest.CaptureFixture[str]
) -> None:
    world = office.world
    zoe, tickets = await a_full_life(office)
    await world.db.write(TESTER, _parked, zoe)
    for kept in read_kept():
        if kept.deletes and not await _holds(world, kept, zoe):
            await _add_row_of(world, kept.table, zoe, tickets[0]["id"])
    await Sealing(world.db).seal()
    reports = [await office.read(office.max, path) for path in ("/reports/summary", "/reports/avg-resolution-time")]
    before = await world.sql("SELECT id, type, key, time, sequence FROM bus_outbox ORDER BY position")
    lines = [kept for kept in read_kept() if kept.goes and not kept.table.startswith("mirror")]
    bare = [kept.table for kept in lines if not await _holds(world, kept, zoe)]
    assert bare == OF_STAFF, "a full life has something in every table that erasing takes something from (docs/kept.md)"
    assert WORD in str([dict(row) for row in await world.sql("SELECT body FROM bus_outbox")]).lower()

    erased = await office.call(office.ada, "DELETE", f"/users/admin/{zoe.id}")
    assert erased.status_code == 200, erased.text
    await world.advance(minutes=2)

    for table in await world.tables():
        assert WORD not in str([dict(row) for row in await world.sql(f"SELECT * FROM {table}")]).lower(), table
    assert [kept.table for kept in lines if kept.deletes and await _holds(world, kept, zoe)] == []
    if isinstance(world.db, SqliteDatabase):
        assert WORD not in _at_rest(world)
    for who in (office.una, office.abe, office.max, office.ada):
        for path in (*LISTS, *(f"/tickets/{ticket['id']}" for ticket in tickets)):
            assert WORD not in (await office.get(who, path)).text.lower().replace(f"q={WORD}", ""), path
        for ticket in tickets:
            for part in ("comments", "history"):
                assert WORD not in (await office.get(who, f"/tickets/{ticket['id']}/{part}")).text.lower()
    assert (await office.read(office.max, f"/tickets?q={WORD}")) == []
    shown = await office.read(office.max, f"/tickets/{tickets[0]['id']}")
    assert (shown["title"], shown["status"], shown["createdBy"]) == ("Erased", "RESOLVED", zoe.id)
    said = [each["comment"] for each in await office.read(office.max, f"/tickets/{tickets[1]['id']}/comments")]
    assert said == ["Erased", "Is it plugged in?", "Seems nice."]
    assert (await office.get(zoe, "/auth/me")).status_code == 401
    assert [await office.read(office.max, path) for path in ("/reports/summary", "/reports/avg-resolution-time")] == (
        reports
    )
    after = await world.sql("SELECT id, type, key, time, sequence FROM bus_outbox ORDER BY position")
    assert [dict(row) for row in after[: len(before)]] == [dict(row) for row in before]
    assert (await verify_log(world.db))[1] == []
    assert await world.desk.audit() == []
    assert len(await world.log(TicketErased.TYPE)) == 3
    told = await world.sql("SELECT id FROM webhooks_delivery")
    assert [row["id"] for row in told] == ["delivery-2"], "what programs were told of others stays"
    assert len(await world.log(PersonErased.TYPE)) == 1
    logged = "".join(capfd.readouterr()).lower().splitlines()
    assert [line for line in logged if WORD in line and "hand this link over" not in line] == []


async def test_of_staff_the_name_goes_and_the_words_stay(office: TicketDesk) -> None:
    world = office.world
    zed = await make_person(world, "AGENT", name="Zyzzyva Agent", email="zyzzyva.agent@mail.test")
    ticket = await office.given(await office.raised(), zed)
    await office.said(zed, ticket, "Turn it off and on.")
    me = Actor(zed.id, "person", frozenset({"AGENT"}), grants_of(["AGENT"]))
    await world.db.write(me, deeds.keep_draft, ticket["id"], "A zyzzyva of a draft", 0)
    await world.settle()
    await Sealing(world.db).seal()
    assert "Zyzzyva Agent commented" in (await office.get(office.una, "/notifications")).text
    assert [kept.table for kept in read_kept() if kept.table in OF_STAFF and await _holds(world, kept, zed)] == OF_STAFF

    assert (await office.call(office.ada, "DELETE", f"/users/admin/{zed.id}")).status_code == 200
    await world.advance(minutes=2)
    for table in await world.tables():
        assert WORD not in str([dict(row) for row in await world.sql(f"SELECT * FROM {table}")]).lower(), table
    comments = await office.read(office.una, f"/tickets/{ticket['id']}/comments")
    assert [(each["comment"], each["commentedByName"]) for each in comments] == [
        ("Turn it off and on.", "Erased person")
    ]
    assert "Assigned to Erased person" in (await office.get(office.max, f"/tickets/{ticket['id']}/history")).text
    assert (await verify_log(world.db))[1] == []
    assert await world.desk.audit() == []


async def test_who_may_not_be_erased(office: TicketDesk) -> None:
    ada, una = office.ada, office.una
    assert (await office.call(ada, "DELETE", f"/users/admin/{ada.id}")).status_code == 409
    assert (await office.call(ada, "DELETE", "/users/admin/nobody")).status_code == 404
    assert (await office.call(office.max, "DELETE", f"/users/admin/{una.id}")).status_code == 403
    assert (await office.call(ada, "DELETE", f"/users/admin/{una.id}")).status_code == 200
    again = await office.call(ada, "DELETE", f"/users/admin/{una.id}")
    assert (again.status_code, json_of(again)["detail"]) == (409, "This person was erased already.")
    back = await office.call(ada, "PATCH", f"/users/admin/{una.id}", json={"active": True})
    assert back.status_code == 409, "nobody comes back from there"


async def test_all_that_is_kept_can_be_taken_out(office: TicketDesk) -> None:
    zoe, tickets = await a_full_life(office)
    taken = json_of(await office.get(office.ada, f"/users/admin/{zoe.email}/export"))
    parts = taken["parts"]
    assert parts["users"]["account"]["email"] == zoe.email
    assert len(parts["tickets"]["ticketsRaised"]) == 3
    assert not any("Seems nice" in each["body"] for each in parts["tickets"]["comments"]), "notes are among staff"
    assert parts["notifications"]["notices"]
    assert {each["kind"] for each in parts["users"]["sessions"]} == {"browser"}
    secrets = await office.world.sql("SELECT password_hash FROM users_person WHERE id = :id", id=zoe.id)
    assert secrets[0]["password_hash"] not in str(taken)
    assert taken["partsElsewhere"] == []
    acts = json_of(await office.get(office.ada, "/users/admin/audit"))
    assert acts[0]["action"] == "EXPORTED"
    assert re.search(r"\d{4}-", taken["exportedAt"])
    assert tickets


async def test_clearing_away_that_dies_half_way_is_done_by_another(office: TicketDesk) -> None:
    world = office.world
    timer = scrubbing(world.db)

    async def due() -> int | None:
        return await world.db.read(TESTER, timer.due)

    await world.db.write(TESTER, redaction.ask_to_scrub)
    lease = await world.db.write(TESTER, redaction.begin_scrub)  # by a process that is killed now
    assert await due() == lease + CALM
    await world.advance(minutes=1)
    assert await due() == lease + CALM, "its lease still holds"
    await world.advance(minutes=15)
    assert await due() is None

    lease = await world.db.write(TESTER, redaction.begin_scrub)
    await world.db.write(TESTER, redaction.ask_to_scrub)
    await world.db.write(TESTER, redaction.end_scrub, lease)
    assert await due() == world.clock.now + CALM, "what was erased meanwhile is cleared away as well"


@pytest.mark.one_engine
async def test_words_that_came_before_are_not_in_the_file(tmp_path: Path) -> None:
    """The file of a desk holds nothing of deleted rows, whoever deletes them."""
    connection = connect(tmp_path / "file.sqlite")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
    connection.executemany("INSERT INTO t (body) VALUES (?)", [("zyzzyva " * 500,) for _ in range(50)])
    connection.execute("DELETE FROM t")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert WORD.encode() not in (tmp_path / "file.sqlite").read_bytes()


@pytest.mark.one_engine
async def test_clearing_away_does_not_hold_up_writers_while_a_reader_stays(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    writer, reader = connect(path), connect(path)
    writer.execute("CREATE TABLE t (body TEXT)")
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM t").fetchone()  # such as a backup under way
    writer.execute("INSERT INTO t VALUES ('zyzzyva')")
    clearing = asyncio.create_task(asyncio.to_thread(scrub, path))
    waits: list[float] = []
    while not clearing.done() and len(waits) < 20:
        begun = time.monotonic()
        writer.execute("PRAGMA busy_timeout = 5000")
        await asyncio.to_thread(writer.execute, "INSERT INTO t VALUES ('more')")
        waits.append(time.monotonic() - begun)
        await asyncio.sleep(0.02)
    reader.execute("ROLLBACK")
    await clearing
    assert max(waits) < 2, "SQLite holds the lock for as long as it waits itself"
    assert path.with_name("file.sqlite-wal").stat().st_size == 0
    writer.close()
    reader.close()
