"""The OpenID Connect provider, as this desk talks to it: discovery, keys, and a code for an ID token.

The addresses come from the operator's settings and from the provider's own document, over TLS. The client is the one of
``infra/fetching.py``: bounded in size and time, no redirect to another place, http on this machine alone. It goes to
public places, and into networks that the operator names: the document is the provider's word, not the operator's.
"""

import asyncio
import base64
import time
from typing import Any
from urllib.parse import quote, urlencode

import jwt
import msgspec
import structlog

from answerable.infra.fetching import Answer, Away, exchange, fetch
from answerable.infra.places import networks_of
from answerable.kernel.errors import Invalid, Unavailable
from answerable.kernel.times import HOUR, MINUTE
from answerable.kernel.words import N_
from answerable.settings import Oidc
from answerable.users.queries.sealed import seal, unseal
from answerable.users.rules.provider import (
    ALGORITHMS,
    ATTEMPT_LIFE,
    Endpoints,
    Untrusted,
    check_claims,
    code_challenge,
    read_discovery,
)

LABEL = b"users provider attempt"
KEEP = HOUR  # the discovery document, and the keys
ASK_AGAIN = MINUTE  # for keys, where a token names one that nobody knows
PAUSE = 5.0  # seconds in which a provider that did not answer is not asked again
AT_ONCE = 4  # threads that wait for the provider; all others of the desk's work are for the rest
LONGEST_TOKEN = 32_768
AWAY = N_("The provider does not answer right now. Please try again soon, or sign in with your password.")
_log = structlog.get_logger(__name__)


class Attempt(msgspec.Struct, frozen=True):
    """A sign-in on its way to the provider and back, kept sealed in the browser that began it."""

    nonce: str
    verifier: str
    after: str
    zone: str
    until: int


