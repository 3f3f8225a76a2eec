"""Six real processes, one for each service, with a real broker between them and a database for each."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.apart import ALL, SECRET
from tests.kafka import Broker, settings_on
from tests.processes import ServerProcess, database_of, make_admin

AT_THE_DOOR = "gateway"


class Service(ServerProcess):
    """A service as a process, known to its cluster from its first moment on."""

    def __init__(self, known: Callable[["Service"], None], folder: Path, *arguments: str, **values: str) -> None:
        self._known = known
        super().__init__(folder, *arguments, **values)

    def _read_address(self) -> str:
        self._known(self)
        try:
            return super()._read_address()
        except AssertionError:
            self.kill()
            raise


class EagerService(Service):
    """A service that is there as soon as it listens, also where it can do nothing yet because others are away."""

    def _wait_until_ready(self) -> None:
        pass


class Cluster:
    """The services of a desk, each a process in a folder of its own; ``values`` are more of their environment."""

    def __init__(self, folder: Path, broker: Broker, kind: type[Service] = Service, **values: str) -> None:
        self.folder = folder
        self.settings = settings_on(broker, peers__secret=SECRET)
        own = {f"ANSWERABLE_{name.replace('__', '_').upper()}": str(v) for name, v in self.settings.items()}
        self.common: dict[str, Any] = {**own, **values}
        self.running: dict[str, Service] = {}
        self._kind = kind
        self._started: list[Service] = []
        self._knowing = threading.Lock()
        self._ended = False

    def open(self) -> None:
        """Make the administrator and start everything, the gateway last: it has to know where the others are."""
        make_admin(self.folder / "users", **self.common, ANSWERABLE_SERVICE="users")
        for name in ALL:
            database_of(self.folder / name)  # is made here, one after the other, where the test's engine needs one
        behind = [name for name in ALL if name != AT_THE_DOOR]
        with ThreadPoolExecutor(len(behind)) as hands:
            list(hands.map(self.start, behind))
        self.start(AT_THE_DOOR)

    def start(self, service: str, port: str = "0") -> None:
        """Start a service, at a port it had before where one is given."""
        others = self.running.items() if service == AT_THE_DOOR else ()
        peers = {f"ANSWERABLE_PEERS_{name.upper()}": other.url for name, other in others if name != AT_THE_DOOR}
        self.running[service] = self._kind(
            self._know, self.folder / service, service, "--port", port, **self.common, **peers
        )

    def restart(self, service: str) -> None:
        """Start a service that was killed, where it was."""
        self.start(service, self.running[service].url.rpartition(":")[2])

    def _know(self, process: Service) -> None:
        with self._knowing:
            self._started.append(process)
            if self._ended:
                process.process.kill()

    def close(self) -> None:
        """End everything that runs, whatever state it is in, and let nothing start any more."""
        with self._knowing:
            self._ended = True
            for process in self._started:
                process.process.kill()
        for process in self._started:
            process.kill()


@contextmanager
def services_apart(folder: Path, broker: Broker, kind: type[Service] = Service, **values: str) -> Iterator[Cluster]:
    """Run all services for the time of a test; whatever was started ends with it."""
    made = Cluster(folder, broker, kind, **values)
    try:
        made.open()
        yield made
    finally:
        made.close()
