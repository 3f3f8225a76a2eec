"""The mirror beside services that run apart: a process of its own, which reads Kafka and serves nobody."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from pymongo import AsyncMongoClient
from structlog.testing import capture_logs

from answerable.infra import metrics
from answerable.infra.bus import wire
from answerable.infra.bus.kafka.following import TopicFollowing
from answerable.infra.bus.kafka.history import TopicsHistory
from answerable.kernel.tx import Tx
from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope
from answerable.messages.notifications import NotificationsRead
from answerable.messages.tickets import TicketCreated, TicketRef
from answerable.mirror import actions, queries
from answerable.mirror.queries import Comparison
from answerable.mirror.rules import COLLECTIONS, NAME, TYPES, Document, Key, group_of
from answerable.mirror.store import open_store
from answerable.mirror.store.mongodb import MongoDB
from answerable.runtime import Desk
from tests.journeys.desk import company, signed_in
from tests.kafka import Broker, forget_offsets, raw_consumer, send_raw, settings_on
from tests.mirror.server import OwnServer
from tests.patience import PATIENCE
from tests.processes import ServerProcess, answerable, eventually
from tests.world import TESTER, settings_for

pytestmark = pytest.mark.slow


class MirrorProcess:
    """``answerable serve mirror``, and the commands beside it."""

    def __init__(self, folder: Path, prefix: str, broker: Broker, url: str) -> None:
        self.folder = folder
        self.values = {
            "ANSWERABLE_BUS_URL": broker.url,
            "ANSWERABLE_BUS_PREFIX": prefix,
            "ANSWERABLE_BUS_PARTITIONS": "3",
            "ANSWERABLE_MIRROR_URL": url,
        }
        bus = {"bus__url": broker.url, "bus__prefix": prefix, "bus__partitions": 3}
        self.settings = settings_for(folder, mirror__url=url, **bus)
        self.values["ANSWERABLE_STORAGE_SECRET"] = self.settings.storage.secret  # as everywhere in the desk
        self.reader: AsyncMongoClient[Document] = AsyncMongoClient(url, tz_aware=True)
        self.database = self.reader.get_default_database()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ServerProcess]:
        """Serve, and stop politely."""
        running = await asyncio.to_thread(ServerProcess, self.folder, "mirror", **self.values)
        try:
            yield running
            await asyncio.to_thread(running.stop)
            assert "Traceback" not in running.errors.read_text()
        finally:
            if running.process.poll() is None:
                running.kill()

    async def command(self, *words: str) -> Any:
        """Run ``mirror verify`` or ``rebuild``."""
        where = ("--json", "--service", "mirror", "--data-dir", str(self.folder))
        done = await asyncio.to_thread(answerable, "mirror", *words, *where, check=False, **self.values)
        assert done.stderr == ""
        return msgspec.json.decode(done.stdout)

    async def group(self) -> str:
        marker = await self.database["answerable_mirror"].find_one({})
        assert marker is not None
        return f"{self.values['ANSWERABLE_BUS_PREFIX']}.{group_of(marker['generation'])}"

    async def documents(self) -> dict[Key, Document]:
        return {(name, found["_id"]): found for name in COLLECTIONS async for found in self.database[name].find({})}

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[TopicsHistory, MongoDB]]:
        history, store = TopicsHistory(self.settings.bus, TYPES), open_store(self.settings, ["mirror"])
        try:
            yield history, store
        finally:
            await history.close()
            await store.close()

    async def compare(self) -> Comparison:
        """Compare as ``mirror verify`` does."""
        async with self._opened() as (history, store):
            return await queries.compare_all(history, store)

    async def rebuild(self) -> tuple[int, Comparison]:
        """Put right as ``mirror rebuild`` does."""
        async with self._opened() as (history, store):
            return await actions.rebuild(history, store)

    async def has_read_all(self) -> bool:
        told = await self.compare()
        return bool(told.behind == 0 and told.documents and not told.differences)

    async def read_again(self) -> None:
        """Follow once more, in this process."""
        desk = Desk(self.settings, ["mirror"])
        [following] = desk.make_followings()
        await following.settle()
        await following.stop()
        await desk.stop()


def topics(prefix: str) -> list[str]:
    return sorted({prefix + CATALOGUE[each].TOPIC.removeprefix("answerable") for each in TYPES})


async def test_a_story_of_services_apart_is_in_the_mirror(tmp_path: Path, broker: Broker, url: str) -> None:
    async with company(tmp_path / "desk", apart=broker) as client:
        prefix = client.world.desk.settings.bus.prefix
        mirror = MirrorProcess(tmp_path / "mirror", prefix, broker, url)
        una, abe = await signed_in(client, "USER", name="Una"), await signed_in(client, "AGENT", name="Abe")
        ticket = await client.raised(una)
        async with mirror.running() as running:
            await client.status(abe, ticket, "IN_PROGRESS")
            await client.said(abe, ticket, "On my way.")
            await client.raised(una, title="Another one")
            await client.status(abe, ticket, "RESOLVED")
            await eventually(mirror.has_read_all)
            async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as direct:
                assert (await direct.get("/api/tickets", headers=una.headers)).status_code == 404
                assert 'answerable_consumer_lag{consumer="mirror"} 0.0' in (await direct.get("/metrics")).text
        documents = await mirror.documents()
        assert documents["tickets", ticket["id"]]["status"] == "RESOLVED"
        assert documents["assignments", ticket["id"]]["agentId"] == abe.id
        assert {key[0] for key in documents} == set(COLLECTIONS)

        await forget_offsets(broker, await mirror.group(), topics(prefix))
        assert (await mirror.compare()).behind > 0
        await mirror.read_again()
        assert await mirror.has_read_all()
        assert await mirror.documents() == documents, "what came again changed nothing"

        await mirror.database["tickets"].update_one({"_id": ticket["id"]}, {"$set": {"status": "CLOSED"}})
        await mirror.database["users"].insert_one({"_id": "stray"})
        told = await mirror.command("verify")
        assert {each["what"] for each in told["differences"]} == {"different", "surplus"}
        mended = await mirror.command("rebuild")
        assert (mended["mended"], mended["lost"], mended["differences"]) == (2, "", [])
        assert await mirror.documents() == documents

        await forget_records(broker, f"{prefix}.users")
        count, after = await mirror.rebuild()
        assert (count, after.differences) == (0, [])
        assert re.match(rf"the first \d records of {prefix}\.users are gone", after.lost)
        assert await mirror.documents() == documents, "nothing is removed because it is old"
        await mirror.reader.close()


async def forget_records(broker: Broker, topic: str) -> None:
    """Let a topic lose what it holds, as time would."""
    async with raw_consumer(broker) as consumer:
        places = [TopicPartition(topic, number) for number in await consumer._client._wait_on_metadata(topic)]
        ends = await consumer.end_offsets(places)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(before_offset=end) for tp, end in ends.items()})
    finally:
        await admin.close()


async def committed(broker: Broker, group: str, prefix: str) -> int:
    """Return how many records a group has done, as it said."""
    async with raw_consumer(broker, group_id=group, enable_auto_commit=False) as consumer:
        places = [TopicPartition(topic, n) for topic in topics(prefix) for n in range(3)]
        return sum([await consumer.committed(place) or 0 for place in places])


async def test_mongodb_is_away_for_a_while(tmp_path: Path, broker: Broker, own_server: OwnServer) -> None:
    values = settings_on(broker, mirror__url=own_server.address, mirror__timeout_seconds=0.5)
    desk = Desk(settings_for(tmp_path / "mirror", **values), ["mirror"])
    speaker = Desk(settings_for(tmp_path / "notifications", **values), ["notifications"])
    prefix = desk.settings.bus.prefix

    async def say(*users: str) -> None:
        async def publish(tx: Tx) -> None:
            tx.publish(*(NotificationsRead(user_id=user, notification_ids=[f"n-{user}"]) for user in users))

        await speaker.database.write(TESTER, publish)

    try:
        with capture_logs() as told:
            await speaker.start()
            await desk.start()
            [following] = desk.followings
            assert isinstance(following, TopicFollowing)
            await say("una")
            await speaker.bus.settle()
            await following.settle()
            assert following.total == 1
            group = f"{prefix}.{following._joined_as}"
            await eventually(lambda: _has_committed(broker, group, prefix, 1), 10)
            held = dict(following.done)

            own_server.kill()
            await say("abe", "otto")
            await eventually(lambda: _is_behind(2))
            await eventually(lambda: _rests_long(following))
            assert following.joined
            assert set(following.done) == set(held), "it is still a member, with all its partitions"
            assert (following.done, await committed(broker, group, prefix)) == (held, 1)
            assert desk.bus.running, "the desk does not mind"

            await asyncio.to_thread(own_server.start)
            await following.settle()
            await eventually(lambda: _is_behind(0), 10)
        reader: AsyncMongoClient[Document] = AsyncMongoClient(own_server.address)
        assert await reader.get_default_database()["notifications"].count_documents({"read": True}) == 3
        await reader.close()
    finally:
        await desk.stop()
        await speaker.stop()
    assert [line["event"] for line in told if line["event"].startswith(NAME)] == ["mirror is away", "mirror is back"]


async def _has_committed(broker: Broker, group: str, prefix: str, count: int) -> bool:
    return await committed(broker, group, prefix) == count


async def _is_behind(count: int) -> bool:
    return bool(metrics.LAG.labels(NAME)._value.get() == count)


async def _rests_long(following: TopicFollowing) -> bool:
    """Tell whether it has tried a few times."""
    return following._pause >= 1.0


async def test_a_message_that_no_version_can_read_does_not_hold_up_the_mirror(
    tmp_path: Path, broker: Broker, url: str
) -> None:
    """What somebody else has written there; the consumers put it aside too."""
    prefix = settings_on(broker)["bus__prefix"]
    mirror = MirrorProcess(tmp_path / "mirror", prefix, broker, url)
    await mirror.read_again()
    bodies = ('{"nothing":1}', '{"userId":"una","notificationIds":["n-1"]}')
    for sequence, body in enumerate(bodies, 1):
        message = Envelope(
            id=f"m-{sequence}", type=NotificationsRead.TYPE, topic=NotificationsRead.TOPIC, key="una", body=body,
            sequence=sequence, time=0, actor="una", actor_kind="person", cause=None, depth=0, trace=None,
        )  # fmt: skip
        key, value, headers = wire.record_of(message)
        await send_raw(broker, f"{prefix}.notifications", key, value, headers)
    no_number = TicketRef(
        id="t-1", number=2**63, title="Printer", category="OTHER", priority="LOW", status="CREATED",
        requester_id="una", agent_id=None, created_at=1, updated_at=1,
    )  # fmt: skip
    body = msgspec.json.encode(TicketCreated(ticket=no_number, created_by="una")).decode()
    key, value, headers = wire.record_of(
        msgspec.structs.replace(message, id="m-3", type=TicketCreated.TYPE, topic=TicketCreated.TOPIC, body=body)
    )
    await send_raw(broker, f"{prefix}.tickets", key, value, headers)
    with capture_logs() as told:
        await mirror.read_again()
    assert {(line["event"], line["id"]) for line in told if line["log_level"] == "error"} == {
        ("mirror passed over an unreadable message", "m-1"),
        ("mirror passed over an unreadable message", "m-3"),
    }
    assert set(await mirror.documents()) == {("notifications", "n-1")}
    assert (await mirror.compare()).differences == []
    await mirror.reader.close()
