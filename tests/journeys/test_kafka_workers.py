"""Several processes on one PostgreSQL and one Kafka: one sends, all listen and consume, any of them may be killed."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from answerable.infra.bus.kafka import KafkaBus
from answerable.infra.bus.verify import verify_log
from answerable.infra.database.postgres.address import lock_key
from answerable.kernel.actor import service
from answerable.kernel.tx import Tx
from answerable.messages.base import Envelope
from answerable.messages.users import UserRegistered
from answerable.runtime import Desk
from answerable.services import features_of
from tests.engines import ENGINE, SCHEMA
from tests.journeys.test_postgres_faults import company, expect_whole, some_more
from tests.kafka import Broker, records_in, settings_on
from tests.processes import Child, ServerProcess, children_of, eventually, make_admin, rows_in, warm_server
from tests.world import World, open_world

pytestmark = [pytest.mark.slow, pytest.mark.on_disk, pytest.mark.on_postgres]
HELD = """SELECT a.client_port FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'
    AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = {key} AND a.datname = current_database()"""


@asynccontextmanager
async def second_process(world: World) -> AsyncIterator[Desk]:
    desk = Desk(world.desk.settings, clock=world.clock)
    await desk.prepare()
    yield desk
    await desk.stop()


def bus_of(desk: Desk) -> KafkaBus:
    assert isinstance(desk.bus, KafkaBus)
    return desk.bus


async def register(desk: Desk, *names: str) -> None:
    told = [UserRegistered(user_id=n, name=n, email=f"{n}@x.test", roles=["AGENT"], active=True) for n in names]

    async def publish(tx: Tx) -> None:
        tx.publish(*told)

    await desk.database.write(service("users"), publish)


async def known(world: World, desk: Desk) -> int:
    rows = await world.rows(desk, "SELECT COUNT(*) AS known FROM assignment_agent")
    return int(rows[0]["known"])


async def test_one_process_sends_and_another_takes_over_within_a_second(tmp_path: Path, broker: Broker) -> None:
    async with open_world(tmp_path / "desk", **settings_on(broker)) as one, second_process(one) as two:
        heard: dict[str, list[str]] = {"one": [], "two": []}
        for name, desk in (("one", one.desk), ("two", two)):
            bus_of(desk)._consumers._listeners["USER_REGISTERED"] = [partial(_note, heard[name])]
            bus_of(desk)._hearing._types.add("USER_REGISTERED")
            await desk.start()
            await eventually(lambda: _sends_or_follows(desk))  # noqa: B023
        assert [bus_of(desk)._relay.term > 0 for desk in (one.desk, two)] == [True, False]
        await eventually(lambda: _hears(one.desk, two))
        await register(two, "Una")

        async def both_heard() -> bool:
            return heard["one"] == heard["two"] == ["Una"]

        await eventually(both_heard)
        assert bus_of(two)._relay.total == 0, "one process sends"
        await eventually(lambda: _nothing_is_unsent(two))  # which the other knows
        await eventually(lambda: two.bus.catch_up("assignment", 1.0))  # nor is it unheard: the clock is shared
        assert await known(one, two) == 1

        loop = asyncio.get_running_loop()
        await one.desk.stop()  # the lead goes with its connection, however that ends
        begun = loop.time()
        await eventually(lambda: _sends(two))
        assert loop.time() - begun < 5, "within a second; the rest is for a busy machine"
        await register(two, "Otto", "Ida")
        await eventually(lambda: _knows(one, two, 3))
        assert bus_of(two)._relay.total >= 2
        assert (await verify_log(two.database))[1] == []


async def _nothing_is_unsent(desk: Desk) -> bool:
    return (await desk.bus.lag())["relay"] == 0


def _note(heard: list[str], _: Envelope, event: UserRegistered) -> None:
    heard.append(event.name)


async def _sends_or_follows(desk: Desk) -> bool:
    bus = bus_of(desk)
    return bus.running and (bus._relay.term > 0 or bus._relay.position > 0)


async def _sends(desk: Desk) -> bool:
    return bus_of(desk)._relay.term > 0


async def _hears(*desks: Desk) -> bool:
    return all(bus_of(desk)._hearing.joined for desk in desks)


async def _knows(world: World, desk: Desk, count: int) -> bool:
    return await known(world, desk) == count


def leader_of(folder: Path, running: ServerProcess) -> Child | None:
    """Return the worker whose writing connection holds the leader's lock."""
    rows = rows_in(folder, HELD.format(key=lock_key(SCHEMA, "leader")))
    local = {f"{row[0]:04X}" for row in rows}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {line[9] for line in lines if line[1].rpartition(":")[2] in local}
    for child in children_of(running):
        links = [str(link.readlink()) for link in Path(f"/proc/{child.pid}/fd").iterdir() if link.is_symlink()]
        if any(match[1] in inodes for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))):
            return child
    return None


