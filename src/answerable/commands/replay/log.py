"""Reading the incident log (UCI no. 498, or a file of the same shape): a CSV, or a ZIP that holds one.

Its traps (from the note beside it): ``closed_at``, ``resolved_at`` and ``resolved_by`` are back-filled on every row,
so they are never read; ``made_sla`` is a verdict, never an input; ``?`` means missing; state ``-100`` too; times are
day-first, naive, to the minute; rows may be out of order, so each incident is sorted by update time and count.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from answerable.kernel.errors import Invalid
from answerable.kernel.times import SECOND

COLUMNS = (
    "number",
    "incident_state",
    "sys_mod_count",
    "caller_id",
    "opened_at",
    "sys_updated_at",
    "category",
    "priority",
    "assigned_to",
)
MISSING = "?"
PRIORITIES = {"1 - Critical": "CRITICAL", "2 - High": "HIGH", "3 - Moderate": "MEDIUM", "4 - Low": "LOW"}
STATES = {
    "New": "NEW",
    "Active": "ACTIVE",
    "Awaiting User Info": "AWAITING",
    "Awaiting Vendor": "AWAITING",
    "Awaiting Problem": "AWAITING",
    "Awaiting Evidence": "AWAITING",
    "Resolved": "RESOLVED",
    "Closed": "CLOSED",
    "-100": "",
    MISSING: "",
}
MAX_LINE = 100_000
MAX_NUMBER = 50  # it becomes part of a title
MAX_DIGITS = 9
UNREADABLE = (UnicodeDecodeError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One line of the log: what the incident looked like at ``time`` (microseconds). Empty text: missing."""

    time: int
    count: int
    state: str
    agent: str
    priority: str
    category: str


@dataclass(slots=True)
class Incident:
    """An incident and its lines, in order of time."""

    number: str
    caller: str
    opened_at: int
    rows: list[Row] = field(default_factory=list)


def read_log(path: Path, limit: int | None = None) -> list[Incident]:
    """Read the incidents of a log, the first ``limit`` where given, each sorted by time and count.

    Raises ``Invalid`` naming the file and line for anything that is not such a log.
    """
    incidents: dict[str, Incident] = {}
    with _open_text(path) as lines:
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, [])
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise Invalid(f"{path}: line 1: the column {missing[0]} is missing.")
            places = [header.index(name) for name in COLUMNS]
            for values in reader:
                if len(values) != len(header):
                    raise Invalid(
                        f"{path}: line {reader.line_num}: has {len(values)} values, the header names {len(header)}."
                    )
                _take(incidents, [values[place] for place in places], limit, f"{path}: line {reader.line_num}")
        except csv.Error as error:
            raise Invalid(f"{path}: line {reader.line_num}: {error}.") from error
        except UNREADABLE as error:
            raise Invalid(f"{path}: cannot be read as text ({error}).") from error
    if not incidents:
        raise Invalid(f"{path}: holds no incident.")
    for incident in incidents.values():
        incident.rows.sort()
        incident.opened_at = min(incident.opened_at, incident.rows[0].time)
    return list(incidents.values())


def _take(incidents: dict[str, Incident], values: list[str], limit: int | None, where: str) -> None:
    number, state, count, caller, opened, updated, category, priority, agent = values
    incident = incidents.get(number)
    if incident is None:
        if number == MISSING or not 1 <= len(number) <= MAX_NUMBER:
            raise Invalid(f"{where}: number: {number[:20]!r} does not name an incident.")
        if limit is not None and len(incidents) >= limit:
            return
        incident = incidents[number] = Incident(number, _known(caller), _time(opened, f"{where}: opened_at"))
    if state not in STATES:
        raise Invalid(f"{where}: incident_state: unknown state {state[:50]!r}.")
    if priority not in PRIORITIES:
        raise Invalid(f"{where}: priority: unknown priority {priority[:50]!r}.")
    if not count.isascii() or not count.isdigit() or len(count) > MAX_DIGITS:
        raise Invalid(f"{where}: sys_mod_count: {count[:20]!r} is not a number.")
    time = _time(updated, f"{where}: sys_updated_at")
    row = Row(time, int(count), STATES[state], _known(agent), PRIORITIES[priority], _category(category))
    incident.rows.append(row)


def _known(text: str) -> str:
    return "" if text == MISSING else " ".join(text.split())


def _category(text: str) -> str:
    code = "".join(c if c.isascii() and c.isalnum() else "_" for c in text.upper())[:50]
    return "OTHER" if text == MISSING or not code else code


def _time(text: str, where: str) -> int:
    try:
        moment = datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise Invalid(f"{where}: {text[:50]!r} is not a day-first time like 29/2/2016 01:16.") from None
    return int(moment.timestamp()) * SECOND


@contextmanager
def _open_text(path: Path) -> Iterator[Iterator[str]]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if name.lower().endswith(".csv")]
                if len(names) != 1:
                    raise Invalid(f"{path}: must hold one CSV file, holds {len(names)}.")
                with archive.open(names[0]) as raw:
                    yield _bounded(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), path)
        else:
            with path.open(encoding="utf-8-sig", newline="") as text:
                yield _bounded(text, path)
    except OSError as error:
        raise Invalid(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (*UNREADABLE, RuntimeError) as error:  # RuntimeError: the archive asks for a password
        raise Invalid(f"{path}: cannot be read ({error}).") from error


def _bounded(text: io.TextIOBase | io.TextIOWrapper, path: Path) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) >= MAX_LINE:
            raise Invalid(f"{path}: line {number}: is longer than {MAX_LINE} characters.")
        yield line
