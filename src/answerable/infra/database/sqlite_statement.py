"""The portable SQL of the features in SQLite's words: ``:name`` becomes ``?``: binding by place costs half as much."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from answerable.infra.database import search
from answerable.infra.database.tables import changed_table, owner_of

_PIECES = re.compile(r"'(?:[^']|'')*'|:([A-Za-z_]\w*)")
_COUNTS = re.compile(r"\s*(UPDATE (\w+) SET (\w+) = \3 \+ 1 WHERE (\w+) = \?) RETURNING \3\s*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text, and what puts its values in order.

    ``then`` asks for what ``text`` has just written: a counter's next number, at two thirds of the price of RETURNING.
    ``searches`` are the values that a person typed as a search and that are written as queries before it is run,
    ``tables`` those whose indexes they ask, and ``reads`` that of which rows may be read for its words. ``owner`` is
    whose tables it changes, nobody's where it only reads.
    """

    text: str
    arguments: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    then: str | None
    searches: frozenset[str]
    tables: tuple[str, ...]
    reads: str
    owner: str


@lru_cache(maxsize=4096)
def statement(sql: str, count: int = 0) -> Statement:
    """Translate a statement of the portable subset, in which rows are read for ``count`` words, or for none."""
    tables, reads = search.tables_of(sql), search.read_for(sql)
    sql, searches = search.for_sqlite(sql, count)
    order: list[str] = []

    def place(match: re.Match[str]) -> str:
        if match.group(1) is None:
            return match.group(0)
        order.append(match.group(1))
        return "?"

    text, owner = _PIECES.sub(place, sql), owner_of(changed_table(sql))
    counts = _COUNTS.fullmatch(text)
    if counts is None:
        return Statement(text, _in_order(order), None, searches, tables, reads, owner)
    update, table, column, key = counts.groups()
    then = f"SELECT {column} FROM {table} WHERE {key} = ?"
    return Statement(update, _in_order(order), then, searches, tables, reads, owner)


def _in_order(names: list[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    if len(names) == 1:
        only = names[0]
        return lambda values: (values[only],)
    return itemgetter(*names)
