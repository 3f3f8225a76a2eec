"""How commands open a desk: ``--data-dir``, ``--bus``, ``--config`` and ``--service`` on every one of them."""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from answerable.commands.sources import settings_from
from answerable.infra.database.open import FILE
from answerable.infra.database.postgres.address import check_address
from answerable.infra.ready import LOCK
from answerable.kernel.errors import Invalid
from answerable.runtime import Desk, with_desk
from answerable.settings import Settings, checked

T = TypeVar("T")


class Opener:
    """Knows where the desk is; opened by the commands that need one."""

    def __init__(self, homes: Mapping[str, str] | None = None) -> None:
        """Take the service that commands belong to which not every service knows, by the name of the command."""
        self._homes = homes or {}
        self.config = ""
        self.data_dir: str | None = None
        self.service = ""
        self.bus: str | None = None
        self.mirror: str | None = None
        self.database: str | None = None

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services that the command is about; none means the whole desk."""
        return (self.service,) if self.service else ()

    def settings(self) -> Settings:
        """Read the settings of this command. Raises ``Invalid`` and ``Unavailable``."""
        given = settings_from(self.config, self.data_dir, self.service)
        settings = checked(
            given.with_values(
                "command line",
                storage__data_dir=self.data_dir,
                storage__database=self.database,
                bus__url=self.bus,
                mirror__url=self.mirror,
            )
        )
        if settings.storage.database:
            check_address(settings.storage.database)  # before a folder or a secret is made for what is mistyped
        return settings

    def settings_of_desk(self) -> Settings:
        """Read the settings of a command that opens the desk, or one service of it.

        Raises ``Invalid`` where services run apart and none is named, or another one than the command belongs to.
        """
        settings = self.settings()
        command = click.get_current_context().command_path.split()[1]
        home = self._homes.get(command, "")
        if home and self.service not in ("", home):
            raise Invalid(f"The service {self.service} knows nothing of '{command}'. Give it with --service {home}.")
        refuse_whole(settings, self.services)
        return settings

    def run(self, work: Callable[[Desk], Awaitable[T]], *, existing: bool = False) -> T:
        """Open the desk (beside a running server, if there is one), do ``work``, close it.

        Where there is none yet it is made; but for ``existing`` ones, of which nothing can be said then: raises
        ``Invalid``. (A desk on PostgreSQL is made in a database that somebody made for it.)
        """
        settings = self.settings_of_desk()
        folder = Path(settings.storage.data_dir).resolve()
        if existing and not settings.storage.database and not (folder / FILE).exists():
            raise Invalid(f"{folder}: there is no desk here.")
        return asyncio.run(with_desk(settings, work, self.services))


def refuse_whole(settings: Settings, services: Sequence[str]) -> None:
    """Raise ``Invalid`` where services run apart and none is named: the whole desk would be another one beside them."""
    if not services and set(settings.peers.urls) - {"mirror"}:
        raise Invalid(
            "The services run apart here ([peers]). Name one of them: 'serve SERVICE', or --service SERVICE with "
            "another command."
        )


def desk_options(command: Any, folder: str = "./data") -> Any:
    """Give a command the options that say which desk it is about; ``folder`` is the one it takes by itself."""
    if any(each.name == "data_dir" for each in command.params):  # a feature's command, in a second command line
        return command
    command.params += [
        click.Option(
            ["--data-dir"],
            metavar="FOLDER",
            expose_value=False,
            callback=_remember("data_dir"),
            help=f"Folder of the database and the secret [default: {folder}].",
        ),
        click.Option(
            ["--bus"],
            metavar="URL",
            expose_value=False,
            callback=_remember("bus"),
            help="kafka://host:9092[,host:9092] [default: messages stay in this process].",
        ),
        click.Option(
            ["--database"],
            metavar="ADDRESS",
            expose_value=False,
            callback=_remember("database"),
            help="PostgreSQL instead of the folder: postgresql://user@host/name. Better from ANSWERABLE_DATABASE "
            "where it has a password.",
        ),
        click.Option(
            ["--config"],
            metavar="FILE|URL",
            envvar="ANSWERABLE_CONFIG",
            expose_value=False,
            callback=_remember("config"),
            help="TOML with settings, from a file or an https address; see 'answerable config show'.",
        ),
        click.Option(
            ["--service"],
            metavar="SERVICE",
            envvar="ANSWERABLE_SERVICE",
            expose_value=False,
            callback=_remember("service"),
            help="Work on this service alone, where services run apart.",
        ),
    ]
    return command


def mirror_option(command: Any) -> Any:
    """Give a command the option that names the mirror."""
    command.params += [
        click.Option(
            ["--mirror"],
            metavar="URL",
            expose_value=False,
            callback=_remember("mirror"),
            help="mongodb://user:password@host/database to keep current; a password is better set as mirror.url.",
        )
    ]
    return command


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def remember(context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value is not None:
            setattr(context.find_object(Opener), name, value)
        return value

    return remember


def opener() -> Opener:
    """Return the opener of the running command."""
    found = click.get_current_context().find_object(Opener)
    if found is None:
        raise RuntimeError("commands run below the answerable group")
    return found


@contextmanager
def only_server(data_dir: str) -> Iterator[Callable[[str], None]]:
    """Hold the folder for one server: two writers on one SQLite file would only slow each other.

    Gives a function that notes the address of the server, for probes. Raises ``Invalid`` where another process serves
    the folder. The lock ends with the process, however it ends.
    """
    with _open_note(data_dir) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Invalid(f"Another process serves {data_dir}. Stop it first, or name another --data-dir.") from error
        yield lambda address: _note(handle, address)


@contextmanager
def any_server(data_dir: str) -> Iterator[Callable[[str], None]]:
    """Give a function that notes the address of a server whose database is elsewhere; the last one to start wins."""
    with _open_note(data_dir) as handle:
        yield lambda address: _note(handle, address)


@contextmanager
def _open_note(data_dir: str) -> Iterator[int]:
    folder = Path(data_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise Invalid(f"storage.data_dir: {folder} cannot be used ({error.strerror}).") from error
    try:
        yield handle
    finally:
        os.close(handle)


def _note(handle: int, address: str) -> None:
    with suppress(OSError):  # on a full disk the desk still answers reads; only probes by this file go without
        os.ftruncate(handle, 0)
        os.pwrite(handle, address.encode(), 0)
