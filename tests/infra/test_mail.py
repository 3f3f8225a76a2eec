"""One mail, one server, and what each of its moods means. The server is a real one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from answerable.infra.mail import Mailer, MailFault, one_line
from answerable.kernel.errors import Invalid
from answerable.settings import Mail
from tests.patience import PATIENCE
from tests.smtp import Mailbox, open_mailbox


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with open_mailbox() as opened:
        yield opened


def mail_to(mailbox: Mailbox, **values: Any) -> Mailer:
    known = Mail(host="127.0.0.1", port=mailbox.port, security="none", timeout_seconds=PATIENCE)
    return Mailer(replace(known, **values))


async def send(mailer: Mailer, **values: str) -> None:
    known = {"recipient": "ria@example.org", "subject": "Hello", "text": "One.\nTwo.\n", "message_id": "a.b"}
    await mailer.send(**(known | values))


async def fault(mailer: Mailer, **values: str) -> MailFault:
    with pytest.raises(MailFault) as caught:
        await send(mailer, **values)
    return caught.value


async def test_a_mail_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    await send(mail_to(mailbox), subject="Grüße an 東京", text="Zeile — eins\n.\nFrom here\n")
    [mail] = mailbox.messages
    assert (mail["To"], mail["From"]) == ("ria@example.org", "Answerable <desk@localhost>")
    assert (mail["Subject"], mail["Message-ID"]) == ("Grüße an 東京", "<a.b@localhost>")
    assert mail.get_content().splitlines() == ["Zeile — eins", ".", "From here"]


async def test_an_address_beyond_ascii_needs_a_server_that_takes_it(mailbox: Mailbox) -> None:
    await send(mail_to(mailbox), recipient="dörte@example.org")
    assert mailbox.envelopes[0].rcpt_tos == ["dörte@example.org"]


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "nobody",
        "@example.org",
        "a@b.test, c@d.test",
        "a@b.test\r\nBcc: c@d.test",
        "a@b.test\nRCPT TO:<c@d.test>",
        "<a@b.test>",
        "a@b@c.test",
        "a b@c.test",
        "a\x00@c.test",
    ],
)
async def test_a_recipient_is_one_address_and_nothing_else(mailbox: Mailbox, recipient: str) -> None:
    assert (await fault(mail_to(mailbox), recipient=recipient)).permanent
    assert mailbox.conversations == 0


async def test_no_line_break_reaches_a_header(mailbox: Mailbox) -> None:
    evil = "x\r\nBcc: eve@example.org\u2028\x85\x0bX-Evil: 1\ud800"
    await send(mail_to(mailbox), subject=evil, message_id=evil, text="lone \ud800 surrogate")
    [mail], [envelope] = mailbox.messages, mailbox.envelopes
    assert envelope.rcpt_tos == ["ria@example.org"]
    assert not {"bcc", "x-evil"} & {name.lower() for name in mail}
    assert len(mail.keys()) == 9


@pytest.mark.parametrize(
    ("mood", "permanent"),
    [
        ({"recipients": "550 no such mailbox"}, True),
        ({"recipients": "450 mailbox busy"}, False),
        ({"data": "552 too big"}, True),
        ({"data": "452 disk full"}, False),
        ({"down": True}, False),
    ],
)
async def test_only_a_refusal_of_this_mail_is_permanent(
    mailbox: Mailbox, mood: dict[str, Any], permanent: bool
) -> None:
    for name, value in mood.items():
        setattr(mailbox, name, value)
    found = await fault(mail_to(mailbox))
    assert found.permanent is permanent
    assert found.message
    assert "\n" not in found.message


@pytest.mark.parametrize("values", [{"security": "starttls"}, {"security": "tls"}, {"username": "u", "password": "p"}])
async def test_a_server_that_does_not_fit_the_settings_is_not_the_fault_of_the_mail(
    mailbox: Mailbox, values: dict[str, str]
) -> None:
    assert not (await fault(mail_to(mailbox, **values))).permanent
    assert mailbox.messages == []  # and nothing went out unprotected


async def test_a_host_name_that_is_none_is_not_the_fault_of_the_mail() -> None:
    mailer = Mailer(Mail(host="a..b", port=25, security="none", timeout_seconds=1.0))
    assert not (await fault(mailer)).permanent


async def test_a_server_that_never_answers_is_left_in_time() -> None:
    silent: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _reader, writer: silent.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        found = await fault(Mailer(Mail(host="127.0.0.1", port=port, security="none", timeout_seconds=0.1)))
        assert not found.permanent
        for writer in silent:
            writer.close()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"security": "ssl"}, "mail.security"),
        ({"sender": "nobody"}, "mail.sender"),
        ({"sender": "a@b.test\r\nBcc: c@d.test"}, "mail.sender"),
        ({"timeout_seconds": 0.0}, "mail.timeout_seconds"),
    ],
)
def test_settings_that_cannot_work_are_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=named):
        Mailer(replace(Mail(), **values))


async def test_without_a_server_a_line_is_logged_without_who_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    await send(Mailer(Mail()), subject="Set a new\npassword", text="https://desk.test/reset?token=s3cret")
    logged = capsys.readouterr()
    assert "mail=a.b" in logged.out + logged.err  # by its id: who is erased is in no log
    assert "ria@example.org" not in logged.out + logged.err
    assert "s3cret" not in logged.out + logged.err


def test_one_line() -> None:
    assert one_line(" a\r\n\tb\x00\x1b[0m c ") == "a b[0m c"


def test_certificates_are_checked() -> None:
    connection = Mailer(Mail(host="mail.test", security="tls"))._connection()
    assert connection._build_tls_context().verify_mode == ssl.CERT_REQUIRED
