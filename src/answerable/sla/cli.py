"""``sla``: deadlines, calendars and policies at a prompt."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from answerable.infra.bus.open import open_history
from answerable.kernel.actor import service
from answerable.kernel.errors import Invalid
from answerable.kernel.span import read_span
from answerable.kernel.times import iso_or_none, parse_iso
from answerable.sla.actions import terms
from answerable.sla.actions.terms import Outcome
from answerable.sla.queries import backtest as replays
from answerable.sla.queries import reports
from answerable.sla.queries import terms as queries
from answerable.sla.queries.backtest import BacktestView
from answerable.sla.queries.terms import PlanView, TermsView
from answerable.sla.rules import edits
from answerable.sla.rules.figures import Tally
from answerable.sla.rules.replay import TYPES
from answerable.sla.rules.toml import read_toml
from answerable.sla.rules.vectors import due_of, read_vectors

SHOWN = 50  # verdicts that would be others, on a screen
WIDTH = 160  # of a table that is no screen's
MAX_FILE = 64 * 1024 * 1024
_OPERATOR = service("command line")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def sla() -> None:
    """Look after promises: calendars, policies and deadlines."""


@sla.command()
@click.argument("file", type=click.Path(path_type=Path))
def due(file: Path) -> None:
    """Print when each test vector of FILE is due, one JSON object a line.

    {"id": ..., "due_utc": ...}, in the order of the file; null where it is never due. Needs no desk.
    """
    for vector in read_vectors(read_file(file)):
        click.echo(msgspec.json.encode({"id": vector.id, "due_utc": iso_or_none(due_of(vector))}))


@sla.command()
@click.argument("file", type=click.Path(path_type=Path))
@_json
@click.pass_context
def plan(context: click.Context, file: Path, as_json: bool) -> None:
    """Say what the calendars and policies of FILE would change, and for how many open tickets."""
    edit = edits.all_new(_read_terms(file))

    async def work(desk: Any) -> PlanView:
        planned: PlanView = await desk.database.scan(_OPERATOR, queries.plan_terms, edit)
        return planned

    planned = context.obj.run(work)
    if as_json:
        click.echo(msgspec.json.encode(planned).decode())
        return
    _print_changes(planned.changes)
    if planned.changes:
        click.echo(f"Open tickets: {planned.open_tickets:,}, of which {planned.open_tickets_affected:,} would follow.")


@sla.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "effective_from", metavar="INSTANT", help="From when on, such as 2026-12-01T00:00Z; else now.")
@_json
@click.pass_context
def apply(context: click.Context, file: Path, effective_from: str | None, as_json: bool) -> None:
    """Put the calendars and policies of FILE in the place of all; with a mistake in it, nothing is changed."""
    written = _read_terms(file)
    at = _instant(effective_from)
    source = read_file(file).decode("utf-8-sig")

    async def work(desk: Any) -> Outcome:
        made: Outcome = await desk.database.write(_OPERATOR, terms.change_terms, edits.all_new(written), at, source)
        return made

    made = context.obj.run(work)
    if as_json:
        click.echo(msgspec.json.encode(made).decode())
        return
    _print_changes(made.changes)
    if made.changes:
        click.echo(f"Edition {made.number} holds from {made.effective_from}.")


@sla.command()
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file instead.")
@click.pass_context
def export(context: click.Context, output: Path | None) -> None:
    """Print the calendars and policies that hold: the text that was applied, or one that reads the same."""

    async def work(desk: Any) -> TermsView:
        view: TermsView = await desk.database.read(_OPERATOR, queries.read_terms)
        return view

    text = context.obj.run(work).text
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{output}: cannot be written ({error.strerror or error}).") from error


@sla.command()
@click.argument("country")
@click.option("--region", help="A part of the country, such as BE.")
@click.option("--years", default="", metavar="FIRST-LAST", help="Such as 2026-2035.", required=True)
def holidays(country: str, region: str | None, years: str) -> None:
    """Print the public holidays of a COUNTRY (DE) as lines for a calendar. Needs no desk."""
    first, _, last = years.partition("-")
    if not (first.isascii() and first.isdigit() and (not last or (last.isascii() and last.isdigit()))):
        raise Invalid(f"years: {years[:20]!r} is not FIRST-LAST, such as 2026-2035.")
    span = int(first[:5]), int((last or first)[:5])
    _print_days(queries.holidays_from(country, region, span, None))


@sla.command()
@click.argument("file", type=click.Path(path_type=Path))
def ics(file: Path) -> None:
    """Print the all-day events of the iCalendar FILE as lines for a calendar. Needs no desk."""
    _print_days(queries.holidays_from(None, None, None, read_file(file).decode("utf-8", "replace")))


@sla.command()
@click.option("--policy", "file", type=click.Path(path_type=Path), help="A draft of calendars and policies as TOML.")
@click.option("--from", "start", metavar="DATE", help="Only tickets raised from then on.")
@click.option("--to", "end", metavar="DATE", help="Only tickets raised before.")
@_json
@click.pass_context
def backtest(context: click.Context, file: Path | None, start: str | None, end: str | None, as_json: bool) -> None:
    """Replay the real history under a draft, and show what would have been otherwise. Nothing is written.

    Without --policy, replay what has held and compare each verdict with its clock; exit 1 on any difference.
    """
    span = read_span(start, end)
    draft = None if file is None else _read_terms(file)

    names: dict[str, str] = {}

    async def work(desk: Any) -> BacktestView | tuple[int, list[str]]:
        history = open_history(desk.settings, desk.database, TYPES)
        try:
            if draft is None:
                return await replays.differences(desk.database, history)
            made = await replays.backtest(desk.database, history, draft, span)
            agents = [each.name for each in made.comparisons if each.by == "agent"]
            names.update(await desk.database.read(_OPERATOR, reports.names_of, agents))
            return made
        finally:
            await history.close()

    found = context.obj.run(work)
    if isinstance(found, BacktestView):
        click.echo(msgspec.json.encode(found).decode()) if as_json else _print_backtest(found, names)
        return
    checked, wrong = found
    if as_json:
        click.echo(msgspec.json.encode({"checked": checked, "differences": wrong}).decode())
    else:
        for line in wrong:
            click.echo(line)
        click.echo(f"{checked:,} verdicts replayed: {f'{len(wrong):,} differences' if wrong else 'no difference'}.")
    if wrong:
        raise click.exceptions.Exit(1)


def _print_backtest(found: BacktestView, names: Mapping[str, str]) -> None:
    table = Table("by", "", "target", "kept", "broken", "attained", "draft: kept", "broken", "attained", box=None)
    for each in found.comparisons:
        row = [cell for tally in (each.current, each.draft) for cell in _cells(tally)]
        name = names.get(each.name, each.name or "nobody") if each.by == "agent" else each.name
        table.add_row(each.by, name, each.target, *row)
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no edge at which words would have to be cut
        console.width = WIDTH
    console.print(table)
    for change in found.changed[:SHOWN]:
        click.echo(f"#{change.number} {change.priority} {change.target} {change.current} -> {change.draft}")
    if found.changed_total > SHOWN:
        click.echo(f"… and {found.changed_total - SHOWN:,} more; --json tells more.")
    if found.lost:
        click.echo(f"Not everything is known: {found.lost}.")
    click.echo(f"{found.tickets:,} tickets replayed: {found.changed_total:,} verdicts would be others.")


def _cells(tally: Tally) -> tuple[str, str, str]:
    share = "-" if tally.attainment is None else f"{tally.attainment:.1%}"
    return f"{tally.kept:,}", f"{tally.broken:,}", share


def _print_days(days: dict[str, str]) -> None:
    for day, name in days.items():
        click.echo(f"{day} = {msgspec.json.encode(name).decode()}")


def _print_changes(changes: list[str]) -> None:
    for line in changes or ["Nothing would be different."]:
        click.echo(line)


def _read_terms(file: Path) -> Any:
    try:
        return read_toml(read_file(file))
    except Invalid as error:
        raise Invalid(f"{file}: {error.message}", errors=error.errors[1:]) from None


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else parse_iso(text)
    except (ValueError, OverflowError):
        raise Invalid(f"{text!r} is not an instant such as 2026-12-01T00:00Z.") from None


def read_file(file: Path) -> bytes:
    """Read a file that somebody named. Raises ``Invalid`` where it cannot be read."""
    try:
        if file.stat().st_size > MAX_FILE:
            raise Invalid(f"{file}: is larger than {MAX_FILE // 1024 // 1024} MB.")
        return file.read_bytes()
    except OSError as error:
        raise Invalid(f"{file}: cannot be read ({error.strerror or error}).") from error
