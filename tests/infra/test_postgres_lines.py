"""Rows that go to PostgreSQL as one text for each column arrive as they were, or go as arrays."""

import random
from pathlib import Path
from typing import Any

import pytest

from answerable.infra.database import open_database
from answerable.infra.database.migrate import Migration, migrate
from answerable.infra.database.postgres.lines import ABSENT, END, lines
from answerable.kernel.actor import Actor
from answerable.kernel.tx import Tx
from tests.world import Clock, settings_for

pytestmark = pytest.mark.on_postgres
TABLE = Migration("test", "0001", "CREATE TABLE test_line (n BIGINT PRIMARY KEY, note TEXT, at BIGINT, other TEXT);")
UNA = Actor("una", "person")
AWKWARD = ["", " ", "NULL", "null", "None", "{}", '"', "\\", ",", "\n", "\t", END, ABSENT, f"a{END}b", f"{ABSENT} b"]
AWKWARD += ["é\N{COMBINING ACUTE ACCENT}", "\N{SLIGHTLY SMILING FACE}", "x" * 5000, "'; DROP TABLE test_line; --"]


async def put(tx: Tx, rows: list[dict[str, Any]]) -> None:
    await tx.run_many("INSERT INTO test_line (n, note, at, other) VALUES (:n, :note, :at, :other)", rows)


async def everything(tx: Tx) -> list[tuple[Any, ...]]:
    return [tuple(dict(row).values()) for row in await tx.run("SELECT n, note, at, other FROM test_line ORDER BY n")]


async def test_rows_arrive_as_they_were_whatever_they_say(tmp_path: Path) -> None:
    luck = random.Random(5)
    database = open_database(settings_for(tmp_path), Clock())
    try:
        migrate(database, [TABLE])
        expected: list[tuple[Any, ...]] = []
        for size in (1, 2, 2, 3, 16, 16, 40):
            batch: list[dict[str, Any]] = []
            for _ in range(size):
                values = {
                    "n": len(expected) + len(batch),
                    "note": luck.choice([None, "plain", f"plain {luck.random()}", luck.choice(AWKWARD)]),
                    "at": luck.choice([None, 0, -1, 2**63 - 1, -(2**63)]),
                    "other": luck.choice([None, "plain"]),
                }
                batch.append(values)
            await database.write(UNA, put, batch)
            expected += [tuple(values.values()) for values in batch]
        for text in AWKWARD:  # each beside another row
            pair = [{"n": len(expected) + more, "note": text, "at": more, "other": "plain"} for more in (0, 1)]
            await database.write(UNA, put, pair)
            expected += [tuple(values.values()) for values in pair]
        assert await database.read(UNA, everything) == expected
    finally:
        await database.close()


async def test_what_has_no_place_in_a_text_is_left_out_of_it(tmp_path: Path) -> None:
    database = open_database(settings_for(tmp_path), Clock())
    try:
        migrate(database, [TABLE])
        said: list[list[str | None]] = [["a\0b"], ["\0", "plain"], [f"\0{END}", None]]
        numbers = iter(range(100))
        for texts in said:
            rows = [{"n": next(numbers), "note": text, "at": 1, "other": "x"} for text in texts]
            await database.write(UNA, put, rows)
        assert [row[1] for row in await database.read(UNA, everything)] == ["ab", "", "plain", END, None]
    finally:
        await database.close()


@pytest.mark.parametrize("count", [1, 2])
async def test_yes_is_one_however_many_rows_say_so(tmp_path: Path, count: int) -> None:
    database = open_database(settings_for(tmp_path), Clock())
    try:
        migrate(database, [TABLE])
        await database.write(UNA, put, [{"n": n, "note": "x", "at": True, "other": "x"} for n in range(count)])
        assert [row[2] for row in await database.read(UNA, everything)] == [1] * count
    finally:
        await database.close()


@pytest.mark.parametrize("wrong", [1.5, "5", "None", b"5"])
async def test_a_number_that_is_none_is_refused_with_all_of_its_unit(tmp_path: Path, wrong: Any) -> None:
    database = open_database(settings_for(tmp_path), Clock())
    try:
        migrate(database, [TABLE])
        with pytest.raises(Exception, match=r"(?i)int|expected|argument"):
            await database.write(UNA, put, [{"n": n, "note": "x", "at": wrong, "other": "x"} for n in (1, 2)])
        assert await database.read(UNA, everything) == []
    finally:
        await database.close()


def test_a_column_goes_as_a_text_only_where_the_text_says_the_same() -> None:
    assert lines([["a", "b"], [1, None]], ["text", "int8"]) == [f"a{END}b", "{1, NULL}"]
    assert lines([["a", None]], ["text"]) == [f"a{END}{ABSENT}"]
    for column, kind in ((["a"], "text"), ([f"a{END}", "b"], "text"), ([ABSENT, "b"], "text"), ([b"a", b"b"], "text")):
        assert lines([column], [kind]) is None
    assert lines([[1.0, 2.0]], ["float8"]) is None
    assert lines([[True, 2]], ["int8"]) is None
