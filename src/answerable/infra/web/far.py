"""Who comes with a cookie, where the users feature runs elsewhere: its service is asked, and believed for seconds."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp
import msgspec
from yarl import URL

from answerable.infra.database.port import DeskDatabase
from answerable.infra.web.cookies import SESSION, cookie_name
from answerable.infra.web.inner import refuses_gateway
from answerable.infra.web.visits import Told
from answerable.infra.web.wording import ENDED
from answerable.kernel.actor import Actor, service
from answerable.kernel.errors import Unauthenticated, Unavailable
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Visit

BELIEVED = 15 * SECOND
KNOWN = 10_000
ASK_SECONDS = 5.0
PATH = "/api/auth/session"
StillGood: TypeAlias = Callable[[Tx, Visit], Awaitable[None]]
_AWAY = "Nobody can say who you are right now. Please try again soon."
_ASKING = service("web")


class FarVisits:
    """Asks the users service, and believes it for some seconds; for as long as it is away, also longer.

    One that is away is asked about those it told of once in those seconds: it may keep whoever asks waiting.
    What its events tell holds at once: ``still_good`` is asked for every visit, whatever was believed.
    """

    def __init__(
        self,
        database: DeskDatabase,
        url: str,
        session: Callable[[], aiohttp.ClientSession],
        headers: Callable[[], dict[str, str]],
        grants_of: Callable[[Any], frozenset[str]],
        still_good: StillGood,
    ) -> None:
        self._db = database
        self._url = URL(url.rstrip("/") + PATH)
        self._session = session
        self._headers = headers
        self._grants_of = grants_of
        self._still_good = still_good
        self._known: dict[str, tuple[int, Visit]] = {}
        self._away_until = 0  # as far as anybody knows

    async def visit(self, cookie: str) -> Visit:
        """Return the visit of a cookie; raises ``Unauthenticated``, or ``Unavailable`` where nobody can say."""
        asked_at, known = self._known.get(cookie, (0, None))
        now = self._db.clock()
        believed = max(asked_at + BELIEVED, self._away_until)
        if known is not None and now < min(believed, known.expires_at) and await self._holds(known):
            return known
        try:
            visit = await self._ask(cookie)
        except Unavailable:
            self._away_until = self._db.clock() + BELIEVED
            if known is None or known.expires_at <= now or not await self._holds(known):
                raise
            return known
        except Unauthenticated:
            self._known.pop(cookie, None)
            raise
        while len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        self._known[cookie], self._away_until = (now, visit), 0
        await self._db.read(_ASKING, self._still_good, visit)
        return visit

    async def _holds(self, visit: Visit) -> bool:
        try:
            await self._db.read(_ASKING, self._still_good, visit)
        except Unauthenticated:
            return False
        return True

    async def _ask(self, cookie: str) -> Visit:
        headers = self._headers() | {"cookie": f"{cookie_name(SESSION, self._db.settings)}={cookie}"}
        try:
            patience = aiohttp.ClientTimeout(total=ASK_SECONDS)
            async with self._session().get(
                self._url, headers=headers, allow_redirects=False, timeout=patience
            ) as answer:
                if answer.status == 401 and not refuses_gateway(answer):
                    raise Unauthenticated(ENDED)
                if answer.status != 200:
                    raise Unavailable(_AWAY, retry_after=2)
                told = msgspec.json.decode(await answer.read(), type=Told)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            raise Unavailable(_AWAY, retry_after=2) from error
        roles = frozenset(told.roles)
        return Visit(
            Actor(told.id, "person", roles, self._grants_of(roles), told.name),
            told.session_id,
            told.version,
            told.seen_at,
            told.expires_at,
            told.preferences,
            told.browser_zone,
        )

    async def seen(self, visit: Visit) -> None:
        """Note a visit: nothing to do, the users service noted it when it was asked."""

    def forget(self, cookie: str) -> None:
        """Ask again the next time."""
        self._known.pop(cookie, None)
