"""Whether this process can work: its database, its migrations, its bus."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

import structlog

from answerable.infra.database import probe_row
from answerable.infra.database.migrate import Migration, migrations_of, unapplied
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Database

PROBING = service("probe")
PATIENCE_SECONDS = 2.0
FRESH = SECOND  # a probe answers for a second: readiness is public and must not wear the disk
MOST_LAG = 10_000  # messages that a consumer may be behind
_UNREADABLE, _UNAPPLIED, _BEHIND = "database: cannot be read", "migrations: are not applied", "bus: is far behind"
_READ_THERE = (_UNAPPLIED, _BEHIND)  # nobody knows while the database is away, and it is not what has to be mended
_log = structlog.get_logger(__name__)


class Bus(Protocol):
    """What readiness and the numbers need to know of the bus."""

    @property
    def running(self) -> bool:
        """Tell whether it is at work."""
        ...

    async def lag(self) -> dict[str, int]:
        """Return how many messages each consumer has yet to read."""
        ...


class Probe:
    """Looks at the parts of one desk, and remembers for a second what it saw."""

    def __init__(self) -> None:
        self._looked_at = -FRESH
        self._reasons: tuple[str, ...] = ()
        self._migrations: list[Migration] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def reasons_against(self, database: DeskDatabase, bus: Bus, features: Sequence[str]) -> tuple[str, ...]:
        """Return a line per part that cannot work, none where the desk of these features is ready.

        Takes ``PATIENCE_SECONDS`` at most: whoever asks has little patience too (``top``, a health check).
        """
        if self._migrations is None:
            owned = [migrations_of(name, f"answerable.{name}", database.engine) for name in features]
            self._migrations = [migration for found in owned for migration in found]
        now = database.clock()
        if not 0 <= now - self._looked_at < FRESH:
            # Who asks meanwhile is told the same: a database that is away is asked once.
            self._looking = self._looking or asyncio.create_task(self._look(database, bus), name="probe")
            await asyncio.shield(self._looking)
        return self._reasons

    async def _look(self, database: DeskDatabase, bus: Bus) -> None:
        try:
            self._reasons = await _look(database, bus, self._migrations or [])
            self._looked_at = database.clock()
        finally:
            self._looking = None


async def _look(database: Database, bus: Bus, migrations: list[Migration]) -> tuple[str, ...]:
    checks = {
        _UNREADABLE: database.read(PROBING, probe_row.load),
        "database: cannot be written": database.write(PROBING, probe_row.save),
        _UNAPPLIED: _no_migration_waits(database, migrations),
        "bus: is not running": _runs(bus),
        _BEHIND: _keeps_up(bus),
    }
    held = await asyncio.gather(*(_holds(reason, check) for reason, check in checks.items()))
    found = tuple(reason for reason, holds in zip(checks, held, strict=True) if not holds)
    return tuple(reason for reason in found if _UNREADABLE not in found or reason not in _READ_THERE)


async def _no_migration_waits(database: Database, wanted: list[Migration]) -> bool:
    return not await database.read(PROBING, unapplied, wanted)


async def _runs(bus: Bus) -> bool:
    return bus.running


async def _keeps_up(bus: Bus) -> bool:
    return max((await bus.lag()).values(), default=0) <= MOST_LAG


async def _holds(reason: str, check: Awaitable[object]) -> bool:
    """Tell whether a check ends in time, without an error, and not with ``False``."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await check is not False
    except Exception as error:  # whatever it is: the answer is that the desk is not ready
        _log.warning("not ready", reason=reason, error=repr(error))
        return False
