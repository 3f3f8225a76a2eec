"""Running units in an open transaction: lightly, or each in a savepoint of its own."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from answerable.infra.database.errors import StorageFault
from answerable.infra.database.postgres.connection import is_database_error, is_fault
from answerable.infra.database.postgres.tx import PostgresTx, Writing
from answerable.infra.database.postgres.writer import Doubt, Overtaken, Writer
from answerable.infra.database.units import Spoilt, Unit, recovering
from answerable.kernel.ids import IdMaker
from answerable.kernel.tx import Tx
from answerable.settings import Settings

T = TypeVar("T")


class Runner:
    """Runs units, and answers those that fail."""

    def __init__(self, writer: Writer, ids: IdMaker, clock: Callable[[], int], settings: Settings) -> None:
        self._writer = writer
        self._ids = ids
        self._clock = clock
        self._settings = settings

    async def run(self, work: Writing, unit: "Unit[Any]") -> "list[tuple[Unit[Any], Any]]":
        """Run a unit without a savepoint. Raises ``Spoilt`` where it leaves something that must be undone."""
        if unit.done.done() or not self._may_run(unit):
            return []
        work.begin_unit()
        try:
            return [(unit, await self.do(work, unit, unit.verb))]
        except Overtaken:
            raise
        except Exception as error:
            if is_fault(error):
                raise
            await work.open()  # it may have been refused for what was known, and is not so any more
            if work.unit_wrote or unit.recover is not None or is_database_error(error):
                raise Spoilt from error
            work.forget_unit()
            unit.refuse(error)
            return []

    async def commit(self, work: Writing) -> None:
        """Send what is kept, and end the transaction. Raises ``Spoilt`` where it has to be done again with care."""
        try:
            if not work.goes_at_once:
                await work.flush()
            await self._writer.commit(work)
        except (Doubt, Overtaken):
            raise
        except Exception as error:
            raise error if is_fault(error) else Spoilt from error

    def _may_run(self, unit: "Unit[Any]") -> bool:
        if unit.term is None or unit.term == self._writer.term:
            return True
        unit.refuse(StorageFault("another process delivers"))
        return False

    async def run_carefully(self, work: Writing, batch: "list[Unit[Any]]") -> "list[tuple[Unit[Any], Any]]":
        """Run units again, each in a savepoint of its own."""
        results = []
        for unit in batch:
            if unit.done.done() or not self._may_run(unit):
                continue
            await work.connection.execute("SAVEPOINT unit")
            try:
                result = await self._do_whole(work, unit, unit.verb)
            except Exception as error:
                if is_fault(error):
                    raise
                work.forget_everything()
                await work.connection.execute("ROLLBACK TO SAVEPOINT unit")
                if unit.recover is None:
                    unit.refuse(error)
                    continue
                result = await self._do_whole(work, unit, partial(recovering, unit.recover, error))
            await work.connection.execute("RELEASE SAVEPOINT unit")
            results.append((unit, result))
        return results

    async def do(self, work: Writing, unit: "Unit[T]", verb: Callable[[Tx], Awaitable[T]]) -> T:
        """Do what a verb says, and keep what it tells for the outbox."""
        tx = PostgresTx(work, self._ids, self._clock(), unit.actor, self._settings, unit.cause)
        result = await verb(tx)
        tx.flush()
        return result

    async def _do_whole(self, work: Writing, unit: "Unit[T]", verb: Callable[[Tx], Awaitable[T]]) -> T:
        work.begin_unit()
        result = await self.do(work, unit, verb)
        await work.flush()
        await work.check()
        return result
