"""The second factor: set up, asked for, renewed, switched off, taken away by an administrator."""

import base64
import secrets
from dataclasses import dataclass

from answerable.kernel.errors import Conflict, Invalid, Missing, Unauthenticated
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.users.actions import browsers, mails, sessions, tries
from answerable.users.actions.audit import record_person
from answerable.users.actions.browsers import Browser
from answerable.users.actions.people import end_sessions_of
from answerable.users.actions.sessions import Tokens, still
from answerable.users.queries.keyring import Keyring
from answerable.users.queries.sealed import seal
from answerable.users.queries.second import LABEL, needs_second, opened
from answerable.users.rules import Person, token_hash
from answerable.users.rules.second import (
    BAD_CHALLENGE,
    BAD_CODE,
    CHALLENGE_LIFE,
    RECOVERY_BYTES,
    RECOVERY_CODES,
    SECRET_BYTES,
    grace_ends,
    grouped,
    matching_step,
    recovery_hash,
    tidy_code,
)
from answerable.users.store import people, second

HAS_ONE = "You have a second factor already. Switch it off first."


@dataclass(frozen=True, slots=True)
class Challenge:
    """A sign-in that needs a second step: its token, and what is needed, CODE or SETUP."""

    token: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A browser that is in: its cookie, and whether its person has to set up a second factor soon."""

    cookie: str
    needs_second: bool


async def sign_in(tx: Tx, keyring: Keyring, proved: Person) -> Tokens | Challenge:
    """Give tokens to a person whose password was right, or ask for the second step."""
    return await _ask(tx, proved) or await sessions.start_session(tx, keyring, proved)


async def sign_in_browser(tx: Tx, proved: Person, browser: Browser) -> Entry | Challenge:
    """Sign a browser in for a person whose password was right, or ask for the second step."""
    needed = await _ask(tx, proved)
    if needed is not None:
        return needed
    row = await second.load_second(tx, proved.id)
    waits = needs_second(tx, proved) and (row is None or row["state"] != "ON")
    return Entry(await browsers.sign_in(tx, proved, browser), waits)


async def take_try(tx: Tx, token: str) -> None:
    """Count a try of the second step. Raises ``Unauthenticated`` for no waiting sign-in, ``Throttled`` for too many."""
    person, _ = await _waiting(tx, token)
    await tries.take(tx, tries.counters(tx).code(person.id, person.email))


async def take_own_try(tx: Tx) -> None:
    """Count a try of the caller's own code; raises ``Throttled``."""
    person = await _oneself(tx)
    await tries.take(tx, tries.counters(tx).code(person.id, person.email))


async def go_on(tx: Tx, keyring: Keyring, token: str, code: str) -> Tokens:
    """Give tokens for the second step. Raises ``Unauthenticated`` where it is not right."""
    return await sessions.start_session(tx, keyring, await _second_step(tx, token, code))


async def go_on_in_browser(tx: Tx, token: str, code: str, browser: Browser) -> str:
    """Sign a browser in for the second step. Raises ``Unauthenticated`` where it is not right."""
    return await browsers.sign_in(tx, await _second_step(tx, token, code), browser)


async def offer_in_sign_in(tx: Tx, token: str) -> None:
    """Offer a second factor to somebody who needs one before they come in."""
    person, purpose = await _waiting(tx, token)
    row = await second.load_second(tx, person.id)
    if purpose == "SETUP" and (row is None or row["state"] == "DUE"):
        await _offer(tx, person)


async def set_up_in_sign_in(tx: Tx, token: str, code: str, browser: Browser) -> tuple[str, list[str]]:
    """Take the first code of somebody who needs a second factor to come in; return a cookie and recovery codes."""
    person, purpose = await _waiting(tx, token)
    if purpose != "SETUP" or not await second.delete_challenge(tx, token_hash(token)):
        raise Unauthenticated(BAD_CHALLENGE)
    codes = await _confirm(tx, person, code)
    return await browsers.sign_in(tx, person, browser), codes


async def offer(tx: Tx) -> None:
    """Offer the caller a second factor: another one each time, until its first code is there."""
    await _offer(tx, await _oneself(tx))


async def confirm(tx: Tx, code: str) -> list[str]:
    """Switch the caller's second factor on with its first code; return the recovery codes, which are shown once."""
    return await _confirm(tx, await _oneself(tx), code)


async def renew_recovery(tx: Tx, proved: Person, code: str) -> list[str]:
    """Make new recovery codes for somebody who knows password and code; the ones before are worth nothing."""
    person = await still(tx, proved)
    await _check(tx, person, code)
    await record_person(tx, "RECOVERY_RENEWED", person.id)
    return await _new_codes(tx, person)


async def switch_off(tx: Tx, proved: Person, code: str) -> None:
    """Switch the second factor off for somebody who knows password and code."""
    person = await still(tx, proved)
    await _check(tx, person, code)
    row = await second.load_second(tx, person.id)
    await second.delete_second(tx, person.id)
    if row is not None and needs_second(tx, person):  # their time to do without does not begin again
        await second.save_second(tx, person.id, "DUE", "", 0, row["since"])
    await record_person(tx, "SECOND_FACTOR_OFF", person.id)
    await mails.tell(tx, person, "SECOND_OFF")


