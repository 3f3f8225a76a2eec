"""PostgreSQL as it is in life: others write too, connections break, answers get lost, processes lead and end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from answerable.infra.bus import outbox
from answerable.infra.bus.local import LocalBus, _count_unread
from answerable.infra.bus.verify import verify_log
from answerable.infra.database import StorageFault, open_database
from answerable.infra.database.errors import OutcomeUnknown
from answerable.infra.database.migrate import Migration, migrate
from answerable.infra.database.postgres.address import lock_key
from answerable.infra.database.postgres.connection import STATEMENT_SECONDS
from answerable.infra.database.postgres.database import PostgresDatabase
from answerable.infra.database.postgres.statement import of_words, statement
from answerable.kernel.actor import ANONYMOUS, service
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from answerable.messages.users import UserRegistered
from answerable.runtime import Desk
from answerable.settings import Settings, without_password
from tests.engines import ENGINE, SCHEMA
from tests.infra.wire import Wire
from tests.patience import PATIENCE
from tests.processes import eventually
from tests.world import Clock, World, open_world, settings_for

pytestmark = pytest.mark.on_postgres
TABLE = Migration("test", "0001", "CREATE TABLE test_thing (name TEXT PRIMARY KEY, n BIGINT NOT NULL);")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[PostgresDatabase]:
    async with opened(tmp_path) as made:
        yield made


@asynccontextmanager
async def opened(folder: Path, *more: Migration, **values: object) -> AsyncIterator[PostgresDatabase]:
    made = open_database(settings_for(folder, **values), Clock())
    assert isinstance(made, PostgresDatabase)
    await asyncio.to_thread(migrate, made, [TABLE, *more])  # the wire that some put between runs on this loop
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def visitor(folder: Path) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who uses the same tables and knows nothing of our locks."""
    connection = await asyncpg.connect(ENGINE.address_of(folder), server_settings={"search_path": SCHEMA})
    try:
        yield connection
    finally:
        await connection.close()


async def add(tx: Tx, name: str) -> str:
    await tx.run("INSERT INTO test_thing (name, n) VALUES (:name, 1)", name=name)
    return name


async def names(tx: Tx) -> list[str]:
    return [row["name"] for row in await tx.run("SELECT name FROM test_thing ORDER BY name")]


async def remove(tx: Tx, *names: str) -> None:
    for name in names:
        await tx.run("DELETE FROM test_thing WHERE name = :name", name=name)


async def tell(tx: Tx, user: str) -> None:
    tx.publish(UserRegistered(user_id=user, name=user, email=f"{user}@x.test", roles=["USER"], active=True))


# --- units of work -----------------------------------------------------------------------------------------------


async def test_a_unit_that_raises_leaves_nothing_and_harms_nobody(database: PostgresDatabase) -> None:
    async def half(tx: Tx) -> None:
        await add(tx, "half")
        assert "half" in await names(tx)  # written, not only kept
        raise Conflict("no")

    async def kept_only(tx: Tx) -> None:
        await add(tx, "kept")
        raise Conflict("no")

    results = await asyncio.gather(
        database.write(ANONYMOUS, add, "before"),
        database.write(ANONYMOUS, kept_only),
        database.write(ANONYMOUS, half),
        database.write(ANONYMOUS, add, "before"),
        database.write(ANONYMOUS, add, "after"),
        return_exceptions=True,
    )
    assert [result if isinstance(result, str) else type(result) for result in results] == [
        *("before", Conflict, Conflict, asyncpg.UniqueViolationError, "after")
    ]
    assert await database.read(ANONYMOUS, names) == ["after", "before"]


async def test_who_gives_up_on_a_scan_leaves_a_connection_that_works(database: PostgresDatabase) -> None:
    await database.scan(ANONYMOUS, names)
    for steps in range(12):  # before, while and after the snapshot begins, the query runs, the snapshot ends
        scanning = asyncio.ensure_future(database.scan(ANONYMOUS, names))
        for _ in range(steps):
            await asyncio.sleep(0)
        scanning.cancel()
        await asyncio.wait([scanning])
        await database.read(ANONYMOUS, names)
        await database.write(ANONYMOUS, add, f"{steps:02}")
        assert (await database.read(ANONYMOUS, names))[-1] == f"{steps:02}", "no snapshot is left behind"
        assert (await database.scan(ANONYMOUS, names))[-1] == f"{steps:02}"


async def test_who_gives_up_on_a_read_leaves_a_connection_that_works(database: PostgresDatabase) -> None:
    async def ask(tx: Tx, number: int) -> None:
        await tx.run(f"SELECT name, {number} AS number FROM test_thing")  # a new one each time: it has to be prepared

    await database.scan(ANONYMOUS, names)
    for number in range(40):
        reading = asyncio.ensure_future(database.read(ANONYMOUS, ask, number))
        for _ in range(1 + number % 4):  # before, while and after it is prepared
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        assert await database.scan(ANONYMOUS, names) == []


