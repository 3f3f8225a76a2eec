"""Reads the outbox for a follower: in batches, at least once, for as long as it takes."""

import asyncio
import random
from contextlib import suppress

import structlog

from answerable.infra import metrics
from answerable.infra.bus import outbox
from answerable.infra.bus.follower import Follower
from answerable.infra.database.errors import StorageFault
from answerable.infra.database.port import DeskDatabase
from answerable.kernel.actor import service
from answerable.kernel.errors import Problem
from answerable.kernel.tx import Tx

BATCH = 500
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0
IDLE_SECONDS = 30.0
FOLLOW_SECONDS = 0.3  # how long a process that does not lead waits before it asks again whether it may
# The position is kept at most this often: what comes again after a crash is harmless, a commit for each event is not.
KEEP_SECONDS = 1.0
_READING = service("bus")
_log = structlog.get_logger(__name__)


class Following:
    """One follower's way through the log of this process's database. Of several processes, the leader reads."""

    def __init__(self, database: DeskDatabase, follower: Follower) -> None:
        self._db = database
        self._follower = follower
        self._group: str | None = None
        self._position = 0
        self._kept = 0
        self._kept_at = 0.0
        self._away = False
        self._term: int | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow in the background from now on."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"following {self._follower.name}")

    async def stop(self) -> None:
        """Stop; what was not read is read after the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(StorageFault):
            await self._keep()
        await self._follower.close()

    async def settle(self) -> int:
        """Read until nothing is left; return how many messages were read. Raises what the follower raises."""
        done = 0
        while count := await self.step():
            done += count
        await self._keep()
        return done

    async def step(self) -> int:
        """Read one batch; return how many messages it held, wanted or not."""
        if self._group is None:
            await self._begin()
        messages = await outbox.read_after(self._db, _READING, self._position, BATCH)
        if wanted := [message for message in messages if message.type in self._follower.types]:
            try:
                await self._follower.apply(wanted)
            except Exception:
                self._group = None  # whoever comes back may be another one: ask again
                raise
        if messages:
            self._position = messages[-1].position
        return len(messages)

    async def _begin(self) -> None:
        group = await self._follower.group()
        self._position = self._kept = await self._db.read(_READING, load_position, group)
        self._group = group

    async def _keep(self) -> None:
        if self._group is not None and self._position > self._kept:
            group, position = self._group, self._position
            await self._db.deliver(_READING, lambda tx: save_position(tx, group, position), term=self._term)
            self._kept = position
            self._kept_at = asyncio.get_running_loop().time()

    async def _run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            seen = self._db.pulse.count
            try:
                if not await self._leads():
                    await self._db.pulse.wait(seen, FOLLOW_SECONDS)
                    continue
                busy = await self.step()
                behind = await self._measure()
                if self._away:
                    self._away = False
                    _log.info(f"{self._follower.name} is back", behind=behind)
                unkept = self._kept_at + KEEP_SECONDS - asyncio.get_running_loop().time()
                if self._position > self._kept and unkept <= 0:
                    await self._keep()
                pause = FIRST_PAUSE
            except Exception as error:
                self._tell(error)
                with suppress(StorageFault):
                    await self._measure()
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, no secret
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            if not busy:
                await self._db.pulse.wait(seen, max(0.01, unkept) if self._position > self._kept else IDLE_SECONDS)

    async def _leads(self) -> bool:
        term = await self._db.lead()
        if term != self._term:  # somebody else may have read on since we last did
            self._term, self._group = term, None
        return bool(term)

    async def _measure(self) -> int:
        behind = max(0, await self._db.read(_READING, outbox.last_position) - self._position)
        metrics.LAG.labels(self._follower.name).set(behind)
        return behind

    def _tell(self, error: Exception) -> None:
        """Write one line when the trouble begins; a problem of ours also with its trace."""
        if self._away or isinstance(error, StorageFault):  # the database tells of its own troubles
            return
        self._away = True
        if isinstance(error, Problem):
            _log.warning(f"{self._follower.name} is away", reason=error.message)
        else:
            _log.exception(f"{self._follower.name} failed")


async def load_position(tx: Tx, group: str) -> int:
    """Return up to which message a group has read, 0 where it has not begun."""
    rows = await tx.run("SELECT position FROM bus_offset WHERE consumer = :consumer", consumer=group)
    return int(rows[0]["position"]) if rows else 0


async def save_position(tx: Tx, group: str, position: int) -> None:
    """Note up to which message a group has read."""
    await tx.run(
        """INSERT INTO bus_offset (consumer, position) VALUES (:consumer, :position)
        ON CONFLICT (consumer) DO UPDATE SET position = :position""",
        consumer=group,
        position=position,
    )
