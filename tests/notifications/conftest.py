"""A desk that only knows people and notifications, with a mail server beside it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.smtp import Mailbox, open_mailbox
from tests.world import World, open_world

SERVICES = ("users", "notifications")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[World]:
    """No mail server is set."""
    async with open_world(tmp_path / "desk", SERVICES) as opened:
        yield opened


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with open_mailbox() as opened:
        yield opened


@pytest.fixture
async def mailing(tmp_path: Path, mailbox: Mailbox) -> AsyncIterator[World]:
    """Mail goes to ``mailbox``."""
    async with open_world(
        tmp_path / "mailing",
        SERVICES,
        mail__host="127.0.0.1",
        mail__port=mailbox.port,
        mail__security="none",
        mail__timeout_seconds=20.0,  # nobody is silent here: who comes late was kept waiting by the machine
        mail__sender="The desk <desk@example.org>",
        server__public_url="https://desk.example.org/",
    ) as opened:
        yield opened
