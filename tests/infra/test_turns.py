"""Whose turn it is at PostgreSQL's writer: many who ask again at once do not all wait for the same commit."""

import asyncio

from answerable.infra.database.postgres.turns import BACKGROUND_PIECE, BACKGROUND_SECONDS, Turns
from answerable.infra.database.units import Unit
from answerable.kernel.actor import Actor, service
from answerable.kernel.tx import Tx

PERSON = Actor("ada", "person", frozenset(), frozenset(), "Ada")


async def nothing(_: Tx) -> None:
    pass


def come(turns: Turns, people: int) -> None:
    for _ in range(people):
        turns.put(Unit(PERSON, nothing))


def take_up(turns: Turns) -> int:
    people = turns.people_now()
    for _ in range(people):
        turns.urgent.popleft()
    turns.took_up(people)
    return people


async def test_a_flock_splits_into_halves_that_take_turns() -> None:
    turns = Turns()
    come(turns, 1)
    assert take_up(turns) == 1
    come(turns, 31)  # while the first one's commit runs
    sizes = []
    for _ in range(6):
        await turns.let_people_return()
        sizes.append(take_up(turns))
        come(turns, sizes[-2] if len(sizes) > 1 else 1)  # who was answered before asks again
    assert sizes == [16, 16, 16, 16, 16, 16]


async def test_a_flock_that_came_back_whole_splits_too() -> None:
    turns = Turns()
    come(turns, 32)
    turns.took_up(32)  # all of them were in one transaction: so it is after a piece of background
    turns.urgent.clear()
    waiting = asyncio.create_task(turns.let_people_return())
    await asyncio.sleep(0)
    come(turns, 32)
    await waiting
    assert take_up(turns) == 16


async def test_a_few_people_share_a_commit() -> None:
    turns = Turns()
    come(turns, 5)
    await turns.let_people_return()
    assert take_up(turns) == 5


async def test_who_does_not_come_back_is_not_waited_for_long() -> None:
    turns = Turns()
    turns.took_up(32)
    turns.put(Unit(service("sla"), nothing))
    await turns.let_people_return()  # ends by itself
    assert (turns.people_now(), len(turns.background)) == (0, 1)


async def test_while_people_wait_the_background_gets_its_part_in_pieces() -> None:
    turns = Turns()
    turns.background_seconds(100.0)
    come(turns, 1)
    given = [turns.background_seconds(100.0 + n / 100) for n in range(1, 41)]  # 0.4 s, a transaction each 10 ms
    pieces = [seconds for seconds in given if seconds]
    assert 1 <= len(pieces) <= 2
    assert all(BACKGROUND_PIECE <= seconds <= BACKGROUND_SECONDS for seconds in pieces)
    turns.urgent.clear()
    assert turns.background_seconds(101.0) == BACKGROUND_SECONDS


async def test_the_end_of_its_transaction_counts_as_the_background_s_but_it_has_a_turn_each_second() -> None:
    turns = Turns()
    turns.background_seconds(100.0)
    come(turns, 4)
    given = turns.background_seconds(100.3)
    assert given > 0
    turns.background_took(given, given + 0.02)  # it read what was not known, and much had to be committed
    later = [turns.background_seconds(100.3 + n / 100) for n in range(1, 101)]
    first = next(n for n, seconds in enumerate(later, 1) if seconds)
    assert 55 <= first <= 65, "what it took above what it was given, and the next piece, at a twentieth"
    turns.background_took(BACKGROUND_PIECE, 30.0)
    later = [turns.background_seconds(101.3 + n / 100) for n in range(1, 121)]
    assert any(later), "however long it took"