async def test_units_that_arrive_together_share_a_commit(database: PostgresDatabase) -> None:
    beats = database.pulse.count
    await asyncio.gather(*(database.write(ANONYMOUS, add, f"{n:03}") for n in range(100)))
    assert len(await database.read(ANONYMOUS, names)) == 100
    assert database.pulse.count - beats < 10


async def test_requests_go_on_between_units_that_ask_the_server_for_nothing(
    database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerable.infra.stretch.STRETCH_SECONDS", -1.0)  # each unit is a stretch
    done_in: list[int] = []
    rounds = 0

    async def note(tx: Tx) -> None:
        done_in.append(rounds)
        await add(tx, f"{len(done_in)}")

    units = [database.deliver(service("test"), note) for _ in range(50)]
    while not all(unit.done() for unit in units):
        rounds += 1
        await asyncio.sleep(0)
    assert len(set(done_in)) == 50


async def test_a_unit_reads_what_it_and_those_before_it_wrote(database: PostgresDatabase) -> None:
    async def count(tx: Tx, name: str) -> int:
        before = len(await names(tx))
        await add(tx, name)
        assert len(await names(tx)) == before + 1
        await tx.run("UPDATE test_thing SET n = n + 1 WHERE name = :name", name=name)
        rows = await tx.run("SELECT n FROM test_thing WHERE name = :name", name=name)
        assert rows[0]["n"] == 2
        return before

    counted = await asyncio.gather(*(database.write(ANONYMOUS, count, f"{n:02}") for n in range(20)))
    assert counted == list(range(20))


async def test_a_query_cannot_write(database: PostgresDatabase) -> None:
    with pytest.raises(StorageFault):
        await database.read(ANONYMOUS, add, "sneaky")
    with pytest.raises(StorageFault):
        await database.scan(ANONYMOUS, add, "sneaky")
    assert await database.read(ANONYMOUS, names) == []


async def test_bulk_work_is_seen_at_once_and_kept_at_the_end(database: PostgresDatabase, tmp_path: Path) -> None:
    async with visitor(tmp_path) as other:
        async with database.bulk(every=10):
            for n in range(25):
                await database.write(ANONYMOUS, add, f"{n:03}")
            assert len(await database.read(ANONYMOUS, names)) == 25
            assert len(await database.scan(ANONYMOUS, names)) == 25
            assert await other.fetchval("SELECT COUNT(*) FROM test_thing") == 20
        assert await other.fetchval("SELECT COUNT(*) FROM test_thing") == 25


async def test_migrations_run_once_and_guard_their_text(database: PostgresDatabase) -> None:
    assert migrate(database, [TABLE]) == []
    with pytest.raises(Invalid, match="not the one that made"):
        migrate(database, [Migration("test", "0001", "CREATE TABLE test_other (a TEXT);")])
    broken = Migration("test", "0003", "CREATE TABLE test_good (a TEXT); CREATE TABEL test_bad (a TEXT);")
    with pytest.raises(Invalid, match="cannot be brought up to date"):
        migrate(database, [TABLE, broken])
    with pytest.raises(Invalid, match="newer than this program"):
        migrate(database, [Migration("test", "0002", "SELECT 1;")])


async def test_many_processes_may_migrate_at_once(tmp_path: Path) -> None:
    more = Migration("test", "0002", "CREATE TABLE test_more (a TEXT);")
    async with opened(tmp_path) as database:
        applied = await asyncio.gather(*(asyncio.to_thread(migrate, database, [TABLE, more]) for _ in range(5)))
    assert sorted(map(len, applied)) == [0, 0, 0, 0, 1]


def test_what_a_statement_touches() -> None:
    sql = "SELECT ':no', CAST(:a AS BIGINT)::TEXT FROM x WHERE a = :a AND b = :b"
    assert statement(sql).text == "SELECT ':no', CAST($1 AS BIGINT)::TEXT FROM x WHERE a = $1 AND b = $2"
    assert statement(sql).table is None
    assert statement("UPDATE thing SET a = :a").table == "thing"
    found = "SELECT x.number FROM FOUND_IN(thing, :q, :me) x"
    values = {"q": "Caf\u00e9 open caf\u00e9 12", "me": "a'b"}
    asked = of_words(found, statement(found), values)
    assert asked.text.count("w.words @@") == 3 + 1, "each word is a condition: GIN is slow where one holds many words"
    assert asked.arguments(values) == ("'cafe'", "'open'", "'12':*", "a'b")
    for common, in_rows in (("open", 1), ("12", 1), ("cafe 12", 2), ("cafe open 12", 0), ("pen", 0)):
        words = frozenset(("thing", word) for word in common.split())
        assert of_words(found, statement(found), values, words).text.count("COALESCE") == in_rows, common
    assert "COALESCE" not in of_words(found, statement(found), values, frozenset([("other", "open")])).text
    assert not statement("INSERT INTO thing VALUES (:a)").returns
    assert statement("DELETE FROM thing RETURNING 1 AS gone").returns


async def test_a_word_that_most_rows_have_is_read_in_the_rows_that_a_rare_one_finds(tmp_path: Path) -> None:
    """The server notes which words those are; what is found is the same before and after, on one snapshot too."""
    words = """CREATE TABLE test_note_words (number BIGINT PRIMARY KEY, words TSVECTOR NOT NULL);
        CREATE INDEX test_note_found ON test_note_words USING GIN (words);
        INSERT INTO test_note_words SELECT n, array_to_tsvector(ARRAY['case', 'n' || n,
            CASE WHEN n % 3 > 0 THEN 'cable' ELSE 'printer' END]) FROM generate_series(1, 300) n;"""
    typed = ("case n7", "n7 case", "case", "cas", "case n", "cable n71", "printer case n3", "n71 cab", "case nothing")

    async def search(tx: Tx, q: str) -> list[int]:
        rows = await tx.run("SELECT x.number FROM FOUND_IN(test_note, :q) x ORDER BY x.number", q=q)
        return [row["number"] for row in rows]

    async def in_rows(tx: Tx) -> int:
        asked = await tx.run("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%test_note_words%'")
        return sum("COALESCE" in row["statement"] for row in asked)

    async def scan(tx: Tx) -> tuple[list[list[int]], int]:
        return [await search(tx, q) for q in typed], await in_rows(tx)

    async def found() -> tuple[list[list[int]], int]:
        async with opened(tmp_path, Migration("test", "0002", words)) as database:
            read = [await database.read(ANONYMOUS, search, q) for q in typed], await database.read(ANONYMOUS, in_rows)
        async with opened(tmp_path, Migration("test", "0002", words)) as database:
            assert await database.scan(ANONYMOUS, scan) == read
        return read

    before, none = await found()
    assert before[:2] == [[7, *range(70, 80)], [7]]
    assert none == 0
    async with visitor(tmp_path) as other:
        await other.execute("ANALYZE test_note_words")
    after, some = await found()
    assert after == before
    assert some > 0


# --- others write too --------------------------------------------------------------------------------------------


async def test_no_reader_of_the_log_can_pass_a_message_that_is_committed_later(tmp_path: Path) -> None:
    """Two interleaved transactions: the one that began first commits last, and is read all the same."""
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def slow(tx: Tx) -> None:
            await tell(tx, "first")
            await tx.run("SELECT 1 AS one FROM bus_outbox LIMIT 1")
            inside.set()
            await go_on.wait()

        first = asyncio.ensure_future(one.write(ANONYMOUS, slow))
        await inside.wait()
        second = asyncio.ensure_future(two.write(ANONYMOUS, tell, "second"))
        seen = [m.key for m in await two.read(ANONYMOUS, outbox.load_after, 0, 10)]
        assert seen == []
        done, _ = await asyncio.wait([second], timeout=0.3)
        assert not done, "the second waits until the first has ended"
        go_on.set()
        await asyncio.gather(first, second)
        log = await two.read(ANONYMOUS, outbox.load_after, 0, 10)
        assert [(m.position, m.key) for m in log] == [(1, "first"), (2, "second")]


async def test_even_who_writes_to_the_log_without_the_lock_hides_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, visitor(tmp_path) as other:
        await database.write(ANONYMOUS, tell, "una")
        rude = other.transaction()
        await rude.start()
        await other.execute(
            """INSERT INTO bus_outbox (position, id, topic, type, key, sequence, time, actor, actor_kind, depth, body)
            SELECT position + 1, 'rude', topic, type, 'rude', 1, time, actor, actor_kind, depth, body FROM bus_outbox"""
        )
        waiting = asyncio.ensure_future(database.write(ANONYMOUS, tell, "otto"))
        await asyncio.wait([waiting], timeout=0.2)
        assert not waiting.done(), "it wants the same position, and has to wait for what becomes of it"
        await rude.commit()
        await waiting
        log = await database.read(ANONYMOUS, outbox.load_after, 0, 10)
        assert [(m.position, m.key) for m in log] == [(1, "una"), (2, "rude"), (3, "otto")]


async def test_a_deadlock_with_somebody_else_is_survived(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, visitor(tmp_path) as other:
        await database.write(ANONYMOUS, add, "a")
        await database.write(ANONYMOUS, add, "b")
        reached, tries = asyncio.Event(), []

        async def raise_both(tx: Tx) -> None:
            tries.append(1)
            for name in ("a", "b"):
                await tx.run("UPDATE test_thing SET n = n + 1 WHERE name = :name RETURNING name", name=name)
                reached.set()

        rude = other.transaction()
        await rude.start()
        await other.execute("UPDATE test_thing SET n = n + 10 WHERE name = 'b'")
        ours = asyncio.ensure_future(database.write(ANONYMOUS, raise_both))
        await reached.wait()
        theirs = asyncio.ensure_future(other.execute("UPDATE test_thing SET n = n + 10 WHERE name = 'a'"))
        try:
            await theirs
            await rude.commit()
        except asyncpg.DeadlockDetectedError:
            await rude.rollback()
        await ours
        [a, b] = [row["n"] for row in await database.read(ANONYMOUS, everything)]
        assert (a, b) in ((12, 12), (2, 2))


async def everything(tx: Tx) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = list(await tx.run("SELECT * FROM test_thing ORDER BY name"))
    return rows


async def test_serialization_failures_are_tried_again_and_then_told(tmp_path: Path) -> None:
    async with opened(tmp_path, storage__wait_seconds=1.0) as database, visitor(tmp_path) as other:
        await other.execute(
            """CREATE SEQUENCE test_tries;
            CREATE FUNCTION test_refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('test_tries') <= 2 OR new.name = 'never' THEN
                    RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END IF;
                RETURN new; END $$;
            CREATE TRIGGER test_refuse BEFORE INSERT ON test_thing FOR EACH ROW EXECUTE FUNCTION test_refuse()"""
        )
        assert await database.write(ANONYMOUS, add, "at last") == "at last"
        with pytest.raises(StorageFault) as told:
            await database.write(ANONYMOUS, add, "never")
        assert told.value.status == 503
        assert told.value.retry_after
        assert await database.write(ANONYMOUS, add, "after") == "after"
        assert await database.read(ANONYMOUS, names) == ["after", "at last"]


async def test_what_was_known_is_proved_before_anybody_is_answered_by_it(tmp_path: Path) -> None:
    """A transaction of one statement, a refusal, and an answer alone: another process wrote, and nobody told us."""

    async def number(tx: Tx) -> int:
        rows = await tx.run("UPDATE test_thing SET n = n + 1 WHERE name = :name RETURNING n", name="counter")
        await add(tx, f"thing {rows[0]['n']}")
        return int(rows[0]["n"])

    async def how_many(tx: Tx) -> int:
        return len(await names(tx))

    async def refuse(tx: Tx) -> None:
        raise Conflict(str(await how_many(tx)))

    async with opened(tmp_path) as one, opened(tmp_path) as two:
        await one.write(ANONYMOUS, add, "counter")
        assert [await desk.write(ANONYMOUS, number) for desk in (one, one, two, two, one)] == [2, 3, 4, 5, 6]
        assert await one.write(ANONYMOUS, how_many) == 6
        await two.write(ANONYMOUS, add, "more")
        assert await one.write(ANONYMOUS, how_many) == 7
        await two.write(ANONYMOUS, add, "and more")
        with pytest.raises(Conflict, match="8"):
            await one.write(ANONYMOUS, refuse)


async def test_a_batch_of_which_all_is_known_is_one_round_trip(database: PostgresDatabase) -> None:
    said: list[str] = []
    for again in range(2):  # the first ones are prepared
        await asyncio.gather(*(database.write(ANONYMOUS, tell, f"{again}-{n}") for n in range(5)))
    database._writer._connection.add_query_logger(lambda record: said.append(record.query.split()[0]))
    await asyncio.gather(*(database.write(ANONYMOUS, tell, f"{n}") for n in range(5)))
    assert said == ["WITH"]


@pytest.mark.parametrize("meanwhile", ["nothing", "another process wrote", "the connection broke"])
async def test_what_comes_while_a_commit_is_under_way_is_run_already(tmp_path: Path, meanwhile: str) -> None:
    tries = {"first": 0, "second": 0}

    async def number(tx: Tx, who: str) -> int:
        tries[who] += 1
        rows = await tx.run("UPDATE test_thing SET n = n + 1 WHERE name = :name RETURNING n", name="counter")
        await tell(tx, f"{who} {rows[0]['n']}")
        return int(rows[0]["n"])

    async with opened(tmp_path) as database, visitor(tmp_path) as other:
        await database.write(ANONYMOUS, add, "counter")
        assert await database.write(ANONYMOUS, number, "first") == 2
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock($1)", lock_key(SCHEMA, "writers"))
            first = asyncio.ensure_future(database.write(ANONYMOUS, number, "first"))
            waiting = """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
            await eventually(lambda: other.fetchval(waiting))
            second = asyncio.ensure_future(database.write(ANONYMOUS, number, "second"))
            await eventually(lambda: asyncio.sleep(0, tries["second"]))
            assert not first.done()
            if meanwhile == "another process wrote":
                await other.execute("UPDATE test_thing SET n = n + 10 WHERE name = 'counter'")
                await other.execute("UPDATE bus_writer SET mark = 'another' WHERE name = 'last'")
            elif meanwhile == "the connection broke":
                await other.execute("SELECT pg_terminate_backend($1)", await other.fetchval(waiting))
        numbers = [13, 14] if meanwhile == "another process wrote" else [3, 4]
        assert [await first, await second] == numbers
        log = await database.read(ANONYMOUS, outbox.load_after, 0, 10)
        assert [message.key for message in log] == ["first 2", f"first {numbers[0]}", f"second {numbers[1]}"]
        assert tries == ({"first": 2, "second": 1} if meanwhile == "nothing" else {"first": 3, "second": 2})


async def test_who_comes_behind_a_commit_that_fails_is_answered_all_the_same(database: PostgresDatabase) -> None:
    await database.write(ANONYMOUS, add, "one")
    for _ in range(5):  # whatever is in the same transaction, or in the next one
        told = [asyncio.ensure_future(database.write(ANONYMOUS, add, name)) for name in ("one", "two", "one")]
        for _ in range(3):
            await asyncio.sleep(0)
        told.append(asyncio.ensure_future(database.write(ANONYMOUS, add, "three")))
        came = await asyncio.gather(*told, return_exceptions=True)
        assert [isinstance(each, Exception) for each in came] == [True, False, True, False]
        await database.write(ANONYMOUS, remove, "two", "three")
    assert await database.read(ANONYMOUS, names) == ["one"]


# --- connections break -------------------------------------------------------------------------------------------


async def test_broken_connections_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with opened(tmp_path) as database, visitor(tmp_path) as other:
        acknowledged: set[str] = set()

        async def work(worker: int) -> None:
            for n in range(60):
                name = f"{worker}-{n}"
                try:
                    acknowledged.add(await database.write(ANONYMOUS, add, name))
                    await database.read(ANONYMOUS, names)
                except StorageFault:
                    continue

        async def cut() -> None:
            while True:
                await other.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.7"""
                )
                await asyncio.sleep(0.03)

        cutting = asyncio.ensure_future(cut())
        await asyncio.gather(*(work(n) for n in range(8)))
        cutting.cancel()
        stored = await database.read(ANONYMOUS, names)
        assert acknowledged <= set(stored)
        assert len(acknowledged) > 400, "cuts are waited out, not passed on"


def commit_of(database: PostgresDatabase) -> bytes:
    """Return what the desk says only at its next commit, be it one statement or the end of several: its mark."""
    return f"{database._writer.name}:{database._writer._mark + 1}".encode()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("steps", ["at once", "in steps"])
async def test_a_commit_whose_answer_is_lost_is_looked_for(tmp_path: Path, moment: str, steps: str) -> None:
    async with Wire(ENGINE.address_of(tmp_path)) as wire, opened(tmp_path, storage__database=wire.url) as database:
        await database.write(ANONYMOUS, add, "one")
        if steps == "in steps":
            database._writer.forget()
        wire.cut_at(commit_of(database), moment)
        assert await database.write(ANONYMOUS, add, "two") == "two"
        assert wire.cuts == 1
        await database.write(ANONYMOUS, tell, "una")
        assert await database.read(ANONYMOUS, names) == ["one", "two"]


async def test_where_nobody_can_tell_what_became_of_a_commit_that_is_said(tmp_path: Path) -> None:
    async with (
        Wire(ENGINE.address_of(tmp_path)) as wire,
        opened(tmp_path, storage__database=wire.url, storage__wait_seconds=1.0) as database,
    ):
        await database.write(ANONYMOUS, add, "one")
        wire.cut_at(commit_of(database), "after", for_good=True)
        with pytest.raises(OutcomeUnknown, match="may be done or not"):
            await database.write(ANONYMOUS, add, "two")
        wire.mend()
        await database.write(ANONYMOUS, add, "three")
        assert await database.read(ANONYMOUS, names) == ["one", "three", "two"]


async def test_a_server_that_is_away_is_waited_for_and_then_told(tmp_path: Path) -> None:
    async with (
        Wire(ENGINE.address_of(tmp_path)) as wire,
        opened(tmp_path, storage__database=wire.url, storage__wait_seconds=1.5) as database,
    ):
        await database.write(ANONYMOUS, add, "one")
        wire.cut()
        for way in (database.write(ANONYMOUS, add, "two"), database.read(ANONYMOUS, names)):
            with pytest.raises(StorageFault):
                await asyncio.wait_for(way, PATIENCE)
        waiting = [asyncio.ensure_future(way) for way in (database.write(ANONYMOUS, add, "three"), _read(database))]
        await asyncio.wait(waiting, timeout=0.1)
        wire.mend()
        assert await asyncio.gather(*waiting) == ["three", "read"]


async def told(way: Awaitable[object]) -> None:
    """Expect to be told that the store cannot, before a statement's own time is up."""
    with pytest.raises(StorageFault):
        await asyncio.wait_for(way, STATEMENT_SECONDS)


async def test_a_server_that_stands_still_is_told_of_as_one_that_is_away(tmp_path: Path) -> None:
    async with (
        Wire(ENGINE.address_of(tmp_path)) as wire,
        opened(tmp_path, storage__database=wire.url, storage__wait_seconds=1.0) as database,
    ):
        database.watch_others()
        await database.pulse.wait(await database.pulse.wait(0, PATIENCE), PATIENCE)  # it listens
        await database.write(ANONYMOUS, add, "one")
        wire.freeze()
        await asyncio.gather(told(database.write(ANONYMOUS, add, "two")), told(database.read(ANONYMOUS, names)))
        await asyncio.gather(told(database.write(ANONYMOUS, add, "three")), told(database.read(ANONYMOUS, names)))
        wire.mend()

        async def takes_writes() -> bool:
            with suppress(StorageFault):
                return await database.write(ANONYMOUS, add, "four") == "four"
            return False

        await eventually(takes_writes)
        stored = await database.read(ANONYMOUS, names)
        assert {"one", "four"} <= set(stored)
        assert "three" not in stored, "it was never sent"


async def test_another_host_takes_the_place_of_one_that_stands_still(tmp_path: Path) -> None:
    address = ENGINE.address_of(tmp_path)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as dead:  # takes connections and says nothing
        hosts = f"127.0.0.1:{dead.getsockname()[1]},127.0.0.1:"
        async with opened(tmp_path, storage__database=address.replace("127.0.0.1:", hosts, 1)) as database:
            await database.write(ANONYMOUS, add, "one")
    head, _, rest = address.partition("127.0.0.1:")
    async with Wire(address) as wire:
        hosts = f"{wire.url.partition('127.0.0.1:')[2].partition('/')[0]},127.0.0.1:{rest}"
        both = f"{head}127.0.0.1:{hosts}"
        async with opened(tmp_path, storage__database=both, storage__wait_seconds=2.0) as database:
            database.watch_others()
            await database.pulse.wait(await database.pulse.wait(0, PATIENCE), PATIENCE)  # it listens
            await database.write(ANONYMOUS, add, "two")
            wire.freeze()
            with suppress(StorageFault):
                await asyncio.wait_for(database.write(ANONYMOUS, add, "three"), STATEMENT_SECONDS)
            assert await asyncio.wait_for(database.write(ANONYMOUS, add, "four"), STATEMENT_SECONDS) == "four"
            stored = await asyncio.wait_for(database.read(ANONYMOUS, names), STATEMENT_SECONDS)
            assert {"one", "two", "four"} <= set(stored) <= {"one", "two", "three", "four"}


async def _read(database: PostgresDatabase) -> str:
    await database.read(ANONYMOUS, names)
    return "read"


# --- several processes -------------------------------------------------------------------------------------------


async def test_one_process_delivers_and_another_takes_over_within_a_second(tmp_path: Path) -> None:
    async with open_world(tmp_path) as one, second_process(one) as two:
        heard: dict[str, list[str]] = {"one": [], "two": []}
        for name, desk in (("one", one.desk), ("two", two)):
            bus_of(desk)._consumers._listeners["USER_REGISTERED"] = [partial(_hear, heard[name])]
            await desk.start()
            await one.until(lambda: leads(one.desk))
        assert [bus_of(desk)._term > 0 for desk in (one.desk, two)] == [True, False]
        await make_person_by(two, "Una")
        await one.until(lambda: known_to_everybody(one, 1))
        await one.until(lambda: both(heard, ["Una"]))
        await one.desk.stop()  # its connection ends with it, however it ends
        async with breaths() as taken:
            await make_person_by(two, "Otto")
            await eventually(lambda: known_to_everybody(two, 2))
        assert len(taken) < 100, "within a second"
        assert heard["two"] == ["Una", "Otto"]
        assert (await verify_log(two.database))[1] == []


async def test_who_waits_for_deliveries_does_not_look_through_the_log_that_was_read(
    world: World, tmp_path: Path
) -> None:
    """Every timer of a process that does not deliver asks so, many times a second, while there is much to deliver."""
    told = [UserRegistered(user_id="una", name="Una", email="una@x.test", roles=[], active=True)] * 3000

    async def tell_all(tx: Tx) -> None:
        tx.publish(*told)
        await tx.run("INSERT INTO bus_offset (consumer, position) VALUES ('notifications', 2999)")

    await world.db.write(service("users"), tell_all)
    async with visitor(tmp_path / "desk") as other:
        await other.execute("ANALYZE bus_outbox")
    steps: list[str] = []

    class Explaining:
        """A unit of work that tells how the server goes about what it is asked."""

        def __init__(self, tx: Tx) -> None:
            self._tx = tx

        async def run(self, sql: str, **values: Any) -> Any:
            if "COUNT" in sql:
                steps.extend(str(row["QUERY PLAN"]) for row in await self._tx.run(f"EXPLAIN ANALYZE {sql}", **values))
            return await self._tx.run(sql, **values)

    async def unread(tx: Tx) -> int:
        explaining: Any = Explaining(tx)
        return await _count_unread(explaining, bus_of(world.desk)._consumers.inboxes["notifications"], 1)

    assert await world.db.read(ANONYMOUS, unread) == 1
    assert any("bus_outbox_pkey" in step for step in steps), steps
    assert not any("Removed by" in step for step in steps), steps


@asynccontextmanager
async def breaths() -> AsyncIterator[list[None]]:
    """Count hundredths of a second in which this process could do something: a busy machine takes none of them away."""
    taken: list[None] = []

    async def breathe() -> None:
        while True:
            await asyncio.sleep(0.01)
            taken.append(None)

    breathing = asyncio.create_task(breathe())
    try:
        yield taken
    finally:
        breathing.cancel()


async def leads(desk: Desk) -> bool:
    return bus_of(desk)._term > 0


def bus_of(desk: Desk) -> LocalBus:
    assert isinstance(desk.bus, LocalBus)
    return desk.bus


def _hear(heard: list[str], _: Envelope, event: UserRegistered) -> None:
    heard.append(event.name)


async def both(heard: dict[str, list[str]], wanted: list[str]) -> bool:
    return heard["one"] == heard["two"] == wanted


async def test_a_leader_that_lost_its_connection_leads_again_and_repeats_nothing(world: World, tmp_path: Path) -> None:
    await world.desk.start()
    await make_person_by(world.desk, "Una")
    await world.until(lambda: known_to_everybody(world, 1))
    async with visitor(tmp_path / "desk") as other:
        for n in range(3):
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
            await make_person_by(world.desk, f"Otto {n}")
    await world.until(lambda: known_to_everybody(world, 4))
    assert (await verify_log(world.db))[1] == []


async def known_to_everybody(where: World | Desk, count: int) -> bool:
    database = where.database if isinstance(where, Desk) else where.db

    async def counted(tx: Tx) -> list[int]:
        tables = ("tickets_known_person", "notifications_person", "assignment_agent")
        return [(await tx.run(f"SELECT COUNT(*) AS n FROM {table}"))[0]["n"] for table in tables]

    return await database.read(ANONYMOUS, counted) == [count] * 3


async def make_person_by(desk: Desk, name: str) -> None:
    user = name.lower().replace(" ", "")
    told = UserRegistered(user_id=user, name=name, email=f"{user}@x.test", roles=["AGENT"], active=True)

    async def publish(tx: Tx) -> None:
        tx.publish(told)

    await desk.database.write(service("users"), publish)


@asynccontextmanager
async def second_process(world: World) -> AsyncIterator[Desk]:
    desk = Desk(world.desk.settings, clock=world.clock)
    await desk.prepare()
    yield desk
    await desk.stop()


class Book:
    """A follower that writes down whom it was told of."""

    name = "book"
    types = frozenset({UserRegistered.TYPE})

    def __init__(self) -> None:
        self.names: list[str] = []

    async def group(self) -> str:
        return "book-one"

    async def apply(self, messages: Sequence[Envelope]) -> None:
        self.names += [each.key for each in messages]

    async def close(self) -> None:
        """Stay open."""


async def test_one_process_follows_and_another_goes_on_where_it_was(tmp_path: Path) -> None:
    async with open_world(tmp_path) as one, second_process(one) as two:
        books = [Book(), Book()]
        first, second = (desk.bus.following(book) for desk, book in zip((one.desk, two), books, strict=True))
        for following, desk, book in ((first, one.desk, books[0]), (second, two, books[1])):
            following.start()
            desk.database.watch_others()
            if book is books[0]:
                await make_person_by(one.desk, "Una")
                await eventually(lambda: _is(books[0].names, "una"))
        await make_person_by(two, "Otto")
        await eventually(lambda: _is(books[0].names, "una", "otto"))
        assert books[1].names == []
        await first.stop()
        await one.desk.stop()
        await make_person_by(two, "Ida")
        await eventually(lambda: _is(books[1].names, "ida"))
        await second.stop()


async def _is(found: list[str], *wanted: str) -> bool:
    return found == list(wanted)


async def test_numbers_have_no_gaps_whoever_gives_them(tmp_path: Path) -> None:
    async with open_world(tmp_path) as one, second_process(one) as two:

        async def number(tx: Tx) -> int:
            sql = "UPDATE tickets_counter SET last = last + 1 WHERE name = 'ticket' RETURNING last"
            return int((await tx.run(sql))[0]["last"])

        given = await asyncio.gather(*(desk.database.write(ANONYMOUS, number) for desk in (one.desk, two) * 100))
        assert sorted(given) == list(range(1001, 1201))


async def test_a_service_alone_has_a_schema_of_its_own(tmp_path: Path) -> None:
    settings = settings_for(tmp_path).with_values("test", storage__schema="")
    desk = Desk(settings, ["tickets"], Clock())
    await desk.prepare()
    await desk.stop()
    async with visitor(tmp_path) as other:
        found = await other.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'tickets'")
        tables = {row["tablename"] for row in found}
    assert "tickets_ticket" in tables
    assert "bus_outbox" in tables
    assert not {name for name in tables if name.partition("_")[0] not in ("tickets", "bus")}


# --- addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("", ""),
        ("postgresql://ada@db/desk", "postgresql://ada@db/desk"),
        ("postgresql://ada:s3cret@db:5432/desk", "postgresql://ada:********@db:5432/desk"),
        ("postgresql://ada:s3cr@t/x@db,db2:5433/desk", "postgresql://ada:********@db,db2:5433/desk"),
        ("postgresql:///desk?user=ada&password=s3cret", "postgresql:///desk?user=ada&password=********"),
    ],
)
def test_a_password_is_never_shown(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.mark.parametrize(
    "address", ["mysql://ada:s3cret@db/desk", "postgresql://ada:s3cret@db:x/y z", "s3cret", "x://"]
)
def test_an_address_that_cannot_be_right_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        Desk(Settings().with_values("test", storage__database=address, storage__secret="t7" * 20 + "abcdefgh"))
    assert "s3cret" not in str(refused.value)
    assert "storage.database" in str(refused.value)


@pytest.mark.parametrize("schema", ["Desk", "a-b", "a b", "pg_desk", "1a", "x" * 64, 'a"; DROP TABLE x; --'])
def test_a_schema_needs_a_plain_name(schema: str) -> None:
    with pytest.raises(Invalid, match=r"storage\.schema"):
        open_database(Settings().with_values("t", storage__database="postgresql://a@b/c", storage__schema=schema))


async def test_who_begins_to_listen_looks_once_more_when_it_can_hear(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        database.watch_others()
        beats = await database.pulse.wait(0, 5)
        assert await database.pulse.wait(beats, 5) == 2, "somebody may have written while it was being connected"


async def beaten(database: PostgresDatabase, times: int) -> None:
    """Wait until the pulse has beaten so often."""
    async with asyncio.timeout(PATIENCE):
        while database.pulse.count < times:
            await database.pulse.wait(database.pulse.count)


async def test_who_could_not_begin_to_listen_tries_again(tmp_path: Path) -> None:
    """The server stands still at the very word, and is asked on another connection."""
    async with (
        opened(tmp_path) as here,
        Wire(ENGINE.address_of(tmp_path)) as wire,
        opened(tmp_path, storage__database=wire.url, storage__wait_seconds=1.0) as there,
    ):
        wire.freeze_at(b"LISTEN")
        there.watch_others()
        await beaten(there, 2)  # it is tried anew
        wire.mend()
        for number in range(int(PATIENCE)):
            await here.write(ANONYMOUS, add, f"printer {number}")
            if there.pulse.last("test") > there.pulse.last("users"):  # told of that table, and not only to look again
                return
            await there.pulse.wait(there.pulse.count, 1)
        pytest.fail("It hears nothing of what others change.")


async def test_a_commit_says_whose_tables_it_changed(tmp_path: Path) -> None:
    async def forget_others(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_idempotency WHERE key = :key", key="")

    async def anything(tx: Tx) -> None:
        await tx.run("WITH gone AS (DELETE FROM test_thing RETURNING 1) SELECT COUNT(*) AS n FROM gone")

    async with opened(tmp_path) as here, opened(tmp_path) as there:
        there.watch_others()
        await beaten(there, 2)  # it can hear

        async def seen(beats: int) -> list[tuple[int, int]]:
            await beaten(there, 2 + beats)
            assert (here.pulse.count, there.pulse.count) == (beats, 2 + beats)
            return [(here.pulse.last(owner), there.pulse.last(owner) - 2) for owner in ("test", "bus", "users")]

        await here.write(ANONYMOUS, add, "printer")
        assert await seen(1) == [(1, 1), (0, 0), (0, 0)]
        await here.write(ANONYMOUS, forget_others)
        assert await seen(2) == [(1, 1), (2, 2), (0, 0)]
        await here.write(ANONYMOUS, anything)  # that cannot be told: it may be of everybody
        assert await seen(3) == [(3, 3), (3, 3), (3, 3)]
