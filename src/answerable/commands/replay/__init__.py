"""``replay``: a real incident log played through the desk's own actions, and a proof of the outcome."""

import asyncio
import gc
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from answerable.commands.opening import desk_options, only_server, opener
from answerable.commands.replay.drive import Played, Replay
from answerable.commands.replay.log import Incident, read_log
from answerable.commands.replay.proof import Proof, prove
from answerable.infra.logging import only_errors
from answerable.infra.stage import Stage, StageClock
from answerable.kernel.errors import Conflict
from answerable.runtime import Desk
from answerable.settings import Settings

MAX_SHOWN = 20


@click.command()
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--limit", type=click.IntRange(1), help="Only the first N incidents.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def replay(log: Path, limit: int | None, as_json: bool) -> None:
    """Play an incident LOG and prove the outcome.

    The log is a CSV file, or a ZIP file with one in it; docs/replay.md tells its format. The desk must be empty;
    without --data-dir it is a temporary one. Exit 1 on any difference.
    """
    started = time.monotonic()
    incidents = read_log(log, limit)
    opened = opener()
    scratch = tempfile.mkdtemp(prefix="answerable-replay-") if opened.data_dir is None else None
    try:
        folder = scratch or str(opened.data_dir)
        settings = opened.settings().with_values("replay", storage__data_dir=folder, **QUIET)
        with only_server(folder):
            played, proof = asyncio.run(play(settings, incidents, show_progress=not as_json))
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    seconds = time.monotonic() - started
    (_print_json if as_json else _print_table)(incidents, played, proof, seconds)
    if proof.differences:
        raise click.exceptions.Exit(1)


desk_options(replay, "a temporary one")

# The log closes its incidents itself, nobody of a log is to get mail, and no other service is to hear of it.
QUIET = {"tickets__auto_close_days": 0.0, "mail__host": "", "bus__url": ""}


async def play(settings: Settings, incidents: Sequence[Incident], *, show_progress: bool) -> tuple[Played, Proof]:
    """Play incidents on the empty desk of ``settings`` and prove the outcome.

    Raises ``Conflict`` where the desk is not empty.
    """
    only_errors()
    gc.freeze()  # what is loaded now stays; the garbage of millions of small units needs no full search of it
    gc.set_threshold(100_000, 50, 100)
    clock = StageClock()
    desk = Desk(settings, clock=clock)
    try:
        if not await desk.is_empty():
            raise Conflict(
                f"{desk.database.place} holds a desk already. Name an empty --data-dir or --database for a replay."
            )
        stage = Stage(desk.database, desk.bus, desk.timers, clock)
        show = Replay(stage, list(incidents))
        clock.now = incidents[0].opened_at
        async with desk.database.bulk():
            await desk.prepare()
            await show.cast()
            lines = show.lines()
            shown = track(lines, "replaying", console=Console(stderr=True), disable=not show_progress)
            for line in shown:
                await show.play(*line)
        return show.played, await prove(desk, incidents, show.played)
    finally:
        await desk.stop()


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _print_table(incidents: Sequence[Incident], played: Played, proof: Proof, seconds: float) -> None:
    console = Console()
    counts = Table("what the replay did", "times", box=None, pad_edge=False)
    for what, count in sorted(played.counts.items()):
        counts.add_row(what, f"{count:,}")
    checks = Table("proof", "agree", "differ", box=None, pad_edge=False)
    for what, (agree, differ) in proof.checks.items():
        checks.add_row(what, f"{agree:,}", f"{differ:,}")
    console.print(counts)
    console.print()
    console.print(checks)
    for line in proof.differences[:MAX_SHOWN]:
        console.print(line)
    console.print(f"\n{len(incidents):,} incidents in {seconds:.1f} s with {_megabytes()} MB.")


def _print_json(incidents: Sequence[Incident], played: Played, proof: Proof, seconds: float) -> None:
    shown = {
        "incidents": len(incidents),
        "seconds": round(seconds, 1),
        "megabytes": _megabytes(),
        "did": dict(sorted(played.counts.items())),
        "proof": {what: {"agree": agree, "differ": differ} for what, (agree, differ) in proof.checks.items()},
        "differences": proof.differences[:MAX_SHOWN],
    }
    click.echo(msgspec.json.encode(shown).decode())
