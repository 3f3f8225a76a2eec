"""A real SMTP server on a free loopback port, in the test's own event loop, with moods."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope


class _HangUp(asyncio.Protocol):
    """A server that is not there: it ends every conversation before it begins."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.abort()


class Mailbox:
    """What arrived, in order, and how the server feels.

    ``recipients`` and ``data`` are the answers to RCPT TO and to the mail itself (``""`` takes it); ``down`` hangs up.
    """

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.conversations = 0
        self.recipients = ""
        self.data = ""
        self.down = False

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails that were sent to one address."""
        return [
            message
            for message, envelope in zip(self.messages, self.envelopes, strict=True)
            if envelope.rcpt_tos == [address]
        ]

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.recipients:
            return self.recipients
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data:
            return self.data
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.envelopes.append(envelope)
        return "250 OK"

    def protocol(self) -> asyncio.Protocol:
        """Answer a new connection."""
        self.conversations += 1
        if self.down:
            return _HangUp()
        protocol: asyncio.Protocol = SMTP(self, hostname="mail.test", enable_SMTPUTF8=True)
        return protocol


@asynccontextmanager
async def open_mailbox() -> AsyncIterator[Mailbox]:
    """Listen on a free port until the test is over."""
    mailbox = Mailbox()
    server = await asyncio.get_running_loop().create_server(mailbox.protocol, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()
