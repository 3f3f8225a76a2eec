"""Full-text search: ``MATCHES(t, :q)`` in a feature's SQL becomes the engine's own words here."""

import re
from functools import lru_cache

_MATCHES = re.compile(r"MATCHES\((\w+)\.(\w+), :(\w+)\)")
_WORD = re.compile(r"[^\W_]+")
MAX_WORDS = 12


def words(query: str) -> list[str]:
    """Return the words of what a person typed, at most ``MAX_WORDS``."""
    return _WORD.findall(query.lower())[:MAX_WORDS]


@lru_cache(maxsize=1024)
def for_sqlite(sql: str) -> tuple[str, frozenset[str]]:
    """Rewrite ``MATCHES(alias.table, :q)`` for FTS5; also return the names of the values that hold queries.

    The index of ``table`` is the FTS5 table ``<table>_fts`` with the same row ids.
    """
    if "MATCHES(" not in sql:
        return sql, frozenset()
    names = frozenset(match[2] for match in _MATCHES.findall(sql))
    rewritten = _MATCHES.sub(r"\1.rowid IN (SELECT rowid FROM \2_fts WHERE \2_fts MATCH :\3)", sql)
    return rewritten, names


def sqlite_query(text: str) -> str:
    """Write a person's words as an FTS5 query: all words must occur, the last one may be a beginning.

    Each word is quoted, so that nothing a person types is read as an operator.
    """
    found = words(text)
    if not found:
        return '""'
    return " ".join(f'"{word}"' for word in found) + "*"
