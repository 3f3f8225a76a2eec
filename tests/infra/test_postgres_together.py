"""Reads by key that come together go to the server together, and nobody can tell."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from answerable.infra.database import open_database
from answerable.infra.database.migrate import Migration, migrate
from answerable.infra.database.postgres.database import PostgresDatabase
from answerable.kernel.actor import ANONYMOUS
from answerable.kernel.tx import Row, Tx
from tests.world import Clock, settings_for

pytestmark = pytest.mark.on_postgres
TABLE = Migration("test", "0001", "CREATE TABLE test_thing (id TEXT PRIMARY KEY, number BIGINT NOT NULL, note TEXT);")
MANY = 150


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[PostgresDatabase]:
    made = open_database(settings_for(tmp_path), Clock())
    assert isinstance(made, PostgresDatabase)
    await asyncio.to_thread(migrate, made, [TABLE])

    async def fill(tx: Tx) -> None:
        for n in range(0, MANY, 2):
            await tx.run("INSERT INTO test_thing (id, number, note) VALUES (:id, :n, NULL)", id=f"thing {n}", n=n)

    await made.write(ANONYMOUS, fill)
    yield made
    await made.close()


async def named(tx: Tx, id_: str) -> list[Row]:
    return await tx.run("SELECT id, number, note, :id || '?' AS asked FROM test_thing WHERE id = :id", id=id_)


async def numbered(tx: Tx, number: int) -> list[Row]:
    return await tx.run("SELECT id FROM test_thing t WHERE t.number = :number", number=number)


async def test_everybody_gets_the_row_they_asked_for_as_if_they_were_alone(database: PostgresDatabase) -> None:
    ids = [f"thing {n}" for n in range(MANY)]
    together = await asyncio.gather(*(database.read(ANONYMOUS, named, id_) for id_ in ids))
    alone = [await database.read(ANONYMOUS, named, id_) for id_ in ids]
    assert [len(rows) for rows in together] == [1, 0] * (MANY // 2)
    for rows, others in zip(together, alone, strict=True):
        for row, other in zip(rows, others, strict=True):
            assert (dict(row), list(row), len(row), row["asked"]) == (dict(other), list(other), 4, other["asked"])
            assert [*row.keys()] == [*other.keys()]
            assert [*row.values()] == [*other.values()]
            assert [*row.items()] == [*other.items()]


async def test_many_need_few_statements(database: PostgresDatabase) -> None:
    await asyncio.gather(*(database.read(ANONYMOUS, numbered, n) for n in range(MANY)))  # connects, prepares
    said: list[str] = []
    for connection in database._readers._free:
        connection.add_query_logger(lambda record: said.append(record.query))
    await asyncio.gather(*(database.read(ANONYMOUS, numbered, n) for n in range(MANY)))
    assert len(said) <= 5, said


async def test_what_one_of_them_asks_wrongly_concerns_nobody_else(database: PostgresDatabase) -> None:
    asked = [*range(20), 2**70, *range(20)]
    answers = await asyncio.gather(
        *(database.read(ANONYMOUS, numbered, number) for number in asked), return_exceptions=True
    )
    assert isinstance(answers[20], asyncpg.DataError)
    found = [len(rows) for rows in answers if not isinstance(rows, BaseException)]
    assert found == [1, 0] * 20


async def test_who_gives_up_leaves_the_others_their_answers(database: PostgresDatabase) -> None:
    tasks = [asyncio.create_task(database.read(ANONYMOUS, numbered, n)) for n in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::4]:
        task.cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers[::4]] == [asyncio.CancelledError] * 10
    assert [len(rows) for n, rows in enumerate(answers) if n % 4 and not isinstance(rows, BaseException)] == [
        (n + 1) % 2 for n in range(40) if n % 4
    ]
    assert len(await database.read(ANONYMOUS, numbered, 2)) == 1


async def test_a_server_that_ends_connections_is_asked_again(database: PostgresDatabase) -> None:
    await asyncio.gather(*(database.read(ANONYMOUS, numbered, n) for n in range(40)))

    async def end_others(tx: Tx) -> None:
        await tx.run(
            """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE application_name = 'answerable' AND pid <> pg_backend_pid() AND datname = current_database()"""
        )

    reading = asyncio.gather(*(database.read(ANONYMOUS, numbered, n) for n in range(60)))
    await database.read(ANONYMOUS, end_others)
    assert [len(rows) for rows in await reading] == [1, 0] * 30
