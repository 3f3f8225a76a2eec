"""Who is asking: an ``Authorization`` header becomes an actor, at the cost of one indexed read."""

from dataclasses import dataclass

from answerable.infra.web.tokens import BadToken, bearer
from answerable.infra.web.wording import ENDED, EXPIRED, NOT_VALID, SEND_IT_SO
from answerable.kernel.actor import Actor
from answerable.kernel.errors import Unauthenticated
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.users.queries.keyring import Keyring
from answerable.users.rules import grants_of
from answerable.users.store import people

KNOWN = 10_000  # tokens and actors remembered per desk


@dataclass(frozen=True, slots=True)
class Pass:
    """What a verified token says. ``expires_at`` is in microseconds."""

    person_id: str
    version: int
    expires_at: int
    jti: str


class Identity:
    """Tells who asks. Remembers verified tokens, so that each costs its cryptography once."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._passes: dict[str, Pass] = {}
        self._actors: dict[tuple[str, str, str], Actor] = {}

    async def identify(self, tx: Tx, authorization: str) -> Actor:
        """Return the person whose token ``authorization`` holds.

        Raises ``Unauthenticated`` for anything but a valid token of an active person in the present session version:
        what an administrator changes holds from the next request on.
        """
        shown = await self.pass_of(tx, authorization)
        standing = await people.load_standing(tx, shown.person_id)
        if standing is None or not standing["active"] or standing["session_version"] != shown.version:
            raise Unauthenticated(ENDED)
        key = (shown.person_id, standing["roles"], standing["name"])
        return self._actors.get(key) or self._remember_actor(key)

    async def pass_of(self, tx: Tx, authorization: str) -> Pass:
        """Return what the token in a header says; raises ``Unauthenticated``."""
        try:
            token = bearer(authorization)
        except BadToken:
            raise Unauthenticated(SEND_IT_SO) from None
        shown = self._passes.get(token) or self._remember_pass(token, await self._verify(tx, token))
        if shown.expires_at <= tx.now:
            self._passes.pop(token, None)
            raise Unauthenticated(EXPIRED)
        return shown

    async def _verify(self, tx: Tx, token: str) -> Pass:
        try:
            claims = await self._keyring.verify(tx, token)
        except BadToken:
            raise Unauthenticated(NOT_VALID) from None
        return Pass(claims["sub"], claims["ver"], claims["exp"] * SECOND, claims["jti"])

    def _remember_pass(self, token: str, shown: Pass) -> Pass:
        if len(self._passes) >= KNOWN:
            del self._passes[next(iter(self._passes))]
        self._passes[token] = shown
        return shown

    def _remember_actor(self, key: tuple[str, str, str]) -> Actor:
        if len(self._actors) >= KNOWN:
            del self._actors[next(iter(self._actors))]
        person_id, roles, name = key
        names = frozenset(roles.split())
        actor = self._actors[key] = Actor(person_id, "person", names, grants_of(names), name)
        return actor
