"""Links that go out by mail, and the mails themselves.

The text of a mail is made when it is sent, in the language of whoever gets it, and never stored.
"""

from dataclasses import dataclass

from answerable.infra.web.words import text_in
from answerable.kernel.errors import Invalid
from answerable.kernel.times import MINUTE
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.users.rules import (
    BAD_LINK,
    LINK_LIFE,
    MAILS_PER_DOMAIN,
    MAILS_PER_RECIPIENT,
    NOTICE_LIFE,
    TRY_WINDOW,
    NewPerson,
    Person,
    link_token,
    next_mail_try,
)
from answerable.users.store import browsers, links, people

LEASE = 2 * MINUTE
_LINK = {"RESET": "reset", "INVITE": "reset", "VERIFY": "verify"}
_SUBJECTS = {
    "RESET": N_("Choose a new password"),
    "INVITE": N_("Your account at the support desk"),
    "VERIFY": N_("Confirm your email address"),
    "KNOWN": N_("You already have an account"),
    "SECOND_ON": N_("A second factor protects your account"),
    "SECOND_OFF": N_("Your second factor is switched off"),
    "SECOND_RESET": N_("An administrator took your second factor away"),
    "RECOVERY_USED": N_("A recovery code of your account was used"),
    "LINKED": N_("Your account has one more way in"),
    "REUSED": N_("A session of your account was ended"),
}
_NOT_YOU = N_("If it was not you: choose a new password at {desk}/forgot and tell an administrator.\n")
_TEXTS = {
    "RESET": N_(
        "Somebody, probably you, asked for a new password at {desk}.\n\n"
        "Choose it here within 15 minutes:\n"
        "{link}\n\n"
        "If it was not you, there is nothing to do: your password stays as it is.\n"
    ),
    "INVITE": N_(
        "You have an account at {desk}.\n\n"
        "Choose your password here within three days:\n"
        "{link}\n\n"
        "After that, ask for a new link where you sign in.\n"
    ),
    "VERIFY": N_(
        "Somebody, probably you, registered with this address at {desk}.\n\n"
        "Confirm it here within a day:\n"
        "{link}\n\n"
        "If it was not you, there is nothing to do: without your confirmation there is no account.\n"
    ),
    "KNOWN": N_(
        "Somebody, probably you, registered with this address at {desk}. You have an account there "
        "already.\n\n"
        "Sign in, or choose a new password if you have forgotten yours:\n"
        "{desk}\n"
    ),
    "SECOND_ON": N_("Signing in at {desk} now takes a code of your app as well.\n"),
    "SECOND_OFF": N_("Signing in at {desk} now takes your password alone.\n"),
    "SECOND_RESET": N_(
        "An administrator took your second factor at {desk} away, and you are signed out everywhere. "
        "Sign in with your password and set up another one.\n"
    ),
    "RECOVERY_USED": N_(
        "Somebody, probably you, signed in at {desk} with a recovery code. It does not work again. Your "
        "profile has new ones for you.\n"
    ),
    "LINKED": N_("You signed in at {desk} with your organisation's account, which now leads to yours.\n"),
    "REUSED": N_(
        "A program of yours came to {desk} with a token that had been used before. Somebody may have "
        "copied it, so that session was ended. Sign in again there.\n"
    ),
}
# Where it may not have been them.
_WARNS = ("SECOND_ON", "SECOND_OFF", "SECOND_RESET", "RECOVERY_USED", "LINKED", "REUSED")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is this process's to send now. ``attempts`` counts this try; ``link`` is empty where it has none."""

    id: str
    kind: str
    recipient: str
    subject: str
    text: str
    link: str
    attempts: int
    expires_at: int


async def make_setup_link(tx: Tx) -> str | None:
    """Make the link that makes the first administrator, and the ones before it useless; return its token.

    Returns ``None`` where there is an active administrator.
    """
    if await people.count_other_admins(tx, ""):
        return None
    await links.burn_setup_links(tx)
    _, token = await _make_link(tx, "SETUP", None)
    return token


async def ask_reset(tx: Tx, email: str, language: str = "") -> None:
    """Mail a link for a new password, if the address belongs to an active person.

    ``language`` is that of whoever asks, for a person who has chosen none.
    Does the same work for any address, so that the time tells nothing.
    """
    person = await people.load_person_by_email(tx, email)
    known = person if person is not None and person.active else None
    within = await _within_budget(tx, known.email if known else email)
    link_id, _ = await _make_link(tx, "RESET", known.id if known else None)
    to = known.email if known is not None and within else None
    await _post(tx, "RESET", to, link_id, tx.now + LINK_LIFE["RESET"], language)


