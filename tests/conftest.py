"""Fixtures for all tests."""

import gc
import logging
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
import structlog
from jinja2 import FileSystemBytecodeCache

from answerable.infra.web.html import environment
from tests import engines, kafka, run
from tests.engines import ENGINE
from tests.kafka import MISSING, Broker, can_run, shared_broker
from tests.world import World, open_world

# On PostgreSQL this runs in make test-fast too; the rest of the suite does so in make test.
FAST_ON_POSTGRES = ("tests/tickets/test_life.py",)
# These are about another engine's partner, whichever engine it is.
ONCE = (
    "tests/browser/",
    "tests/deploy/",
    "tests/settings/",
    "tests/mirror/",
    "tests/privacy/test_apart.py",
    "tests/infra/test_kafka",
    "tests/infra/test_following",
    "tests/infra/test_shared_",
    "tests/journeys/test_kafka",
)
# Whole processes, brokers and browsers: spread over the run and its workers, so that none is left with them at the end.
HEAVY = (
    "tests/assignment/test_history.py",
    "tests/browser/",
    "tests/commands/",
    "tests/docs/test_readme_tour.py",
    "tests/faults/",
    "tests/infra/test_kafka",
    "tests/infra/test_postgres",
    "tests/journeys/",
    "tests/mirror/",
    "tests/privacy/test_apart.py",
    "tests/reporting/test_equal_recount.py",
    "tests/security/test_01_paired_worlds.py",
    "tests/security/test_fuzzed_",
    "tests/sla/test_backtest.py",
    "tests/sla/test_opening.py",
    "tests/sla/test_sharing.py",
)
# In make test only: every route by every caller and in every spelling, and all that is heavy.
LONG = (
    *HEAVY,
    "tests/infra/test_proxy.py",
    "tests/privacy/",
    "tests/security/test_04_spam_relay.py",
    "tests/security/test_05_stored_xss.py",
    "tests/security/test_10_provider.py",
    "tests/security/test_12_enumeration.py",
    "tests/security/test_13_limits.py",
    "tests/security/test_16_stale_rights.py",
    "tests/sla/test_terms_pages.py",
    "tests/users/test_browsers.py",
    "tests/users/test_links.py",
    "tests/users/test_second_factor.py",
    "tests/webhooks/",
    "tests/security/test_01_paths.py::test_no_way",
    "tests/security/test_13_exhaustion.py",
    "tests/security/test_15_browsers.py",
    "tests/security/test_bad_input.py",
)
FAST_ALL_THE_SAME = ("test_somebody_signs_in_and_out", "test_a_unit_")
SHORTER_STORIES = ("test_a_promise", "test_a_manager", "test_nobody_is_free")
# One random history each on PostgreSQL: what more of them find is the desk's own, whatever the engine.
MORE_HISTORIES = (
    "test_every_figure_equals_a_recount_after_a_random_history[postgres-2",
    "test_every_figure_equals_a_recount_after_a_random_history[postgres-3",
    "test_whatever_people_do_the_desk_is_sound[postgres-long ",
    *(f"test_the_reports_equal_a_recount_at_any_time_for_any_days[postgres-{seed}" for seed in range(2, 9)),
    *(f"test_what_has_held_gives_every_live_verdict_again[postgres-{seed}" for seed in range(1, 8)),
)
_INSIST = os.environ.get("TESTS_INSIST")
_EVERYTHING = os.environ.get("TESTS_EVERYTHING")  # make test-long: what a run under ten minutes leaves out


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose what the workers of a run share."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a test that waits asks again and again
    if not hasattr(config, "workerinput"):
        for left in run.begin():
            engines.end_run(left)
            shutil.rmtree(left, ignore_errors=True)
        if config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.collectonly:
            run.start_early(kafka.start_early, engines.start_early)  # all tests: some will want them


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers of this run."""
    if not hasattr(config, "workerinput"):
        run.wait_for_early_starts()
        engines.end_run(run.folder())
        kafka.end_run(run.folder())
        run.end()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that keeps a desk in a folder on both engines; marks name those of one."""
    if metafunc.definition.get_closest_marker("on_postgres"):
        metafunc.parametrize("engine", ["postgres"], indirect=True)
        return
    if "tmp_path" not in metafunc.fixturenames or metafunc.definition.get_closest_marker("one_engine"):
        return
    path = metafunc.definition.nodeid.partition("::")[0]
    if path.startswith(ONCE):
        return
    marks = [] if path in FAST_ON_POSTGRES else [pytest.mark.slow]
    metafunc.parametrize("engine", ["sqlite", pytest.param("postgres", marks=marks)], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Let each worker read a share of the test files before it reads all of them.

    On a clean clone each has to be compiled, assertions and all, and the workers would do so side by side: each for
    itself, more than they need for everything else until the first test. What one has compiled, the others read.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    root = Path(__file__).parent
    named = [Path(argument.partition("::")[0]).resolve() for argument in session.config.args]
    files = [file for file in sorted(root.rglob("test_*.py")) if any(file.is_relative_to(place) for place in named)]
    for file in files[int(worker) :: workers] if workers > 1 else ():
        with suppress(Exception, pytest.skip.Exception):  # whatever is wrong with it is told when it is collected
            import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of PostgreSQL with Kafka, run the longest story of services apart, which has both; each alone has all stories.

    Of what is long and random, PostgreSQL has one each.

    What takes long is left to ``make test``, and what is left out here to ``make test-long``.
    """
    for item in items:
        if item.nodeid.startswith(LONG) and not item.name.startswith(FAST_ALL_THE_SAME):
            item.add_marker(pytest.mark.slow)
    left_out = [item for item in items if "postgres" in item.name and _is_left_out(item.name)]
    if _EVERYTHING:
        left_out = []
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    items[:] = _spread(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over what stays, as ``serve`` does; keep what templates become, for all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    for language in ("en", "de"):
        compiled = run.folder() / f"templates-{language}"
        compiled.mkdir(exist_ok=True)
        environment(language).bytecode_cache = FileSystemBytecodeCache(str(compiled))


def _spread(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Give each worker's share of the tests as many heavy ones, with light ones between them."""
    heavy = [item for item in items if item.nodeid.startswith(HEAVY)]
    light = [item for item in items if not item.nodeid.startswith(HEAVY)]
    spread: list[pytest.Item] = []
    for worker in range(workers):
        mine, between = heavy[worker::workers], light[worker::workers]
        step = len(between) * 8 // 10 // max(1, len(mine))
        for place, item in enumerate(mine):
            spread += [*between[place * step : (place + 1) * step], item]
        spread += between[len(mine) * step :]
    return spread


def _is_left_out(name: str) -> bool:
    if "apart" in name:
        return name.startswith(SHORTER_STORIES)
    return "kafka" in name or name.startswith(MORE_HISTORIES)


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine of this test."""
    name: str = getattr(request, "param", "sqlite")
    if name == "sqlite":
        yield name
        return
    missing = engines.missing()
    if missing and not _INSIST:
        pytest.skip(missing)
    assert not missing, missing
    ENGINE.use(name)
    try:
        yield name
    finally:
        ENGINE.forget()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for why in (None if can_run() else MISSING, engines.missing()):
        if why:
            terminalreporter.write_line(f"NOT TESTED: {why}.", red=True, bold=True)


@pytest.fixture(autouse=True)
def plain_logging() -> None:
    """Log as a fresh process does, whatever an earlier test has set up."""
    structlog.reset_defaults()


@pytest.fixture
def tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for one test; on a disk where the test is marked so."""
    if not request.node.get_closest_marker("on_disk"):
        yield tmp_path
        return
    with run.disk_folder("answerable-test-") as folder:
        yield folder


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A fresh, empty desk with all features and a clock that stands still."""
    async with open_world(tmp_path / "desk") as opened:
        yield opened


@pytest.fixture
def broker() -> Broker:
    """A real Kafka broker, shared with the other tests of this run."""
    return shared_broker()
