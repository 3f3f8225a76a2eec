"""``sla``: deadlines at a prompt."""

from pathlib import Path

import click
import msgspec

from answerable.kernel.errors import Invalid
from answerable.kernel.times import iso_or_none
from answerable.sla.rules.vectors import due_of, read_vectors

MAX_FILE = 64 * 1024 * 1024


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


def read_file(file: Path) -> bytes:
    """Read a file that somebody named. Raises ``Invalid`` where it cannot be read."""
    try:
        if file.stat().st_size > MAX_FILE:
            raise Invalid(f"{file}: is larger than {MAX_FILE // 1024 // 1024} MB.")
        return file.read_bytes()
    except OSError as error:
        raise Invalid(f"{file}: cannot be read ({error.strerror or error}).") from error