class Provider:
    """Knows the provider. One for each desk; remembers its document and its keys for an hour.

    One asks for them, and the rest wait for that answer. Where none comes, all of them are refused at once for a
    moment: a provider that hangs takes neither the desk's threads nor anybody's time.
    """

    def __init__(self) -> None:
        self._endpoints: tuple[int, str, Endpoints] | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = 0
        self._reading = asyncio.Lock()
        self._asking = asyncio.Semaphore(AT_ONCE)
        self._away_until = 0.0

    async def endpoints(self, oidc: Oidc, now: int) -> Endpoints:
        """Return where the provider is asked. Raises ``Unavailable``."""
        known = self._known_endpoints(oidc, now)
        if known is not None:
            return known
        async with self._reading:
            known = self._known_endpoints(oidc, now)  # somebody may have read them meanwhile
            if known is not None:
                return known
            document = await self._read(f"{oidc.issuer.rstrip('/')}/.well-known/openid-configuration", oidc)
            try:
                found = read_discovery(document, oidc.issuer)
            except Untrusted as error:
                raise self._away(str(error)) from error
            self._endpoints, self._keys_at = (now, oidc.issuer, found), 0
            return found

    async def way_there(self, oidc: Oidc, now: int, attempt: Attempt, state: str, back: str) -> str:
        """Return the address that begins a sign-in at the provider."""
        asked = {
            "response_type": "code",
            "client_id": oidc.client_id,
            "redirect_uri": back,
            "scope": " ".join(oidc.scopes),
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        address = (await self.endpoints(oidc, now)).authorize
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def claims(self, oidc: Oidc, now: int, attempt: Attempt, code: str, back: str) -> dict[str, Any]:
        """Return the claims of the ID token that a code stands for, all of them checked.

        Raises ``Untrusted`` for what cannot be believed, ``Unavailable`` where nobody answers.
        """
        endpoints = await self.endpoints(oidc, now)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": attempt.verifier,
        }
        headers = {}
        if endpoints.basic:  # RFC 6749, section 2.3.1: both are form-encoded first
            pair = f"{quote(oidc.client_id, safe='')}:{quote(oidc.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": oidc.client_id, "client_secret": oidc.client_secret}
        answer = await self._ask(oidc, exchange, endpoints.token, form, headers)
        if answer.status != 200:
            raise Untrusted(f"the code was answered {answer.status}")
        token = _object(answer.body).get("id_token")
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise Untrusted("there is no ID token")
        claims = await self._verified(oidc, now, endpoints, token)
        check_claims(claims, issuer=oidc.issuer, client=oidc.client_id, nonce=attempt.nonce, now=now)
        return claims

    async def _verified(self, oidc: Oidc, now: int, endpoints: Endpoints, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(oidc, now, endpoints, header)
            # Who, for whom and when is checked on the desk's clock, by the rules.
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name] if key.algorithm_name in ALGORITHMS else [],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Untrusted(f"the ID token does not verify ({type(error).__name__})") from error

    async def _key(self, oidc: Oidc, now: int, endpoints: Endpoints, header: dict[str, Any]) -> jwt.PyJWK:
        """Return the key that a token names; keys that are new are asked for, once in a while."""
        kid, algorithm = str(header.get("kid") or ""), header.get("alg")
        if algorithm not in ALGORITHMS:
            raise Untrusted("the ID token is signed in a way that is not taken")
        if self._is_old(kid, now):
            async with self._reading:
                if self._is_old(kid, now):  # nobody read them meanwhile
                    found = (await self._read(endpoints.keys, oidc)).get("keys")
                    self._keys_at = now
                    self._keys = {str(each.get("kid") or ""): key for each in _list(found) if (key := _key_of(each))}
        key = self._keys.get(kid)
        if key is None and not kid and len(self._keys) == 1:
            key = next(iter(self._keys.values()))
        if key is None:
            raise Untrusted("the ID token is signed with a key that the provider does not publish")
        if key.algorithm_name != algorithm:
            raise Untrusted("the ID token is not signed as its key is for")
        return key

    def _known_endpoints(self, oidc: Oidc, now: int) -> Endpoints | None:
        known = self._endpoints
        return known[2] if known is not None and known[1] == oidc.issuer and now < known[0] + KEEP else None

    def _is_old(self, kid: str, now: int) -> bool:
        return not self._keys_at or now >= self._keys_at + (KEEP if kid in self._keys else ASK_AGAIN)

    async def _read(self, address: str, oidc: Oidc) -> dict[str, Any]:
        answer = await self._ask(oidc, fetch, address)
        if answer.status != 200:
            raise self._away(f"{address} answers {answer.status}")
        try:
            return _object(answer.body)
        except Untrusted as error:
            raise self._away(str(error)) from error

    async def _ask(self, oidc: Oidc, ask: Any, address: str, *said: Any) -> Answer:
        networks = networks_of(oidc.private_networks)
        async with self._asking:
            if time.monotonic() < self._away_until:
                raise Unavailable(AWAY, retry_after=30)
            try:
                answer: Answer = await asyncio.to_thread(
                    ask, address, *said, allowed=networks, seconds=oidc.timeout_seconds
                )
            except (Away, Invalid) as error:
                why = error.errors[0] if isinstance(error, Invalid) and error.errors else str(error)
                raise self._away(f"{address}: {why}") from error
            return answer

    def _away(self, why: str) -> Unavailable:
        _log.warning("identity provider cannot be used", reason=why)
        self._away_until = time.monotonic() + PAUSE
        return Unavailable(AWAY, retry_after=30)


def seal_attempt(secret: str, state: str, attempt: Attempt) -> str:
    """Seal an attempt for its ``state``; with another one it cannot be opened."""
    return seal(secret, LABEL, state, msgspec.json.encode(attempt))


def open_attempt(secret: str, state: str, sealed: str, now: int) -> Attempt | None:
    """Open an attempt again, ``None`` where it is not of this state or too old."""
    try:
        raw = unseal(secret, LABEL, state, sealed)
        attempt = msgspec.json.decode(raw, type=Attempt) if raw else None
    except (ValueError, msgspec.DecodeError):
        return None
    return attempt if attempt is not None and now < attempt.until <= now + ATTEMPT_LIFE else None


def _key_of(found: object) -> jwt.PyJWK | None:
    if not isinstance(found, dict) or found.get("use", "sig") != "sig" or found.get("kty") == "oct":
        return None
    try:
        return jwt.PyJWK(found)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None


def _list(found: object) -> list[Any]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Untrusted("the answer is not JSON") from error
    if not isinstance(found, dict):
        raise Untrusted("the answer is not an object")
    return found
