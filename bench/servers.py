"""Real server processes to measure."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HELLO = """
import os, socket, sys, uvicorn
from litestar import Litestar, get

@get("/")
async def hello() -> dict[str, str]:
    return {"hello": "world"}

port, workers = int(sys.argv[1]), int(sys.argv[2])
first = os.getpid()
for _ in range(workers - 1):  # beside each other on one port, as the desk's
    if os.getpid() == first:
        os.fork()
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listening.bind(("127.0.0.1", port))
config = uvicorn.Config(Litestar([hello], openapi_config=None), http="httptools", loop="uvloop", access_log=False,
                        log_level="warning", lifespan="off")
uvicorn.Server(config).run(sockets=[listening])
"""


LIMITS = ("ACCOUNT", "ADDRESS", "COSTLY", "AT_ONCE")  # one person asks for everything here
QUIET_SECONDS = 900  # of a hundred thousand new tickets, the first promises break while they are loaded


@dataclass
class Server:
    """A server process, its port and how long it took to answer."""

    process: subprocess.Popen[str]
    port: int
    ready_seconds: float

    def rss_mb(self) -> float:
        """Return the resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+)", status)
        return int(match.group(1)) / 1024 if match else 0.0

    def cpu_seconds(self) -> float:
        """Return the processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def desk(folder: Path, **environment: str) -> Iterator[Server]:
    """Run the desk on a free port."""
    environment = {**dict.fromkeys((f"ANSWERABLE_LIMITS_{each}" for each in LIMITS), "0"), **environment}
    command = [sys.executable, "-m", "answerable", "serve", "--port", "0", "--data-dir", str(folder)]
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r":(\d+)$", line.strip())
        assert match, f"the desk did not start: {line}"
        port = int(match.group(1))
        wait_until_answers(port)
        yield Server(process, port, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def hello(workers: int = 1) -> Iterator[Server]:
    """Run the framework's own hello-world, in several processes where that is wanted."""
    port = free_port()
    begun = time.perf_counter()
    command = [sys.executable, "-c", HELLO, str(port), str(workers)]
    process = subprocess.Popen(command, text=True, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until_answers(port, "/")
        yield Server(process, port, time.perf_counter() - begun)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def free_port() -> int:
    """Return a port that is free now."""

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_until_answers(port: int, path: str = "/healthz") -> None:
    """Wait until the server answers 200."""

    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise TimeoutError(f"nothing answers on port {port}")


def tree_seconds(root: int) -> float:
    """Return the processor time of a process and of all that live below it."""
    parents, used = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it has just ended
            parents[int(folder.name)] = int(fields[1])
            used[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    total = 0.0
    for process, seconds in used.items():
        above = process
        while above not in (0, root):
            above = parents.get(above, 0)
        total += seconds if above == root else 0.0
    return total


def workers_of(desk: Server) -> list[int]:
    """Return the processes that answer for a desk of several workers."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                above = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has just ended
            if above == desk.process.pid and b"--worker" in words:
                found.append(int(folder.name))
    return found


def wait_until_quiet(desk: Server) -> None:
    """Wait until the desk has done what became due while it was not running: it would be measured along with a page."""
    give_up = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < give_up:
        before = tree_seconds(desk.process.pid)
        time.sleep(2)
        if tree_seconds(desk.process.pid) - before < 0.1:
            return
    print(f"the desk is still busy with what became due, after {QUIET_SECONDS} seconds")
