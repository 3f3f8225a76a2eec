"""``mirror``: compare the MongoDB collections with the event log, and make them anew."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from answerable.infra.bus.history import History
from answerable.infra.bus.open import open_history
from answerable.kernel.errors import Invalid
from answerable.mirror import actions, queries
from answerable.mirror.queries import Comparison, Tell
from answerable.mirror.rules import TYPES, Difference
from answerable.mirror.store import NO_ADDRESS, open_store

if TYPE_CHECKING:
    from answerable.mirror.store.mongodb import MongoDB

T = TypeVar("T")
MOST_LINES = 200
LEFT_ALONE = "What no event is left of is taken as it is, and not removed."


def _remember_address(context: click.Context, _parameter: click.Parameter, url: str | None) -> None:
    if url is not None:
        context.obj.mirror = url


_address = click.option(
    "--mirror",
    metavar="URL",
    expose_value=False,
    callback=_remember_address,
    help="mongodb://user:password@host/database; a password is better set as mirror.url.",
)


@click.group()
def mirror() -> None:
    """Look after the MongoDB mirror."""


@mirror.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_address
@click.pass_context
def verify(context: click.Context, as_json: bool) -> None:
    """Compare every document with the event log.

    Works beside a running desk. Where services run apart, the log is what Kafka's topics hold. Exit 1 on any
    difference.
    """

    async def work(history: History, store: "MongoDB", tell: Tell) -> Comparison:
        return await queries.compare_all(history, store, tell)

    _report(_run(context, work, as_json), as_json)


@mirror.command()
@click.option("--replace", is_flag=True, help="Also where the database is another desk's mirror, or no mirror.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_address
@click.pass_context
def rebuild(context: click.Context, replace: bool, as_json: bool) -> None:
    """Make the collections what the event log says.

    Works beside a running desk and its readers: documents are put right one by one, and those that are none of this
    desk are removed.
    """

    async def work(history: History, store: "MongoDB", tell: Tell) -> tuple[int, Comparison]:
        if replace:
            await store.take_over()
        return await actions.rebuild(history, store, tell)

    mended, comparison = _run(context, work, as_json)
    if not as_json:
        click.echo(f"{_count(mended, 'document')} written or removed.")
    _report(comparison, as_json, mended=mended)


def _run(context: click.Context, work: Callable[[History, "MongoDB", Tell], Awaitable[T]], as_json: bool) -> T:
    async def run(desk: Any) -> T:
        store = open_store(desk.settings, desk.services)
        history = open_history(desk.settings, desk.database, TYPES)
        try:
            shown = Console(stderr=True)
            hidden = as_json or not shown.is_terminal
            with Progress(console=shown, disable=hidden, transient=True) as progress:
                task = progress.add_task("connecting", total=None)

                def tell(what: str, done: int, total: int | None) -> None:
                    progress.update(task, description=what, completed=done, total=total)

                return await work(history, store, tell)
        finally:
            await history.close()
            await store.close()

    if not context.obj.settings().mirror.url:
        raise Invalid(NO_ADDRESS)  # before a desk is made to look for one
    result: T = context.obj.run(run)
    return result


def _report(comparison: Comparison, as_json: bool, **also: int) -> None:
    if as_json:
        click.echo(msgspec.json.encode(also | _public(comparison)).decode())
    else:
        _print(comparison)
    if comparison.differences:
        raise click.exceptions.Exit(1)


def _print(comparison: Comparison) -> None:
    differences = comparison.differences
    if differences:
        lines = [line for each in differences for line in _lines(each)]
        whole = Column("document", no_wrap=True, min_width=min(36, max(len(line[1]) for line in lines)))
        table = Table("collection", whole, "what", "field", "expected", "found", box=None, pad_edge=False)
        for line in lines[:MOST_LINES]:
            table.add_row(*line)
        Console().print(table)
        if len(lines) > MOST_LINES:
            click.echo(f"… and {len(lines) - MOST_LINES:,} more; --json tells all.")
    if comparison.lost:
        click.echo(f"Not everything can be compared: {comparison.lost}. {LEFT_ALONE}")
    if comparison.behind:
        click.echo(f"The mirror has {_count(comparison.behind, 'message')} still to read.")
    verdict = f"{_count(len(differences), 'difference')}" if differences else "no difference"
    click.echo(f"{_count(comparison.documents, 'document')} compared: {verdict}.")


def _lines(each: Difference) -> list[tuple[str, ...]]:
    start = (each.collection, str(each.id), each.what)
    return [(*start, name, _short(wanted), _short(found)) for name, wanted, found in each.fields] or [
        (*start, "", "", "")
    ]


def _public(comparison: Comparison) -> dict[str, Any]:
    differences = [
        {
            "collection": each.collection,
            "id": str(each.id),
            "what": each.what,
            "fields": [
                {"field": n, "expected": _plain(wanted), "found": _plain(is_)} for n, wanted, is_ in each.fields
            ],
        }
        for each in comparison.differences
    ]
    return {
        "documents": comparison.documents,
        "behind": comparison.behind,
        "lost": comparison.lost,
        "differences": differences,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | None) else str(value)


def _short(value: Any) -> str:
    text = str(_plain(value))
    return text if len(text) <= 40 else f"{text[:39]}…"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
