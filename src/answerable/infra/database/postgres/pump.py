"""The pump of a process's writer: all that waits goes in one transaction, and while it ends, the next one is prepared.

The end of a transaction is a wait for the server. Meanwhile the units that come are run already, on the ground of what
will be known when it has ended; they are sent when it has. Where it ends otherwise, they run again (they touch nothing
but their unit of work), knowing nothing.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from asyncpg import IntegrityConstraintViolationError

from answerable.infra.database.postgres.connection import is_lost
from answerable.infra.database.postgres.faults import Faults
from answerable.infra.database.postgres.runner import Runner
from answerable.infra.database.postgres.turns import BATCH, Turns
from answerable.infra.database.postgres.tx import Writing
from answerable.infra.database.postgres.writer import Doubt, Overtaken, Writer
from answerable.infra.database.units import Spoilt, Unit
from answerable.infra.pulse import Pulse
from answerable.infra.stretch import Stretch

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
DISTRUST_SECONDS = 0.5  # after a batch that had to run again: messages that come twice come many at a time
OTHERS_SECONDS = 0.25  # after another process was found to write: what is foreseen would be wrong again
TRIES = 5  # of a unit whose transaction met others, before it is refused

Results: TypeAlias = "list[tuple[Unit[Any], Any]]"


class _Ending:
    """A transaction whose units have all run, and which is being committed."""

    __slots__ = ("answered", "batch", "done", "results", "work")

    def __init__(self, work: Writing, batch: "list[Unit[Any]]", results: Results) -> None:
        self.work = work
        self.batch = batch
        self.results = results
        self.done: asyncio.Task[bool]  # whether it ended as foreseen
        self.answered = False


class Pump:
    """Takes up what waits, and answers it after the commit that holds it."""

    def __init__(self, writer: Writer, runner: Runner, pulse: Pulse, faults: Faults, patience: float) -> None:
        """Let units wait ``patience`` seconds for a server that is away."""
        self.turns = Turns()
        self.instead: Callable[[], Awaitable[None]] | None = None  # of transactions of its own: a bulk load's
        self._writer = writer
        self._runner = runner
        self._pulse = pulse
        self._patience = patience
        self._faults = faults
        self._trusting_from = self._foreseeing_from = 0.0
        self._is_ready = False  # what comes behind the transaction that ends: it only waits for that
        self._task: asyncio.Task[None] | None = None

    def put(self, unit: "Unit[Any]") -> None:
        """Queue a unit."""
        self.turns.put(unit)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work_off(), name="group commit")

    async def finish(self) -> None:
        """Wait until nothing waits any more."""
        if self._task is not None:
            await self._task

    async def _work_off(self) -> None:
        pause = FIRST_PAUSE
        before: _Ending | None = None
        while self.turns or before is not None:
            batch: list[Unit[Any]] = []
            try:
                if self.instead is not None and before is None:
                    await self.instead()
                else:
                    ended, before = before, await self._run_batch(batch, before)
                    if ended is not None:
                        pause = FIRST_PAUSE
            except Exception as error:
                met, before = await self._what_failed(batch, before, error), None
                await self._writer.give_up(met)
                self._put_back(batch, met)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_batch(self, batch: "list[Unit[Any]]", before: _Ending | None) -> _Ending | None:
        """Run what waits in one transaction, and let it end. ``batch`` tells what was taken up, whatever happens."""
        if before is not None and not before.work.foresees:
            await before.done
            self._answer(before)
            return None
        work = await self._writer.begin() if before is None else self._writer.follow(before.work, before.done)
        work.trusting = asyncio.get_running_loop().time() >= self._trusting_from
        results: Results = []
        met: Exception | None = None
        try:
            if before is not None:
                await self._run_ahead(work, batch, before, results)
            if not batch or not self.turns.may_go(len(batch)):
                if before is not None:
                    self._answer(before)
                await self._run_lightly(work, batch, results)
        except (Overtaken, Spoilt, IntegrityConstraintViolationError) as error:
            met = error
        if before is not None and not await before.done:
            met = met or Overtaken()
        ending = None
        if batch:
            ending = self._let_end(work, batch, results, met)
        elif met is None:
            self._writer.take_back(work)
        if before is not None:
            await asyncio.sleep(0)  # what comes next is sent before those are answered who will ask again
            self._answer(before)
        return ending

    def _let_end(self, work: Writing, batch: "list[Unit[Any]]", results: Results, met: Exception | None) -> _Ending:
        self.turns.took_up(sum(unit.actor.kind == "person" for unit in batch))
        loop = asyncio.get_running_loop()
        work.foresees = work.foresees and met is None and loop.time() >= self._foreseeing_from
        ending = _Ending(work, batch, results)
        ending.done = loop.create_task(self._end(ending, met), name="commit")
        return ending

    async def _run_ahead(self, work: Writing, batch: "list[Unit[Any]]", before: _Ending, results: Results) -> None:
        """Run what people ask for while the transaction before ends. Raises what that met, or ``Overtaken``."""
        turns = self.turns
        while not before.done.done():
            while turns.urgent and len(batch) < BATCH:
                results += await self._runner.run(work, self._take(turns.urgent, batch))
            self._is_ready = bool(batch)
            await turns.somebody_comes(before.done)
            self._is_ready = False
        if not await before.done:
            raise Overtaken

    async def _run_lightly(self, work: Writing, batch: "list[Unit[Any]]", results: Results) -> None:
        """Run units without savepoints. Raises ``Spoilt`` where one leaves something that must be undone."""
        loop, turns = asyncio.get_running_loop(), self.turns
        people = len(batch)
        await turns.let_people_return(people)
        begun, busy = loop.time(), bool(turns.urgent or batch)
        long = turns.background_seconds(begun, people)
        work.background = (begun, long) if busy and long and turns.background else None
        stretch = Stretch(time.perf_counter())
        for _ in range(min(len(turns.background), BATCH) if long else 0):
            await stretch.pause()  # what is known or kept asks the server for nothing: reads would wait for all of it
            if loop.time() - begun > long or (turns.urgent and not busy):
                break
            results += await self._runner.run(work, self._take(turns.background, batch))
        for _ in range(turns.people_now(people)):
            results += await self._runner.run(work, self._take(turns.urgent, batch))

    @staticmethod
    def _take(lane: "deque[Unit[Any]]", batch: "list[Unit[Any]]") -> "Unit[Any]":
        batch.append(lane.popleft())
        return batch[-1]

    async def _end(self, ending: _Ending, met: Exception | None) -> bool:
        """Commit, or do it again where something else was ``met``; tell whether it went as foreseen."""
        batch, foreseen = ending.batch, False
        try:
            try:
                if met is not None:
                    raise met
                await self._runner.commit(ending.work)
                foreseen = True
            except Overtaken:
                self._foreseeing_from = asyncio.get_running_loop().time() + OTHERS_SECONDS
                ending.work = work = await self._writer.begin_now()
                ending.results = [each for unit in batch for each in await self._runner.run(work, unit)]
                await self._runner.commit(work)
        except (Spoilt, IntegrityConstraintViolationError):
            self._trusting_from = asyncio.get_running_loop().time() + DISTRUST_SECONDS
            ending.work = work = await self._writer.begin_now()
            ending.results = await self._runner.run_carefully(work, batch)
            await self._writer.commit(work)
        if ending.work.background is not None:
            begun, given = ending.work.background
            self.turns.background_took(given, asyncio.get_running_loop().time() - begun)
        if not self._is_ready:
            self._answer(ending)
        return foreseen

    def _answer(self, ending: _Ending) -> None:
        if ending.answered:
            return
        ending.answered = True
        self._faults.over()
        for unit, result in ending.results:
            unit.answer(result)
        if ending.work.wrote:
            self._pulse.beat(ending.work.owners)

    async def _what_failed(self, batch: "list[Unit[Any]]", before: _Ending | None, error: Exception) -> Exception:
        """Return what ended the transaction that failed; ``batch`` becomes its units, what came behind waits again."""
        if before is None:
            return error
        await asyncio.wait([before.done])
        earlier = before.done.exception()
        if not isinstance(earlier, Exception):
            self._answer(before)
            return error
        for unit in reversed(batch):
            if not unit.done.done():
                self.turns.lane_of(unit).appendleft(unit)
        batch[:] = before.batch
        return earlier

    def _put_back(self, batch: "list[Unit[Any]]", error: Exception) -> None:
        """Let units wait for a better moment, but no longer than patience lasts; a bug ends what it met."""
        fault = self._faults.met(error)
        for unit in reversed(batch):
            if unit.done.done():
                continue
            if isinstance(error, Doubt) or (not is_lost(error) and unit.tries >= TRIES):
                unit.refuse(fault)
                continue
            unit.tries += 1
            self.turns.lane_of(unit).appendleft(unit)
        too_old = asyncio.get_running_loop().time() - self._patience
        for unit in self.turns.take_old(too_old):
            unit.refuse(fault)
