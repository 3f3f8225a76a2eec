"""Start and stop a server that speaks MongoDB's protocol, on this machine: ``mongod``, else FerretDB built with Go.

``start [FOLDER]`` keeps its data in FOLDER and prints its address; with ``--while FILE`` it ends by itself, and its
folder goes, when nobody holds FILE locked any more. ``stop [FOLDER]`` ends it. ``prepare`` builds FerretDB if it will
be needed (a minute or two, once; the program is kept in ``.cache``).
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "scripts" / "ferretdb"
CACHE = ROOT / ".cache"
GIVEN = "ANSWERABLE_TEST_MONGODB"  # the address of a server that tests are to use instead
START_SECONDS = 60
STOP_SECONDS = 10


class Impossible(Exception):
    """There is no way to have such a server here; the words say why."""


def build() -> Path:
    """Build FerretDB from the Go module proxy, unless that was done; return the program. One process builds."""
    go = shutil.which("go")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()))).hexdigest()[:16]
    program = CACHE / f"ferretdb-{digest}"
    if program.exists():
        return program
    if go is None:
        raise Impossible("There is neither mongod nor go (1.22 or later) on the path.")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "ferretdb.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            print("Building FerretDB, once ...", file=sys.stderr)
            made = program.with_suffix(".new")
            arguments, own_tools = [go, "build", "-o", str(made), "."], {**os.environ, "GOTOOLCHAIN": "local"}
            built = subprocess.run(arguments, cwd=SOURCE, env=own_tools, capture_output=True, text=True)  # noqa: S603
            if built.returncode != 0:
                raise Impossible(f"FerretDB cannot be built: {built.stderr.strip()[-2000:]}")
            made.rename(program)
    return program


def command(folder: Path, port: int) -> list[str]:
    """Return how a server is started with its data in ``folder``. Raises ``Impossible``."""
    mongod = shutil.which("mongod")
    if mongod is not None:
        return [mongod, "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1", "--quiet"]
    return [str(build()), str(folder), str(port)]


def prepare() -> None:
    """Build what the tests will need. Raises ``Impossible``."""
    if not os.environ.get(GIVEN) and shutil.which("mongod") is None:
        build()


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def launch(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a server and return it once it answers. Raises ``Impossible`` where it does not."""
    arguments = command(folder, port)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log, start_new_session=True)  # noqa: S603
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process
    process.kill()
    process.wait()
    raise Impossible(f"The server does not start: {(folder / 'server.log').read_text()[-2000:]}")


def start(folder: Path, wanted_while: Path | None) -> str:
    """Start a server that goes on after this process; return its address."""
    arguments = [
        sys.executable,
        __file__,
        "keep",
        str(folder),
        *(["--while", str(wanted_while)] if wanted_while else []),
    ]
    keeper = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603
    assert keeper.stdout is not None
    address = keeper.stdout.readline().strip()
    if not address:
        raise Impossible("The server did not start.")
    return address


def keep(folder: Path, wanted_while: Path | None) -> None:
    """Run a server until a signal comes, or nobody holds ``wanted_while`` locked. The body of ``start``."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    server = launch(folder / "data", port)
    address = f"mongodb://127.0.0.1:{port}"
    (folder / "pid").write_text(str(os.getpid()))
    (folder / "address").write_text(address)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(address, flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)  # whoever started it may wait for the end of what it writes
    try:
        if wanted_while is None:
            server.wait()
            return
        with wanted_while.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until everything is gone: whoever comes now starts another one
            end(server)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        end(server)
        (folder / "pid").unlink(missing_ok=True)


def end(server: "subprocess.Popen[bytes]") -> None:
    """End a server, if need be by force."""
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def stop(folder: Path) -> None:
    """End the server of ``folder``, if one runs."""
    try:
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
    except (OSError, ValueError):
        print("No server runs here.", file=sys.stderr)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("start", "stop", "prepare", "keep"))
    parser.add_argument("folder", nargs="?", type=Path, default=CACHE / "mongodb")
    parser.add_argument("--while", dest="wanted_while", type=Path)
    asked = parser.parse_args()
    try:
        if asked.verb == "start":
            print(start(asked.folder, asked.wanted_while))
        elif asked.verb == "keep":
            keep(asked.folder, asked.wanted_while)
        elif asked.verb == "stop":
            stop(asked.folder)
        else:
            prepare()
    except Impossible as reason:
        raise SystemExit(str(reason)) from None


if __name__ == "__main__":
    main()
