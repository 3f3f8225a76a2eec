"""Fixtures for all tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh, empty desk with all features and a clock that stands still."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened
