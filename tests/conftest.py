"""Fixtures for all tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kafka import MISSING, Broker, begin_run, can_run, end_run, shared_broker
from tests.world import World, open_world


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end_run()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not can_run():
        terminalreporter.write_line(f"NOT TESTED: {MISSING}.", red=True, bold=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh, empty desk with all features and a clock that stands still."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened


@pytest.fixture
def broker() -> Broker:
    """A real Kafka broker, shared with the other tests of this run."""
    return shared_broker()
