"""The commands of the desk's operator: serve, migrate, demo, replay, events, config, top and those of the features."""

from typing import Any

import click

from answerable import __version__
from answerable.commands.configuration import config, migrate
from answerable.commands.demo import demo
from answerable.commands.events import events
from answerable.commands.move import move
from answerable.commands.opening import Opener, desk_options
from answerable.commands.replay import replay
from answerable.commands.serve import serve
from answerable.commands.top import top
from answerable.infra.logging import set_up_logging
from answerable.kernel.errors import Problem
from answerable.services import features_of


class _DeskGroup(click.Group):
    """Tells problems in one sentence instead of a trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            lines = [problem.message, *(f"  {line}" for line in problem.errors)]
            raise click.ClickException("\n".join(lines)) from problem


def build() -> click.Group:
    """Build the command line with the commands of all features."""

    @click.group(cls=_DeskGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
    @click.version_option(__version__, prog_name="answerable")
    @click.pass_context
    def cli(context: click.Context) -> None:
        """Answerable: a support desk that is answerable for every promise it makes."""
        set_up_logging("text")
        context.obj = Opener()

    for command in (serve, migrate, move, demo, replay, events, config, top):
        cli.add_command(command)
    for feature in features_of():
        for command in feature.commands:
            for each in getattr(command, "commands", {}).values() or (command,):
                desk_options(each)
            cli.add_command(command)
    return cli
