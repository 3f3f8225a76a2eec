"""Mail on its way out: one message, one SMTP conversation, and whether trying again makes sense."""

import asyncio
import re
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate, parseaddr

import aiosmtplib
import structlog

from answerable.kernel.errors import Invalid
from answerable.settings import Mail

SECURITY = ("starttls", "tls", "none")
LONGEST_SUBJECT = 250
FAREWELL_SECONDS = 1.0
CONVERSATION = 3  # a whole conversation may take this many times ``mail.timeout_seconds``
_log = structlog.get_logger(__name__)
_LONGEST_SENDER = 500  # letters; brackets in brackets take the library the longer the more of them there are


class MailFault(Exception):
    """A mail did not go out. ``permanent`` where the same mail would be refused again."""

    def __init__(self, message: str, permanent: bool) -> None:
        """Hold what the server or the network said, on one line."""
        self.message = one_line(message)[:300]
        self.permanent = permanent
        super().__init__(self.message)


class Mailer:
    """Sends mail as ``settings`` say; without a server it writes recipient and subject to the log."""

    def __init__(self, settings: Mail) -> None:
        """Check the settings. Raises ``Invalid`` naming the one that cannot be used."""
        if settings.security not in SECURITY:
            raise Invalid(f"mail.security: must be one of {', '.join(SECURITY)}, not {settings.security!r}.")
        if settings.timeout_seconds <= 0:
            raise Invalid("mail.timeout_seconds: must be more than 0.")
        self._settings = settings
        try:
            told = settings.sender if settings.sender.isprintable() and len(settings.sender) <= _LONGEST_SENDER else ""
            name, spec = parseaddr(told)
            self._sender = _address(spec, name)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"mail.sender: {settings.sender!r} is not a mail address.") from error

    @property
    def configured(self) -> bool:
        """Tell whether there is a server to send by."""
        return bool(self._settings.host)

    async def send(self, *, recipient: str, subject: str, text: str, message_id: str) -> None:
        """Send one mail of plain text to one address.

        ``message_id`` is the part before the @ of its Message-ID; the same mail sent twice carries the same one, so
        that receivers can tell. Line breaks cannot reach a header. Raises ``MailFault``.
        """
        if not self.configured:
            _log.info("mail not sent, no server is set", mail=one_line(message_id))
            return
        message = self.compose(recipient=recipient, subject=subject, text=text, message_id=message_id)
        to = recipient.strip()
        server = self._connection()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds * CONVERSATION):
                await server.connect()
                await server.send_message(message, sender=self._sender.addr_spec, recipients=[to])
            with suppress(aiosmtplib.SMTPException, OSError):  # it was taken; a lost farewell changes nothing
                await server.quit(timeout=FAREWELL_SECONDS)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refusal = error.recipients[0]
            raise MailFault(f"{refusal.code} {refusal.message}", refusal.code >= 500) from error
        except aiosmtplib.SMTPDataError as error:  # what the mail says is refused, not who sends it
            raise MailFault(f"{error.code} {error.message}", error.code >= 500) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise MailFault(str(error), "SMTPUTF8" in str(error)) from error
        except aiosmtplib.SMTPResponseException as error:  # sign-in, sender: the administrator can mend it
            raise MailFault(f"{error.code} {error.message}", permanent=False) from error
        except TimeoutError as error:
            raise MailFault("The mail server did not answer in time.", permanent=False) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailFault(str(error) or type(error).__name__, permanent=False) from error
        except ValueError as error:  # an address or a text that no mail can carry, or a host that is none
            raise MailFault(str(error), permanent=server.is_connected) from error
        finally:
            server.close()  # at once, whatever state the conversation is in: a desk that stops does not wait

    def compose(self, *, recipient: str, subject: str, text: str, message_id: str) -> EmailMessage:
        """Write the message. Raises ``MailFault`` for a recipient that is not one address."""
        message = EmailMessage(policy=SMTP_POLICY)
        try:
            message["To"] = _address(recipient.strip())
        except ValueError as error:
            raise MailFault("The recipient is not a mail address.", permanent=True) from error
        message["From"] = self._sender
        message["Subject"] = one_line(subject)[:LONGEST_SUBJECT]
        message["Date"] = formatdate(usegmt=True)
        message["Message-ID"] = f"<{re.sub(r'[^A-Za-z0-9._-]', '-', message_id)}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(_encodable(text), cte="quoted-printable")
        return message

    def _connection(self) -> aiosmtplib.SMTP:
        settings = self._settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password if settings.username else None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            timeout=settings.timeout_seconds,
            local_hostname=self._sender.domain if self._sender.domain.isascii() else "localhost",
        )


def one_line(text: str) -> str:
    """Return ``text`` without line breaks and control characters, fit for a header or a log line."""
    joined = " ".join(_encodable(text).split())
    return "".join(character for character in joined if character.isprintable() or character == " ")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _address(spec: str, name: str = "") -> Address:
    local, at, domain = spec.rpartition("@")
    if (
        not (at and local and domain)
        or "@" in local
        or any(c.isspace() or not c.isprintable() or c in '<>"(),;:\\' for c in spec)
    ):
        raise ValueError(f"not a mail address: {spec!r}")
    return Address(one_line(name), local, domain)
