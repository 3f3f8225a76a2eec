"""Clients of Kafka that do not end: nobody waits for them for ever."""

import asyncio

import pytest

from answerable.infra.bus.kafka import link
from tests.patience import PATIENCE


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
