"""4: nobody has the desk mail their words to people who did not ask for them, or mail anybody without end."""

from pathlib import Path

import msgspec

from answerable.users.rules import MAILS_PER_DOMAIN, MAILS_PER_RECIPIENT
from tests.people import PASSWORD
from tests.security.asgi import JSON, ask
from tests.world import World, open_world

ADVERT = "Cheap watches at evil.test"


async def register(world: World, name: str, email: str, client: str = "192.0.2.1") -> int:
    body = msgspec.json.encode({"name": name, "email": email, "password": PASSWORD})
    status: int = (await ask(world, "POST", "/api/auth/register", JSON, body, client=client)).status
    await world.settle()
    return status


async def test_no_words_of_a_stranger_are_in_a_mail_to_an_address_that_nobody_confirmed(world: World) -> None:
    assert await register(world, "Cheap watches", "victim@example.com") == 201
    token = (
        await ask(
            world,
            "POST",
            "/api/auth/login",
            JSON,
            msgspec.json.encode({"email": "victim@example.com", "password": PASSWORD}),
        )
    ).json["token"]
    draft = {"title": ADVERT, "description": ADVERT, "category": "OTHER", "priority": "LOW"}
    headers = {"authorization": f"Bearer {token}"} | JSON
    assert (await ask(world, "POST", "/api/tickets", headers, msgspec.json.encode(draft))).status == 201
    await world.settle()
    mails = await world.sql(
        "SELECT subject, body FROM notifications_delivery WHERE channel = 'email' AND address <> ''"
    )
    assert mails
    for mail in mails:
        assert "evil.test" not in mail["subject"] + mail["body"]
        assert "watches" not in mail["subject"] + mail["body"]


async def test_a_registration_mails_no_words_of_its_own(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", auth__verify_email=True) as world:
        assert await register(world, "Cheap watches", "victim@example.com") == 201
        from answerable.users.actions import mails  # noqa: PLC0415
        from answerable.users.actions.door import USERS  # noqa: PLC0415

        letter = await world.db.write(USERS, mails.claim_letter)
        assert letter is not None
        assert "watches" not in letter.subject + letter.text


async def test_a_recipient_gets_few_mails_whoever_asks_for_them(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", auth__verify_email=True) as world:
        for number in range(8):  # from eight addresses
            assert await register(world, "Somebody", "victim@example.com", f"192.0.2.{number}") == 201, "nobody is told"
        assert await _queued(world, "victim@example.com") == MAILS_PER_RECIPIENT


async def test_a_domain_gets_so_many_mails_and_an_address_asks_for_so_many(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk", auth__verify_email=True) as world:
        for number in range(MAILS_PER_DOMAIN + 5):
            client = f"198.51.{number // 200}.{number % 200}"
            assert await register(world, "Somebody", f"victim{number}@example.com", client) == 201
        assert await _queued(world, "@example.com") == MAILS_PER_DOMAIN
        assert await register(world, "Somebody", "victim@example.org") == 201
        assert await _queued(world, "@example.org") == 1, "other domains are not kept waiting"
        for number in range(60):
            await ask(world, "POST", "/api/auth/forgot-password", JSON, b'{"email": "v%d@example.net"}' % number)
        await world.advance(minutes=16)
        assert await register(world, "Somebody", "late@example.com", "203.0.113.1") == 201
        assert await _queued(world, "late@example.com") == 1, "after a while they go out again"


async def _queued(world: World, part: str) -> int:
    rows = await world.sql("SELECT COUNT(*) AS n FROM users_mail WHERE recipient LIKE :part", part=f"%{part}")
    return int(rows[0]["n"])
