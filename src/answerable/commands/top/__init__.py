"""``top``: every service of the desk at a glance, read from the processes themselves."""

import asyncio
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from answerable.commands.opening import Opener, desk_options, opener
from answerable.commands.top.reading import Look, look_at_all
from answerable.commands.top.showing import as_json, shown
from answerable.infra.database.open import system_clock
from answerable.infra.ready import LOCK, reachable
from answerable.settings import Settings

EVERY_SECONDS = 2.0
NO_TERMINAL = 1000  # columns


@click.command()
@click.option("--once", is_flag=True, help="Print one table and end.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON document and end.")
def top(once: bool, wants_json: bool) -> None:
    """Show every service of the desk: ready or not, what waits, who listens, what is due.

    Reads /readyz and /metrics of each process every two seconds, once where it does not print to a terminal. Nothing is
    opened and nothing is changed.
    """
    places = places_of(opener())
    console = Console()
    if wants_json:
        click.echo(as_json(asyncio.run(look_at_all(places)), system_clock()))
    elif once or not console.is_terminal:
        if not console.is_terminal:
            console.width = NO_TERMINAL  # who reads it from a pipe looks for whole values
        console.print(shown(asyncio.run(look_at_all(places)), system_clock(), console.width))
    else:
        try:
            asyncio.run(_watch(places))
        except KeyboardInterrupt:
            return


desk_options(top)


async def _watch(places: dict[str, str]) -> None:
    looks: list[Look] = []
    with Live(shown(looks, system_clock()), auto_refresh=False) as live:
        while True:
            looks = await look_at_all(places)
            live.update(shown(looks, system_clock(), live.console.width), refresh=True)
            await asyncio.sleep(EVERY_SECONDS)


def places_of(opened: Opener) -> dict[str, str]:
    """Return the address of each service: those of ``peers.*``, and first the gateway or the desk in one piece itself.

    Raises ``Invalid`` and ``Unavailable`` for settings that cannot be read.
    """
    settings = opened.settings()
    if not settings.peers.urls:
        return {opened.service or "desk": _own(settings)}
    if not opened.service:  # where services share a document, the gateway's part of it says where the gateway is
        opened.service = "gateway"
        settings = opened.settings()
    others = {name: url for name, url in settings.peers.urls.items() if name != opened.service}
    return {opened.service: _own(settings), **others}


def _own(settings: Settings) -> str:
    """Return where the server of these settings answers, best as it has noted itself in its data folder."""
    try:
        host, _, port = (Path(settings.storage.data_dir) / LOCK).read_text().rpartition(":")
    except OSError:
        host, port = "", ""
    if not port:
        if settings.server.public_url:
            return settings.server.public_url.rstrip("/")
        host, port = settings.server.host, str(settings.server.port)
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
