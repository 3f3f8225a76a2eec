"""Who is asking, where the users feature runs elsewhere: told from its published keys and its events.

No request waits for another service. A token is believed as far as its signature goes, unless the events have told
something newer about its person: what an administrator changes holds as soon as its event arrives.
"""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from answerable.gateway import store
from answerable.infra.web.tokens import API_KEY, BadToken, bearer, key_id, public_key, read_token
from answerable.infra.web.wording import BAD_KEY, ENDED, EXPIRED, NOT_VALID, OLD_KEY, SEND_IT_SO
from answerable.kernel.actor import Actor, ApiKey
from answerable.kernel.errors import Unauthenticated
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Visit
from answerable.messages.base import Envelope
from answerable.messages.gateway import ApiKeyUsed
from answerable.messages.users import SessionEnded

KNOWN = 10_000  # browsers that were signed out lately


class Doorman:
    """Tells who asks, without their grants: those are for the one who knows the roles."""

    def __init__(self) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._ended: dict[str, None] = {}

    def hear_of_session(self, envelope: Envelope, event: SessionEnded) -> None:
        """Remember that a browser was signed out, for as long as the users service is believed about it and longer."""
        self._ended[event.session_id] = None
        while len(self._ended) > KNOWN:
            del self._ended[next(iter(self._ended))]

    async def still_good(self, tx: Tx, visit: Visit) -> None:
        """Raise ``Unauthenticated`` for a browser that was signed out, or whose person has lost or changed rights."""
        known = await store.load_person(tx, visit.actor.id)
        newer = known is None or known["session_version"] < visit.version  # the event is still on its way
        if visit.session_id in self._ended or not (
            newer or (known and known["active"] and known["session_version"] == visit.version)
        ):
            raise Unauthenticated(ENDED)

    async def identify(self, tx: Tx, authorization: str) -> Actor:
        """Return the person whose token ``authorization`` holds; raises ``Unauthenticated``."""
        try:
            token = bearer(authorization)
        except BadToken:
            raise Unauthenticated(SEND_IT_SO) from None
        if token.startswith(API_KEY):
            return await self._program(tx, token)
        try:
            if key_id(token) not in self._keys:
                self._keys = {row["kid"]: public_key(row["public_key"]) for row in await store.load_keys(tx)}
            claims = read_token(token, self._keys, tx.settings.auth)
        except BadToken:
            raise Unauthenticated(NOT_VALID) from None
        if claims["exp"] * SECOND <= tx.now:
            raise Unauthenticated(EXPIRED)
        known = await store.load_person(tx, claims["sub"])
        if known is None or known["session_version"] < claims["ver"]:  # the event is still on its way
            return Actor(claims["sub"], "person", _roles(claims.get("roles")))
        if not known["active"] or known["session_version"] != claims["ver"]:
            raise Unauthenticated(ENDED)
        return Actor(claims["sub"], "person", frozenset(known["roles"].split()), name=known["name"])

    async def _program(self, tx: Tx, token: str) -> Actor:
        known = await store.load_api_key(tx, hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest())
        if known is None or known["revoked"] or (known["person_id"] and not known["active"]):
            raise Unauthenticated(BAD_KEY)
        if known["expires_at"] <= tx.now:
            raise Unauthenticated(OLD_KEY)
        key = ApiKey(known["id"], frozenset(known["scopes"].split()), known["expires_at"])
        own = not known["person_id"]
        roles = frozenset(known["roles" if own else "person_roles"].split())
        return Actor(
            key.id if own else known["person_id"],
            "person",
            roles,
            name=known["name" if own else "person_name"],
            key=key,
        )

    async def tell_key_used(self, tx: Tx, key_id: str) -> None:
        """Tell the users feature that a program came with a key."""
        tx.publish(ApiKeyUsed(key_id=key_id))


def _roles(claimed: object) -> frozenset[str]:
    return frozenset(role for role in claimed if isinstance(role, str)) if isinstance(claimed, list) else frozenset()
