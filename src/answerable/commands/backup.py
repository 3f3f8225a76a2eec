"""``backup`` and ``restore``: a desk in one file, and back; ``--prove`` tries it in a scratch place."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import click
import msgspec

from answerable import __version__
from answerable.commands.opening import Opener, desk_options, only_server, opener
from answerable.infra.bus import outbox, seals
from answerable.infra.bus.local import send_again
from answerable.infra.bus.verify import verify_log
from answerable.infra.database import open_database
from answerable.infra.database.backup import container, postgres, sqlite
from answerable.infra.database.backup.container import Manifest
from answerable.infra.database.backup.facts import Facts, differences
from answerable.infra.database.migrate import migrate, pending_of
from answerable.infra.database.open import FILE, system_clock
from answerable.infra.secret import has_secret, with_secret
from answerable.kernel.actor import service
from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.times import DAY, iso, parse_iso
from answerable.runtime import wanted_migrations, with_schema
from answerable.services import features_of
from answerable.settings import Settings

OPERATOR = service("operator")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--prove", is_flag=True, help="Make none: put FILE back in a scratch place, and prove it there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup(file: Path, prove: bool, as_json: bool) -> None:
    """Write the desk, which may run, into FILE; or --prove such a file.

    The desk's secret is not in it: keep it apart, for without it nobody can check the seals or use what is encrypted.
    With --prove: exit 1 where anything is not as it should be.
    """
    if prove:
        lines, manifest = asyncio.run(_prove(opener(), file))
        if as_json:
            click.echo(msgspec.json.encode({"manifest": manifest, "differences": lines}).decode())
        else:
            for line in lines:
                click.echo(line)
            verdict = "restored and proved: no difference" if not lines else f"{len(lines)} differences"
            click.echo(f"{file}, of {manifest.made_at}: {manifest.messages} messages, {verdict}.")
        if lines:
            raise click.exceptions.Exit(1)
        return
    manifest = asyncio.run(_back_up(opener(), file))
    if as_json:
        click.echo(msgspec.json.encode(manifest).decode())
        return
    rows = sum(manifest.tables.values())
    click.echo(f"{file}: {rows:,} rows of {len(manifest.tables)} tables, {manifest.messages} messages.")
    if manifest.seal:
        click.echo(f"Sealed up to: {manifest.seal}")
    click.echo("Prove it with --prove, and keep the secret of the desk somewhere else.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Put it in the place of a desk that is not empty, which is then gone.")
def restore(file: Path, replace: bool) -> None:
    """Put a backup where the settings say that the desk is. The desk must not run.

    A backup of an older version is brought up to date; one of a newer version is refused, and so is a file that was
    cut or changed, before anything is touched.
    """
    manifest = asyncio.run(_restore(opener(), file, replace))
    click.echo(f"Restored as of {manifest.made_at}: {sum(manifest.tables.values()):,} rows.")
    click.echo("Whoever was erased since then is back: erase them again (see docs/privacy.md).")


for _command in (backup, restore):
    desk_options(_command)


async def _back_up(of: Opener, file: Path) -> Manifest:
    settings = with_schema(of.settings_of_desk(), of.services)
    place = Path(settings.storage.data_dir) / FILE
    if not settings.storage.database and not place.exists():
        raise Invalid(f"{settings.storage.data_dir}: there is no desk here.")
    container.refuse_taken(file)
    copied = _beside(file, "copy")
    try:
        made_at = iso(system_clock())
        if settings.storage.database:
            found = await postgres.copy(settings, copied)
        else:
            found = await asyncio.to_thread(sqlite.copy, place, copied)
        return await asyncio.to_thread(container.write, file, _manifest(settings, of.services, found, made_at), copied)
    except OSError as error:
        raise Invalid(f"{file}: cannot be written ({error.strerror}).") from error
    finally:
        for leftover in ("", "-journal"):  # SQLite keeps the latter where it found no room
            copied.with_name(copied.name + leftover).unlink(missing_ok=True)


def _manifest(settings: Settings, services: tuple[str, ...], found: Facts, made_at: str) -> Manifest:
    return Manifest(
        version=__version__,
        engine=_engine(settings),
        schema=settings.storage.schema,
        services=list(services),
        made_at=made_at,
        migrations=found.migrations,
        tables=found.tables,
        messages=found.tables.get("bus_outbox", 0),
        seal=found.seal,
        mark=found.mark,
    )


async def _restore(of: Opener, file: Path, replace: bool) -> Manifest:
    settings = with_schema(of.settings_of_desk(), of.services)
    manifest = await asyncio.to_thread(container.check, file)
    _check_kind(manifest, settings, of.services)
    if not settings.storage.database:
        with only_server(settings.storage.data_dir):
            await _put_file(settings, of.services, file, manifest, replace)
            await _send_again(settings, manifest)
        return manifest
    if not replace and not await postgres.is_empty(settings):
        raise Conflict(f"The schema {settings.storage.schema} is not empty. Name an empty database, or give --replace.")
    await _put_schema(settings, of.services, file, manifest, replace)
    await _send_again(settings, manifest)
    return manifest


async def _send_again(settings: Settings, manifest: Manifest) -> None:
    """Let a desk on Kafka say once more what it said on the day before its backup, for other services' are older.

    What the topics may have forgotten is left out: inboxes do not remember much longer.
    """
    since = max(parse_iso(manifest.made_at) - DAY, system_clock() - settings.bus.retention_days * DAY)
    database = open_database(settings)
    try:
        await database.write(OPERATOR, send_again, since)
    finally:
        await database.close()


def _check_kind(manifest: Manifest, settings: Settings, services: tuple[str, ...]) -> None:
    engine = _engine(settings)
    if manifest.engine != engine:
        raise Invalid(
            f"This is a backup of {manifest.engine}, the settings name {engine}. Restore it there, then move."
        )
    if sorted(manifest.services) != sorted(services):
        whose = ", ".join(manifest.services) or "the whole desk"
        raise Invalid(f"This is a backup of {whose}. Name the same with --service.")
    pending_of(manifest.migrations, wanted_migrations(features_of(services), engine))


async def _put_file(
    settings: Settings, services: tuple[str, ...], file: Path, manifest: Manifest, replace: bool
) -> None:
    place = Path(settings.storage.data_dir) / FILE
    if not replace and not sqlite.is_empty(place):
        raise Conflict(f"{place} is not empty. Name an empty folder, or put the backup in its place with --replace.")
    copied = _beside(place, "restored")
    try:
        await asyncio.to_thread(container.unpack, file, copied)
        _hold(manifest, await asyncio.to_thread(sqlite.facts, copied))
        wanted = wanted_migrations(features_of(services), "sqlite")
        await asyncio.to_thread(lambda: sqlite.put(copied, place, wanted, system_clock(), replace=replace))
    finally:
        copied.unlink(missing_ok=True)


async def _put_schema(
    settings: Settings, services: tuple[str, ...], file: Path, manifest: Manifest, replace: bool
) -> None:
    folder = Path(mkdtemp(prefix="answerable-restore-"))
    try:
        copied = folder / "dump"
        await asyncio.to_thread(container.unpack, file, copied)
        await postgres.put(settings, copied, manifest.schema, replace=replace)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _hold(manifest, await postgres.facts(settings))
    database = open_database(settings)
    try:
        migrate(database, wanted_migrations(features_of(services), database.engine))
    finally:
        await database.close()


def _hold(manifest: Manifest, found: Facts) -> None:
    if lines := differences(manifest, found):
        raise Invalid("What is in the backup is not what it says.", errors=tuple(lines))


async def _prove(of: Opener, file: Path) -> tuple[list[str], Manifest]:
    settings = with_schema(of.settings_of_desk(), of.services)
    manifest = await asyncio.to_thread(container.check, file)
    _check_kind(manifest, settings, of.services)
    if not has_secret(settings):  # one made now would fit no seal
        raise Invalid("To prove a backup takes the secret of its desk: name the desk's folder with --data-dir.")
    settings = with_secret(settings)
    if manifest.mark not in ("", seals.mark_of(settings.storage.secret)):
        raise Invalid("The backup was made with another secret: name the folder of its desk with --data-dir.")
    async with _scratch(settings) as there:
        if there.storage.database:
            await _put_schema(there, of.services, file, manifest, replace=True)
        else:
            await _put_file(there, of.services, file, manifest, replace=True)
        clock = [system_clock()]
        database = open_database(there, lambda: clock[0])
        try:
            _, lines = await verify_log(database)
            if said := await database.read(OPERATOR, outbox.load_last, 1):
                clock[0] = said[0].time  # what was due by then was done; what came due since is for the desk to do
            for feature in features_of(of.services):
                if feature.audit:
                    lines += await database.scan(OPERATOR, feature.audit)
            newest = await database.read(OPERATOR, seals.last_seal)
            if newest.hash != manifest.seal:
                lines.append("the last seal of the event log is not that of the manifest")
        finally:
            await database.close()
    return lines, manifest


@asynccontextmanager
async def _scratch(settings: Settings) -> AsyncIterator[Settings]:
    """Give settings for a place that nobody uses, with the same secret; it goes afterwards."""
    if settings.storage.database:
        async with postgres.scratch(settings) as there:
            yield there
        return
    folder = mkdtemp(prefix="answerable-prove-")
    try:
        yield settings.with_values(
            "scratch", storage__data_dir=folder, storage__secret=settings.storage.secret, storage__database=""
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _engine(settings: Settings) -> str:
    return "postgres" if settings.storage.database else "sqlite"


def _beside(file: Path, what: str) -> Path:
    """Return a name in the same folder that nobody else uses."""
    return file.with_name(f".{file.name}.{os.getpid()}.{what}")
