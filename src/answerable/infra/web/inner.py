"""Who asks, from the gateway to the services behind it: a short-lived, signed identity, and nothing else is believed.

A JSON Web Token under a secret that gateway and services share (``peers.secret``). It names the actor and the client's
address; grants are not part of it: each service adds up the roles itself.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
import msgspec
import structlog

from answerable.infra.secret import check_secret
from answerable.kernel.actor import ANONYMOUS, Actor, ApiKey
from answerable.kernel.errors import Invalid, Unauthenticated
from answerable.kernel.scopes import narrowed
from answerable.kernel.times import SECOND
from answerable.kernel.visit import Preferences, Visit
from answerable.settings import Settings

HEADER = b"x-answerable-identity"
LIFE_SECONDS = 30
REUSE_SECONDS = 5  # one identity serves the requests of some seconds
TELL_SECONDS = 60  # between two lines in the log about identities that are over
ALGORITHM = "HS256"
TYPE = "inner+jwt"
AUDIENCE = "answerable services"
SCHEME = "Gateway"  # what a service that refuses names in WWW-Authenticate, where people are asked for a token
_REFUSAL = "This service takes requests from its gateway only."
_REQUIRED = ["aud", "sub", "kind", "roles", "name", "address", "exp"]

_log = structlog.get_logger(__name__)
GrantsOf = Callable[[Iterable[str]], frozenset[str]]


class NotFromGateway(Unauthenticated):
    """A service does not believe who asks: not a person's fault, and nothing that signing in would mend."""


def refuses_gateway(answer: Any) -> bool:
    """Tell whether an answer of a service (aiohttp's) says that it does not believe its gateway."""
    return answer.status == 401 and str(answer.headers.get("WWW-Authenticate", "")).startswith(SCHEME)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, from which address; in a browser, also their visit and what the tokens of its forms are made from."""

    actor: Actor
    address: str
    visit: Visit | None = None
    form_key: bytes = b""


class InnerDoor:
    """Makes and reads the inner identity."""

    def __init__(self, settings: Settings, clock: Callable[[], int], grants_of: GrantsOf) -> None:
        """Take the shared secret; raises ``Invalid`` where there is none, or none that is good."""
        if not settings.peers.secret:
            raise Invalid("peers.secret: is needed where services run apart; gateway and services share it.")
        check_secret(settings.peers.secret, "peers.secret")
        self._secret = settings.peers.secret
        self._clock = clock
        self._tell_from = 0
        self._sealed = lru_cache(maxsize=4096)(self._seal)
        self._grants = lru_cache(maxsize=4096)(grants_of)

    def seal(self, caller: Caller) -> bytes:
        """Return the identity of whoever asks, for the header ``HEADER``."""
        return self._sealed(caller, self._clock() // SECOND // REUSE_SECONDS)

    def _seal(self, caller: Caller, moment: int) -> bytes:
        actor, visit = caller.actor, caller.visit
        claims: dict[str, Any] = {
            "aud": AUDIENCE,
            "sub": actor.id,
            "kind": actor.kind,
            "roles": sorted(actor.roles),
            "name": actor.name,
            "address": caller.address,
            "exp": moment * REUSE_SECONDS + LIFE_SECONDS,
        }
        if visit is not None:  # the cookie itself stays with the gateway and the users service
            claims["visit"] = {
                "id": visit.session_id,
                "ver": visit.version,
                "seen": visit.seen_at,
                "until": visit.expires_at,
                "zone": visit.browser_zone,
                "likes": msgspec.to_builtins(visit.preferences),
                "form": base64.b64encode(caller.form_key).decode(),
            }
        if actor.key is not None:
            claims["key"] = {"id": actor.key.id, "scopes": sorted(actor.key.scopes), "until": actor.key.expires_at}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM, headers={"typ": TYPE}).encode()

    def open(self, sealed: bytes | None) -> Caller:
        """Return who asks; raises ``NotFromGateway`` for anything but a fresh identity."""
        try:
            claims: dict[str, Any] = jwt.decode(
                sealed or b"",
                self._secret,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": _REQUIRED, "verify_exp": False},
            )
            if jwt.get_unverified_header(sealed or b"").get("typ") != TYPE or self._is_over(claims["exp"] * SECOND):
                raise NotFromGateway(_REFUSAL)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            if isinstance(error, jwt.InvalidSignatureError):
                self._tell("an identity is signed with another peers.secret: has the gateway the same one?")
            raise NotFromGateway(_REFUSAL) from error
        if claims["kind"] != "person":
            return Caller(ANONYMOUS, claims["address"])
        roles = frozenset(claims["roles"])
        key = None if (shown := claims.get("key")) is None else _key_of(shown)
        grants = self._grants(roles) if key is None else narrowed(self._grants(roles), key.scopes)
        actor = Actor(claims["sub"], "person", roles, grants, claims["name"], key)
        told = claims.get("visit")
        if told is None:
            return Caller(actor, claims["address"])
        likes = msgspec.convert(told["likes"], Preferences)
        visit = Visit(actor, told["id"], told["ver"], told["seen"], told["until"], likes, told["zone"])
        return Caller(actor, claims["address"], visit, base64.b64decode(told["form"]))

    def _is_over(self, end: int) -> bool:
        now = self._clock()
        if end > now:
            return False
        # Either somebody repeats what they once saw, or everybody is refused.
        self._tell("an identity from the gateway is over: do the clocks agree?", seconds=(now - end) // SECOND)
        return True

    def _tell(self, what: str, **more: int) -> None:
        now = self._clock()
        if now >= self._tell_from:
            self._tell_from = now + TELL_SECONDS * SECOND
            _log.warning(what, **more)


def _key_of(told: dict[str, Any]) -> ApiKey:
    return ApiKey(told["id"], frozenset(told["scopes"]), told["until"])
