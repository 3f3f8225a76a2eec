"""What users do because time passed: mails go out, and what has expired is forgotten."""

import structlog

from answerable.infra.mail import Mailer, MailFault
from answerable.kernel.actor import service
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Database, Tx
from answerable.users.actions import mails, sessions
from answerable.users.store import links

PRUNED_AT_ONCE = 500  # rows of each kind
_USERS = service("users")
_log = structlog.get_logger(__name__)


async def next_mail(tx: Tx) -> int | None:
    """Return when the next mail is due."""
    return await links.next_mail(tx)


async def send_mail(db: Database) -> int:
    """Send one mail that is due; what was claimed and not finished (a crash) is due again after a lease."""
    letter = await db.write(_USERS, mails.claim_letter)
    if letter is None:
        return 0
    mailer = Mailer(db.settings.mail)
    try:
        await mailer.send(recipient=letter.recipient, subject=letter.subject, text=letter.text, message_id=letter.id)
    except MailFault as fault:
        _log.warning("account mail not sent", kind=letter.kind, mail=letter.id, reason=str(fault))
        await db.write(_USERS, mails.letter_refused if fault.permanent else mails.letter_failed, letter)
        return 1
    if not mailer.configured and letter.link:  # a desk on one machine must still be able to let people in
        _log.warning("no mail server is set, hand this link over", recipient=letter.recipient, link=letter.link)
    await db.write(_USERS, mails.letter_sent, letter)
    return 1


async def next_pruning(tx: Tx) -> int | None:
    """Return the full hour after which something has been expired for a day."""
    oldest = await links.oldest_expiry(tx)
    return None if oldest is None else (oldest + DAY) // HOUR * HOUR + HOUR


async def prune(db: Database) -> int:
    """Forget some of what expired more than a day ago."""
    return await db.write(_USERS, sessions.prune, db.clock() - DAY, PRUNED_AT_ONCE)
