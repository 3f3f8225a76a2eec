"""Processes of the desk that need not read their program first: each is copied from one that has.

A desk reads a thousand modules before its first word, which costs most of a second of a processor. Stories that start
desks by the dozen have them forked from a process that has read everything and done nothing. Each is a process all the
same, with arguments, environment, streams and an end of its own. What is about the command line itself, and at least
one story of each kind, starts it as people do (``processes.server`` and ``processes.answerable``).
"""

import atexit
import gc
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent
# What a desk would import later, when it is asked to serve.
READ_AHEAD = ("serve", "events", "configuration")
_LONGEST = 1 << 20
_STATUS = 4


class Copy:
    """A process that was copied; has the parts of ``subprocess.Popen`` that tests use."""

    def __init__(self, pid: int, status: int, stdout: IO[str] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._status = status
        self._reading = threading.Lock()
        try:
            self._watching = os.pidfd_open(pid)
        except ProcessLookupError:  # it has ended already
            self._watching = -1

    def poll(self) -> int | None:
        """Return how it ended, ``None`` while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises ``subprocess.TimeoutExpired``."""
        ended = self._wait(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired("answerable", timeout or 0)
        return ended

    def _wait(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            with self._reading:
                if self.returncode is None:
                    told = os.read(self._status, _STATUS)
                    self.returncode = int.from_bytes(told, "big", signed=True) if told else -signal.SIGKILL
        return self.returncode

    def __del__(self) -> None:
        os.close(self._status)
        if self._watching >= 0:
            os.close(self._watching)

    def send_signal(self, number: int) -> None:
        """Send a signal, where it still runs."""
        if self.poll() is None and self._watching >= 0:
            try:
                signal.pidfd_send_signal(self._watching, number)
            except ProcessLookupError:
                return

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


class _Original:
    """The process that others are copied from; ends with this one."""

    def __init__(self) -> None:
        self._here: socket.socket | None = None
        self._turn = threading.Lock()

    def copy(self, arguments: Sequence[str], environment: Mapping[str, str], streams: Sequence[int]) -> tuple[int, int]:
        """Make a copy; return its number, and where its end will be told."""
        told, tell = os.pipe()
        request = json.dumps([list(arguments), dict(environment), os.getcwd()]).encode()
        with self._turn:
            here = self._here or self._begin()
            socket.send_fds(here, [request], [*streams, tell])
            answer = here.recv(_LONGEST)
        os.close(tell)
        assert answer, "the process that desks are copied from has ended"
        return int(answer), told

    def _begin(self) -> socket.socket:
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (self._here, there):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _LONGEST)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(there.fileno())],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("ANSWERABLE_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[there.fileno()],
        )
        there.close()
        atexit.register(_end, self._here, process)
        return self._here


def _end(here: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    here.close()
    process.wait(10)


_ORIGINAL = _Original()


def start(arguments: Sequence[str], environment: Mapping[str, str], stdout: int, stderr: int, stdin: int = -1) -> Copy:
    """Start a desk's process. ``stdout`` may be ``subprocess.PIPE``; the streams that are given stay the caller's."""
    reading, writing = os.pipe() if stdout == subprocess.PIPE else (-1, stdout)
    with open(os.devnull, "rb") as nothing:
        streams = [nothing.fileno() if stdin < 0 else stdin, writing, stderr]
        pid, status = _ORIGINAL.copy(arguments, environment, streams)
    if reading < 0:
        return Copy(pid, status, None)
    os.close(writing)
    return Copy(pid, status, os.fdopen(reading))


# --- in the process that is copied ------------------------------------------------------------------------------------


def _serve_copies(here: socket.socket) -> list[str] | None:
    """Copy this process whenever somebody asks. Returns the arguments in each copy, ``None`` where nobody asks more."""
    watch = selectors.DefaultSelector()
    watch.register(here, selectors.EVENT_READ)
    while True:
        for key, _ in watch.select():
            if key.fileobj is not here:
                _tell_end(watch, key)
                continue
            request, given, _, _ = socket.recv_fds(here, _LONGEST, 4)
            if not request:
                for child in watch.get_map().values():
                    if child.data:
                        os.kill(child.data[0], signal.SIGKILL)
                return None
            pid = os.fork()
            if pid == 0:
                return _become(request, given)
            for descriptor in given[:3]:
                os.close(descriptor)
            watch.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, given[3]))
            here.send(str(pid).encode())


def _tell_end(watch: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, tell = key.data
    _, status = os.waitpid(pid, 0)
    watch.unregister(key.fileobj)
    os.close(key.fd)
    try:
        os.write(tell, os.waitstatus_to_exitcode(status).to_bytes(_STATUS, "big", signed=True))
    except BrokenPipeError:  # nobody waits for it
        pass
    finally:
        os.close(tell)


def _become(request: bytes, given: Sequence[int]) -> list[str]:
    """Make this copy what was asked for: its own streams, environment and folder, and nothing else that is open."""
    arguments, environment, folder = json.loads(request)
    for place, descriptor in enumerate(given[:3]):
        os.dup2(descriptor, place)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    found: list[str] = arguments
    return found


def main() -> None:
    """Read everything, then wait for who wants a copy."""
    from importlib import import_module  # noqa: PLC0415

    from answerable.__main__ import main as answerable  # noqa: PLC0415  # not where only copies are asked for

    for name in READ_AHEAD:
        import_module(f"answerable.commands.{name}")
    for name in ("asyncpg", "aiokafka"):
        import_module(name)
    gc.collect()
    gc.freeze()  # what is shared stays shared
    arguments = _serve_copies(socket.socket(fileno=int(sys.argv[1])))
    if arguments is not None:
        sys.argv[1:] = arguments
        answerable()


if __name__ == "__main__":
    main()
