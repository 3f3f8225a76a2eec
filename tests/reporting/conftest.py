"""A desk of which only people and reports run: what happens to tickets is told by the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.people import TestPerson, make_person
from tests.world import World, open_world


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "reports", ("users", "reporting"), auth__access_seconds=10**8) as opened:
        yield opened


@pytest.fixture
async def boss(desk: World) -> TestPerson:
    return await make_person(desk, "MANAGER", name="Mia Manager")
