"""Answers as a table: CSV (RFC 4180) for whoever asks for it, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.params import Parameter

from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Invalid
from answerable.kernel.tx import Tx
from answerable.messages.audit import RecordAct

MEDIA_TYPE = "text/csv"  # the framework adds the charset
EXPORTED = "REPORT_EXPORTED"
Format = Annotated[
    str | None,
    Parameter(
        query="format",
        description="csv or json; without it the Accept header decides.",
        schema_extra={"pattern": "^(csv|json)?$"},
    ),
]
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def wants_csv(request: DeskRequest, wanted: str | None) -> bool:
    """Tell whether the client wants CSV: by ``format`` if given, else by its ``Accept`` header.

    Raises ``Invalid`` for another format than ``csv`` or ``json``.
    """
    if wanted:
        if wanted not in ("csv", "json"):
            raise Invalid("format must be csv or json.", errors=("format: must be csv or json",))
        return wanted == "csv"
    return _prefers_csv(request.headers.get("accept", ""))


async def takes_csv(request: DeskRequest, wanted: str | None) -> bool:
    """Tell whether a report is wanted as CSV; to take figures out of the desk is an act that is recorded.

    Features whose reports can be taken out name ``REPORT_EXPORTED`` among their acts.
    """
    as_csv = wants_csv(request, wanted)
    if as_csv:
        await request.act(_record_export, request.scope["path"])
    return as_csv


async def _record_export(tx: Tx, path: str) -> None:
    tx.send(RecordAct(act=EXPORTED, about="report", named=path))


def _prefers_csv(accept: str) -> bool:
    """Tell whether an ``Accept`` header names CSV and wants it at least as much as JSON (RFC 9110, section 12.5.1)."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weights[media] = min((_weight(p[2:]) for p in parameters if p.startswith("q=")), default=1.0)
    table, either = weights.get("text/csv", 0.0), weights.get("*/*", 0.0)
    if "application/json" in weights:
        return table > weights["application/json"]
    return table > 0 and table >= either


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0


def csv_headers(name: str) -> dict[str, str]:
    """Return the headers of a table that is saved as ``<name>.csv``."""
    return {"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"}


def csv_response(name: str, kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> Response[Any]:
    """Answer rows of a kind as ``<name>.csv``."""
    text = "".join(csv_lines(kind, rows))
    return Response(text.encode(), headers=csv_headers(name), media_type=MEDIA_TYPE)


def csv_lines(kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct], *, header: bool = True) -> Iterator[str]:
    """Write rows line by line, below a header line of their field names. A map becomes a column for each key."""
    written = False
    for row in rows:
        cells = dict(_cells(msgspec.to_builtins(row)))
        if header and not written:
            yield _line(list(cells))
        written = True
        yield _line([_safe(value) for value in cells.values()])
    if header and not written:
        yield _line([field.encode_name for field in msgspec.structs.fields(kind)])


def _cells(row: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _cells(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _safe(value: Any) -> Any:
    """Keep a spreadsheet from running what a person typed: text that looks like a formula begins with an apostrophe."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return value


def _line(cells: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
