"""Hold processes to a share of a core each, with the kernel's control groups.

On a machine of two cores, two workers, a database and a load share what one worker, a database and a load shared: how
much two workers can do is then a matter of arithmetic. Held to a share of a core each, they show whether they stand
in each other's way, as they would on a machine with cores to spare.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PERIOD_US = 100_000  # what is left of a period is lost: in short ones, much of so small a share


def _home() -> tuple[Path, bool] | None:
    """Return where groups with a share of the processors are made, and whether by the first version's rules."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup" and "cpu" in options.split(","):
            return Path(place), True
        if kind == "cgroup2" and "cpu" in (Path(place) / "cgroup.subtree_control").read_text().split():
            return Path(place), False
    return None


@contextmanager
def held_to(share: float, processes: Sequence[int]) -> Iterator[bool]:
    """Hold each process and its threads to a share of one core; tell whether that was possible, loudly if not.

    ``share`` is of a core's time, above 0 and up to 1. The groups are gone afterwards, and the processes free again.
    """
    home = _home()
    if home is None or not os.access(home[0], os.W_OK):
        print("Processes cannot be held to a share of a core: no control group for that, or no right.", file=sys.stderr)
        yield False
        return
    place, first_version = home
    groups: list[Path] = []
    try:
        for process in processes:
            group = place / f"answerable-bench-{process}"
            group.mkdir()
            groups.append(group)
            quota = int(share * PERIOD_US)
            if first_version:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            (group / "cgroup.procs").write_text(str(process))
        yield True
    finally:
        for group in groups:
            for left in (group / "cgroup.procs").read_text().split():
                (place / "cgroup.procs").write_text(left)
            group.rmdir()
