"""The embedded engine: all or nothing, many units in one commit, and honest about a store that fails."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from answerable.infra.database import StorageFault, checkpoints, lanes
from answerable.infra.database.migrate import Migration, migrate, migrations_of
from answerable.infra.database.open import open_sqlite
from answerable.infra.database.sqlite import SqliteDatabase
from answerable.kernel.actor import ANONYMOUS, service
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct
from tests.patience import PATIENCE
from tests.world import Clock, settings_for

pytestmark = pytest.mark.one_engine
TABLE = Migration("test", "0001", "CREATE TABLE test_thing (name TEXT PRIMARY KEY, n BIGINT);")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = open_sqlite(settings_for(tmp_path), Clock())
    migrate(opened, [TABLE, *migrations_of("bus", "answerable.infra.bus")])
    yield opened
    await opened.close()


async def add(tx: Tx, name: str) -> str:
    await tx.run("INSERT INTO test_thing (name, n) VALUES (:name, 1)", name=name)
    return name


async def names(tx: Tx) -> list[str]:
    return [row["name"] for row in await tx.run("SELECT name FROM test_thing ORDER BY name")]


async def test_a_unit_that_raises_leaves_nothing_and_harms_nobody(database: SqliteDatabase) -> None:
    async def half(tx: Tx) -> None:
        await add(tx, "half")
        raise Conflict("no")

    results = await asyncio.gather(
        database.write(ANONYMOUS, add, "before"),
        database.write(ANONYMOUS, half),
        database.write(ANONYMOUS, add, "after"),
        return_exceptions=True,
    )
    assert results[0] == "before"
    assert isinstance(results[1], Conflict)
    assert await database.read(ANONYMOUS, names) == ["after", "before"]


async def test_each_unit_counts_once_whatever_fails_among_them(database: SqliteDatabase) -> None:
    async def count(tx: Tx, name: str) -> int:
        rows = await tx.run(
            """INSERT INTO test_thing (name, n) VALUES (:name, 1)
            ON CONFLICT (name) DO UPDATE SET n = test_thing.n + 1 RETURNING n""",
            name=name,
        )
        return int(rows[0]["n"])

    async def refuse(tx: Tx) -> None:
        await names(tx)
        raise Conflict("before anything was written")

    async def count_and_refuse(tx: Tx) -> None:
        await count(tx, "all")
        raise Conflict("after something was written")

    units = [
        *(database.write(ANONYMOUS, count, "all") for _ in range(5)),
        *(database.write(ANONYMOUS, refuse) for _ in range(3)),
        *(database.write(ANONYMOUS, count_and_refuse) for _ in range(3)),
        *(database.write(ANONYMOUS, count, "all") for _ in range(5)),
    ]
    results = await asyncio.gather(*units, return_exceptions=True)
    assert [r for r in results if isinstance(r, int)] == list(range(1, 11))
    assert [str(r) for r in results if isinstance(r, Conflict)] == (
        ["before anything was written"] * 3 + ["after something was written"] * 3
    )


async def test_units_that_arrive_together_share_a_commit(database: SqliteDatabase) -> None:
    beats = database.pulse.count
    await asyncio.gather(*(database.write(ANONYMOUS, add, f"{n:03}") for n in range(100)))
    assert len(await database.read(ANONYMOUS, names)) == 100
    assert database.pulse.count - beats < 10


async def test_an_answer_comes_after_the_commit(database: SqliteDatabase) -> None:
    await database.write(ANONYMOUS, add, "durable")
    other = sqlite3.connect(database.path)
    assert other.execute("SELECT name FROM test_thing").fetchall() == [("durable",)]
    other.close()


async def test_a_unit_that_waits_for_something_else_is_refused(database: SqliteDatabase) -> None:
    async def sleepy(tx: Tx) -> None:
        await add(tx, "sleepy")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="other than its unit of work"):
        await database.write(ANONYMOUS, sleepy)
    assert await database.read(ANONYMOUS, names) == []


async def test_a_query_cannot_write(database: SqliteDatabase) -> None:
    for way in (database.read, database.scan):
        reading: Callable[..., Awaitable[Any]] = way
        with pytest.raises(StorageFault):
            await reading(ANONYMOUS, add, "sneaky")


async def test_a_full_disk_is_told_and_survived(database: SqliteDatabase) -> None:
    await database.write(ANONYMOUS, add, "first")
    pages = database._writer.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count = {pages}")  # the engine's own way to run out of room
    with pytest.raises(StorageFault) as fault:
        await database.write(ANONYMOUS, add, "x" * 100_000)
    assert fault.value.status == 503
    assert fault.value.retry_after
    database._writer.execute("PRAGMA max_page_count = 1073741823")
    await database.write(ANONYMOUS, add, "second")
    assert await database.read(ANONYMOUS, names) == ["first", "second"]


async def test_the_log_is_begun_anew_while_people_write(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "ROWS", 100)
    for number in range(2000):  # one commit each: without a copy beside them the log would hold twice as many pages
        await database.write(ANONYMOUS, add, f"{number:06}")
    log = database.path.with_name(database.path.name + "-wal")
    assert log.stat().st_size < 2000 * 4096
    beside = sqlite3.connect(database.path)
    assert beside.execute("SELECT COUNT(*) FROM test_thing").fetchone() == (2000,)
    beside.close()


async def test_people_are_not_kept_waiting_by_work_of_the_desk(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was just answered asks again at once: in between, the background takes no commit of its own."""
    monkeypatch.setattr(lanes, "PEOPLE_SECONDS", 2.0)  # "at once" takes longer where other tests want the processors
    order: list[str] = []

    async def note(tx: Tx, who: str) -> None:
        order.append(who)
        await add(tx, f"{who} {len(order)}")

    async def crowd() -> None:
        await asyncio.gather(*(database.write(ANONYMOUS, note, "person") for _ in range(lanes.MANY_PEOPLE)))

    await crowd()
    follow_ups = [database.deliver(service("test"), lambda tx: note(tx, "desk")) for _ in range(50)]
    for _ in range(10):
        await crowd()
    people_done = len(order) - 1 - order[::-1].index("person")
    assert order[:people_done].count("desk") < 50  # all fifty would have fitted into the first gap
    await asyncio.wait_for(asyncio.gather(*follow_ups), PATIENCE)
    assert order.count("desk") == 50


