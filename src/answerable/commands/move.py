"""``move``: a desk from SQLite to PostgreSQL, or back, with a proof that nothing was lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from answerable.commands.opening import desk_options, opener
from answerable.infra.bus.seals import mark_of
from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate, pending_of
from answerable.infra.database.open import open_store
from answerable.infra.database.postgres.address import is_postgres
from answerable.infra.database.sqlite_transfer import SqliteStore
from answerable.infra.database.transfer import Outcome, Source, Store, compare, copy, count_rows, filled_tables
from answerable.infra.secret import FILE, fits_secret, has_secret, is_of_folder, keep_secret, with_secret
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.manifest import Feature
from answerable.runtime import wanted_migrations, with_schema
from answerable.services import features_of
from answerable.settings import Settings, without_password

_UPDATE_IT = "Bring it up to date first: start it with this version, or give 'answerable migrate'."
_NAME_IT = "Name the folder that the desk keeps its secret in with --data-dir, or set ANSWERABLE_STORAGE_SECRET."


@click.command()
@click.option("--to", "target", required=True, metavar="PLACE", help="postgresql://user@host/name, or a folder.")
@click.option("--from", "source", metavar="PLACE", help="Where the desk is, if not where the settings say.")
@click.option("--hold", is_flag=True, help="Let nobody write to the old desk meanwhile; who tries is told 503.")
@click.option("--verify", "only_verify", is_flag=True, help="Copy nothing; compare the two desks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def move(target: str, source: str | None, hold: bool, only_verify: bool, as_json: bool) -> None:
    """Copy the desk to another database, and prove it by count and checksum of every table.

    The desk may run meanwhile: what is copied is how it was when the copy began. Exit 1 where the copy is not the
    desk, because something differs or because the desk went on.
    """
    opened = opener()
    settings = with_schema(opened.settings_of_desk(), opened.services)
    here = _with_its_secret(_at(settings, source) if source else settings)
    there = _at(here, target)
    if _place(here) == _place(there):
        raise Invalid(f"--to: {_place(there)} is where the desk is already.")
    outcome = asyncio.run(_move(here, there, opened.services, hold, only_verify, as_json))
    whole = not outcome.differences and not outcome.went_on
    if as_json:
        click.echo(msgspec.json.encode(_report(outcome)).decode())
    else:
        _tell(outcome, there, only_verify)
    if not whole:
        raise click.exceptions.Exit(1)


desk_options(move)


def _at(settings: Settings, place: str) -> Settings:
    """Return settings for another place."""
    if is_postgres(place):
        return settings.with_values("command line", storage__database=place)
    if "://" in place:
        raise Invalid("A place is postgresql://user:password@host:5432/name, or a folder.")
    folder = str(Path(place).resolve())
    return settings.with_values("command line", storage__database="", storage__data_dir=folder)


def _with_its_secret(here: Settings) -> Settings:
    """Return the settings with the secret of the desk that is there; one made now would open nothing that it sealed."""
    if not here.storage.database and not open_store(here).exists:
        raise Invalid(f"{_place(here)}: there is no desk here.")
    if not has_secret(here):
        raise Invalid(f"storage.secret: there is none in {here.storage.data_dir}. {_NAME_IT}")
    return with_secret(here)


def _place(settings: Settings) -> str:
    """Return where a desk is, for people."""
    return without_password(settings.storage.database) or str(Path(settings.storage.data_dir).resolve())


async def _move(
    here: Settings, there: Settings, services: tuple[str, ...], hold: bool, only_verify: bool, quiet: bool
) -> Outcome:
    features = features_of(services)
    source_store, target_store = open_store(here), open_store(there)
    await _check_source(source_store, here, features)
    if not there.storage.database and not fits_secret(there):
        raise Conflict(f"{_place(there)} has the secret of another desk. Name an empty folder.")
    target = open_database(there)
    migrate(target, wanted_migrations(features, target.engine))
    await target.close()
    if not only_verify and (filled := await filled_tables(target_store)):
        raise Conflict(f"{_place(there)} is not empty ({', '.join(filled[:5])}). Name an empty database or folder.")
    if not only_verify and isinstance(source_store, SqliteStore):  # PostgreSQL itself sees to it
        source_store.check_references()
    if not there.storage.database:
        keep_secret(there)
    columns = (TextColumn("{task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("counting", total=None)
        progress.update(task, total=2 * await _count(source_store, here))

        def tell(what: str, rows: int) -> None:
            progress.update(task, description=what, advance=rows)

        if only_verify:
            return await compare(source_store, target_store, tell)
        return await copy(source_store, target_store, tell, hold=hold)


async def _count(store: Store, settings: Settings) -> int:
    with _readable(settings):
        return await count_rows(store)


async def _check_source(store: Store, here: Settings, features: list[Feature]) -> None:
    """Refuse a desk of another version, for what its migrations would do is in no copy; and one of another secret."""
    engine = "postgres" if here.storage.database else "sqlite"
    with _readable(here):
        async with store.snapshot() as part:
            done = await _all(part, "bus_migration", "owner", "name", "checksum")
            if pending_of(done, wanted_migrations(features, engine)):
                raise Invalid(f"{_place(here)}: the desk is of an older version. {_UPDATE_IT}")
            _, mark = max(await _all(part, "bus_seal", "number", "mark"), default=(0, ""))
    if mark not in ("", mark_of(here.storage.secret)):
        raise Invalid(f"storage.secret: {_place(here)} was sealed with another one. {_NAME_IT}")


async def _all(part: Source, table: str, *columns: str) -> list[Any]:
    return [row async for rows in part.rows(table, columns) for row in rows]


@contextmanager
def _readable(settings: Settings) -> Iterator[None]:
    try:
        yield
    except Invalid:
        raise
    except Exception as error:
        raise Invalid(f"{_place(settings)}: the desk cannot be read ({error}).") from error


def _report(outcome: Outcome) -> dict[str, object]:
    return {
        "tables": {table: counted.rows for table, counted in outcome.source.items()},
        "differences": outcome.differences,
        "wentOn": outcome.went_on,
    }


def _tell(outcome: Outcome, there: Settings, only_verify: bool) -> None:
    for line in outcome.differences:
        click.echo(line)
    rows = sum(counted.rows for counted in outcome.source.values())
    what = "compared" if only_verify else "copied and compared"
    if outcome.differences:
        click.echo(f"{rows:,} rows {what}: {len(outcome.differences)} tables differ.")
        return
    click.echo(f"{rows:,} rows of {len(outcome.source)} tables {what}: no difference.")
    if outcome.went_on:
        click.echo(
            "But the desk went on while it was copied, and what it did since is not in the copy.\n"
            "Stop it, or let nobody write with --hold, and move once more into an empty database."
        )
        return
    if only_verify:
        return
    click.echo("Now switch:\n  1. Stop the desk.")
    click.echo("  2. See that it did nothing more: give this command once more, with --verify.")
    if there.storage.database:
        click.echo(f"  3. Start it with ANSWERABLE_DATABASE={without_password(there.storage.database)}")
        if is_of_folder(there):
            click.echo(
                f"     and the secret that it has: keep the folder {there.storage.data_dir}, or set "
                f"ANSWERABLE_STORAGE_SECRET to what is in its file '{FILE}'."
            )
    else:
        click.echo(f"  3. Start it with --data-dir {there.storage.data_dir} and without a database address.")