async def take_away(tx: Tx, person_id: str) -> None:
    """Take somebody's second factor away, as an administrator; their sessions end. Raises ``Missing``, ``Conflict``."""
    person = await people.load_person(tx, person_id)
    if person is None:
        raise Missing("There is no such person.")
    if not await second.delete_second(tx, person_id):
        raise Conflict(N_("This person has no second factor."))
    await record_person(tx, "SECOND_FACTOR_RESET", person_id)
    await end_sessions_of(tx, person)
    await mails.tell(tx, person, "SECOND_RESET")


async def _ask(tx: Tx, proved: Person) -> Challenge | None:
    person = await still(tx, proved)
    row = await second.load_second(tx, person.id)
    if row is not None and row["state"] == "ON":
        return await _challenge(tx, person, "CODE")
    if not needs_second(tx, person):
        return None
    if row is None:
        await second.save_second(tx, person.id, "DUE", "", 0, tx.now)
    since = row["since"] if row else tx.now
    if tx.now < grace_ends(since, tx.settings.auth.second_factor_grace_days):
        return None
    return await _challenge(tx, person, "SETUP")


async def _challenge(tx: Tx, person: Person, purpose: str) -> Challenge:
    token = secrets.token_urlsafe(32)
    until = tx.now + CHALLENGE_LIFE
    await second.insert_challenge(tx, token_hash(token), person.id, person.session_version, purpose, until)
    return Challenge(token, purpose)


async def _waiting(tx: Tx, token: str) -> tuple[Person, str]:
    found = await second.load_challenge(tx, token_hash(token))
    person = await people.load_person(tx, found["person_id"]) if found else None
    if found is None or person is None or not person.active or person.session_version != found["session_version"]:
        raise Unauthenticated(BAD_CHALLENGE)
    return person, found["purpose"]


async def _second_step(tx: Tx, token: str, code: str) -> Person:
    person, purpose = await _waiting(tx, token)
    if purpose != "CODE" or not await second.delete_challenge(tx, token_hash(token)):
        raise Unauthenticated(BAD_CHALLENGE)
    try:
        await _check(tx, person, code)
    except Invalid as wrong:
        raise Unauthenticated(BAD_CODE) from wrong
    return person


async def _check(tx: Tx, person: Person, code: str) -> None:
    """Use a code up, of the app or for recovery; raises ``Invalid``."""
    row = await second.load_second(tx, person.id)
    tidy = tidy_code(code)
    secret = opened(tx, person.id, row) if row is not None and row["state"] == "ON" else None
    step = matching_step(secret, tidy, tx.now, row["last_step"]) if row is not None and secret else None
    right = step is not None and await second.use_step(tx, person.id, step)
    if not right:
        hashed = recovery_hash(tx.settings.storage.secret, person.id, tidy)
        right = row is not None and row["state"] == "ON" and await second.use_recovery(tx, person.id, hashed)
        if right:
            await mails.tell(tx, person, "RECOVERY_USED")
    if not right:
        raise Invalid(BAD_CODE, errors=("code: is not right",))
    await tries.forgive(tx, tries.counters(tx).code(person.id, person.email))


async def _offer(tx: Tx, person: Person) -> None:
    row = await second.load_second(tx, person.id)
    if row is not None and row["state"] == "ON":
        raise Conflict(HAS_ONE)
    sealed = seal(tx.settings.storage.secret, LABEL, person.id, secrets.token_bytes(SECRET_BYTES))
    await second.save_second(tx, person.id, "OFFERED", sealed, 0, row["since"] if row else tx.now)


async def _confirm(tx: Tx, person: Person, code: str) -> list[str]:
    row = await second.load_second(tx, person.id)
    if row is None or row["state"] != "OFFERED":
        raise Conflict(N_("No second factor waits for its first code. Begin again."))
    secret = opened(tx, person.id, row)
    step = matching_step(secret, tidy_code(code), tx.now, 0) if secret else None
    if step is None:
        raise Invalid(BAD_CODE, errors=("code: is not right",))
    await second.save_second(tx, person.id, "ON", row["secret"], step, row["since"])
    await tries.forgive(tx, tries.counters(tx).code(person.id, person.email))
    await record_person(tx, "SECOND_FACTOR_ON", person.id)
    await mails.tell(tx, person, "SECOND_ON")
    return await _new_codes(tx, person)


async def _new_codes(tx: Tx, person: Person) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    hashes = [recovery_hash(tx.settings.storage.secret, person.id, code) for code in codes]
    await second.replace_recovery(tx, person.id, hashes)
    return [grouped(code) for code in codes]


async def _oneself(tx: Tx) -> Person:
    person = await people.load_person(tx, tx.actor.id)
    if person is None:
        raise Missing("There is no such person.")
    return person