async def test_the_leader_is_killed_under_load(tmp_path: Path, broker: Broker) -> None:
    folder = tmp_path / "desk"
    address = ENGINE.address_of(folder)
    values = settings_on(broker)
    kept = {"ANSWERABLE_BUS_PREFIX": values["bus__prefix"], "ANSWERABLE_BUS_PARTITIONS": "3"}
    make_admin(folder)
    # The options reach the workers, whatever else the environment says.
    kept["ANSWERABLE_DATABASE"] = "postgresql://nobody@127.0.0.1:1/nothing"
    with warm_server(folder, "--workers", "2", "--database", address, "--bus", broker.url, **kept) as running:
        async with company(running.url) as customers:
            await some_more(customers)
            for _ in range(2):
                leader: Child | None = None

                async def somebody_leads() -> bool:
                    nonlocal leader
                    leader = await asyncio.to_thread(leader_of, folder, running)
                    return leader is not None

                await eventually(somebody_leads)
                assert leader is not None
                leader.kill()
                await some_more(customers)
        await expect_whole(folder, address, running.url, customers)
        await eventually(lambda: asyncio.to_thread(_everything_is_done, folder))
        assert "Traceback" not in running.errors.read_text()
        running.stop(20)
    await expect_sent(folder, broker, values["bus__prefix"])


def _everything_is_done(folder: Path) -> bool:
    """Tell whether the outbox is sent, and every consumer has done every message that it wants."""
    wanted = [(feature.name, cls.TYPE) for feature in features_of() for cls in feature.consumers]
    pairs = ", ".join(f"('{consumer}', '{type_}')" for consumer, type_ in wanted)
    (row,) = rows_in(
        folder,
        f"""SELECT (SELECT position FROM bus_offset WHERE consumer = 'relay') = (SELECT MAX(position) FROM bus_outbox)
            AND NOT EXISTS (SELECT 1 FROM bus_outbox o JOIN (VALUES {pairs}) AS w (consumer, type) ON w.type = o.type
                WHERE NOT EXISTS (SELECT 1 FROM bus_inbox i WHERE i.consumer = w.consumer AND i.message = o.id))""",
    )
    return bool(row[0])


async def expect_sent(folder: Path, broker: Broker, prefix: str) -> None:
    """Every message of the outbox is in its topic at least once, and the first copies are in order for each key."""
    outbox: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for topic, key, id_ in rows_in(folder, "SELECT topic, key, id FROM bus_outbox ORDER BY position"):
        outbox[topic].append((key, id_))
    for topic, wanted in outbox.items():
        sent: dict[str, list[str]] = defaultdict(list)
        for record in await records_in(broker, prefix + topic.removeprefix("answerable")):
            id_ = dict(record.headers)["ce_id"].decode()
            if id_ not in sent[record.key.decode()]:
                sent[record.key.decode()].append(id_)
        expected: dict[str, list[str]] = defaultdict(list)
        for key, id_ in wanted:
            expected[key].append(id_)
        assert sent == expected, topic
