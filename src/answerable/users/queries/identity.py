"""Who is asking: an ``Authorization`` header becomes an actor, at the cost of one indexed read."""

from dataclasses import dataclass

from answerable.infra.web.tokens import API_KEY, BadToken, bearer
from answerable.infra.web.wording import BAD_KEY, ENDED, EXPIRED, NOT_VALID, OLD_KEY, SEND_IT_SO
from answerable.kernel.actor import Actor, ApiKey
from answerable.kernel.errors import Unauthenticated
from answerable.kernel.scopes import narrowed
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.users.queries.keyring import Keyring
from answerable.users.rules import grants_of, token_hash
from answerable.users.store import keys, people

KNOWN = 10_000  # tokens and actors remembered per desk
LONGEST_LEAD = 16  # where an API key begins at the latest; a JSON Web Token begins with its header


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
        if authorization.find(API_KEY, 0, LONGEST_LEAD) > 0:
            return await self._program(tx, authorization)
        shown = await self.pass_of(tx, authorization)
        standing = await people.load_standing(tx, shown.person_id, shown.jti)
        if standing is None or not standing["active"] or standing["session_version"] != shown.version:
            raise Unauthenticated(ENDED)
        if standing["ended"] is not None:
            raise Unauthenticated(ENDED)
        key = (shown.person_id, standing["roles"], standing["name"])
        return self._actors.get(key) or self._remember_actor(key)

    async def _program(self, tx: Tx, authorization: str) -> Actor:
        """Return whom a program with an API key acts for, with what its scopes leave of their rights."""
        try:
            row = await keys.load_standing_key(tx, token_hash(bearer(authorization)))
        except BadToken:
            raise Unauthenticated(SEND_IT_SO) from None
        if row is None or row["revoked_at"] is not None or (row["person_id"] and not row["active"]):
            raise Unauthenticated(BAD_KEY)
        if row["expires_at"] <= tx.now:
            raise Unauthenticated(OLD_KEY)
        own, key = not row["person_id"], ApiKey(row["id"], frozenset(row["scopes"].split()), row["expires_at"])
        roles = frozenset(row["roles" if own else "person_roles"].split())
        grants, name = narrowed(grants_of(roles), key.scopes), row["name" if own else "person_name"]
        return Actor(key.id if own else row["person_id"], "person", roles, grants, name, key)

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
