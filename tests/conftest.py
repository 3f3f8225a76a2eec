"""Fixtures for all tests."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engines import ENGINE, SHARED, end_run, missing, prepare_run
from tests.world import World, open_world

# On PostgreSQL these run in make test-fast too; the rest of the suite does so in make test.
FAST_ON_POSTGRES = ("tests/infra/test_bus.py", "tests/tickets/test_life.py", "tests/assignment/test_consumers.py")
_INSIST = os.environ.get("TESTS_INSIST")


def pytest_configure(config: pytest.Config) -> None:
    """Choose a folder for the run's PostgreSQL, once for all workers."""
    if SHARED not in os.environ:
        config.stash[_RUN] = prepare_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's PostgreSQL."""
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


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh, empty desk with all features and a clock that stands still."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened
