"""Signing in, staying signed in, signing out."""

import hashlib
import secrets
from dataclasses import dataclass

from answerable.kernel.errors import Unauthenticated
from answerable.kernel.times import DAY, SECOND
from answerable.kernel.tx import Tx
from answerable.users import store
from answerable.users.queries.keyring import Keyring, make_key
from answerable.users.rules import BAD_LOGIN, Person


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a person gets who signs in. ``expires_in`` is the life of the access token in seconds."""

    access: str
    refresh: str
    expires_in: int


async def ensure_signing_key(tx: Tx, keyring: Keyring) -> None:
    """Make the desk's first signing key, or a new one where the secret has changed, and load the keys."""
    if await keyring.load(tx):
        return
    kid = tx.new_id()
    sealed, public = make_key(kid, tx.settings.storage.secret)
    await store.insert_signing_key(tx, kid, sealed, public)
    await keyring.load(tx)


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
    person = await store.load_person(tx, proved.id)
    if person is None or not person.active or person.session_version != proved.session_version:
        raise Unauthenticated(BAD_LOGIN)
    return await issue(tx, keyring, person, family=tx.new_id())


async def issue(tx: Tx, keyring: Keyring, person: Person, family: str) -> Tokens:
    """Make an access token and a refresh token of a family, and keep the hash of the second."""
    jti, refresh = tx.new_id(), secrets.token_urlsafe(32)
    await store.insert_refresh(
        tx,
        token_hash=hash_of(refresh),
        family=family,
        person_id=person.id,
        jti=jti,
        expires_at=tx.now + tx.settings.auth.refresh_days * DAY,
    )
    return Tokens(access_token(tx, keyring, person, jti), refresh, tx.settings.auth.access_seconds)


def hash_of(token: str) -> str:
    """Return what is kept of a token of 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