async def test_few_people_on_a_slow_disk_leave_the_desk_time_for_its_work(database: SqliteDatabase) -> None:
    """Each commit takes so long that somebody waits for the next one: that is no flood."""
    ended: list[str] = []

    def slow(sql: str) -> None:
        if sql == "COMMIT":
            time.sleep(0.01)

    async def person(name: str) -> None:
        for number in range(8):
            await database.write(ANONYMOUS, add, f"{name} {number}")
            ended.append(name)

    async def follow_up(number: int) -> None:
        await database.deliver(service("test"), lambda tx: add(tx, f"desk {number}"))
        ended.append("desk")

    database._writer.set_trace_callback(slow)
    people = [asyncio.ensure_future(person("una"))]
    await asyncio.sleep(0.005)  # her commit is under way
    people.append(asyncio.ensure_future(person("otto")))
    await asyncio.gather(*(follow_up(number) for number in range(50)), *people)
    database._writer.set_trace_callback(None)
    assert ended.index("desk") < 8, ended
    assert ended[: ended.index("desk") + 54].count("desk") == 50, "not one in each commit of theirs"


async def test_a_long_unit_of_the_desk_itself_is_done_between_requests(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has written is seen when all of it is durable, and a person's unit comes behind it."""
    monkeypatch.setattr("answerable.infra.stretch.STRETCH_SECONDS", -1.0)  # each statement is a stretch

    async def count(tx: Tx) -> int:
        for number in range(30):
            await add(tx, f"one by one {number}")
        insert = "INSERT INTO test_thing (name, n) VALUES (:name, 2)"
        await tx.run_many(insert, [{"name": f"many {number}"} for number in range(100)])
        tx.send(*[RecordAct(act="A", about=f"{number}") for number in range(100)])
        return len(await names(tx))

    counting = asyncio.ensure_future(database.write(service("test"), count))
    rounds, seen = 0, set()
    while not counting.done():
        rounds += 1
        seen.add(len(await database.read(ANONYMOUS, names)))
        await asyncio.sleep(0)
        if rounds == 20:
            person = asyncio.ensure_future(database.write(ANONYMOUS, add, "a person"))
    assert await counting == 130
    assert await person == "a person"
    assert rounds >= 40
    assert seen <= {0, 130, 131}


async def test_a_long_unit_that_fails_in_the_middle_leaves_nothing(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerable.infra.stretch.STRETCH_SECONDS", -1.0)

    async def half(tx: Tx) -> None:
        await add(tx, "half")
        await add(tx, "more")
        raise Conflict("no")

    async def waits_for_something_else(tx: Tx) -> None:
        await add(tx, "another")
        await asyncio.sleep(0)

    results = await asyncio.gather(
        database.write(service("test"), add, "before"),
        database.write(service("test"), half),
        database.write(service("test"), waits_for_something_else),
        database.write(service("test"), add, "after"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [str, Conflict, RuntimeError, str]
    assert await database.read(ANONYMOUS, names) == ["after", "before"]


async def test_a_writer_beside_us_is_waited_for(database: SqliteDatabase) -> None:
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(database.write(ANONYMOUS, add, "patient"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    other.execute("COMMIT")
    assert await waiting == "patient"
    other.close()


async def test_bulk_work_is_seen_at_once_and_kept_at_the_end(database: SqliteDatabase) -> None:
    async with database.bulk(every=10):
        for n in range(25):
            await database.write(ANONYMOUS, add, f"{n:03}")
        assert len(await database.read(ANONYMOUS, names)) == 25
        assert len(await database.scan(ANONYMOUS, names)) == 25
    other = sqlite3.connect(database.path)
    assert other.execute("SELECT COUNT(*) FROM test_thing").fetchone() == (25,)
    other.close()


async def test_migrations_run_once_and_guard_their_text(database: SqliteDatabase) -> None:
    assert migrate(database, [TABLE]) == []
    more = Migration(
        "test", "0002", "ALTER TABLE test_thing ADD COLUMN more TEXT; CREATE INDEX test_more ON test_thing (more);"
    )
    assert migrate(database, [TABLE, more]) == [more]
    with pytest.raises(Invalid, match="not the one that made"):
        migrate(database, [Migration("test", "0001", "CREATE TABLE test_other (a TEXT);"), more])
    with pytest.raises(Invalid, match="newer than this program"):
        migrate(database, [TABLE])
    broken = Migration("test", "0003", "CREATE TABLE test_good (a TEXT); CREATE TABEL test_bad (a TEXT);")
    with pytest.raises(Invalid):
        migrate(database, [TABLE, more, broken])
    other = sqlite3.connect(database.path)
    assert other.execute("SELECT 1 FROM sqlite_master WHERE name = 'test_good'").fetchone() is None
    other.close()


@pytest.mark.parametrize(
    "typed", ['"', "printer AND", "NEAR(", "a* OR b", "col:x", "-", "^", "' OR 1=1 --", "\x00", "🔥", "x" * 5000]
)
async def test_nothing_a_person_types_breaks_the_search(database: SqliteDatabase, typed: str) -> None:
    migrate(database, [TABLE, Migration("test", "0002", "CREATE VIRTUAL TABLE test_thing_fts USING fts5 (name);")])

    async def search(tx: Tx) -> list[Any]:
        return list(await tx.run("SELECT t.name FROM test_thing t WHERE MATCHES(t.test_thing, :q)", q=typed))

    assert await database.read(ANONYMOUS, search) == []
