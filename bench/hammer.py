"""Closed loops by wrk: a load generator in C, so that two cores measure the desk and not the measurement."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from bench.load import closed_loop

SCRIPT = Path(__file__).parent.parent / "scripts" / "wrk"
LUA = Path(__file__).parent / "hammer.lua"
CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Hammered:
    """Answers, of them a second, and latencies in milliseconds."""

    answers: int
    rate: float
    p50: float
    p99: float


class _Told(msgspec.Struct):
    answers: int
    micros: int
    failed: int
    p50: int
    p99: int


@cache
def wrk() -> str | None:
    """Return where wrk is, installing it where that is allowed; say loudly where it is not."""
    if subprocess.run([SCRIPT, "install"], check=False).returncode == 0:
        return subprocess.run([SCRIPT, "which"], check=True, capture_output=True, text=True).stdout.strip()
    print("WITHOUT wrk: the load comes from Python, which takes a good part of the processors itself.", file=sys.stderr)
    return None


def hammer(port: int, requests: Sequence[bytes], seconds: float, connections: int = CONNECTIONS) -> Hammered:
    """Send raw requests over and over, one at a time on each connection. Every answer must be a good one."""
    program = wrk()
    if program is None:
        result = closed_loop(port, lambda number: requests[number % len(requests)], connections, seconds)
        assert all(status < 400 for status in result.statuses), result.statuses
        return Hammered(
            len(result.latencies), result.rate, result.percentile(0.5) * 1000, result.percentile(0.99) * 1000
        )
    with tempfile.NamedTemporaryFile(prefix="answerable-bench-") as file:
        file.write(b"\0".join(requests))
        file.flush()
        options = ["-t", "1", "-c", str(connections), "-d", f"{max(1, round(seconds))}s", "--timeout", "30s"]
        done = subprocess.run(
            [program, *options, "-s", LUA, f"http://127.0.0.1:{port}/"],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "REQUESTS": file.name},
        )
    told = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Told)
    assert told.failed == 0, done.stdout
    return Hammered(told.answers, told.answers / (told.micros / 1e6), told.p50 / 1000, told.p99 / 1000)
