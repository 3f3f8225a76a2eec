"""What notifications do because time passed: mails go out, a few at once, never from a request; who is forgotten."""

import asyncio

from answerable.infra.mail import Mailer, MailFault
from answerable.infra.web.words import text_in
from answerable.kernel.actor import service
from answerable.kernel.tx import Database, Tx
from answerable.notifications import actions, store
from answerable.notifications.rules import Delivery, mail_as
from answerable.notifications.store import erasure

AT_ONCE = 4
STORED = "en"  # the language of what is stored
LOOK_SECONDS = 0.5  # how soon a mail that becomes due beside a slow conversation is noticed
_DESK = service("notifications")


async def next_mail(tx: Tx) -> int | None:
    """Return when the next mail is due."""
    return await store.next_mail(tx)


async def send_due(database: Database) -> int:
    """Send what is due; return how many mails were tried."""
    mailer = Mailer(database.settings.mail)
    if mailer.configured:
        return await _send_all(database, mailer)
    logged = await database.write(_DESK, actions.log_mails)
    for mail in logged:
        await _hand_over(database, mailer, mail)
    return len(logged)


async def _send_all(database: Database, mailer: Mailer) -> int:
    sending: set[asyncio.Task[None]] = set()
    tried = 0
    try:
        while True:
            while len(sending) < AT_ONCE and (mail := await database.write(_DESK, actions.claim_mail)) is not None:
                sending.add(asyncio.create_task(_send(database, mailer, mail), name="mail"))
                tried += 1
            if not sending:
                return tried
            done, sending = await asyncio.wait(sending, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    except asyncio.CancelledError:
        for task in sending:
            task.cancel()  # the lease ends by itself; the mail keeps its Message-ID
        raise
    finally:
        await asyncio.gather(*sending, return_exceptions=True)


async def _send(database: Database, mailer: Mailer, mail: Delivery) -> None:
    try:
        await _hand_over(database, mailer, mail)
    except MailFault as fault:
        verb = actions.give_up_mail if fault.permanent else actions.put_off_mail
        await database.write(_DESK, verb, mail, fault.message)
    else:
        await database.write(_DESK, actions.record_sent, mail)


async def _hand_over(database: Database, mailer: Mailer, mail: Delivery) -> None:
    language, subject, text = await database.read(_DESK, store.load_language, mail.person_id), mail.subject, mail.body
    if language not in ("", STORED):
        subject, text = mail_as(text_in(language), mail.type, subject, text)
    message_id = f"{mail.message_id}.{mail.person_id}"
    await mailer.send(recipient=mail.address, subject=subject, text=text, message_id=message_id)


async def next_erasure(tx: Tx) -> int | None:
    """Return now where somebody is being forgotten."""
    return tx.now if await erasure.first_erasing(tx) is not None else None


async def erase(database: Database) -> int:
    """Look through some deliveries for those to a person who is being forgotten."""
    return await database.write(_DESK, actions.forget_some)
