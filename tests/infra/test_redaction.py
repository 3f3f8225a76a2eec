"""Words leave the log, and whoever touches it afterwards is still found out."""

from typing import Any

import pytest
from msgspec.structs import replace

from answerable.infra.bus import redaction, seals
from answerable.infra.bus.seals import Sealing
from answerable.kernel.ids import uuid7
from answerable.messages.base import Message
from answerable.messages.erasure import without_person
from answerable.messages.users import UserChanged
from tests.infra.test_seals import differences, meddle, sealed
from tests.world import TESTER, World

USERS = UserChanged.TOPIC


async def erased(world: World, name: str = "Otto") -> None:
    assert await world.db.write(TESTER, redaction.redact, USERS, name, without_person) > 0


async def test_the_chain_holds_without_the_words(world: World) -> None:
    await sealed(world)
    noted = (await world.db.read(TESTER, seals.last_seal)).hash
    await erased(world)
    assert "Otto 0" not in str([dict(row) for row in await world.sql("SELECT * FROM bus_outbox")])
    assert await differences(world) == []
    assert await world.db.read(TESTER, seals.holds_seal, noted)
    assert await world.db.write(TESTER, redaction.redact, USERS, "Otto", without_person) == 0, "once is enough"
    await sealed(world, 1)


async def test_a_message_is_found_beside_what_was_made_with_it_without_reading_its_whole_stream(world: World) -> None:
    event = UserChanged(user_id="Otto", name="Otto", email="a@b.test", roles=[], active=True, changed=["name"])
    made, read = [], []

    async def change(tx: Any) -> None:
        made.append(tx.new_id())
        tx.publish(event)

    for _ in range(5):
        await world.db.write(TESTER, change)
        await world.advance(seconds=1)

    def without_name(message: Message) -> Message:
        read.append(message)
        return without_person(message)

    assert await world.db.write(TESTER, _redact_beside, without_name, made[3]) == 1
    assert len(read) == 1
    assert await world.db.write(TESTER, _redact_beside, without_name, uuid7(1, 0, "0" * 16)) == 4, "it looks further"
    assert await differences(world) == []


async def _redact_beside(tx: Any, rewrite: Any, made: str) -> int:
    return await redaction.redact(tx, USERS, "Otto", rewrite, beside=[made])


async def test_words_may_go_in_several_steps(world: World) -> None:
    await sealed(world)

    def without_name(message: Message) -> Message:
        assert isinstance(message, UserChanged)
        return replace(message, name="Erased person")

    await world.db.write(TESTER, redaction.redact, USERS, "Otto", without_name)
    await erased(world)
    assert await differences(world) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bus_outbox SET body = REPLACE(body, 'Erased', 'Elated') WHERE position = :lost",
        "UPDATE bus_outbox SET actor = 'somebody' WHERE position = :lost",
        "UPDATE bus_outbox SET time = time + 1 WHERE position = :lost",
        "DELETE FROM bus_redaction WHERE position = :lost",
        "UPDATE bus_redaction SET digest = '0' || digest WHERE position = :lost",
        "UPDATE bus_redaction SET position = position + 1 WHERE position = :lost",
        "UPDATE bus_outbox SET body = REPLACE(body, 'Una', 'Ada') WHERE key = 'Una'",
        "DELETE FROM bus_outbox WHERE position = :lost",
        "UPDATE bus_seal SET salts = SUBSTR(salts, 2) || SUBSTR(salts, 1, 1) WHERE number = 2",
    ],
)
async def test_whoever_touches_what_is_left_is_found_out(world: World, statement: str) -> None:
    await sealed(world)
    await erased(world)
    lost = (await world.sql("SELECT MIN(position) AS lost FROM bus_redaction"))[0]["lost"]
    await meddle(world, statement.replace(":lost", str(lost)))
    assert await differences(world) != []


async def test_nobody_can_pretend_that_something_was_erased(world: World) -> None:
    await sealed(world)
    row = (await world.sql("SELECT position, body FROM bus_outbox WHERE key = 'Una' ORDER BY position"))[0]
    salts = (await world.sql("SELECT salts FROM bus_seal WHERE number = 1"))[0]["salts"]
    first = (await world.sql("SELECT MIN(position) AS first FROM bus_outbox"))[0]["first"]
    place = (row["position"] - first) * seals.SALT
    digest = seals.digest_of(salts[place : place + seals.SALT], row["body"])
    await meddle(
        world,
        f"INSERT INTO bus_redaction VALUES ({row['position']}, '{digest}', '{digest}', 1)",
        f"UPDATE bus_outbox SET body = REPLACE(body, 'Una', 'Ada') WHERE position = {row['position']}",
    )
    assert await differences(world) != []


async def test_what_is_not_sealed_yet_is_sealed_without_its_words(world: World) -> None:
    await sealed(world)
    event = UserChanged(user_id="Otto", name="Otto 9", email="a@b.test", roles=[], active=True, changed=["name"])
    await world.tell(event)
    made, rewritten = await seals.next_seal(world.db)
    await erased(world)
    assert made is not None
    await world.db.write(TESTER, seals.insert_seal, made, rewritten)  # made of words that are gone by now
    assert (await world.db.read(TESTER, seals.last_seal)).number == 3
    assert await Sealing(world.db).seal() == 1
    assert await differences(world) == []


async def test_seals_over_words_are_made_anew_first(world: World) -> None:
    await sealed(world)
    await _as_they_were_once(world)
    noted = (await world.db.read(TESTER, seals.last_seal)).hash
    assert await differences(world) == []
    await erased(world)
    assert await differences(world) == []
    assert await world.db.read(TESTER, seals.holds_seal, noted), "under its former hash"
    await sealed(world, 1)


async def test_seals_over_words_that_do_not_hold_stay_found(world: World) -> None:
    await sealed(world)
    await _as_they_were_once(world)
    await meddle(world, "UPDATE bus_outbox SET body = REPLACE(body, 'Una 0', 'Ada 0')")
    await erased(world)
    assert await differences(world) != []


async def _as_they_were_once(world: World) -> None:
    """Seal the log as versions before did: over the bodies themselves."""

    async def work(tx: Any) -> None:
        key, before = seals._key(tx), seals.NOTHING
        while found := await seals._seals_after(tx, before.number, 1):
            seal = found[0]
            covered = await seals._load(tx, before.last, seal.messages, seal.last)
            made = seals._hash(key, f"{seal.number} {seal.sealed_at} {before.hash}", covered, None)
            await tx.run(
                "UPDATE bus_seal SET hash = :hash, salts = NULL WHERE number = :number", hash=made, number=seal.number
            )
            before = replace(seal, hash=made, salts=None)

    await world.db.write(TESTER, work)
