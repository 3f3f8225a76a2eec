"""The bus inside one process: a Kafka of one. The outbox is the log, each feature a consumer group with its offset."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from answerable.infra.bus import outbox
from answerable.infra.bus.consumers import Consumers, Unit
from answerable.infra.bus.follower import Follower
from answerable.infra.bus.following import Following
from answerable.infra.bus.inbox import Inbox
from answerable.infra.bus.port import BUS, RELAY, Store
from answerable.infra.database.errors import StorageFault
from answerable.infra.stretch import Stretch
from answerable.kernel.ids import uuid7
from answerable.kernel.manifest import Feature
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope

BATCH = 100
IDLE_SECONDS = 30.0
FOLLOW_SECONDS = 0.3  # how long a process that does not deliver waits before it asks again whether it may
MOST_COUNTED = 100_000
_log = structlog.get_logger(__name__)


class LocalBus:
    """Takes what was committed to the outbox to the consumers and listeners of this process."""

    def __init__(self, database: Store, features: Sequence[Feature]) -> None:
        self._db = database
        self._consumers = Consumers(database, features)
        self._offsets: dict[str, int] = {}
        self._newest: dict[
            str, tuple[int, int]
        ] = {}  # how far the log was looked through for a consumer, and what it has
        self._heard: int | None = None
        self._term = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Tell whether the bus is at work."""
        return self._task is not None and not self._task.done()

    async def prepare(self) -> None:
        """Read where each consumer stopped and which keys wait. A new consumer begins with the first message."""
        stored = await self._db.read(BUS, load_offsets)
        last = await self._db.read(BUS, outbox.last_position)
        self._offsets = {name: stored.get(name, 0) for name in self._consumers.inboxes}
        self._heard = last if self._heard is None else self._heard
        for box in self._consumers.inboxes.values():
            box.blocked.clear()  # another process may have delivered meanwhile
        await self._consumers.load_waiting()

    async def start(self) -> None:
        """Deliver in the background from now on."""
        await self.prepare()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="local bus")

    async def stop(self) -> None:
        """Stop delivering; what is left is delivered after the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def settle(self) -> int:
        """Deliver until nothing is left that could be done now; return how many messages were read."""
        if self._heard is None:
            await self.prepare()
        done = 0
        while count := await self.step() or await self._retry_due():
            done += count
        return done

    async def catch_up(self, consumer: str, seconds: float) -> bool:
        """Wait until ``consumer`` has read what the log holds now, for ``seconds`` at most; tell whether it has."""
        if consumer not in self._offsets or not self.running:
            return True
        give_up = asyncio.get_running_loop().time() + seconds
        end: int | None = None
        while True:
            if not self._term:  # another process delivers, or this one will in a moment
                read = not await self._db.read(BUS, _count_unread, self._consumers.inboxes[consumer], 1)
            else:
                end = await self._newest_for(consumer) if end is None else end
                read = self._offsets[consumer] >= end
            if read or asyncio.get_running_loop().time() >= give_up:
                return read
            await self._db.pulse.wait(self._db.pulse.count, 0.02 if self._term else 0.05)

    async def _newest_for(self, consumer: str) -> int:
        """Return the place of the newest message that a consumer listens to; only what is new is looked through.

        What it does not listen to, above all what it has just said itself, it need not wait for.
        """
        looked, newest = self._newest.get(consumer, (self._offsets[consumer],) * 2)
        last = await self._db.read(BUS, outbox.last_position)
        if last > looked:
            types = tuple(self._consumers.inboxes[consumer].handlers)
            found = await self._db.read(BUS, outbox.last_position_of, looked, types)
            newest = found if found > looked else newest
            self._newest[consumer] = (last, newest)
        return newest

    async def unheard(self, consumer: str, keys: Sequence[str]) -> set[str]:
        """Return those of ``keys`` about which the log holds what ``consumer`` has not read yet."""
        if not keys or consumer not in self._consumers.inboxes:
            return set()
        read = self._offsets if self._term else await self._db.read(BUS, load_offsets)
        types = tuple(self._consumers.inboxes[consumer].handlers)
        return await self._db.read(BUS, outbox.keys_after, read.get(consumer, 0), types, keys)

    async def lag(self) -> dict[str, int]:
        """Return how many messages of the log each consumer has not read yet."""
        if self.running and not self._term:  # another process delivers
            return {name: await self._db.read(BUS, _count_unread, box) for name, box in self._consumers.inboxes.items()}
        last = await self._db.read(BUS, outbox.last_position)
        return {name: max(0, last - position) for name, position in self._offsets.items()}

    def following(self, follower: Follower) -> Following:
        """Return what reads the log of this database for a follower."""
        return Following(self._db, follower)

    async def _run(self) -> None:
        pause = 0.1
        while True:
            seen = self._db.pulse.count
            try:
                busy = await self.step() or await self._retry_due()
                pause = 0.1
            except StorageFault:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            except Exception:
                _log.exception("bus step failed")
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                continue
            if not busy:
                longest = IDLE_SECONDS if self._term else FOLLOW_SECONDS
                await self._db.pulse.wait(seen, self._consumers.seconds_to_retry(longest))

    async def step(self) -> int:
        """Deliver one batch of the log; return how many messages it held.

        While another process delivers, only the listeners of this one are told.
        """
        term = await self._db.lead()
        if term and term != self._term:  # somebody else may have delivered since we last did
            await self.prepare()
        self._term = term
        if not term:
            return await self._listen()
        heard = self._heard or 0
        messages = await outbox.read_after(self._db, BUS, min((*self._offsets.values(), heard)), BATCH)
        if messages:
            await self._deliver(messages)
            await self._tell_listeners(messages)
        return len(messages)

    async def _retry_due(self) -> int:
        return await self._consumers.retry_due(self._term) if self._term else 0

    async def _listen(self) -> int:
        messages = await outbox.read_after(self._db, BUS, self._heard or 0, BATCH)
        if messages:
            await self._tell_listeners(messages)
        return len(messages)

    async def _deliver(self, messages: list[Envelope]) -> None:
        round_, stretch = self._consumers.round(self._term), Stretch()
        for message in messages:
            await stretch.pause()
            for name, box in self._consumers.inboxes.items():
                if message.position > self._offsets[name] and message.type in box.handlers:
                    round_.add(name, message)
        end = messages[-1].position
        moved = {name: end for name, position in self._offsets.items() if position < end}
        if round_.units:  # where nobody wanted them, the stored offset follows with the next effect
            round_.also(storing_offsets(moved))
            try:
                await round_.done()
            except Exception:
                await self.prepare()  # read again from what is durable
                raise
        self._offsets.update(moved)

    async def _tell_listeners(self, messages: list[Envelope]) -> None:
        stretch, key = Stretch(time.perf_counter()), ""
        for message in messages:
            if message.position > (self._heard or 0):
                if message.key != key:  # what is told of one ticket at once is one signal
                    await stretch.pause()
                    key = message.key
                self._consumers.tell(message)
                self._heard = message.position
        self._heard = max(self._heard or 0, messages[-1].position)


async def _count_unread(tx: Tx, box: Inbox, most: int = MOST_COUNTED) -> int:
    """Count what a consumer has not read, up to ``most``; the log before that is not looked at."""
    wanted = {f"type{number}": name for number, name in enumerate(box.handlers)}
    offset = (await load_offsets(tx)).get(box.consumer, 0)
    rows = await tx.run(
        f"""SELECT COUNT(*) AS unread FROM (
            SELECT 1 AS one FROM bus_outbox
            WHERE position > :offset AND type IN ({", ".join(f":{name}" for name in wanted)})
            ORDER BY position LIMIT :most) some_of_them""",
        offset=offset,
        most=most,
        **wanted,
    )
    return int(rows[0]["unread"])


async def load_offsets(tx: Tx) -> dict[str, int]:
    """Read how far each consumer has read the outbox."""
    return {row["consumer"]: row["position"] for row in await tx.run("SELECT consumer, position FROM bus_offset")}


def storing_offsets(offsets: dict[str, int]) -> Unit:
    """Return the unit that stores how far consumers have read."""

    async def store(tx: Tx) -> None:
        for consumer, position in offsets.items():
            await tx.run(
                """INSERT INTO bus_offset (consumer, position) VALUES (:consumer, :position)
                ON CONFLICT (consumer) DO UPDATE SET position = :position""",
                consumer=consumer,
                position=position,
            )

    return store


async def send_again(tx: Tx, since: int) -> None:
    """Let what was said from ``since`` (microseconds) on be sent once more, where a relay has sent anything.

    For a database that was put back to an earlier moment: Kafka keeps how far each group has read, and so gives nobody
    a message that was read after that moment. Whoever has done it drops it, for as long as the inbox remembers.
    """
    await tx.run(
        """UPDATE bus_offset SET position = COALESCE((
            SELECT MIN(o.position) - 1 FROM bus_outbox o WHERE o.id >= :oldest AND o.position <= bus_offset.position
        ), position) WHERE consumer = :relay""",
        oldest=uuid7(max(0, since // 1000), 0, "0" * 16),
        relay=RELAY,
    )
