"""12: nobody learns who has an account, and nobody guesses for long: limits per account, per address and in all."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from answerable.runtime import Desk
from answerable.users.rules import link_token
from tests.forms import HEADERS, with_token
from tests.people import PASSWORD, door_of, make_person
from tests.security.asgi import JSON, Answer, ask
from tests.world import Clock, World, open_world, settings_for

NEW = "another password"
KNOWN, UNKNOWN, GONE = "una@desk.test", "nobody@desk.test", "gone@desk.test"


async def post(world: World, path: str, client: str = "10.0.0.1", **body: str) -> Answer:
    return await ask(world, "POST", f"/api/auth/{path}", JSON, msgspec.json.encode(body), client=client)


async def log_in(world: World, email: str = KNOWN, password: str = "wrong", client: str = "10.0.0.1") -> Answer:
    return await post(world, "login", client, email=email, password=password)


@pytest.fixture
async def una_and_gone(world: World) -> None:
    await make_person(world, email=KNOWN)
    admin, gone = await make_person(world, "ADMIN"), await make_person(world, email=GONE)
    path = f"/api/users/admin/{gone.id}"
    assert (await ask(world, "PATCH", path, admin.headers | JSON, b'{"active": false}')).status == 200


ASKED: dict[str, Callable[[World, str], Awaitable[Answer]]] = {
    "sign-in": lambda world, email: log_in(world, email, "not the password"),
    "sign-in with a password that is too long": lambda world, email: log_in(world, email, "x" * 5000),
    "forgotten password": lambda world, email: post(world, "forgot-password", email=email),
    "sign-in page": lambda world, email: ask(
        world, "POST", "/login", HEADERS, _form(email=email, password="no"), client="10.0.0.1"
    ),
    "forgotten page": lambda world, email: ask(
        world, "POST", "/forgot", HEADERS, _form(email=email), client="10.0.0.1"
    ),
}


def _form(**fields: str) -> bytes:
    return "&".join(f"{name}={value}" for name, value in with_token(fields).items()).encode()


@pytest.mark.parametrize("what", ASKED)
async def test_the_answer_and_the_work_are_the_same_whoever_it_is(world: World, una_and_gone: None, what: str) -> None:
    """Counted, not timed: as many passwords hashed, as many commits, and the same answer but for what was typed."""
    passwords, seen = door_of(world).passwords, []
    for email in (KNOWN, UNKNOWN, GONE):
        before, commits = passwords.worked, world.db.pulse.count
        answer = await ASKED[what](world, email)
        body = answer.text.replace(email, "…")
        body = "\n".join(line for line in body.splitlines() if "_form" not in line and "form-token" not in line)
        seen.append((answer.status, body, passwords.worked - before, world.db.pulse.count - commits))
    assert seen[1] == seen[0]
    assert seen[2] == seen[0]
    assert seen[0][2] == (1 if what.startswith("sign-in") else 0)


async def test_an_address_an_account_and_all_together_have_their_limits(tmp_path: Path) -> None:
    more = {"auth__login_tries": 2, "auth__login_tries_in_all": 30}
    async with open_world(tmp_path, ("users",), **more) as world:
        await make_person(world, email=KNOWN)
        await make_person(world, email="abe@desk.test")
        assert (await log_in(world, "abe@desk.test", PASSWORD, "10.9.9.9")).status == 200
        # One account from many addresses, two of them known: ten tries, then nobody from elsewhere.
        assert (await log_in(world, KNOWN, PASSWORD, "10.8.8.8")).status == 200
        statuses = [(await log_in(world, client=f"10.0.0.{number}")).status for number in range(11)]
        assert statuses == [401] * 10 + [429]
        assert (await log_in(world, KNOWN, PASSWORD, "10.0.1.1")).status == 429
        assert (await log_in(world, KNOWN, PASSWORD, "10.8.8.8")).status == 200  # the owner, from where they always are
        # One address with many accounts; an IPv6 house is one address.
        tries = [(f"p{number}@desk.test", f"2001:db8:1:2::{number:x}") for number in range(11)]
        statuses = [(await log_in(world, email, client=place)).status for email, place in tries]
        assert statuses == [401] * 10 + [429]
        # All together: strangers wait for a moment, whoever is known does not.
        statuses = [(await log_in(world, f"q{n}@desk.test", client=f"10.1.0.{n}")).status for n in range(11)]
        assert statuses == [401] * 10 + [429]
        refused = await log_in(world, "abe@desk.test", PASSWORD, "10.7.7.7")
        assert (refused.status, int(refused.headers["retry-after"]) <= 60) == (429, True)
        assert (await log_in(world, "abe@desk.test", PASSWORD, "10.9.9.9")).status == 200
        await world.advance(minutes=1)
        assert (await log_in(world, "abe@desk.test", PASSWORD, "10.7.7.7")).status == 200


async def test_waits_grow_and_end(tmp_path: Path) -> None:
    async with open_world(tmp_path, ("users",), auth__login_tries=2) as world:
        await make_person(world, email=KNOWN)
        assert [(await log_in(world)).status for _ in range(2)] == [401, 401]
        waits = []
        for _ in range(5):
            refused = await log_in(world, password=PASSWORD)
            waits.append(int(refused.headers["retry-after"]))
            assert refused.status == 429
            await world.advance(seconds=waits[-1])
            assert (await log_in(world)).status == 401
        assert waits == [30, 60, 120, 240, 480]
        await world.advance(hours=2)
        assert (await log_in(world, password=PASSWORD)).status == 200
        assert [(await log_in(world)).status for _ in range(3)] == [401, 401, 429]  # a success forgives what was before


async def test_the_limits_hold_over_a_restart_and_for_every_process(tmp_path: Path) -> None:
    async with open_world(tmp_path, ("users",), auth__login_tries=2) as world:
        await make_person(world, email=KNOWN)
        assert [(await log_in(world)).status for _ in range(3)] == [401, 401, 429]
        here = world.db.settings
        if here.storage.database:  # a second process beside the first, where the engine takes one
            other = Desk(here, ("users",), Clock(world.clock.now))
            beside = World(other, Clock(world.clock.now))
            assert (await log_in(beside, password=PASSWORD)).status == 429
            await beside.close()
    settings = settings_for(tmp_path, auth__login_tries=2)
    desk = Desk(settings, ("users",), Clock(world.clock.now))
    again = World(desk, Clock(world.clock.now))
    await desk.prepare()
    assert (await log_in(again, password=PASSWORD)).status == 429
    await again.close()


async def test_the_owner_always_has_a_way_in(world: World) -> None:
    """While strangers fail: a signed-in session goes on and changes the password, and a link from a mail lets in."""
    una = await make_person(world, email=KNOWN)
    for number in range(60):
        await log_in(world, client=f"10.0.{number}.1")
    assert (await log_in(world, KNOWN, PASSWORD, "10.1.1.1")).status == 429
    body = msgspec.json.encode({"currentPassword": PASSWORD, "newPassword": NEW})
    changed = await ask(world, "POST", "/api/auth/change-password", una.headers | JSON, body)
    assert changed.status == 200
    assert (await post(world, "forgot-password", email=KNOWN)).status == 202
    [mail] = await world.sql("SELECT link_id FROM users_mail WHERE state = 'DUE'")
    token = link_token(world.db.settings.storage.secret, mail["link_id"], "RESET")
    assert (await post(world, "reset-password", token=token, newPassword=PASSWORD)).status == 200
    assert (await log_in(world, KNOWN, PASSWORD, "10.1.1.1")).status == 200


async def test_passwords_of_who_is_signed_in_and_registrations_are_limited_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, ("users",), auth__login_tries=2) as world:
        una = await make_person(world, email=KNOWN)
        body = msgspec.json.encode({"currentPassword": "not this one", "newPassword": NEW})
        path = "/api/auth/change-password"
        statuses = [(await ask(world, "POST", path, una.headers | JSON, body)).status for _ in range(4)]
        assert statuses == [400, 400, 429, 429]
        people = [{"name": f"Person {n}", "email": f"p{n}@desk.test", "password": PASSWORD} for n in range(11)]
        joined = [(await post(world, "register", **person)).status for person in people]
        assert joined == [201] * 10 + [429]
        assert (await post(world, "register", "10.0.0.2", **people[10])).status == 201


async def test_guesses_that_come_at_once_are_counted_before_they_are_checked(world: World) -> None:
    await make_person(world, email=KNOWN)
    answers = await asyncio.gather(*(log_in(world) for _ in range(30)))
    assert sorted(answer.status for answer in answers) == [401] * 10 + [429] * 20


async def test_what_is_counted_names_nobody_and_is_forgotten(world: World) -> None:
    await make_person(world, email=KNOWN)
    await log_in(world)
    await log_in(world, password=PASSWORD)
    stored = repr(await world.sql("SELECT * FROM users_try"))
    assert "una" not in stored
    assert "10.0.0.1" not in stored
    await world.advance(days=32)
    assert await world.sql("SELECT * FROM users_try") == []
