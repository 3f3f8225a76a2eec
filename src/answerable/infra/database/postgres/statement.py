"""The portable SQL of the features in PostgreSQL's words: ``:name`` becomes ``$n``, and what a statement touches."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from answerable.infra.database.search import WHOLE, for_postgres, words
from answerable.infra.database.tables import changed_table, owner_of
from answerable.infra.pulse import ANYTHING

_PIECES = re.compile(r"'(?:[^']|'')*'|::|:([A-Za-z_]\w*)")
_NAMES = re.compile(r"[a-z_]\w*")
_RETURNS = re.compile(r"\bRETURNING\b", re.IGNORECASE)
_COUNTS = re.compile(r"\s*UPDATE (\w+) SET (\w+) = \2 \+ 1 WHERE (\w+) = \$1 RETURNING \2\s*")
_INSERTS = re.compile(r"\s*(INSERT INTO \w+\s*\([\w\s,]+\))\s*VALUES\s*\(\s*(\$\d+(?:\s*,\s*\$\d+)*)\s*\)\s*")
_CLAIMS = re.compile(r"\s*ON\s+CONFLICT\s+DO\s+NOTHING\s+RETURNING\s+1\s+AS\s+(\w+)\s*", re.IGNORECASE)
_BY_KEY = re.compile(r"\s*SELECT\b.*\sWHERE (?:\w+\.)?(?:id|number) = \$\d+\s*", re.DOTALL)
_PLACES = re.compile(r"'(?:[^']|'')*'|\$(\d+)")
_MARKS = re.compile("[\u0300-\u036f]")
BEGINS = ":*"  # behind a word: others that begin so are meant as well
LONGEST_WORD = 500  # as the index keeps it
NUL = "\0"  # PostgreSQL's texts hold none: it is left out where it would be stored,
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # and who asks for it finds nothing


@dataclass(frozen=True, slots=True)
class Counter:
    """What takes the next number of a counter: how to read it, how to write it, and the column's name."""

    read: str
    write: str
    column: str


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """One statement: its text, the names of its values in order, and what it reads and writes.

    ``table`` is the one that it changes: ``None`` where it only reads, ``ANYTHING`` where that cannot be told.
    ``names`` holds every word in it, tables among them. ``searches`` are the values that a person typed as a search.
    ``counter`` is there where it takes a number, ``inserts`` where it writes one row of given values: its words up to
    VALUES. ``claims`` is the name of the 1 that it answers where such a row was not there before. ``owner`` is whose
    tables it changes: the first word of their names. One ``by_key`` only
    reads, and ends by naming the row that it wants. ``take`` finds its values by their names.
    """

    text: str
    values: tuple[str, ...]
    table: str | None
    names: frozenset[str]
    returns: bool
    searches: frozenset[str]
    counter: Counter | None
    inserts: str | None
    claims: str | None
    owner: str
    by_key: bool
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]]

    def arguments(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Put values in the order of the statement. Raises ``KeyError`` for one that is missing."""
        if self.searches:
            values = dict(values)
            for name in self.searches:
                asked = queries(values[name])
                if name.startswith(WHOLE):
                    asked = [one.removesuffix(BEGINS) for one in asked]
                values[name] = " & ".join(asked)
                values |= {f"{name}_{place}": one for place, one in enumerate(asked)}
        given: tuple[Any, ...] = self.take(values)
        if self.inserts is not None:
            return given  # what is kept is looked through when it is sent
        return storable(given, REPLACEMENT if self.table is None else "")


def of_words(
    sql: str, asked: Statement, values: Mapping[str, Any], common: frozenset[tuple[str, str]] = frozenset()
) -> Statement:
    """Return the statement that ``asked`` is for as many words as are searched for: it has one search.

    ``common`` are tables, each with a word that most of its rows have.
    """
    (name,) = asked.searches
    sought = queries(values[name])
    there = [(table, place) for table, word in common for place, one in enumerate(sought) if one in _written(word)]
    return statement(sql, len(sought), frozenset(there))


def _written(word: str) -> tuple[str, str]:
    """Return how ``queries`` writes a word, and one that may be the beginning of others."""
    return f"'{word}'", f"'{word}'{BEGINS}"


@lru_cache(maxsize=4096)
def statement(sql: str, count: int = 1, common: frozenset[tuple[str, int]] = frozenset()) -> Statement:
    """Translate a statement of the portable subset, in which ``count`` words are searched for; some are ``common``.

    ``MATCHES(alias.table, :q)`` and ``FOUND_IN(table, :q)`` ask the full-text index (infra/database/search.py).
    """
    sql, searches = for_postgres(sql, count, common)
    order: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group(0) if name is None else f"${order.setdefault(name, len(order) + 1)}"

    text = _PIECES.sub(place, sql)
    table = changed_table(text)
    returns = table in (None, ANYTHING) or _RETURNS.search(text) is not None
    return Statement(
        text,
        tuple(order),
        table,
        frozenset(_NAMES.findall(text)),
        returns,
        searches,
        _counter(text),
        *_inserts(text, len(order)),
        owner_of(table),
        not searches and _BY_KEY.fullmatch(text) is not None,
        _taking(tuple(order)),
    )


def _taking(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


def storable(given: tuple[Any, ...], instead: str = "") -> tuple[Any, ...]:
    """Return values of which no text holds a NUL: it is left out, or something is there ``instead``."""
    for value in given:
        if type(value) is str and NUL in value:
            return tuple([value.replace(NUL, instead) if type(value) is str else value for value in given])
    return given


def _counter(text: str) -> Counter | None:
    found = _COUNTS.fullmatch(text)
    if found is None:
        return None
    table, column, key = found.groups()
    return Counter(
        f"SELECT {column} FROM {table} WHERE {key} = $1 FOR UPDATE",
        f"UPDATE {table} SET {column} = $2 WHERE {key} = $1",
        column,
    )


def _inserts(text: str, values: int) -> tuple[str | None, str | None]:
    found = _INSERTS.match(text)
    if found is None or re.split(r"\s*,\s*", found.group(2)) != [f"${place}" for place in range(1, values + 1)]:
        return None, None
    rest = text[found.end() :]
    claims = _CLAIMS.fullmatch(rest)
    return (found.group(1), claims.group(1) if claims else None) if not rest or claims else (None, None)


def moved(text: str, by: int) -> str:
    """Return a statement whose values have places further on: ``$1`` becomes ``$4`` where ``by`` is 3."""
    return _PLACES.sub(lambda match: f"${int(match.group(1)) + by}" if match.group(1) else match.group(0), text)


def named(text: str, prefix: str) -> str:
    """Return a statement whose values have names: ``$1`` becomes ``prefix1``."""
    return _PLACES.sub(lambda match: f"{prefix}{match.group(1)}" if match.group(1) else match.group(0), text)


def fold(word: str) -> str:
    """Return a word as the index keeps it: small letters without accents, as SQLite's ``unicode61`` has them."""
    return _MARKS.sub("", unicodedata.normalize("NFD", word)).lower()[:LONGEST_WORD]


def queries(text: str) -> list[str]:
    """Write a person's words as searches, all of which must find: the last word may be a beginning.

    Each word is quoted, so that nothing a person types is read as an operator. One that finds nothing where there is
    no word.
    """
    found = [f"'{folded}'" for word in words(text) if (folded := fold(word))]
    return [*dict.fromkeys(found[:-1]), f"{found[-1]}{BEGINS}"] if found else [""]
