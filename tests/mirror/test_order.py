"""Any order of messages, and any repetition, leads to the same documents: what guards them commutes."""

import asyncio
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.infra.bus.outbox import open_envelope
from answerable.kernel.times import iso_or_none
from answerable.messages.base import Envelope
from answerable.mirror import rules
from answerable.mirror.consumers import MirrorFollower
from answerable.mirror.rules import VERSIONS, Document, Key
from answerable.mirror.store import open_store
from answerable.mirror.store.mongodb import MongoDB, guarded
from answerable.tickets.queries import view
from answerable.tickets.store.tickets import ticket_of
from tests.journeys.desk import LASTING, Client
from tests.journeys.test_random_history import CAPACITY, History
from tests.mirror.glass import Glass, as_json, said, written
from tests.world import World, open_world

SEED = 20_261


def folded(messages: Iterable[Envelope]) -> dict[Key, Document]:
    documents: dict[Key, Document] = {}
    for sealed in messages:
        rules.fold(documents, rules.changes_of(sealed, open_envelope(sealed)))
    return documents


async def live_through(folder: Path, seed: int, steps: int) -> tuple[list[Envelope], dict[Key, Document]]:
    """Let people do random things; return the log, and the documents as the features' own tables have them."""
    async with open_world(folder, **LASTING, assignment__capacity=CAPACITY) as world:
        history = History(Client(world), seed, orderly=False)
        await history.begin()
        await history.go(steps)
        await world.settle()
        return await world.envelopes(), await told_by_tables(world)


async def told_by_tables(world: World) -> dict[Key, Document]:
    """Return what the tables of the features say, in the words of the documents."""
    found: dict[Key, Document] = {}
    for row in await world.sql("SELECT * FROM users_person"):
        roles = row["roles"].split()
        person = {"name": row["name"], "email": row["email"], "roles": roles, "active": bool(row["active"])}
        found["users", row["id"]] = person
    names = "number, id, title, description, category, priority, status, requester_id, agent_id, created_at, updated_at"
    more = "resolved_at, closed_at, close_at, sla_due_at, sla_breached, reopenings, version"
    for row in await world.sql(f"SELECT {names}, {more} FROM tickets_ticket"):
        shown = view(ticket_of(row))
        found["tickets", row["id"]] = {
            name: getattr(shown, field)
            for field, name in zip(shown.__struct_fields__, shown.__struct_encode_fields__, strict=True)
            if field != "id"
        }
    for row in await world.sql(
        """SELECT t.id, t.agent_id, t.priority, p.due_at, p.escalated
        FROM assignment_ticket t LEFT JOIN assignment_promise p ON p.ticket_id = t.id"""
    ):
        found["assignments", row["id"]] = {
            "ticketId": row["id"],
            "agentId": row["agent_id"],
            "priority": row["priority"],
            "slaDueAt": iso_or_none(row["due_at"]),
            "escalated": bool(row["escalated"]),
        }
    for row in await world.sql("SELECT * FROM notifications_notice"):
        found["notifications", row["id"]] = {
            "userId": row["user_id"],
            "type": row["type"],
            "title": row["title"],
            "message": row["message"],
            "ticketId": row["ticket_id"],
            "read": row["read_at"] is not None,
            "createdAt": written(rules.moment(row["created_at"])),
        }
    return found


@cache
def a_history() -> tuple[list[Envelope], dict[Key, Document]]:
    """A real history, lived through once for all examples of this process."""
    with TemporaryDirectory() as folder:
        return asyncio.run(live_through(Path(folder), SEED, 120))


