"""Columns of many rows on their way to the server: as one text, which it takes apart again, where that is exact.

asyncpg asks of each element of an array whether it is a list itself, which takes longer than writing it: a tenth of
what a new ticket costs to store. A column of texts goes as one text instead, its values with marks between them, and
one of whole numbers as PostgreSQL itself writes an array. Where a text holds a mark, or there are other kinds, rows go
as arrays.
"""

from collections.abc import Sequence
from typing import Any

from answerable.infra.database.postgres.statement import NUL

END, ABSENT = "\x1f", "\x1e"  # ASCII's own separators: of units, and of records
_TAKEN_APART = rf"string_to_array(${{place}}::text, E'\x{ord(END):02x}', E'\x{ord(ABSENT):02x}')"
_TEXTS = frozenset({"text", "varchar"})
_NUMBERS = frozenset({"int2", "int4", "int8"})


def as_arrays(kinds: Sequence[str]) -> str:
    """Write the places of columns that come as arrays; ``kinds`` are the names of their types."""
    return ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(kinds, 1))


def as_lines(kinds: Sequence[str]) -> str:
    """Write the places of columns that come as ``lines``."""
    return ", ".join(
        _TAKEN_APART.format(place=place) if kind in _TEXTS else f"${place}::text::{kind}[]"
        for place, kind in enumerate(kinds, 1)
    )


def lines(columns: Sequence[Sequence[Any]], kinds: Sequence[str]) -> list[str] | None:
    """Return each column as one text, or ``None`` where arrays are called for: also by one row, which may be empty."""
    if len(columns[0]) < 2:
        return None
    found = []
    for column, kind in zip(columns, kinds, strict=True):
        line = _line(column, kind)
        if line is None:
            return None
        found.append(line)
    return found


def _line(column: Sequence[Any], kind: str) -> str | None:
    if kind in _NUMBERS:
        if bool in map(type, column):  # the driver writes these as numbers
            return None
        line = str([*column])[1:-1]
        return f"{{{line.replace('None', 'NULL')}}}"
    if kind not in _TEXTS:
        return None
    try:
        line = END.join(column) if None not in column else END.join([_or_absent(value) for value in column])
    except TypeError:
        return None
    exact = line.count(END) == len(column) - 1 and line.count(ABSENT) == column.count(None)
    return line.replace(NUL, "") if exact else None


def _or_absent(value: Any) -> Any:
    return ABSENT if value is None else value
