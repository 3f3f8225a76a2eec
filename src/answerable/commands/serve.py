"""``serve``: the desk, or some of its services, until a signal ends it."""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import click
import structlog
import uvicorn
import uvloop

from answerable.commands.opening import any_server, desk_options, mirror_option, only_server, opener, refuse_whole
from answerable.commands.workers import Workers, stop_signals
from answerable.infra.logging import set_up_logging
from answerable.infra.web.wire import protocol_of
from answerable.kernel.actor import service
from answerable.kernel.errors import Invalid
from answerable.runtime import Desk
from answerable.services import features_of
from answerable.settings import Settings

STOP_SECONDS = 2
_WRITERS = {"users", "notifications"}  # of mails and of the link that makes the first administrator
_log = structlog.get_logger(__name__)


class _Closable(Protocol):
    def close(self) -> None: ...


class _Server(uvicorn.Server):
    """A server that ends live streams at the first signal, so that stopping does not wait for them."""

    def __init__(self, config: uvicorn.Config, live: _Closable | None) -> None:
        super().__init__(config)
        self._live = live
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in good order; unlike the parent, do not raise the signal again: the desk has to be closed."""
        signals = stop_signals()
        for number in signals:
            self._loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in signals:
                self._loop.remove_signal_handler(number)

    def stop_without_parent(self, lifeline: int) -> None:
        """Stop as at SIGTERM: whoever started this process is gone."""
        self._loop.remove_reader(lifeline)
        self._stop(signal.SIGTERM)

    def _stop(self, number: int) -> None:
        if self._live is not None:
            self._live.close()
        self.handle_exit(number, None)


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 takes a free one [default: 8765].")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer; more than 1 on PostgreSQL only.")
@click.option("--worker", type=int, nargs=3, hidden=True)
def serve(
    services: tuple[str, ...],
    host: str | None,
    port: int | None,
    workers: int | None,
    worker: tuple[int, int, int] | None,
) -> None:
    """Run the desk: all services, or only the ones named."""
    opened = opener()
    # The services named here decide, and not ANSWERABLE_SERVICE, which is for the commands beside this one.
    opened.service = services[0] if len(services) == 1 else ""
    settings = opened.settings().with_values(
        "command line", server__host=host, server__port=port, server__workers=workers
    )
    set_up_logging(settings.server.log_format)
    if worker is not None:
        speaks, descriptor, lifeline = worker
        uvloop.run(_serve(settings, services, socket.socket(fileno=descriptor), bool(speaks), lifeline))
        return
    refuse_whole(settings, services)
    if services:
        _check_apart(settings, services)
    count = settings.server.workers
    if count > 1 and not settings.storage.database:
        raise Invalid("server.workers: a SQLite file has one server. Name a PostgreSQL with --database, or leave it 1.")
    with (any_server if settings.storage.database else only_server)(settings.storage.data_dir) as note:
        sockets = _listen(settings, count)
        settings = settings.with_values(
            settings.origins.get("server.port", "default"), server__port=sockets[0].getsockname()[1]
        )
        note("{}:{}".format(*sockets[0].getsockname()[:2]))
        if count == 1:
            uvloop.run(_serve(settings, services, sockets[0]))
        else:
            asyncio.run(_serve_by_workers(settings, services, sockets))


desk_options(mirror_option(serve))


def _check_apart(settings: Settings, services: tuple[str, ...]) -> None:
    """Refuse services alone that could not hear or know each other."""
    if any(feature.routes for feature in features_of(services)) and not settings.peers.secret:
        raise Invalid("peers.secret: is needed to run some services only; gateway and services share it.")
    if "gateway" not in services and not settings.bus.servers:
        raise Invalid("bus.url: is needed to run some services only; they hear of each other over Kafka.")
    if "gateway" not in services and _WRITERS & set(services) and not settings.server.public_url:
        _log.warning(
            "links lead to this service, not to the gateway: set server.public_url", service=" ".join(services)
        )


def _listen(settings: Settings, count: int) -> list[socket.socket]:
    """Open ``count`` sockets on one port. Raises ``Invalid`` where it is taken."""
    first = _bind(settings, settings.server.port)
    if count == 1:
        return [first]
    port = first.getsockname()[1]
    first.close()  # nobody else has it; now once more, as something that several may share
    return [_bind(settings, port, socket.SO_REUSEPORT) for _ in range(count)]


def _bind(settings: Settings, port: int, *options: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    for option in (socket.SO_REUSEADDR, *options):
        listening.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        listening.bind((settings.server.host, port))
    except OSError as error:
        listening.close()
        where = f"{settings.server.host}:{port}"
        raise Invalid(f"Cannot listen on {where} ({error.strerror}). Choose another --port or --host.") from error
    listening.set_inheritable(True)
    return listening


async def _serve_by_workers(settings: Settings, services: tuple[str, ...], sockets: list[socket.socket]) -> None:
    await Desk(settings, services).stop()  # what is wrong with settings or database is told once, before workers start
    opened = opener()
    arguments = [*services, "--host", settings.server.host, "--port", str(settings.server.port)]
    for option, value in (("--data-dir", opened.data_dir), ("--config", opened.config), ("--bus", opened.bus)):
        arguments += [option, str(value)] if value else []
    # Not as arguments: they may hold passwords, and everybody may read those.
    environment = {
        **_named_once(opened.database, "ANSWERABLE_DATABASE", "ANSWERABLE_STORAGE_DATABASE"),
        **_named_once(opened.mirror, "ANSWERABLE_MIRROR_URL"),
    }
    await Workers(sockets, arguments, environment).run()
    _log.info("stopped")


def _named_once(value: str | None, name: str, *aliases: str) -> dict[str, str | None]:
    """Return what an option becomes in the environment: over what is there, and under one name only."""
    if value is None:
        return {}
    others = [variable for each in (name, *aliases) for variable in (each, f"{each}_FILE")]
    return {**dict.fromkeys(others), name: value}


async def _serve(
    settings: Settings,
    services: tuple[str, ...],
    listening: socket.socket,
    speaks: bool = True,
    lifeline: int | None = None,
) -> None:
    _open_many_files()
    desk = Desk(settings, services)
    try:
        config = _uvicorn_config(desk)
        await desk.start()
        server = _Server(config, desk.parts.get("live"))
        if lifeline is not None:
            asyncio.get_running_loop().add_reader(lifeline, server.stop_without_parent, lifeline)
        with server.capture_signals():  # from before it says that it is there: who hears that may stop it at once
            if speaks:
                await _announce(desk)
            gc.freeze()  # what is loaded now stays: the collector need not search it while people wait
            gc.set_threshold(20_000, 20, 50)
            await server.serve(sockets=[listening])
    finally:
        await desk.stop()
        _log.info("stopped")


def _open_many_files() -> None:
    """Let this process hold as many connections as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # an unlimited hard limit may be more than the kernel's own
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _uvicorn_config(desk: Desk) -> uvicorn.Config:
    app: Any = desk.app
    return uvicorn.Config(
        app,
        loop="none",
        http=protocol_of(desk.settings.server),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=30,
        backlog=2048,
    )


async def _announce(desk: Desk) -> None:
    _log.info("ready", address=desk.settings.public_url)
    click.echo(f"Answerable is at {desk.settings.public_url}")
    for feature in desk.features:
        if feature.greeting:
            for line in await desk.database.write(service(feature.name), feature.greeting):
                click.echo(line)
