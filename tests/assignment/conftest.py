"""Fixtures of the assignment tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.assignment.desk import PlayedDesk, open_played_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[PlayedDesk]:
    """A desk whose tickets feature the test plays."""
    async with open_played_desk(tmp_path / "desk") as opened:
        yield opened
