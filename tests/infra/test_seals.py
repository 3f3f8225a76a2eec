"""Whoever touches the event log after the fact is found out, whatever they touch."""

from collections.abc import Sequence
from typing import Any

import pytest

from answerable.infra.bus import seals
from answerable.infra.bus.seals import Sealing
from answerable.infra.bus.verify import verify_log
from answerable.messages.users import UserChanged
from tests.world import TESTER, World

NAMES = ("Una", "Otto", "Abe", "Bea", "Cid", "Dora")


async def sealed(world: World, blocks: int = 3) -> None:
    """Fill the log, under some seals."""
    for block in range(blocks):
        for name in NAMES:
            event = UserChanged(
                user_id=name, name=f"{name} {block}", email="a@b.test", roles=["USER"], active=True, changed=["name"]
            )
            await world.tell(event)
        assert await Sealing(world.db).seal() >= len(NAMES)
    assert await differences(world) == []


async def differences(world: World) -> list[str]:
    checked, found = await verify_log(world.db)
    assert checked
    return [line for line in found if "seal" in line]


async def meddle(world: World, *statements: str) -> None:
    async def work(tx: Any) -> None:
        for statement in statements:
            await tx.run(statement)

    await world.db.write(TESTER, work)


async def test_an_untouched_log_is_whole_and_its_tail_is_not_sealed_yet(world: World) -> None:
    await sealed(world)
    await world.tell(*[UserChanged(user_id="u", name="U", email="u@b.test", roles=[], active=True, changed=[])])
    assert await differences(world) == []
    assert await Sealing(world.db).seal() == 1
    assert await Sealing(world.db).seal() == 0
    newest = await world.db.read(TESTER, seals.last_seal)
    assert newest.last == (await world.envelopes())[-1].position


async def test_a_seal_covers_many_pages_of_messages(world: World) -> None:
    event = UserChanged(user_id="u", name="U", email="u@b.test", roles=[], active=True, changed=[])
    waiting = await Sealing(world.db).seal()
    await world.tell(*[event] * (seals.PAGE * 2 + 7))
    assert await Sealing(world.db).seal() == seals.PAGE * 2 + 7
    newest = await world.db.read(TESTER, seals.last_seal)
    assert (newest.messages, newest.number) == (seals.PAGE * 2 + 7, 2 if waiting else 1)
    assert await differences(world) == []


AT = "WHERE position = (SELECT MIN(position) + 9 FROM bus_outbox)"
BOTH = "position IN ((SELECT MIN(position) + 3 FROM bus_outbox), (SELECT MIN(position) + 4 FROM bus_outbox))"
TOUCHES: dict[str, Sequence[str]] = {
    **{
        f"another {column}": [f"UPDATE bus_outbox SET {column} = {column} || 'x' {AT}"]
        for column in ("id", "topic", "type", "key", "actor", "actor_kind", "body")
    },
    **{
        f"another {column}": [f"UPDATE bus_outbox SET {column} = {column} + 1000 {AT}"]
        for column in ("sequence", "time", "depth")
    },
    "a cause that was not": [f"UPDATE bus_outbox SET cause = 'x' {AT}"],
    "a trace that was not": [f"UPDATE bus_outbox SET trace = 'x' {AT}"],
    "one letter of a body": [f"UPDATE bus_outbox SET body = REPLACE(body, 'USER', 'USEr') {AT}"],
    "a removed message": [f"DELETE FROM bus_outbox {AT}"],
    "the first one removed": ["DELETE FROM bus_outbox WHERE position = (SELECT MIN(position) FROM bus_outbox)"],
    "the last one removed": ["DELETE FROM bus_outbox WHERE position = (SELECT MAX(position) FROM bus_outbox)"],
    "two that changed places": [
        f"UPDATE bus_outbox SET position = -position WHERE {BOTH}",
        """UPDATE bus_outbox SET position = (SELECT -SUM(position) FROM bus_outbox WHERE position < 0) + position
        WHERE position < 0""",
    ],
    "bodies that changed places": [
        f"""UPDATE bus_outbox SET body = (SELECT o.body FROM bus_outbox o
            WHERE o.position <> bus_outbox.position AND o.{BOTH}) WHERE {BOTH}"""
    ],
    "one put between": [
        f"UPDATE bus_outbox SET position = position + 1000 {AT}",
        """INSERT INTO bus_outbox (position, id, topic, type, key, sequence, time, actor, actor_kind, depth, body)
        SELECT position + 9, 'new', topic, type, 'new', 1, time, actor, actor_kind, depth, body FROM bus_outbox
        WHERE position = (SELECT MIN(position) FROM bus_outbox)""",
    ],
    # one letter, and always one: a hash need not hold any given letter
    "a changed seal": [
        """UPDATE bus_seal SET hash = CASE SUBSTR(hash, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || SUBSTR(hash, 2)
        WHERE number = 2"""
    ],
    "a removed seal": ["DELETE FROM bus_seal WHERE number = 2"],
    "a seal that covers less": ["UPDATE bus_seal SET messages = messages - 1 WHERE number = 2"],
    "a seal of another time": ["UPDATE bus_seal SET sealed_at = sealed_at + 1 WHERE number = 2"],
    "a seal of somebody else": ["UPDATE bus_seal SET mark = 'x' WHERE number = 3"],
}


@pytest.mark.parametrize("touch", TOUCHES)
async def test_every_touch_is_found(world: World, touch: str) -> None:
    await sealed(world)
    await meddle(world, *TOUCHES[touch])
    assert await differences(world) != []


async def test_a_log_that_was_cut_off_with_its_seals_misses_the_one_that_was_noted(world: World) -> None:
    await sealed(world)
    noted = (await world.db.read(TESTER, seals.last_seal)).hash
    assert await world.db.read(TESTER, seals.holds_seal, noted)
    await meddle(
        world,
        "DELETE FROM bus_outbox WHERE position > (SELECT last FROM bus_seal WHERE number = 2)",
        "DELETE FROM bus_seal WHERE number > 2",
    )
    assert await differences(world) == [], "as long as nobody noted anything, an earlier state is a state"
    assert not await world.db.read(TESTER, seals.holds_seal, noted)


async def test_two_processes_seal_once(world: World) -> None:
    await world.tell(*[UserChanged(user_id="u", name="U", email="u@b.test", roles=[], active=True, changed=[])])
    (one, _), (two, _) = await seals.next_seal(world.db), await seals.next_seal(world.db)
    assert one is not None
    assert two is not None
    await world.db.write(TESTER, seals.insert_seal, one, 0)
    await world.db.write(TESTER, seals.insert_seal, two, 0)
    assert await world.sql("SELECT number FROM bus_seal") == await world.sql("SELECT 1 AS number")
    assert await differences(world) == []
