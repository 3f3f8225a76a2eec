"""At a prompt: take out all that is kept about a person, or erase them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from answerable.infra.web.kept import Kept, kept_elsewhere, kept_here
from answerable.kernel.actor import service
from answerable.kernel.errors import Missing
from answerable.users.actions import erasure
from answerable.users.queries.export import find
from answerable.users.rules import Person

_OPERATOR = service("command line")


@click.group()
def person() -> None:
    """Take out all that is kept about a person, or erase them."""


@person.command()
@click.argument("who", metavar="EMAIL|ID")
@click.option("--output", type=click.Path(dir_okay=False), help="Write to this file, readable for its owner alone.")
@click.option("--text", is_flag=True, help="Write it for people to read, not as JSON.")
@click.pass_context
def export(context: click.Context, who: str, output: str | None, text: bool) -> None:
    """Take out everything that the desk keeps about a person.

    Where services run apart, give it with the --service that may ask all others ([peers]), such as the gateway.
    """

    async def work(desk: Any) -> Kept:
        return await _everything(desk, await _person_id(desk, who))

    kept: Kept = context.obj.run(work, existing=True)
    found = msgspec.to_builtins(kept)
    written = "\n".join(_lines(found)) if text else msgspec.json.format(msgspec.json.encode(found)).decode()
    if output is None:
        click.echo(written)
    else:
        handle = os.open(Path(output), os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o600)
            file.write(written + "\n")
        click.echo(f"Written to {output}.")
    if missing := ", ".join(kept.parts_elsewhere):
        click.echo(f"Not all of it: nobody answers for {missing}. Give the command again when they do.", err=True)
        context.exit(1)


@person.command()
@click.argument("who", metavar="EMAIL|ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be erased, and erase nothing.")
@click.pass_context
def erase(context: click.Context, who: str, yes: bool, dry_run: bool) -> None:
    """Erase a person: name, address, password, sessions, and the words they wrote. It cannot be taken back.

    Ids, times and statuses stay, so that histories and reports do. What staff wrote on tickets of others stays too,
    without their name.
    """

    async def look(desk: Any) -> tuple[Person, Kept]:
        found: Person = await desk.database.read(_OPERATOR, find, who)
        await desk.database.read(_OPERATOR, erasure.may_erase, found.id)
        return found, await _everything(desk, found.id)

    async def work(desk: Any) -> None:
        await desk.database.write(_OPERATOR, erasure.erase_person, found.id)

    found, kept = context.obj.run(look, existing=True)
    click.echo(f"{found.name} <{found.email}>, {found.id}:")
    for part, things in kept.parts.items():
        for name, values in things.items():
            if isinstance(values, list) and values:
                click.echo(f"  {part}: {name}: {len(values)}")
    if dry_run:
        click.echo("Nothing was erased.")
        return
    if not yes:
        click.confirm("Erase this person for good?", abort=True)
    context.obj.run(work, existing=True)
    click.echo(
        f"Erased. Their tickets and notifications follow within seconds of a running desk, or after its next start.\n"
        f"Keep the id {found.id}: after a restore of an older backup, erase it again."
    )


async def _everything(desk: Any, person_id: str) -> Kept:
    kept = await kept_here(desk, person_id)
    kept.add(await kept_elsewhere(desk, person_id))
    return kept


async def _person_id(desk: Any, who: str) -> str:
    """Return the id of a person, by id or address, and keep that they are taken out. Raises ``Missing``."""
    if any(feature.name == "users" for feature in desk.features):
        found: Person = await desk.database.read(_OPERATOR, find, who)
        await desk.database.write(_OPERATOR, erasure.record_export, found.id)
        return found.id
    known = (await kept_elsewhere(desk, who, ["users"]) if "users" in desk.settings.peers.urls else {}).get("users")
    if not known and "@" in who:  # the act would keep the address in a log from which nothing is erased
        raise Missing("The users service is away, or knows nobody by this address. Please name the person by id.")
    person_id: str = known["account"]["id"] if known else who
    await desk.database.write(_OPERATOR, erasure.tell_export, person_id)
    return person_id


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if isinstance(each, Mapping | list) and each:
                yield f"{indent}{name}:"
                yield from _lines(each, indent + "  ")
            else:
                yield f"{indent}{name}: {'-' if each in (None, '', [], {}) else each}"
    elif isinstance(value, list):
        for each in value:
            lines = list(_lines(each)) if isinstance(each, Mapping | list) else [str(each)]
            for place, line in enumerate(lines):
                yield f"{indent}{'  ' if place else '- '}{line}"
