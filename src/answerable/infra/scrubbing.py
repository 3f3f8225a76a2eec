"""Clearing away: after words were erased, the engine's own leftovers of them go as well."""

from answerable.infra.bus.redaction import ask_to_scrub, begin_scrub, end_scrub, next_scrub
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.manifest import Timer
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Database, Tx

CALM = 10 * SECOND  # erasing goes on for a while; it is cleared away once for many
_SCRUBBER = service("scrubbing")


def scrubbing(database: DeskDatabase) -> Timer:
    """Return the timer that clears away, soon after something was erased."""

    async def due(tx: Tx) -> int | None:
        asked = await next_scrub(tx)
        return None if asked is None else asked + CALM

    async def run(db: Database) -> int:
        lease = await db.write(_SCRUBBER, begin_scrub)
        try:
            await database.scrub()
        except BaseException:
            await db.write(_SCRUBBER, ask_to_scrub)
            raise
        await db.write(_SCRUBBER, end_scrub, lease)
        return 1

    return Timer("scrubbing", due, run)
