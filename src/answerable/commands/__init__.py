"""The commands of the desk's operator: serve, migrate, demo, replay, events, config, top and those of the features."""

import errno
import sqlite3
from importlib import import_module
from typing import Any

import click

from answerable import __version__
from answerable.commands.opening import Opener, desk_options
from answerable.infra.logging import set_up_logging
from answerable.kernel.errors import Problem
from answerable.services import features_of, service_of

# Where each command is, loaded when it is asked for: a desk that serves draws no tables and asks no other process.
PLACES = {
    "serve": "answerable.commands.serve",
    "migrate": "answerable.commands.configuration",
    "backup": "answerable.commands.backup",
    "restore": "answerable.commands.backup",
    "move": "answerable.commands.move",
    "demo": "answerable.commands.demo",
    "replay": "answerable.commands.replay",
    "events": "answerable.commands.events",
    "config": "answerable.commands.configuration",
    "top": "answerable.commands.top",
}


class _DeskGroup(click.Group):
    """Loads commands when they are asked for, and tells problems in one sentence instead of a trace."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *PLACES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loaded now where it was not yet."""
        if cmd_name in PLACES and cmd_name not in self.commands:
            self.add_command(getattr(import_module(PLACES[cmd_name]), cmd_name))
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            lines = [problem.message, *(f"  {line}" for line in problem.errors)]
            raise click.ClickException("\n".join(lines)) from problem
        except Exception as error:
            if not (told := _told(error)):
                raise
            raise click.ClickException(told) from error


def _told(error: Exception) -> str:
    """Return what the machine did to a command, in a sentence; nothing where the fault is the program's own."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return "" if error.errno == errno.EPIPE else f"{where}{error.strerror}."  # who reads no more is told nothing
    from answerable.infra.database.errors import is_fault as failed  # noqa: PLC0415  # most commands end well
    from answerable.infra.database.postgres.connection import is_fault as failed_there  # noqa: PLC0415

    if failed(error) if isinstance(error, sqlite3.Error) else failed_there(error):
        return f"The database cannot be used ({str(error) or 'it does not answer'})."
    return ""


def build() -> click.Group:
    """Build the command line with the commands of all features."""

    @click.group(cls=_DeskGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
    @click.version_option(__version__, prog_name="answerable")
    @click.pass_context
    def cli(context: click.Context) -> None:
        """Answerable: a support desk that is answerable for every promise it makes."""
        set_up_logging("text")
        context.obj = Opener(homes)

    homes: dict[str, str] = {}
    service_by_feature = service_of()
    for feature in features_of():
        for command in feature.commands:
            for each in getattr(command, "commands", {}).values() or (command,):
                desk_options(each)
            homes[command.name] = service_by_feature[feature.name]
            cli.add_command(command)
    return cli
