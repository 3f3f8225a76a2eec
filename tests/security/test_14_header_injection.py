"""14: a line break in what somebody says begins no new header, in no mail and in no answer."""

from pathlib import Path

import msgspec

from tests.patience import PATIENCE
from tests.people import make_person
from tests.security.asgi import JSON, ask
from tests.security.company import open_company
from tests.smtp import open_mailbox
from tests.world import World, open_world

BREAKS = ("\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x00")
WRITTEN = ("%0d%0a", "\\r\\n", "=?utf-8?q?=0D=0A?=")
EVIL = "Bcc: eve@evil.test"


async def test_titles_and_names_write_no_mail_headers(tmp_path: Path) -> None:
    async with (
        open_mailbox() as mailbox,
        open_world(
            tmp_path,
            mail__host="127.0.0.1",
            mail__port=mailbox.port,
            mail__security="none",
            mail__timeout_seconds=PATIENCE,
            mail__sender="The desk <desk@example.org>",
        ) as world,
    ):
        una = await make_person(world, "USER", name="Una User", email="una@desk.test")
        raised = 0
        for line_break in (*BREAKS, *WRITTEN):
            body = msgspec.json.encode({"name": f"Una{line_break}{EVIL}"[:50]})
            assert (await ask(world, "PATCH", "/api/auth/me", una.headers | JSON, body)).status in (200, 400)
            title = f"Printer{line_break}{EVIL}{line_break}{line_break}<script>"
            draft = {"title": title, "description": "It burns, help.", "category": "OTHER", "priority": "LOW"}
            answer = await ask(world, "POST", "/api/tickets", una.headers | JSON, msgspec.json.encode(draft))
            assert answer.status in (201, 400)
            raised += answer.status == 201
        await world.advance(minutes=1)
        assert len(mailbox.messages) == raised > 0
        for message, envelope in zip(mailbox.messages, mailbox.envelopes, strict=True):
            assert envelope.rcpt_tos == ["una@desk.test"]
            assert message["To"] == "una@desk.test"
            assert message["Bcc"] is None
            assert len(message.get_all("Subject") or ()) == 1
            assert {name.lower() for name in message} <= {
                "from",
                "to",
                "subject",
                "date",
                "message-id",
                "auto-submitted",
                "mime-version",
                "content-type",
                "content-transfer-encoding",
            }


async def test_an_address_with_a_line_break_is_no_address(world: World) -> None:
    admin = await make_person(world, "ADMIN")
    for line_break in BREAKS:
        email = f"una@desk.test{line_break}{EVIL}"
        body = msgspec.json.encode({"name": "Una User", "email": email, "password": "long enough"})
        assert (await ask(world, "POST", "/api/auth/register", JSON, body)).status == 400
        assert (await ask(world, "POST", "/api/users/admin", admin.headers | JSON, body)).status == 400
        forgotten = msgspec.json.encode({"email": email})
        assert (await ask(world, "POST", "/api/auth/forgot-password", JSON, forgotten)).status == 202
    await world.advance(minutes=1)
    rows = await world.sql("SELECT recipient, state FROM users_mail")
    assert {(row["recipient"], row["state"]) for row in rows} == {("", "NOBODY")}


async def test_nothing_that_is_sent_breaks_out_of_an_answers_headers(tmp_path: Path) -> None:
    async with open_company(tmp_path) as company:
        for _ in range(2):
            await company.ticket()
        evil = "%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<script>"
        for target in (
            f"/api/tickets?size=1&q=printer&category=HARDWARE&x={evil}",
            f"/api/tickets?size=1&{evil}=x",
            f"/api/tickets/status/ASSIGNED?size=1&x={evil}",
            "/api/tickets/status/ass%C4%B1gned?size=1",  # a dotless i, which is an I in upper case
            f"/api/tickets/status/ASSIGNED{evil}?size=1",
            f"/api/tickets/{evil}",
            f"/static/{evil}",
            f"/reset?token={evil}",
            f"/{evil}",
        ):
            for more in ({}, {"x-request-id": "a\r\nb"}, {"origin": "http://localhost:4200\r\nx: y"}):
                answer = await ask(company.world, "GET", target, company.headers("admin") | more)
                assert answer.status < 500, target
                assert "set-cookie" not in answer.headers
                assert not [value for value in answer.headers.values() if set("\r\n\x00") & set(value)], target
        made = await ask(
            company.world,
            "POST",
            "/api/users/admin",
            company.headers("admin") | JSON,
            msgspec.json.encode({"name": "Zoë Ünicode", "email": "zoë@desk.test", "roles": ["USER"]}),
        )
        assert made.status == 201
        assert made.headers["location"].isascii()
