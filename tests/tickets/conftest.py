"""A desk of which only people and tickets run, with everybody in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tickets.desk import TicketDesk
from tests.world import open_world


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[TicketDesk]:
    async with open_world(tmp_path / "office", ["users", "tickets"], auth__access_seconds=10**8) as world:
        yield await TicketDesk(world).hire()