def test_the_events_say_what_the_tables_say() -> None:
    log, tables = a_history()
    documents = folded(log)
    assert documents.keys() == tables.keys()
    assert {key[0] for key in tables} == set(rules.COLLECTIONS)
    for key, told in tables.items():
        document = as_json(documents[key])
        assert {name: document[name] for name in told} == told, key


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(0, 1))
def test_any_order_and_any_repetition_lead_to_the_same(chance: Random, repeated: float) -> None:
    log, _ = a_history()
    told = [*log, *(each for each in log if chance.random() < repeated)]
    chance.shuffle(told)
    assert folded(told) == folded(log)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_batches_that_lag_behind_each_other_lead_to_the_same(chance: Random) -> None:
    """As a server applies them: each batch folded by itself, only what is newer taken, batches in any order."""
    log, _ = a_history()
    stored: dict[Key, Document] = {}
    batches = [log[start : start + 40] for start in range(0, len(log), 25)]  # overlapping
    chance.shuffle(batches)
    for batch in batches:
        for key, document in folded(batch).items():
            if key in stored:
                rules.fold(stored, rules.newer_groups(key[0], document, stored[key][VERSIONS]))
            else:
                stored[key] = document
    assert stored == folded(log)


def person(version: int) -> dict[Key, Document]:
    """What an event of that sequence says of a person."""
    documents: dict[Key, Document] = {}
    rules.fold(documents, [rules.Change("users", "una", "person", version, {"name": f"Una {version}"})])
    return documents


@pytest.mark.slow
async def test_the_server_itself_lets_only_the_newest_win(glass: Glass) -> None:
    """Whatever a mirror had read before: the guard is in the update, group by group or all of them together."""
    changes = [
        [
            rules.Change("tickets", "t1", group, version, {name: version})
            for group, name in (("words", "description"), ("due", "slaDueAt"))
        ]
        for version in range(2, 12)
    ]
    target = glass.database["tickets"]
    await target.insert_one(rules.blank("tickets", "t1"))
    Random(SEED).shuffle(changes)
    await target.bulk_write([guarded(*each) for each in changes])
    found = await target.find_one({})
    assert found == rules.blank("tickets", "t1") | {
        "description": 11,
        "slaDueAt": 11,
        VERSIONS: {"ticket": 0, "words": 11, "due": 11, "breach": 0},
    }
    both = rules.Change("tickets", "t1", "words", 12, {"description": 12}), changes[0][1]
    await target.bulk_write([guarded(*both)])
    assert await target.find_one({}) == found


@pytest.mark.slow
async def test_what_is_newer_is_taken_though_something_else_of_the_document_is_not(url: str) -> None:
    store = MongoDB(url, 30.0, "desk")
    await store.apply({("tickets", "t1"): rules.blank("tickets", "t1")})

    def said_of(words: int, due: int) -> dict[Key, Document]:
        documents: dict[Key, Document] = {}
        of_words = rules.Change("tickets", "t1", "words", words, {"description": words})
        rules.fold(documents, [of_words, rules.Change("tickets", "t1", "due", due, {"slaDueAt": due})])
        return documents

    await store.apply(said_of(5, 1))
    await store.apply(said_of(4, 2))
    found = (await store.read_some("tickets", ["t1"]))["t1"]
    assert (found["description"], found["slaDueAt"]) == (5, 2)
    await store.close()


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2])
async def test_two_who_write_a_new_document_at_once(url: str, first: int) -> None:
    stores = [MongoDB(url, 30.0, "desk") for _ in range(2)]
    await asyncio.gather(*(store.read_some("users", []) for store in stores))
    await asyncio.gather(stores[0].apply(person(first)), stores[1].apply(person(3 - first)))
    assert (await stores[0].read_some("users", ["una"]))["una"]["name"] == "Una 2"
    for store in stores:
        await store.close()


@pytest.mark.slow
async def test_a_real_server_bears_it_too(glass: Glass) -> None:
    history = History(glass, SEED + 1, orderly=False)
    await history.begin()
    await history.go(25)
    await glass.world.settle()
    log = await glass.world.envelopes()
    wanted = [each for each in log if each.type in rules.TYPES]
    chance = Random(SEED)
    told = [*wanted, *chance.sample(wanted, len(wanted) // 3)]
    chance.shuffle(told)
    followers = [MirrorFollower(open_store(glass.world.desk.settings)) for _ in range(2)]
    assert len({await each.group() for each in followers}) == 1
    for number, start in enumerate(range(0, len(told), 60)):
        await followers[number % 2].apply(told[start : start + 60])
    for each in followers:
        await each.close()
    assert await glass.documents() == await said(glass.world) == folded(log)
