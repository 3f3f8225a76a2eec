"""The topics as a history, on a broker that ends in the middle."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from answerable.infra.bus import wire
from answerable.infra.bus.kafka import history
from answerable.infra.bus.kafka.history import TopicsHistory
from answerable.kernel.errors import Unavailable
from answerable.messages.base import Envelope
from answerable.messages.users import UserRegistered
from answerable.settings import Settings
from tests.kafka import own_broker, settings_on
from tests.patience import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.one_engine]
RECORDS = 100


async def test_who_reads_a_history_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "QUIET_SECONDS", 3.0)
    with own_broker(tmp_path / "kafka") as broker:
        told = TopicsHistory(Settings().with_values("test", **settings_on(broker)).bus, [UserRegistered.TYPE])
        await told._link.make_topics()
        producer = AIOKafkaProducer(bootstrap_servers=broker.address)
        await producer.start()
        for number in range(RECORDS):  # more than is fetched at once
            key, value, headers = wire.record_of(
                Envelope(
                    id=f"m-{number}", type=UserRegistered.TYPE, topic=UserRegistered.TOPIC, key="una", time=0,
                    sequence=number + 1, actor="", actor_kind="service", cause=None, depth=0, trace=None,
                    body='{"name":"' + "x" * 100_000 + '"}',
                )
            )  # fmt: skip
            await producer.send(told._link.topic(UserRegistered.TOPIC), value, key=key, headers=headers)
        await producer.stop()
        assert await read(told) == RECORDS
        count = 0
        with pytest.raises(Unavailable) as refused:
            async with asyncio.timeout(PATIENCE):
                async for messages, _, _ in told.read():
                    count += len(messages)
                    if count:
                        broker.kill()
        assert 0 < count < RECORDS
        assert refused.value.message == f"Kafka at {broker.address} cannot be read now (it does not answer)."
        await told.close()


async def read(told: TopicsHistory) -> int:
    return sum([len(messages) async for messages, _, _ in told.read()])
