"""The audit log: every administrative act, wherever it is done, in a chain that nobody changes unseen."""

import csv
import io
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct
from answerable.users.actions import audit, people
from answerable.users.actions.door import Door
from answerable.users.queries.audit import verify
from answerable.users.rules import Changes
from tests.people import TestPerson, make_person
from tests.world import TESTER, World, json_of, open_world

REFUSALS = (sqlite3.IntegrityError, asyncpg.RaiseError)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The whole desk: acts come from everywhere."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened


async def acts(world: World, who: TestPerson, query: str = "") -> list[dict[str, Any]]:
    answer = await world.http.get(f"/api/audit?{query}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = json_of(answer)
    return found


async def some_acts(world: World, ada: TestPerson) -> TestPerson:
    una = await make_person(world, "AGENT", name="Una User")
    await world.db.write(ada.actor, people.change_somebody, una.id, Changes(name="Una Ulrich"))
    await world.tell(RecordAct(act="KEY_MADE", about="key", about_id="k1", named="Bot", changes={}), by=ada.actor)
    await world.db.write(ada.actor, people.change_somebody, una.id, Changes(active=False))
    return una


async def complaints(world: World) -> list[str]:
    return (await world.db.scan(TESTER, verify)).complaints


async def write(world: World, *statements: str) -> None:
    async def unit(tx: Tx) -> None:
        for statement in statements:
            await tx.run(statement)

    await world.db.write(TESTER, unit)


async def unprotected(world: World, *statements: str) -> None:
    """Change the log as somebody does who owns the database and takes the triggers away."""
    if world.db.engine == "sqlite":
        names = [
            row["name"] for row in await world.sql("SELECT name FROM sqlite_master WHERE name LIKE 'users_act%not%'")
        ]
        await write(world, *(f"DROP TRIGGER {name}" for name in names), *statements)
    else:
        tables = ("users_act", "users_act_detail")
        await write(world, *(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in tables), *statements)


async def test_acts_of_all_features_are_in_one_log(world: World) -> None:
    ada = await make_person(world, "ADMIN", name="Ada Admin")
    agent = await make_person(world, "AGENT", name="Abe Agent")
    send = world.http.request
    for method, path, body in (
        ("PUT", "/api/categories", {"categories": ["HARDWARE", "OTHER"]}),
        ("PUT", "/api/categories", {"categories": ["HARDWARE", "OTHER"]}),  # nothing changes, nothing is kept
        ("PUT", f"/api/agent/{agent.id}/availability", {"capacity": 3}),
        ("PATCH", f"/api/users/admin/{agent.id}", {"roles": ["AGENT", "MANAGER"]}),
        ("GET", "/api/reports/summary?format=csv", None),
    ):
        assert (await send(method, path, json=body, headers=ada.headers)).status_code == 200, path
        await world.settle()
    found = await acts(world, ada)
    assert [act["act"] for act in found] == ["REPORT_EXPORTED", "PERSON_CHANGED", "AGENT_SET", "CATEGORIES_CHANGED"]
    assert {act["actorName"] for act in found} == {"Ada Admin"}
    assert found[3]["changes"]["categories"][1] == ["HARDWARE", "OTHER"]
    assert found[2]["named"] == "Abe Agent"
    assert await complaints(world) == []
    page = (await world.http.get("/admin/audit", headers={**ada.headers, "Accept": "text/html"})).text
    for words in ("changed the categories", "set availability, capacity or skills of", "took a report out"):
        assert words in page


async def test_the_log_is_narrowed_and_paged(world: World) -> None:
    ada = await make_person(world, "ADMIN", name="Ada Admin")
    una = await some_acts(world, ada)
    for query, count in (
        ("act=KEY_MADE", 1),
        ("about=person", 2),
        (f"aboutId={una.id}", 2),
        ("who=ulrich", 2),
        ("who=ada", 3),
        ("from=2026-03-02&to=2026-03-03", 3),
        ("to=2026-03-02", 0),
        ("about=key&aboutId=k1", 1),
    ):
        assert len(await acts(world, ada, query)) == count, query
    assert (await world.http.get("/api/audit?from=soon", headers=ada.headers)).status_code == 400
    first = await world.http.get("/api/audit?size=2", headers=ada.headers)
    assert first.headers["x-total-count"] == "3"
    rest = await world.http.get(first.links["next"]["url"], headers=ada.headers)
    assert [act["number"] for act in json_of(first) + json_of(rest)] == [3, 2, 1]


async def test_the_log_is_written_out_and_that_is_an_act_too(world: World) -> None:
    ada = await make_person(world, "ADMIN", name="=Ada")
    await some_acts(world, ada)
    lines = (await world.http.get("/api/audit/export?format=jsonl", headers=ada.headers)).text.splitlines()
    assert msgspec.json.decode(lines[0])["act"] == "AUDIT_EXPORTED"
    answer = await world.http.get("/api/audit/export?format=csv&act=AUDIT_EXPORTED", headers=ada.headers)
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 2
    assert rows[0]["actorName"] == "'=Ada"  # no formula in a spreadsheet
    assert (await world.http.get("/api/audit/export?format=exe", headers=ada.headers)).status_code == 400


@pytest.mark.parametrize("table", ["users_act", "users_act_detail"])
async def test_the_database_refuses_every_change(world: World, table: str) -> None:
    ada = await make_person(world, "ADMIN")
    await some_acts(world, ada)
    before = await world.sql(f"SELECT * FROM {table} ORDER BY 1")
    tries = [f"UPDATE {table} SET {name} = {name}" for name in dict(before[0])]
    if table == "users_act":
        tries += ["DELETE FROM users_act", "DELETE FROM users_act WHERE number = 3"]
    if world.db.engine == "sqlite":
        tries.append(f"REPLACE INTO {table} SELECT * FROM {table}")
    elif table == "users_act":
        tries.append("TRUNCATE users_act")
    for statement in tries:
        with pytest.raises(REFUSALS):
            await write(world, statement)
    assert [dict(row) for row in await world.sql(f"SELECT * FROM {table} ORDER BY 1")] == [dict(row) for row in before]


TAMPERED = {
    "at": "UPDATE users_act SET at = at + 1 WHERE number = 2",
    "id": "UPDATE users_act SET id = 'other' WHERE number = 2",
    "actor": "UPDATE users_act SET actor_id = 'eve' WHERE number = 2",
    "actor kind": "UPDATE users_act SET actor_kind = 'service' WHERE number = 2",
    "act": "UPDATE users_act SET act = 'KEY_READ' WHERE number = 2",
    "about": "UPDATE users_act SET about = 'person' WHERE number = 2",
    "about id": "UPDATE users_act SET about_id = 'k2' WHERE number = 2",
    "digest": "UPDATE users_act SET digest = 'ab' WHERE number = 2",
    "hash": "UPDATE users_act SET hash = 'ab' WHERE number = 2",
    "mark": "UPDATE users_act SET mark = 'ab' WHERE number = 2",
    "name": "UPDATE users_act_detail SET named = 'Cat' WHERE named = 'Bot'",
    "changes": "UPDATE users_act_detail SET changes = '{}' WHERE changes LIKE '%Ulrich%'",
    "taken": "DELETE FROM users_act WHERE number = 2",
    "first taken": "DELETE FROM users_act WHERE number = 1",
    "renumbered": "UPDATE users_act SET number = 9 WHERE number = 3",
    "details taken": "DELETE FROM users_act_detail WHERE named = 'Bot'",
    "details of a person taken": "DELETE FROM users_act_detail WHERE changes LIKE '%Ulrich%'",
    "details added": "INSERT INTO users_act_detail (act_id, named, changes) VALUES ('x', '', '{}')",
    "added": """INSERT INTO users_act (number, id, at, actor_id, actor_kind, act, about, about_id, digest, hash, mark)
        SELECT 4, 'x', at, actor_id, actor_kind, act, about, about_id, digest, hash, mark FROM users_act
        WHERE number = 3""",
}


async def test_whoever_tampers_with_the_log_is_found_out(world: World) -> None:
    """Each column, each row: the chain is read before and after, with the database's own guards taken away."""
    ada = await make_person(world, "ADMIN")
    await some_acts(world, ada)
    assert await complaints(world) == []
    for what, statement in TAMPERED.items():

        class Undo(Exception):
            pass

        found: list[str] = []

        async def tamper(tx: Tx, statement: str = statement, found: list[str] = found) -> None:
            await tx.run(statement)
            found += (await verify(tx)).complaints
            raise Undo

        await unprotected(world)
        with pytest.raises(Undo):
            await world.db.write(TESTER, tamper)
        assert found, what
    assert await complaints(world) == []


async def test_an_erased_person_leaves_a_chain_that_holds(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    una = await some_acts(world, ada)
    await world.db.write(ada.actor, audit.forget_person, una.id)
    assert await complaints(world) == []
    assert b"Ulrich" not in repr(await world.sql("SELECT * FROM users_act_detail")).encode()
    found = await acts(world, ada, "about=person")
    assert [act["act"] for act in found] == ["PERSON_ERASED", "PERSON_CHANGED", "PERSON_CHANGED"]
    assert found[1]["changes"] == {}


async def test_lines_from_before_the_chain_come_into_it_at_the_start(world: World) -> None:
    ada = await make_person(world, "ADMIN")
    old = """INSERT INTO users_audit (id, at, actor_id, actor_kind, person_id, action, detail)
        VALUES ('{id}', {at}, 'a', 'person', 'p', '{action}', '{{"active": [true, false]}}')"""
    await write(
        world, old.format(id="2", at=20, action="PASSWORD_CHANGED"), old.format(id="1", at=10, action="CHANGED")
    )
    await Door().open(world.db)
    found = await acts(world, ada)
    assert [(act["act"], act["number"]) for act in found] == [("PASSWORD_CHANGED", 2), ("PERSON_CHANGED", 1)]
    assert await world.sql("SELECT * FROM users_audit") == []
    assert await complaints(world) == []
    assert found[0]["changes"] == {"active": [True, False]}