async def invite(tx: Tx, person: Person) -> None:
    """Mail a new person a link to choose their password."""
    link_id, _ = await _make_link(tx, "INVITE", person.id)
    await _post(tx, "INVITE", person.email, link_id, tx.now + LINK_LIFE["INVITE"])


async def ask_to_confirm(tx: Tx, new: NewPerson, known: Person | None, language: str = "") -> None:
    """Keep a registration until its address is confirmed; whoever has the address already is told so instead.

    ``language`` is that of whoever registers: who has no account has chosen none.
    """
    to = new.email if await _within_budget(tx, new.email) else None
    await people.insert_pending(tx, new.id, new, tx.now + LINK_LIFE["VERIFY"])
    link_id, _ = await _make_link(tx, "VERIFY", new.id)
    if known is None:
        await _post(tx, "VERIFY", to, link_id, tx.now + LINK_LIFE["VERIFY"], language)
    else:
        await _post(tx, "KNOWN", known.email if to else None, None, tx.now + NOTICE_LIFE, language)


async def tell(tx: Tx, person: Person, kind: str) -> None:
    """Mail a person what happened to their account."""
    await _post(tx, kind, person.email, None, tx.now + NOTICE_LIFE)


async def use_link(tx: Tx, link_id: str, refusal: str = BAD_LINK) -> None:
    """Use a link up. Raises ``Invalid`` with the words of ``refusal`` where it was used or too old by now."""
    if not await links.use_link(tx, link_id):
        raise Invalid(refusal, errors=(f"token: {refusal}",))


async def claim_letter(tx: Tx) -> Letter | None:
    """Take one mail that is due, with its text and, made again from the desk's secret, its link."""
    row = await links.claim_mail(tx, tx.now + LEASE)
    if row is None:
        return None
    desk, kind, link = tx.settings.public_url, row["kind"], ""
    say = text_in(await browsers.load_language(tx, row["recipient"]) or row["language"])
    if row["link_id"]:
        link = f"{desk}/{_LINK[kind]}?token={link_token(tx.settings.storage.secret, row['link_id'], kind)}"
    texts = [_TEXTS[kind], _NOT_YOU] if kind in _WARNS else [_TEXTS[kind]]
    return Letter(
        id=row["id"],
        kind=kind,
        recipient=row["recipient"],
        subject=say(_SUBJECTS[kind]),
        text="\n".join(say(text) for text in texts).format(desk=desk, link=link),
        link=link,
        attempts=row["attempts"],
        expires_at=row["expires_at"],
    )


async def letter_sent(tx: Tx, letter: Letter) -> None:
    """Note that a mail went out."""
    await links.finish_mail(tx, letter.id, letter.attempts, "SENT", None)


async def letter_failed(tx: Tx, letter: Letter) -> None:
    """Note that a mail did not go out, and when to try again: not at all once its link is too old."""
    again = next_mail_try(letter.attempts, tx.now, letter.expires_at)
    await links.finish_mail(tx, letter.id, letter.attempts, "DUE" if again else "FAILED", again)


async def letter_refused(tx: Tx, letter: Letter) -> None:
    """Note that the mail server does not want a mail, now or later."""
    await links.finish_mail(tx, letter.id, letter.attempts, "FAILED", None)


async def _make_link(tx: Tx, purpose: str, person_id: str | None) -> tuple[str, str]:
    link_id = tx.new_id()
    token = link_token(tx.settings.storage.secret, link_id, purpose)
    expires_at = tx.now + LINK_LIFE[purpose]
    await links.insert_link(
        tx, link_id=link_id, purpose=purpose, person_id=person_id, token=token, expires_at=expires_at
    )
    return link_id, token


async def _post(
    tx: Tx, kind: str, recipient: str | None, link_id: str | None, expires_at: int, language: str = ""
) -> None:
    await links.insert_mail(
        tx,
        mail_id=tx.new_id(),
        kind=kind,
        recipient=recipient or "",
        language=language,
        link_id=link_id,
        expires_at=expires_at,
        state="DUE" if recipient else "NOBODY",
    )


async def _within_budget(tx: Tx, recipient: str) -> bool:
    since = tx.now - TRY_WINDOW
    if await links.count_mails(tx, recipient, since) >= MAILS_PER_RECIPIENT:
        return False
    return await links.count_domain_mails(tx, recipient.rpartition("@")[2], since, MAILS_PER_DOMAIN) < MAILS_PER_DOMAIN
