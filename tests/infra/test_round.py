"""A round of deliveries that fails as a whole, such as on a full disk."""

import asyncio
import gc
from typing import Any

import pytest

from answerable.infra.bus.consumers import Round
from answerable.infra.database.errors import StorageFault
from answerable.kernel.tx import Tx
from tests.world import World

pytestmark = pytest.mark.one_engine


async def test_every_failure_of_a_round_is_looked_at(world: World) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def write(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_retry")

    async with world.nothing_can_be_written():
        failing = Round(world.db, {}, {})
        for _ in range(3):
            failing.also(write)
        with pytest.raises(StorageFault):
            await failing.done()
        del failing
        gc.collect()
        await asyncio.sleep(0)
    assert complaints == []
