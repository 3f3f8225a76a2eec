"""What PostgreSQL's adapter keeps back, joins, remembers and takes for granted, nobody can tell.

SQLite runs each statement when it is told. Random histories of units, run by one process and by two, must give the
same answers, the same rows and the same log on PostgreSQL.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from answerable.infra.bus import outbox
from answerable.infra.database import open_database
from answerable.infra.database.migrate import Migration, migrate
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import Actor, service
from answerable.kernel.errors import Conflict
from answerable.kernel.tx import Tx
from answerable.messages.users import UserRegistered
from answerable.runtime import wanted_migrations
from answerable.services import features_of
from tests.world import Clock, settings_for

pytestmark = pytest.mark.on_postgres
TABLES = Migration(
    "test",
    "0001",
    """CREATE TABLE test_thing (name TEXT PRIMARY KEY, n BIGINT NOT NULL, note TEXT);
    CREATE TABLE test_part (id TEXT PRIMARY KEY, thing TEXT NOT NULL, n BIGINT NOT NULL);
    CREATE TABLE test_claim (what TEXT NOT NULL, by_whom TEXT NOT NULL, PRIMARY KEY (what));
    CREATE TABLE test_counter (name TEXT PRIMARY KEY, last BIGINT NOT NULL);
    INSERT INTO test_counter (name, last) VALUES ('a', 0), ('b', 100);""",
)
UNA = Actor("una", "person")
Step: TypeAlias = tuple[str, dict[str, Any]]

# Statements that return nothing, that return, that only read, that count and that claim, over tables that they share.
STATEMENTS = {
    "insert": "INSERT INTO test_thing (name, n, note) VALUES (:thing, :n, :note)",
    "part": "INSERT INTO test_part (id, thing, n) VALUES (:part, :thing, :n)",
    "part of what is there": """INSERT INTO test_part (id, thing, n)
        SELECT :part, t.name, t.n FROM test_thing t WHERE t.name = :thing""",
    "put": """INSERT INTO test_thing (name, n, note) VALUES (:thing, :n, :note)
        ON CONFLICT (name) DO UPDATE SET n = :n, note = :note""",
    "raise": "UPDATE test_thing SET n = n + 1 WHERE name = :thing",
    "raise and tell": "UPDATE test_thing SET n = n + :n WHERE name = :thing RETURNING n",
    "raise parts": "UPDATE test_part SET n = n + (SELECT COUNT(*) FROM test_thing) WHERE thing = :thing",
    "remove part": "DELETE FROM test_part WHERE id = :part",
    "remove part and tell": "DELETE FROM test_part WHERE id = :part RETURNING thing, n",
    "claim": "INSERT INTO test_claim (what, by_whom) VALUES (:thing, :note) ON CONFLICT DO NOTHING RETURNING 1 AS new",
    "let go": "DELETE FROM test_claim WHERE what = :thing",
    "count": "UPDATE test_counter SET last = last + 1 WHERE name = :counter RETURNING last",
    "read counters": "SELECT name, last FROM test_counter ORDER BY name",
    "set counter": "UPDATE test_counter SET last = last + 10 WHERE name = :counter",
    "read thing": "SELECT n, note FROM test_thing WHERE name = :thing",
    "read all": "SELECT name, n FROM test_thing ORDER BY name",
    "read parts": "SELECT p.id, p.n, t.n AS of FROM test_part p JOIN test_thing t ON t.name = p.thing ORDER BY p.id",
    "read claims": "SELECT what, by_whom FROM test_claim ORDER BY what",
    "read log": "SELECT position, key, sequence FROM bus_outbox ORDER BY position",
    "read log's end": "SELECT COALESCE(MAX(position), 0) AS position FROM bus_outbox",
}
NOTES = [None, "note", "", "NULL", "zwei\nZeilen", "\u00e9\U0001f642", "'{\"\\", "unit\x1fseparated", "\x1e"]
LIKELY = {"insert": 6, "part": 4, "claim": 6, "count": 6, "read thing": 5, "raise": 3, "tell": 6, "refuse": 2}


def history(seed: int, units: int, collisions: float) -> list[list[list[Step]]]:
    """Make up units, in groups that arrive together; new rows have names that are taken as often as ``collisions``."""
    luck = random.Random(seed)
    names = [*STATEMENTS, "tell", "refuse"]
    weights = [LIKELY.get(name, 1) for name in names]
    groups: list[list[list[Step]]] = [[]]
    for number in range(units):
        if luck.random() < 0.15:
            groups.append([])
        steps = []
        for place in range(luck.randint(1, 6)):
            name = luck.choices(names, weights)[0]
            known = luck.random() < (collisions if name in ("insert", "part", "claim") else 0.6)
            values = {
                "thing": f"thing {luck.randint(1, 12) if known else f'{number} {place}'}",
                "part": f"part {luck.randint(1, 12) if known else f'{number} {place}'}",
                "n": luck.randint(0, 9),
                "note": luck.choice(NOTES) if luck.random() < 0.5 else f"{number}",
                "counter": luck.choice("ab"),
            }
            steps.append((name, values))
        groups[-1].append(steps)
    return groups


async def act(tx: Tx, steps: list[Step]) -> list[Any]:
    """Do the steps of a unit, and return all that it was told."""
    heard: list[Any] = []
    for name, values in steps:
        if name == "tell":
            user = values["thing"]
            tx.publish(UserRegistered(user_id=user, name=user, email=f"{user}@x.test", roles=["USER"], active=True))
        elif name == "refuse":
            raise Conflict("no")
        else:
            sql = STATEMENTS[name]
            given = {key: value for key, value in values.items() if f":{key}" in sql}
            rows = await tx.run(sql, **given)
            heard.append((name, [dict(row) for row in rows]))
    return heard


async def outcome(work: Awaitable[list[Any]]) -> list[Any]:
    """Return what a unit was told, or that it was not done: it may refuse before what would have failed is sent."""
    try:
        return await work
    except Exception:
        return ["not done"]


async def play(groups: list[list[list[Step]]], choose: Callable[[], DeskDatabase]) -> list[list[Any]]:
    """Let each group act on the database that is chosen for it; return what every unit was told."""
    told = []
    for group in groups:
        database = choose()
        told += await asyncio.gather(*(outcome(database.write(UNA, act, steps)) for steps in group))
    return told


async def contents(tx: Tx) -> dict[str, list[Any]]:
    found = {}
    for table in ("test_thing", "test_part", "test_claim", "test_counter"):
        rows = await tx.run(f"SELECT * FROM {table}")
        found[table] = sorted(str(tuple(dict(row).values())) for row in rows)
    log = await outbox.load_after(tx, 0, 10_000)
    found["log"] = [f"{message.position} {message.key} {message.sequence} {message.type}" for message in log]
    return found


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("collisions", [0.02, 0.5])
@pytest.mark.parametrize("seed", range(6))
async def test_a_random_history_is_the_same_on_both_engines(
    tmp_path: Path, seed: int, collisions: float, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerable.infra.database.postgres.pump.DISTRUST_SECONDS", 0.0)
    groups = history(seed, 200, collisions)
    async with AsyncExitStack() as stack:
        plain = open_database(settings_for(tmp_path / "sqlite", storage__database=""), Clock())
        stack.push_async_callback(plain.close)
        migrate(plain, [*wanted_migrations(features_of(), "sqlite"), TABLES])
        several = []
        for _ in range(processes):
            database = open_database(settings_for(tmp_path), Clock())
            stack.push_async_callback(database.close)
            several.append(database)
        await asyncio.to_thread(migrate, several[0], [TABLES])
        luck = random.Random(seed)
        wanted = await play(groups, lambda: plain)
        got = await play(groups, lambda: luck.choice(several))
        assert got == wanted
        nobody = service("test")
        assert await several[0].read(nobody, contents) == await plain.read(nobody, contents)
