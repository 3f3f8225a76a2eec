"""A commit that the Kafka client shields from our patience: it may fail when nobody waits for it any more."""

import asyncio
import gc

import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator

from answerable.infra.bus.kafka.member import _forget_shielded


@pytest.mark.one_engine
@pytest.mark.parametrize(("forget", "logged"), [(False, ["Task exception was never retrieved"]), (True, [])])
async def test_what_fails_when_nobody_waits_any_more_is_not_logged_with_a_traceback(
    forget: bool, logged: list[str]
) -> None:
    assert GroupCoordinator._do_commit_offsets.__name__ == "_do_commit_offsets", "it is known by this"
    heard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: heard.append(what["message"]))
    late = asyncio.Event()

    async def _do_commit_offsets() -> None:
        await late.wait()
        raise ConnectionError("the broker is away")

    waiting = asyncio.create_task(asyncio.wait_for(asyncio.shield(_do_commit_offsets()), 0))
    with pytest.raises(TimeoutError):
        await waiting
    if forget:
        _forget_shielded()
    late.set()
    del waiting
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()
    assert heard == logged
