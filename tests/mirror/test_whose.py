"""A mirror is of one desk: another one leaves it alone until somebody takes it over for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from answerable.infra.secret import with_secret
from answerable.kernel.errors import Conflict
from answerable.mirror import actions, consumers, queries
from answerable.mirror.store import desk_of, open_store
from answerable.settings import Settings
from tests.mirror.glass import Glass, open_glass, said
from tests.people import make_person
from tests.processes import eventually

pytestmark = pytest.mark.slow
OTHER_SECRET = "qv8" * 8 + "-another-secret-for-tests"
OF_ANOTHER = "is the mirror of another desk"


@pytest.fixture
async def other(tmp_path: Path, url: str, glass: Glass) -> AsyncIterator[Glass]:
    """Another desk, which was given the mirror of the first one; both have somebody, the first one's is shown."""
    await make_person(glass.world)
    await glass.reflect()
    async with open_glass(tmp_path / "other", url, storage__secret=OTHER_SECRET) as opened:
        await make_person(opened.world)
        await opened.world.settle()
        yield opened


async def test_the_mirror_of_another_desk_is_left_alone_until_it_is_taken_over(glass: Glass, other: Glass) -> None:
    before = await glass.documents()
    with pytest.raises(Conflict, match=OF_ANOTHER):
        await other.following.settle()
    for command in ("verify", "rebuild"):
        told = await other.command("mirror", command)
        assert told.exit_code == 1, told.output
        assert OF_ANOTHER in told.stderr
        assert "'answerable mirror rebuild --replace'" in told.stderr
    assert await glass.documents() == before == await said(glass.world)
    assert (await glass.command("mirror", "verify")).exit_code == 0

    taken = await other.command("mirror", "rebuild", "--replace")
    assert taken.exit_code == 0, taken.output
    assert await other.documents() == await said(other.world) != before
    assert await other.following.settle() == 0, "rebuilding has read everything"

    await glass.again()
    with pytest.raises(Conflict, match=OF_ANOTHER):
        await glass.following.settle()
    assert await other.documents() == await said(other.world)


async def test_a_desk_at_work_sees_that_its_mirror_was_taken_over(
    glass: Glass, other: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.0)
    await glass.again()
    await glass.following.settle()
    await other.command("mirror", "rebuild", "--replace")
    await make_person(glass.world)
    await glass.world.settle()
    with pytest.raises(Conflict, match=OF_ANOTHER):
        await glass.following.settle()
    assert await other.documents() == await said(other.world)


async def test_the_log_says_whose_it_is_not(other: Glass) -> None:
    with capture_logs() as lines:
        other.following.start()
        await eventually(lambda: asyncio.sleep(0, any(line["event"] == "mirror is away" for line in lines)))
    [reason] = [line["reason"] for line in lines if line["event"] == "mirror is away"]
    assert OF_ANOTHER in reason


async def test_a_mirror_of_before_is_of_the_desk_that_comes_first(glass: Glass, other: Glass) -> None:
    """As the version before this one wrote it: with a name, and nothing about whose it is."""
    marker = glass.database["answerable_mirror"]
    as_made = await marker.find_one({})
    await marker.update_one({}, {"$unset": {"desk": ""}})
    assert (await glass.command("mirror", "verify")).exit_code == 0
    assert "desk" not in (await marker.find_one({}) or {}), "who only reads takes nothing"
    await glass.again()
    assert await glass.following.settle() == 0, "it goes on where it was"
    assert await marker.find_one({}) == as_made
    with pytest.raises(Conflict, match=OF_ANOTHER):
        await other.following.settle()


async def test_a_desk_with_a_new_secret_takes_its_mirror_over_as_it_is(glass: Glass, other: Glass) -> None:
    settings = glass.world.desk.settings
    marker = await glass.database["answerable_mirror"].find_one({})
    assert settings.storage.secret not in repr(marker)
    store = open_store(settings.with_values("test", storage__secret="of-today-" + OTHER_SECRET))
    with pytest.raises(Conflict, match=r"or of this one when it had another storage\.secret"):
        await queries.compare_all(glass.history, store)
    await store.take_over()
    mended, after = await actions.rebuild(glass.history, store)
    assert (mended, after.behind, after.differences) == (0, 0, [])
    await store.close()


async def test_a_mirror_that_is_emptied_while_the_desk_runs_is_filled_again(
    glass: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.0)
    await make_person(glass.world)
    await glass.reflect()
    await glass.reader.drop_database(glass.database.name)
    await make_person(glass.world)
    await glass.world.settle()
    with pytest.raises(Conflict, match="was emptied or swapped"):
        await glass.following.settle()
    await glass.following.settle()
    assert await glass.documents() == await said(glass.world)


async def test_services_apart_know_their_desk_by_the_secret_they_share(tmp_path: Path, glass: Glass) -> None:
    """A process whose secret was made in its own folder takes what is nobody's, says nothing, and leaves the rest."""
    settings = [
        with_secret(Settings().with_values("test", storage__data_dir=str(tmp_path / name), mirror__url=address))
        for name, address in (("one", glass.world.desk.settings.mirror.url), ("two", "mongodb://127.0.0.1/x"))
    ]
    assert [desk_of(each, ["mirror"]) for each in settings] == ["", ""]
    assert len({desk_of(each) for each in settings}) == 2, "alone, each is a desk"
    shared = [each.with_values("a file", storage__secret=OTHER_SECRET) for each in settings]
    assert len({desk_of(each, ["mirror"]) for each in shared}) == 1

    apart = open_store(settings[0], ["mirror"])
    name = await apart.generation()
    assert set(await glass.database["answerable_mirror"].find_one({}) or {}) == {"_id", "generation"}
    await glass.following.settle()
    with pytest.raises(Conflict, match=OF_ANOTHER):
        await apart.generation()
    assert await apart.take_over() != name
    assert await apart.generation() == await apart.find_generation()
    await apart.close()
