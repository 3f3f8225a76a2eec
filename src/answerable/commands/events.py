"""``events``: look at what happened, prove that nothing is missing, and re-run what was set aside."""

import asyncio
from collections.abc import Iterable

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from answerable.commands.opening import desk_options, opener
from answerable.gateway.actions import try_again
from answerable.infra.bus import inbox, outbox, seals
from answerable.infra.bus.seals import Seal
from answerable.infra.bus.verify import verify_log
from answerable.kernel.actor import service
from answerable.kernel.times import iso
from answerable.kernel.tx import Row
from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope
from answerable.runtime import Desk

OPERATOR = service("operator")


@click.group()
def events() -> None:
    """Look at the event log."""


@events.command()
@click.option("--type", "wanted", multiple=True, metavar="TYPE", help="Only this type; may be given more than once.")
@click.option("--last", default=20, show_default=True, type=click.IntRange(0, 10_000), help="How many.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones until stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def tail(wanted: tuple[str, ...], last: int, follow: bool, as_json: bool) -> None:
    """Print the newest events."""
    unknown = [name for name in wanted if name not in CATALOGUE]
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: known are {', '.join(sorted(CATALOGUE))}", param_hint="--type")

    async def work(desk: Desk) -> None:
        found = await desk.database.read(OPERATOR, outbox.load_last, last, wanted)
        position = await desk.database.read(OPERATOR, outbox.last_position)
        _print(found, as_json)
        while follow:
            await asyncio.sleep(0.2)
            new = await desk.database.read(OPERATOR, outbox.load_after, position, 1000)
            _print([sealed for sealed in new if not wanted or sealed.type in wanted], as_json)
            position = new[-1].position if new else position

    try:
        opener().run(work, existing=True)
    except KeyboardInterrupt:
        return


def _print(found: Iterable[Envelope], as_json: bool) -> None:
    for sealed in found:
        if as_json:
            click.echo(msgspec.json.encode(_public(sealed)).decode())
            continue
        who = sealed.actor if sealed.actor_kind == "person" else f"({sealed.actor or sealed.actor_kind})"
        click.echo(f"{iso(sealed.time):<27} {sealed.type:<26} {sealed.key} #{sealed.sequence} by {who}")


def _public(sealed: Envelope) -> dict[str, object]:
    shown = msgspec.to_builtins(sealed)
    return {**shown, "time": iso(sealed.time), "body": msgspec.json.decode(sealed.body)}


@events.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--seal", help="A seal that was noted earlier: it must still be part of the log.")
def verify(as_json: bool, seal: str | None) -> None:
    """Prove that the log is whole and unchanged, and that the figures follow from it.

    Exit 1 on any difference. Note the seal it prints somewhere else: with --seal it shows later that nothing up to it
    was taken away.
    """

    async def work(desk: Desk) -> tuple[int, list[str], Seal]:
        with Progress(console=Console(stderr=True), disable=as_json, transient=True) as progress:
            task = progress.add_task("checking the log", total=None)
            checked, differences = await verify_log(
                desk.database, lambda done, total: progress.update(task, completed=done, total=total)
            )
            progress.update(task, description="checking the figures", total=None)
            if seal is not None and not await desk.database.read(OPERATOR, seals.holds_seal, seal):
                differences.append("the seal that was noted is not part of this log")
            newest = await desk.database.read(OPERATOR, seals.last_seal)
            return checked, differences + await desk.audit(), newest

    checked, differences, newest = opener().run(work, existing=True)
    if as_json:
        found = {"messages": checked, "differences": differences, "sealed": newest.last, "seal": newest.hash}
        click.echo(msgspec.json.encode(found).decode())
    else:
        if newest.number:
            click.echo(f"Sealed up to message {newest.last}: {newest.hash}")
        for line in differences:
            click.echo(line)
        verdict = "no difference" if not differences else f"{len(differences)} differences"
        click.echo(f"{checked} messages checked: {verdict}.")
    if differences:
        raise click.exceptions.Exit(1)


@events.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def parked(as_json: bool) -> None:
    """List the messages that were tried several times and set aside."""
    rows = opener().run(_load_parked, existing=True)
    if as_json:
        click.echo(msgspec.json.encode([dict(row) for row in rows]).decode())
        return
    if not rows:
        click.echo("Nothing is parked.")
        return
    table = Table("message", "type", "consumer", "key", "tries", "parked", "error", box=None, pad_edge=False)
    for row in rows:
        when = iso(row["parked_at"])
        table.add_row(
            row["message"], row["type"], row["consumer"], row["key"], str(row["attempts"]), when, row["error"]
        )
    Console().print(table)


async def _load_parked(desk: Desk) -> list[Row]:
    return await desk.database.read(OPERATOR, inbox.parked)


@events.command()
@click.argument("message", required=False)
@click.option("--all", "every", is_flag=True, help="All parked messages.")
def retry(message: str | None, every: bool) -> None:
    """Let a parked MESSAGE be tried again, or --all.

    A running server does it at once, otherwise the next one does it when it starts.
    """
    if bool(message) == every:
        raise click.UsageError("Name one message, or --all.")

    async def work(desk: Desk) -> int:
        return await desk.database.write(OPERATOR, try_again, message)

    count = opener().run(work, existing=True)
    if not count and message:
        raise click.ClickException(f"No parked message has the id {message}.")
    click.echo(f"{count} {'message' if count == 1 else 'messages'} will be tried again.")


for _command in (tail, verify, parked, retry):
    desk_options(_command)
