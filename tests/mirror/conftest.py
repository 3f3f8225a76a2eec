"""Fixtures for the tests of the mirror."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.mirror.glass import Glass, open_glass
from tests.mirror.server import OwnServer, database, shared_server


@pytest.fixture(scope="session")
def server_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server of this test run."""
    base = tmp_path_factory.getbasetemp()
    with shared_server(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) as address:
        yield address


@pytest.fixture
def url(server_address: str, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of one test."""
    with database(server_address, f"desk-{tmp_path.parent.name}-{tmp_path.name}"[-60:]) as address:
        yield address


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OwnServer]:
    """A server of one test."""
    server = OwnServer(tmp_path / "mongodb")
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def glass(tmp_path: Path, url: str) -> AsyncIterator[Glass]:
    """A desk with a mirror."""
    async with open_glass(tmp_path / "desk", url) as opened:
        yield opened
