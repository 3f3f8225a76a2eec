"""``answerable person``, beside a desk or without one."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from answerable.kernel.errors import Conflict, Missing
from answerable.users.cli.person import person
from tests.people import make_person
from tests.users.test_cli import Opener
from tests.world import open_world


def run(folder: Path, *options: str, typed: str = "") -> Result:
    return CliRunner().invoke(person, options, input=typed, obj=Opener(folder))


async def test_somebody_is_taken_out_and_erased_at_a_prompt(tmp_path: Path) -> None:
    async with open_world(tmp_path / "desk") as world:
        una = await make_person(world, name="Una User")
        await make_person(world, "ADMIN", name="Ada Admin", email="ada@desk.test")
        await world.settle()
    desk, file = tmp_path / "desk", tmp_path / "una.json"

    def story() -> None:
        assert run(desk, "export", una.email, "--output", str(file)).exit_code == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text())["parts"]["users"]["account"]["name"] == "Una User"
        text = run(desk, "export", una.id, "--text").output
        assert "  users:\n    account:\n" in text
        assert "name: Una User" in text
        dry = run(desk, "erase", una.email, "--dry-run")
        assert dry.output.endswith("Nothing was erased.\n")
        assert run(desk, "erase", una.email, typed="n\n").exit_code == 1
        assert isinstance(run(desk, "erase", "ada@desk.test", "--yes").exception, Conflict)
        assert run(desk, "erase", una.email, typed="y\n").exit_code == 0
        assert isinstance(run(desk, "erase", una.email, "--yes").exception, Missing)

    await asyncio.to_thread(story)
    async with open_world(tmp_path / "desk") as world:
        await world.settle()
        rows = await world.sql("SELECT name FROM tickets_known_person WHERE id = :id", id=una.id)
        assert [row["name"] for row in rows] == ["Erased person"]


@pytest.mark.one_engine
def test_nobody_is_nobody(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path, "export", "nobody@desk.test").exception, Missing)
