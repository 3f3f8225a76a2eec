"""``config show`` and ``migrate``."""

import click
import msgspec
from rich.console import Console
from rich.table import Table

from answerable.commands.opening import desk_options, opener
from answerable.infra.database import open_database
from answerable.infra.database.migrate import migrate as apply_migrations
from answerable.infra.secret import with_secret
from answerable.runtime import wanted_migrations, with_schema
from answerable.services import features_of
from answerable.settings.effective import effective

WIDE = 1000


@click.group()
def config() -> None:
    """Look at the settings."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print every setting and where it came from.

    Secrets are masked.
    """
    rows = effective(opener().settings())
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    table = Table("setting", "value", "from", "what it is", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["setting"], str(row["value"]), row["from"], row["doc"])
    console = Console()
    if not console.is_terminal:
        console.width = WIDE  # who reads it from a pipe looks for whole values
    console.print(table)


desk_options(show)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def migrate(as_json: bool) -> None:
    """Bring the database up to date (serve does it too)."""
    opened = opener()
    database = open_database(with_secret(with_schema(opened.settings_of_desk(), opened.services)))
    applied = apply_migrations(database, wanted_migrations(features_of(opened.services), database.engine))
    if as_json:
        click.echo(msgspec.json.encode([{"owner": m.owner, "name": m.name} for m in applied]).decode())
    elif applied:
        for migration in applied:
            click.echo(f"applied {migration.owner}/{migration.name}")
    else:
        click.echo("The database is up to date.")


desk_options(migrate)
