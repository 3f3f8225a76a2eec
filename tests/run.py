"""What one run of the tests shares: its folder, and the servers in it, for all of its workers.

The folder is in memory where there is room: nothing in it has to survive the run, and thousands of desks would
wait for a disk thousands of times. Tests that end things badly ask for a disk (the mark ``on_disk``). All of it is
gone at the end of the run; ``pytest --basetemp FOLDER`` keeps what the tests wrote.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

FOLDER = "TESTS_RUN"  # made by the process that the developer started, known to its workers
DISK = "TESTS_DISK"
MEMORY = Path("/dev/shm")
ENOUGH = 2 << 30  # bytes: a container's is often too small
_EARLY = ThreadPoolExecutor(2, thread_name_prefix="early start")
_PREFIX = "answerable-tests-"


def folder() -> Path:
    """Return the folder of this run."""
    return Path(os.environ[FOLDER])


def begin() -> list[Path]:
    """Make the folder of this run; return those of runs that were killed."""
    os.environ.setdefault(DISK, tempfile.gettempdir())
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH
    place = MEMORY if in_memory else Path(os.environ[DISK])
    left = [found for found in place.glob(f"{_PREFIX}*") if _is_left(found)]
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    made.chmod(0o755)  # PostgreSQL runs as somebody else
    (made / "owner").write_text(str(os.getpid()))
    os.environ[FOLDER] = os.environ["TMPDIR"] = str(made)
    tempfile.tempdir = None  # whoever asks for a place from now on, here and in the workers, is given this one
    return left


def start_early(*starts: Callable[[], object]) -> None:
    """Start servers while the workers still look for tests; who needs one that did not start tries again, and tells."""
    for start in starts:
        _EARLY.submit(start)


def wait_for_early_starts() -> None:
    """Let what was begun end: only what runs can be stopped."""
    _EARLY.shutdown()


def _is_left(found: Path) -> bool:
    try:
        return not Path(f"/proc/{(found / 'owner').read_text()}").exists()
    except OSError:
        return False


def end() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ.pop(FOLDER), ignore_errors=True)
    os.environ["TMPDIR"] = os.environ.pop(DISK)
    tempfile.tempdir = None


@contextmanager
def disk_folder(prefix: str) -> Iterator[Path]:
    """Give a folder on a disk, where what is written and then cut off is as real as it can be."""
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=os.environ[DISK]))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
