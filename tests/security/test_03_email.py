"""3: mail never says who somebody is: nothing comes in by mail, and what goes out is good once and not for long."""

import re
from pathlib import Path

from answerable.runtime import Desk
from answerable.users.rules import LINK_LIFE
from tests.people import make_person
from tests.security.asgi import JSON, ask
from tests.world import World

SOURCE = Path(__file__).parents[2] / "src" / "answerable"
MAILBOXES = re.compile(
    r"\b(imaplib|poplib|imap|pop3|smtpd|aiosmtpd|mailbox|message_from_(bytes|string|file))\b", re.IGNORECASE
)


def test_the_desk_reads_no_mail_at_all(world: World) -> None:
    """Whoever adds a way in by mail meets this test, and the rules of class 3 with it."""
    for path in SOURCE.rglob("*.py"):
        if "static" not in path.parts:
            code = re.sub(r'""".*?"""|#[^\n]*', "", path.read_text(), flags=re.DOTALL)
            assert not MAILBOXES.search(code), path
    desk: Desk = world.desk
    assert not [
        route.path for route in desk.litestar.routes if re.search("inbound|incoming|mailgun|sendgrid", route.path)
    ]


async def test_an_address_in_a_header_or_a_field_makes_nobody_known(world: World) -> None:
    ada = await make_person(world, "ADMIN", email="ada@desk.test")
    for header in (
        "from",
        "x-user",
        "x-email",
        "x-forwarded-email",
        "x-forwarded-user",
        "remote-user",
        "x-remote-user",
    ):
        assert (await ask(world, "GET", "/api/auth/me", {header: ada.email})).status == 401, header
    body = b'{"title": "Printer", "description": "It burns, help.", "category": "OTHER", "priority": "LOW"}'
    assert (await ask(world, "POST", "/api/tickets", JSON | {"from": ada.email}, body)).status == 401


async def test_to_have_read_a_mail_is_not_to_be_signed_in(world: World) -> None:
    """A link from a mail sets a password, once; the password is what signs in then."""
    una = await make_person(world, email="una@desk.test")
    await ask(world, "POST", "/api/auth/forgot-password", JSON, b'{"email": "una@desk.test"}')
    [mail] = await world.sql("SELECT recipient, kind FROM users_mail")
    assert (mail["recipient"], mail["kind"]) == (una.email, "RESET")
    for path in ("/api/auth/reset-password", "/api/auth/verify"):
        answer = await ask(world, "POST", path, JSON, b'{"token": "guessed", "newPassword": "another password"}')
        assert answer.status == 400, path
        assert "set-cookie" not in answer.headers
    assert max(LINK_LIFE.values()) <= 3 * 86_400_000_000
