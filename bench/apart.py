"""Ask as from another machine: in a process of its own, which the scheduler puts before everybody else.

People sit elsewhere. Who measures answers on the machine that gives them stands in line with the desk, the brokers and
the database for a core, twice for each answer: to send on time, and to note when it came. That wait is none of the
desk's, and where two cores are busy it is longer than the answer.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

from bench.load import Result, open_loop

Ask = Callable[[int, list[bytes], float], Result]  # port, what to send, how many a second


def _before_everybody() -> None:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        print("Who asks waits for the processor as everybody does: no right to real-time scheduling.", file=sys.stderr)


def _send(port: int, requests: list[bytes], rate: float) -> Result:
    return open_loop(port, requests.__getitem__, rate, len(requests) / rate)


def _ask(pool: ProcessPoolExecutor, port: int, requests: list[bytes], rate: float) -> Result:
    return pool.submit(_send, port, requests, rate).result(timeout=60 + len(requests) / rate)


@contextmanager
def asking_from_elsewhere() -> Iterator[Ask]:
    """Give somebody who sends requests at a steady rate, whether or not earlier ones are answered."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh, initializer=_before_everybody) as pool:
        yield partial(_ask, pool)
