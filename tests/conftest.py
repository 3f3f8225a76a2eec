"""Fixtures for all tests."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests import kafka
from tests.engines import ENGINE, SHARED, end_run, missing, prepare_run
from tests.kafka import Broker, shared_broker
from tests.world import World, open_world

# On PostgreSQL these run in make test-fast too; the rest of the suite does so in make test.
FAST_ON_POSTGRES = ("tests/infra/test_bus.py", "tests/tickets/test_life.py", "tests/assignment/test_consumers.py")
# What has nothing to do with the engine, or brings one of its own.
ONE_ENGINE = ("tests/deploy/", "tests/settings/", "tests/mirror/", "tests/infra/test_kafka", "tests/infra/test_shared_")
_INSIST = os.environ.get("TESTS_INSIST")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folders of the run's PostgreSQL and Kafka, once for all workers."""
    if not hasattr(config, "workerinput"):
        kafka.begin_run()
    if SHARED not in os.environ:
        config.stash[_RUN] = prepare_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's PostgreSQL and Kafka."""
    if not hasattr(config, "workerinput"):
        kafka.end_run()
    folder = config.stash.get(_RUN, None)
    if folder is not None:
        end_run(folder)


_RUN = pytest.StashKey[Path]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that keeps a desk in a folder on both engines; marks name those of one."""
    if metafunc.definition.get_closest_marker("on_postgres"):
        metafunc.parametrize("engine", ["postgres"], indirect=True)
        return
    if "tmp_path" not in metafunc.fixturenames or metafunc.definition.get_closest_marker("one_engine"):
        return
    path = metafunc.definition.nodeid.partition("::")[0]
    if path.startswith(ONE_ENGINE):
        return
    marks = [] if path in FAST_ON_POSTGRES else [pytest.mark.slow]
    metafunc.parametrize("engine", ["sqlite", pytest.param("postgres", marks=marks)], indirect=True)


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine of this test."""
    name: str = getattr(request, "param", "sqlite")
    if name == "sqlite":
        yield name
        return
    if missing() and not _INSIST:
        pytest.skip(missing())
    assert not missing(), missing()
    ENGINE.use(name)
    try:
        yield name
    finally:
        ENGINE.forget()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not kafka.can_run():
        terminalreporter.write_line(f"NOT TESTED: {kafka.MISSING}.", red=True, bold=True)
    if missing():
        terminalreporter.write_line(f"NOT TESTED: PostgreSQL: {missing()}.", red=True, bold=True)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh, empty desk with all features and a clock that stands still."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened


@pytest.fixture
def broker() -> Broker:
    """A real Kafka broker, shared with the other tests of this run."""
    return shared_broker()
