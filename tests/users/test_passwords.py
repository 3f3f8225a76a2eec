"""Passwords take their time, and not more of it than there is."""

import asyncio
import time

import pytest
from argon2 import PasswordHasher, Type

from answerable.kernel.errors import Unauthenticated, Unavailable
from answerable.users.actions.passwords import LONGEST_QUEUE, Passwords
from tests.people import PASSWORD, door_of, make_person
from tests.world import World


async def test_a_password_fits_its_own_hash_only() -> None:
    passwords = Passwords()
    hashed = await passwords.hash("Zoe\u0308 likes tea")
    assert await passwords.verify(hashed, "Zoë likes tea")  # typed on another keyboard
    assert not await passwords.verify(hashed, "zoë likes tea")
    assert not await passwords.verify("", PASSWORD)
    assert not await passwords.verify("", "")
    assert not await passwords.verify("no hash", PASSWORD)
    assert not await passwords.verify(hashed, "\ud800")


async def test_too_many_at_once_are_sent_away_and_the_others_served() -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=Type.ID)  # people count here, not time
    passwords, known = Passwords(), quick.hash(PASSWORD)
    results = await asyncio.gather(
        *(passwords.verify(known, PASSWORD) for _ in range(LONGEST_QUEUE + 5)), return_exceptions=True
    )
    assert [result for result in results if result is True] == [True] * LONGEST_QUEUE
    away = [result for result in results if isinstance(result, Unavailable)]
    assert len(away) == 5
    assert away[0].retry_after
    assert await passwords.verify(known, PASSWORD)


async def test_an_unknown_address_takes_as_long_as_a_known_one(world: World) -> None:
    await make_person(world, email="una@desk.test")

    async def cost(email: str, number: int) -> float:
        begun = time.process_time()  # of all threads, the one that hashes among them; not what others take meanwhile
        with pytest.raises(Unauthenticated):
            await door_of(world).prove(world.db, email, "wrong password", f"{email} {number}")
        return time.process_time() - begun

    tries = [(await cost("una@desk.test", number), await cost("nobody@desk.test", number)) for number in range(5)]
    known, unknown = (min(costs) for costs in zip(*tries, strict=True))
    assert 0.4 < unknown / known < 2.5


async def test_guesses_that_come_all_at_once_are_counted_too(world: World) -> None:
    await make_person(world, email="una@desk.test")
    guesses = [
        world.http.post("/api/auth/login", json={"email": "una@desk.test", "password": f"guess {number}"})
        for number in range(30)
    ]
    answers = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert answers.count(401) == 10
    assert answers.count(429) == 20
