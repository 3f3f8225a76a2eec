"""The users service alone: it needs no other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh, empty users service."""
    async with open_world(tmp_path / "desk", ("users",)) as opened:
        yield opened
