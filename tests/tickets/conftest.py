"""A desk of which only people and tickets run, with everybody in."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.tickets.desk import TicketDesk, everybody_comes
from tests.world import open_world_after


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[TicketDesk]:
    lasting: Any = {"auth__access_seconds": 10**8}
    opened = open_world_after(everybody_comes, tmp_path / "office", ["users", "tickets"], **lasting)
    async with opened as (world, people):
        yield TicketDesk(world, people)
