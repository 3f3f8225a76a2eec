"""Signing in, staying signed in, signing out, and the links that let people in without a password."""

import secrets
from dataclasses import dataclass, replace

from answerable.kernel.errors import Invalid, Missing, Unauthenticated
from answerable.kernel.times import DAY, SECOND
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.users import SessionEnded, SigningKeyMade
from answerable.users.actions import mails, tries
from answerable.users.actions.audit import record_person
from answerable.users.actions.people import add_person, set_password
from answerable.users.queries.keyring import Keyring, make_key
from answerable.users.queries.people import open_link
from answerable.users.queries.second import must_set_up, needs_second
from answerable.users.rules import BAD_LINK, BAD_LOGIN, BAD_TOKEN, EMAIL_TAKEN, NewPerson, Person, token_hash
from answerable.users.store import browsers, links, people, second, sessions

BAD_REFRESH = "The refresh token is not valid. Please sign in again."


class ReusedRefresh(Unauthenticated):
    """A refresh token came a second time: either of the two who have it is a thief."""

    def __init__(self, family: str, person_id: str) -> None:
        """Hold the family that must end, and whose it is."""
        super().__init__(BAD_REFRESH)
        self.family, self.person_id = family, person_id


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a person gets who signs in. ``expires_in`` is the life of the access token in seconds."""

    access: str
    refresh: str
    expires_in: int


async def ensure_signing_key(tx: Tx, keyring: Keyring) -> None:
    """Make the desk's first signing key, or a new one where the secret has changed, and load the keys."""
    if not await keyring.load(tx):
        kid = tx.new_id()
        sealed, public = make_key(kid, tx.settings.storage.secret)
        await sessions.insert_signing_key(tx, kid, sealed, public)
        await keyring.load(tx)
    keys = await sessions.announce_signing_keys(tx)
    tx.publish(*(SigningKeyMade(kid=key["kid"], public_key=key["public_key"]) for key in keys))


def access_token(tx: Tx, keyring: Keyring, person: Person, jti: str) -> str:
    """Sign an access token for a person as they are now."""
    issued = tx.now // SECOND
    return keyring.sign(
        {
            "iss": tx.settings.auth.issuer,
            "aud": tx.settings.auth.audience,
            "sub": person.id,
            "email": person.email,
            "roles": list(person.roles),
            "iat": issued,
            "exp": issued + tx.settings.auth.access_seconds,
            "jti": jti,
            "ver": person.session_version,
        }
    )


async def start_session(tx: Tx, keyring: Keyring, proved: Person) -> Tokens:
    """Give tokens to a person who has just proved who they are.

    Raises ``Unauthenticated`` where their rights ended between the proof and this unit.
    """
    return await _issue(tx, keyring, await still(tx, proved), family=tx.new_id())


async def refresh_session(tx: Tx, keyring: Keyring, refresh: str) -> Tokens:
    """Give new tokens for a refresh token, which is used up by it.

    Raises ``Unauthenticated`` for one that is not good, ``ReusedRefresh`` for one that was used before.
    """
    row = await sessions.load_refresh(tx, token_hash(refresh))
    if row is None or row["revoked_at"] is not None or row["expires_at"] <= tx.now:
        raise Unauthenticated(BAD_REFRESH)
    if not await sessions.use_refresh(tx, row["hash"]):
        raise ReusedRefresh(row["family"], row["person_id"])
    person = await people.load_person(tx, row["person_id"])
    if person is None or not person.active or await must_set_up(tx, person):
        raise Unauthenticated(BAD_REFRESH)
    if needs_second(tx, person) and await second.load_second(tx, person.id) is None:
        # Who stays signed in has no more time than others.
        await second.save_second(tx, person.id, "DUE", "", 0, tx.now)
    return await _issue(tx, keyring, person, row["family"])


async def end_family(tx: Tx, family: str, person_id: str) -> None:
    """End a session whose refresh token was used twice, and tell its person, once."""
    person = await people.load_person(tx, person_id)
    if await sessions.revoke_family(tx, family) and person is not None:
        tx.publish(SessionEnded(user_id=person_id, session_id=family))
        await record_person(tx, "TOKEN_REUSED", person_id)
        await mails.tell(tx, person, "REUSED")


