"""A server that speaks MongoDB's protocol: one for all workers of a test run, gone when the last of them is."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from scripts.mongodb_server import GIVEN, Impossible, free_port, launch

SCRIPT = Path(__file__).parents[2] / "scripts" / "mongodb_server.py"
# Taken out of the environment, for the desk refuses variables that look like its own and are not.
ADDRESS = os.environ.pop(GIVEN, "")
INSISTS = bool(os.environ.get("TESTS_INSIST"))


def give_up(reason: object) -> Any:
    """Skip what needs the server, or fail where the run insists on everything."""
    (pytest.fail if INSISTS else pytest.skip)(f"The mirror is NOT TESTED against a server. {reason}")


@contextmanager
def shared_server(folder: Path) -> Iterator[str]:
    """Give the address of the server of this test run; the first who asks starts it."""
    if ADDRESS:
        yield ADDRESS
        return
    with (folder / "mongodb.lock").open("a") as turn, (folder / "mongodb.users").open("a") as users:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a former server is about to go
        address = folder / "mongodb" / "address"
        if not address.exists():
            arguments = [sys.executable, str(SCRIPT), "start", str(folder / "mongodb"), "--while", users.name]
            started = subprocess.run(arguments, capture_output=True, text=True)
            if started.returncode != 0:
                give_up(started.stderr.strip())
        fcntl.flock(turn, fcntl.LOCK_UN)
        yield address.read_text()


@contextmanager
def database(address: str, name: str) -> Iterator[str]:
    """Give the address of an empty database that is dropped afterwards."""
    base, _, options = address.partition("?")
    with MongoClient[dict[str, Any]](address) as client:
        client.drop_database(name)
        try:
            yield f"{base.rstrip('/')}/{name}{'?' + options if options else ''}"
        finally:
            client.drop_database(name)


class OwnServer:
    """A server that a test may kill and start again, always at one address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/desk"

    def start(self) -> None:
        try:
            self.process = launch(self.folder, self.port)
        except Impossible as reason:
            give_up(reason)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
