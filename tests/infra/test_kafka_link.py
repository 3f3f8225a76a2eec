"""Clients of Kafka that do not end: nobody waits for them for ever."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from answerable.infra.bus.kafka import link
from answerable.infra.bus.kafka.member import Found, find_more
from tests.patience import PATIENCE

PLACE = TopicPartition("t", 0)


async def test_a_client_that_swallows_its_cancellation_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "CLOSE_SECONDS", 0.02)
    never, swallowed = asyncio.Event(), 0

    async def stubborn() -> None:
        nonlocal swallowed
        while not never.is_set():
            try:
                await never.wait()
            except asyncio.CancelledError:
                swallowed += 1

    async with asyncio.timeout(PATIENCE):
        await link.close(stubborn)
        with pytest.raises(TimeoutError):
            await link.connect(stubborn, 0.02)
    assert swallowed >= 2
    never.set()


async def test_what_a_client_says_as_it_ends_harms_nobody() -> None:
    async def broken() -> None:
        raise ConnectionError("gone")

    await link.close(broken)
    with pytest.raises(ConnectionError):
        await link.connect(broken)


class _Client:
    """Stands for the client: it has read records ahead, and hands them out without letting anybody between."""

    def __init__(self, *waiting: ConsumerRecord) -> None:
        self.waiting, self.asked = list(waiting), list[int]()
        self._subscription = SimpleNamespace(reassignment_in_progress=False)

    async def getmany(self, timeout_ms: int = 0, max_records: int = 0) -> Found:
        assert not self._subscription.reassignment_in_progress, "it would wait for the end of that"
        self.asked.append(max_records)
        given, self.waiting = self.waiting[:max_records], self.waiting[max_records:]
        return {PLACE: given} if given else {}


async def test_records_are_taken_from_the_client_in_portions_while_it_may_hand_them_out() -> None:
    record = ConsumerRecord("t", 0, 0, 0, 0, b"", b"", None, 0, 0, ())
    for waiting, expected in ((100, 50), (13, 13), (10, 10), (3, 3)):
        client = _Client(*[record] * waiting)
        found = await client.getmany(max_records=link.PORTION)
        await find_more(client, found, 50)
        assert len(found[PLACE]) == expected
        assert max(client.asked) == link.PORTION
    client = _Client(*[record] * 100)
    found = await client.getmany(max_records=link.PORTION)
    client._subscription.reassignment_in_progress = True
    await find_more(client, found, 50)
    assert len(found[PLACE]) == link.PORTION