async def end_session(tx: Tx, *, jti: str | None, refresh: str | None) -> None:
    """End the session of an access token, of a refresh token, or both; what is not known has ended."""
    found = [await sessions.load_session_of(tx, jti)] if jti else []
    found += [await sessions.load_refresh(tx, token_hash(refresh))] if refresh else []
    for row in filter(None, found):
        if await sessions.revoke_family(tx, row["family"]):
            tx.publish(SessionEnded(user_id=row["person_id"], session_id=row["family"]))


async def end_own_session(tx: Tx, session_id: str) -> None:
    """End one of the caller's sessions, of a browser or a program. Raises ``Missing`` where it is none of theirs."""
    ended = await browsers.delete_browser(tx, session_id, tx.actor.id)
    if not ended and not await sessions.revoke_family_of(tx, session_id, tx.actor.id):
        raise Missing(N_("You are not signed in there."))
    tx.publish(SessionEnded(user_id=tx.actor.id, session_id=session_id))


async def change_password(tx: Tx, keyring: Keyring, proved: Person, password_hash: str) -> Tokens:
    """Set another password; all sessions end but the new one that is returned."""
    changed = await set_password(tx, await still(tx, proved), password_hash)
    return await _issue(tx, keyring, changed, family=tx.new_id())


async def reset_password(tx: Tx, token: str, password_hash: str) -> Person:
    """Set the password with a link from a mail. Raises ``Invalid`` where the link is not good any more."""
    link = await open_link(tx, token, "RESET", "INVITE", refusal=BAD_TOKEN)
    person = await people.load_person(tx, link["person_id"] or "")
    if person is None or not person.active:
        raise Invalid(BAD_TOKEN, errors=(f"token: {BAD_TOKEN}",))
    await mails.use_link(tx, link["id"], refusal=BAD_TOKEN)
    await tries.forgive_account(tx, person.email)
    read_at_the_address = replace(person, verified_at=person.verified_at or tx.now)
    return await set_password(tx, read_at_the_address, password_hash)


async def confirm_address(tx: Tx, token: str) -> Person:
    """Make the person of a registration whose address is now known to be theirs.

    Raises ``Invalid`` where the link is not good any more, or somebody else has confirmed the address meanwhile.
    """
    link = await open_link(tx, token, "VERIFY")
    waiting = await people.load_pending(tx, link["person_id"])
    if waiting is None:
        raise Invalid(BAD_LINK, errors=(f"token: {BAD_LINK}",))
    if await people.load_person_by_email(tx, waiting.email):
        raise Invalid(EMAIL_TAKEN, errors=(f"email: {EMAIL_TAKEN}",))
    await mails.use_link(tx, link["id"])
    new = NewPerson(waiting.name, waiting.email, ("USER",), waiting.password_hash, verified=True, id=waiting.id)
    return await add_person(tx, new)


async def prune(tx: Tx, before: int, most: int) -> int:
    """Forget tokens, links, mails and registrations that expired before an instant; return how many went."""
    return await links.prune(tx, before, most)


async def still(tx: Tx, proved: Person) -> Person:
    """Return a person who was proved a moment ago; raises ``Unauthenticated`` where their rights ended since."""
    person = await people.load_person(tx, proved.id)
    if person is None or not person.active or person.session_version != proved.session_version:
        raise Unauthenticated(BAD_LOGIN)
    return person


async def _issue(tx: Tx, keyring: Keyring, person: Person, family: str) -> Tokens:
    jti, refresh = tx.new_id(), secrets.token_urlsafe(32)
    await sessions.insert_refresh(
        tx,
        hashed=token_hash(refresh),
        family=family,
        person_id=person.id,
        jti=jti,
        expires_at=tx.now + tx.settings.auth.refresh_days * DAY,
    )
    return Tokens(access_token(tx, keyring, person, jti), refresh, tx.settings.auth.access_seconds)
