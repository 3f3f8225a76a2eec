"""Signing in and out of browsers, and how people like the desk."""

import secrets
from dataclasses import dataclass

from answerable.kernel.errors import Missing
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences
from answerable.kernel.words import N_
from answerable.messages.users import LanguageChosen, SessionEnded
from answerable.users.actions.people import save, set_password
from answerable.users.actions.sessions import still
from answerable.users.rules import Person, check_preferences, device_of, end_sessions, token_hash
from answerable.users.store import browsers, people, sessions

TOLD_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Browser:
    """What a browser tells about itself: its ``User-Agent`` and its time zone, if it said one."""

    agent: str = ""
    zone: str = ""


async def sign_in(tx: Tx, proved: Person, browser: Browser) -> str:
    """Sign a browser in for a person who has just proved who they are; return the value of its new cookie.

    Raises ``Unauthenticated`` where their rights ended between the proof and this unit.
    """
    return await _begin(tx, await still(tx, proved), browser)


async def seen(tx: Tx, browser_id: str) -> None:
    """Note that a browser was used."""
    await browsers.touch_browser(tx, browser_id, tx.settings.auth.session_idle_hours * HOUR)


async def sign_out(tx: Tx, browser_id: str) -> None:
    """Sign one of the caller's browsers out. Raises ``Missing`` where it is none of theirs."""
    if not await browsers.delete_browser(tx, browser_id, tx.actor.id):
        raise Missing("You are not signed in there.")
    tx.publish(SessionEnded(user_id=tx.actor.id, session_id=browser_id))


async def sign_out_others(tx: Tx, browser_id: str) -> None:
    """Sign the caller out everywhere but in one browser: other browsers, programs and links."""
    person = await people.load_person(tx, tx.actor.id)
    if person is None:
        raise Missing(N_("There is no such person."))
    changed = end_sessions(person, tx.now)
    await save(tx, changed, ["sessions"])
    await sessions.revoke_sessions(tx, person.id)
    await browsers.delete_browsers(tx, person.id, but=browser_id)
    await browsers.keep_browser(tx, browser_id, changed.session_version)


async def change_password(tx: Tx, proved: Person, password_hash: str, browser: Browser) -> str:
    """Set another password; all sessions end, and the browser it was done in gets a new cookie: its value."""
    changed = await set_password(tx, await still(tx, proved), password_hash)
    return await _begin(tx, changed, browser)


async def prefer(tx: Tx, liked: Preferences) -> None:
    """Keep how the caller likes the desk; raises ``Invalid`` for what cannot be."""
    checked = check_preferences(liked)
    known = await browsers.load_told_language(tx, tx.actor.id)
    await browsers.save_preferences(tx, tx.actor.id, checked)
    if checked.language != known:
        tx.publish(LanguageChosen(user_id=tx.actor.id, language=checked.language))  # those who write mails follow it


async def tell_old_languages(tx: Tx) -> int:
    """Tell others of some languages that were chosen before they could hear of it; return how many."""
    rows = await browsers.mark_languages_told(tx, TOLD_AT_ONCE)
    tx.publish(*(LanguageChosen(user_id=row["person_id"], language=row["language"]) for row in rows))
    return len(rows)


async def _begin(tx: Tx, person: Person, browser: Browser) -> str:
    cookie = secrets.token_urlsafe(32)
    ends = tx.now + tx.settings.auth.session_days * DAY
    await browsers.insert_browser(
        tx,
        hashed=token_hash(cookie),
        browser_id=tx.new_id(),
        person_id=person.id,
        version=person.session_version,
        device=device_of(browser.agent),
        zone=browser.zone,
        until=min(ends, tx.now + tx.settings.auth.session_idle_hours * HOUR),
        ends=ends,
    )
    return cookie
