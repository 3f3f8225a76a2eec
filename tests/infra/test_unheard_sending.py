"""What is being sent when another process takes over ends without a word in the log."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError

from answerable.infra.bus.kafka.link import Link
from answerable.infra.bus.kafka.relay import Deposed, Relay
from answerable.infra.pulse import Pulse
from tests.world import World


async def refused_late(ended: asyncio.Event) -> Any:
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()
        raise RequestTimedOutError


@pytest.mark.one_engine
async def test_what_fails_after_another_leads_leaves_no_traceback(world: World) -> None:
    async def noted() -> int:
        return 0

    said: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: said.append(told))
    relay = Relay(world.db, Link(world.desk.settings.bus), Pulse(), noted)
    relay.term = 99
    ended = asyncio.Event()
    with pytest.raises(Deposed):
        await relay._while_leading(asyncio.gather(*[refused_late(ended)]))
    await ended.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert said == []
