"""Who comes with a cookie, asked of this process's own database; ``far.py`` asks the users service elsewhere."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.times import MINUTE, SECOND
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences, Visit

SEEN_EVERY = 5 * MINUTE  # a visit is noted no more often
_ASKING = service("web")


class Visits(Protocol):
    """Knows the visits of cookies."""

    async def visit(self, cookie: str) -> Visit:
        """Return the visit of a cookie; raises ``Unauthenticated``, or ``Unavailable`` where nobody can say."""
        ...

    async def seen(self, visit: Visit) -> None:
        """Note a visit, if it was not noted for a while."""
        ...

    def forget(self, cookie: str) -> None:
        """Ask again the next time."""
        ...


class NearVisits:
    """Reads visits from this process's database, once between two commits that may change them, and a second."""

    def __init__(
        self,
        database: DeskDatabase,
        visit: Callable[[Tx, str], Awaitable[Visit]],
        seen: Callable[[Tx, str], Awaitable[None]],
        owner: str = "",
    ) -> None:
        """Take the queries, and the name of the feature whose tables they read."""
        self._db = database
        self._visit = visit
        self._seen = seen
        self._owner = owner
        self._moment = (-1, 0)
        self._known: dict[str, Visit] = {}

    async def visit(self, cookie: str) -> Visit:
        """Return the visit of a cookie; raises ``Unauthenticated``."""
        moment = self._now()
        if moment != self._moment:
            self._moment, self._known = moment, {}
        known = self._known.get(cookie)
        if known is None:
            known = await self._db.read(_ASKING, self._visit, cookie)
            if moment == self._now():
                self._known[cookie] = known
        return known

    def _now(self) -> tuple[int, int]:
        return self._db.pulse.last(self._owner), self._db.clock() // SECOND

    async def seen(self, visit: Visit) -> None:
        """Note a visit, if it was not noted for a while."""
        if visit.seen_at + SEEN_EVERY <= self._db.clock():
            await self._db.write(_ASKING, self._seen, visit.session_id)

    def forget(self, cookie: str) -> None:
        """Ask again the next time: nothing to do, a write is noticed."""


class Told(msgspec.Struct, rename="camel"):
    """A visit as the users service tells it; instants are microseconds."""

    id: str
    name: str
    roles: list[str]
    session_id: str
    version: int
    seen_at: int
    expires_at: int
    browser_zone: str
    preferences: Preferences


def tell(visit: Visit) -> Told:
    """Write a visit down."""
    return Told(
        visit.actor.id,
        visit.actor.name,
        sorted(visit.actor.roles),
        visit.session_id,
        visit.version,
        visit.seen_at,
        visit.expires_at,
        visit.browser_zone,
        visit.preferences,
    )
