"""When an API key was used last, noted once in a while: it is shown, and costs no request a write."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.errors import Unavailable
from answerable.kernel.times import MINUTE
from answerable.kernel.tx import Tx

NOTED_EVERY = 10 * MINUTE
KNOWN = 10_000
_NOTING = service("web")


class KeyUse:
    """Remembers when each key was noted last by this process."""

    def __init__(self, database: DeskDatabase, used: Callable[[Tx, str], Awaitable[None]]) -> None:
        self._db = database
        self._used = used
        self._noted: dict[str, int] = {}

    async def note(self, key_id: str) -> None:
        """Note a use, unless that was done in the last minutes; where the store cannot take it, the next one will."""
        now = self._db.clock()
        if self._noted.get(key_id, -NOTED_EVERY) > now - NOTED_EVERY:
            return
        while len(self._noted) >= KNOWN:
            del self._noted[next(iter(self._noted))]
        self._noted[key_id] = now
        with suppress(Unavailable):
            await self._db.write(_NOTING, self._used, key_id)
