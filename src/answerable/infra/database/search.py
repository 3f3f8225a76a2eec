"""Full-text search: three forms that become the engine's own words here.

``MATCHES(t.table, :q)`` and ``FOUND_IN(table, :q)`` ask the index. ``HAS(t.table(title, body), :q, edges.low,
edges.high, edges.many)`` is for rows that are few, whose numbers are between two that a table expression ``edges`` has
in its one row, and ``many`` says about how many they are: it asks about each of them, or about no others, or reads the
columns that the index has. Each takes one value more, ``:owner``, where only rows of one person are asked for: an index
in which that stands as a word of its own (see the migrations) has them together, however many others there are.

The last word that somebody typed may be the beginning of one. A query whose value is called ``whole_`` and something
asks for it as it stands: that finds less, and is sooner done.
"""

import re
import sqlite3
import sys
import unicodedata
from collections.abc import Sequence

from answerable.infra.database.sqlite_reading import has_all

_MATCHES = re.compile(r"MATCHES\((\w+)\.(\w+), :(\w+)(?:, :(\w+))?\)")
_FOUND_IN = re.compile(r"FOUND_IN\((\w+), :(\w+)(?:, :(\w+))?\)")
_HAS = re.compile(r"HAS\((\w+)\.(\w+)\(([\w, ]+)\), :(\w+), (\w+)\.(\w+), \5\.(\w+), \5\.(\w+)(?:, :(\w+))?\)")
_SOUGHT = re.compile(r"SOUGHT\(:(\w+)\)")
_WORD = re.compile(r"[^\W_]+")
_INDEXES = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%' AND name LIKE '%/_fts' ESCAPE '/'"
MAX_WORDS = 12
MOST_FORMS = 24  # of a word that a person has not typed to its end
PLACES = 32  # of words that are read at once: rare ones stand in few, and are passed together
OWNER_MARK = 0xE000  # begins the word that says whose a row is: part of a word for FTS5, and of none that is typed
WHOLE = "whole_"
LATER = "query_of"  # the function of SQL that writes what a person typed as a query, where an index is asked after all
APART = 400  # numbers for each row that is asked for: where there are more, others may be many
OTHERS = 100  # rows with the words for each row that is asked for: rather than through more, one goes to each
APART_TO_READ, OTHERS_TO_READ = 20, 20  # the same where rows can be read (sqlite_reading.py),
ONE_COLUMN = 2  # and so many times fewer where one column is: such rows are small, and many stand on a page
# Rows of one person, and characters of one, that are read: to find the first one in the index takes as long. Who wrote
# them may have made them for it (sqlite_reading.py), and asks as often as they like.
OWN_READ, OWN_LONGEST = 20, 4000
READ = 250  # rows, however many others there are: to count those takes as long
MERGED_PAGES = 200  # in one transaction, while others wait to write


def words(query: str) -> list[str]:
    """Return the words of what a person typed, at most ``MAX_WORDS``."""
    return _WORD.findall(unicodedata.normalize("NFC", query))[:MAX_WORDS]  # upper and lower case are the index's affair


def for_sqlite(sql: str, count: int = 0) -> tuple[str, frozenset[str]]:
    """Rewrite the forms for FTS5; also return the names of the values that have to be written as queries before.

    The index of ``table`` is the FTS5 table ``<table>_fts`` with the same row ids. ``count`` is how many words are
    asked for, where rows can be read for them (sqlite_reading.py), or 0. Where they can, mostly no index is asked, and
    to write the query is left to ``LATER``: all words that begin so are looked up for it.
    """
    names = queries_of(sql)
    if not names:
        return sql, names
    rewritten = _MATCHES.sub(lambda match: f"{match[1]}.rowid IN {_in_fts(match[2], match[3], match[4])}", sql)
    rewritten = _HAS.sub(lambda match: _has(count, match), rewritten)
    rewritten = _FOUND_IN.sub(lambda match: _in_fts(match[1], match[2], match[3]), rewritten)
    before, tables = frozenset(name for name in names if not count or name.startswith(WHOLE)), " ".join(tables_of(sql))

    def sought(form: re.Match[str]) -> str:
        return f":{form[1]}" if form[1] in before else f"{LATER}(:{form[1]}, '{tables}')"

    return _SOUGHT.sub(sought, rewritten), before


def _in_fts(table: str, query: str, owner: str | None, more: str = "") -> str:
    sought = f"SOUGHT(:{query})"
    if owner:  # in that column alone: in what people write, the word says nothing
        sought = f"""'owner : "' || char({OWNER_MARK}) || replace(:{owner}, '-', '') || '" AND (' || {sought} || ')'"""
    return f"(SELECT rowid AS number FROM {table}_fts WHERE {table}_fts MATCH {sought}{more})"


def _has(count: int, form: re.Match[str]) -> str:
    """Ask about all between the edges at once, or go to each row, where others that have the words stand between.

    A row in which the words can be read is soon passed: few are, and more where those with the words are not rare.
    """
    row, table, columns, query, edges, low, high, many, owner = form.groups()
    between = f" AND rowid BETWEEN (SELECT {low} FROM {edges}) AND (SELECT {high} FROM {edges})"
    # The plus keeps the planner from going through all that is found, row by row of those that are asked.
    at_once = f"+{row}.number IN {_in_fts(table, query, owner, between)}"
    each = f"EXISTS {_in_fts(table, query, owner, f' AND rowid = {row}.number')}"
    if owner and count:
        each = has_all(row, table, columns, query, count, each, OWN_LONGEST)
        return f"CASE WHEN (SELECT {many} FROM {edges}) > {OWN_READ} THEN {at_once} ELSE {each} END"
    if owner:
        return at_once
    apart, most, few = APART, OTHERS, 0
    if count:
        apart, most, few = APART_TO_READ, OTHERS_TO_READ, READ
        if "," not in columns:
            apart, most = apart // ONE_COLUMN, most // ONE_COLUMN
        each = has_all(row, table, columns, query, count, each)
    most_here = f"{most} * (SELECT {many} FROM {edges})"
    others = f"(SELECT COUNT(*) FROM (SELECT 1 FROM {_in_fts(table, query, None, between)} LIMIT {most_here}))"
    dense, more = f"{high} - {low} <= {apart} * {many}", f"{many} > {few}"
    return f"""CASE WHEN (SELECT {dense} FROM {edges}) OR (SELECT {more} FROM {edges}) AND {others} < {most_here}
        THEN {at_once} ELSE {each} END"""


def queries_of(sql: str) -> frozenset[str]:
    """Return the names of the values that hold queries."""
    if not any(f"{form}(" in sql for form in ("MATCHES", "FOUND_IN", "HAS")):
        return frozenset()
    found = [*(match[2] for match in _MATCHES.findall(sql)), *(match[1] for match in _FOUND_IN.findall(sql))]
    return frozenset([*found, *(match[3] for match in _HAS.findall(sql))])


def read_for(sql: str) -> str:
    """Return the name of the value for whose words rows may be read, empty where there is none."""
    return next((match[3] for match in _HAS.findall(sql)), "")


def tables_of(sql: str) -> tuple[str, ...]:
    """Return the tables whose indexes are asked."""
    found = [*(match[1] for match in _MATCHES.findall(sql)), *(match[0] for match in _FOUND_IN.findall(sql))]
    return tuple(sorted({*found, *(match[1] for match in _HAS.findall(sql))}))


def for_postgres(
    sql: str, count: int = 1, common: frozenset[tuple[str, int]] = frozenset()
) -> tuple[str, frozenset[str]]:
    """Rewrite the forms for PostgreSQL; also return the names of the values that hold queries.

    The index of ``table`` is the table ``<table>_words``, whose rows carry the ``number`` of the table's. ``count`` is
    how many words are asked for: each of them, ``:q_0`` and so on, is a condition of its own. ``common`` are tables,
    each with the place of a word that most of its rows have.
    """
    names = queries_of(sql)
    if not names:
        return sql, names
    rewritten = _MATCHES.sub(
        lambda match: f"{match[1]}.number IN {_in_words(match[2], match[3], match[4], count, common)}", sql
    )
    # One value for one row: the planner does not know how few the rows are, and would ask the index for an EXISTS.
    one = r"(SELECT w.words @@ CAST(CAST(:\4 AS TEXT) AS TSQUERY) FROM \2_words w WHERE w.number = \1.number)"
    rewritten = _HAS.sub(one, rewritten)
    return _FOUND_IN.sub(lambda match: _in_words(match[1], match[2], match[3], count, common), rewritten), names


def _in_words(table: str, query: str, owner: str | None, count: int, common: frozenset[tuple[str, int]]) -> str:
    # Of one condition for all words GIN goes through the most common one row by row; of several, it skips.
    asked = [f"w.words @@ CAST(CAST(:{query}_{place} AS TEXT) AS TSQUERY)" for place in range(count)]
    in_rows = [place for place in range(count) if (table, place) in common]
    if len(in_rows) < count:  # a rare one finds rows in the index
        for place in in_rows:
            asked[place] = f"COALESCE({asked[place]}, FALSE)"  # no condition for GIN, and not taken for a rare one
    if owner:
        asked.append(f"w.words @@ CAST('''#' || CAST(:{owner} AS TEXT) || '''' AS TSQUERY)")
    return f"(SELECT w.number FROM {table}_words w WHERE {' AND '.join(asked)})"


def sqlite_query(text: str, forms: Sequence[str] | None = None) -> str:
    """Write a person's words as an FTS5 query: all words must occur, the last one may be a beginning.

    Each word is quoted, so that nothing a person types is read as an operator. ``forms`` are all words that begin as
    the last one does, where they are known: FTS5 collects whatever begins so before it gives the first row; of whole
    words it gives one row after the other. It looks for the other words where it has found the first: that is the last
    one here, which people add to find less.
    """
    *before, last = words(text) or [""]
    if forms is None:
        sought = f'"{last}"*' if last else '""'
    else:
        sought = f"({' OR '.join(f'{chr(34)}{form}{chr(34)}' for form in forms or [last])})"
    return " AND ".join([sought, *(f'"{word}"' for word in before)])


def forms_in(
    connection: sqlite3.Connection, text: str, tables: Sequence[str], known: dict[tuple[str, str], list[str] | None]
) -> list[str] | None:
    """Read the words in the indexes of some tables that begin as the last one of ``text`` does.

    ``None`` where they are many, or an index does not tell (``<table>_fts_terms``), or the last word is not spelt in
    ASCII: how others are folded is FTS5's affair. What was read is ``known`` for the next time.
    """
    found = words(text)
    if not found or not found[-1].isascii():
        return None
    word, forms = found[-1].lower(), dict[str, None]()
    for table in tables:
        if (table, word) not in known:
            known[table, word] = _forms_in_one(connection, table, word)
        here = known[table, word]
        if here is None:
            return None
        forms |= dict.fromkeys(here)
    return list(forms) if len(forms) <= MOST_FORMS else None


def _forms_in_one(connection: sqlite3.Connection, table: str, word: str) -> list[str] | None:
    sought = f"SELECT term FROM {table}_fts_terms WHERE term >= ? AND term < ? LIMIT {PLACES}"
    behind, end, forms = word, f"{word}{chr(sys.maxunicode)}", dict[str, None]()
    while len(forms) <= MOST_FORMS:
        try:
            there = [row[0] for row in connection.execute(sought, (behind, end))]
        except sqlite3.OperationalError:
            return None
        forms |= dict.fromkeys(there)
        if len(there) < PLACES:
            return list(forms)
        behind = there[-1] + "\x01"  # behind all places of this word, before any longer one
    return None


class SqliteTextIndexes:
    """Brings FTS5 indexes up to date once per commit, in the same transaction.

    FTS5 writes a segment whenever a savepoint opens, so indexing inside each unit of a group commit costs several
    times as much. New rows (their numbers only grow) are therefore taken up together just before COMMIT; changes and
    deletions are the triggers' (see the migrations), which leave rows alone that are not taken up yet.
    """

    def __init__(self) -> None:
        self._statements: tuple[str, ...] | None = None

    def take_up_new_rows(self, connection: sqlite3.Connection) -> None:
        """Index the rows that came since the last commit."""
        if self._statements is None:
            self._statements = _statements(connection)
        for statement in self._statements:
            connection.execute(statement)


def merge_text_indexes(connection: sqlite3.Connection) -> None:
    """Merge each index into one segment, a little at a time: what was taken out of it is in it until then."""
    for (index,) in connection.execute(_INDEXES).fetchall():
        merged = 2
        while merged >= 2:  # as FTS5 says how much it did
            before = connection.total_changes
            connection.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('merge', -{MERGED_PAGES})")
            merged = connection.total_changes - before


def _statements(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Write the statement for each index ``<table>_fts`` over a table with a growing integer key.

    Where there is a view ``<table>_fts_said`` with the key ``number``, rows are taken from it.
    """
    found = []
    views = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'")}
    for (index,) in connection.execute(_INDEXES):
        source, key = (f"{index}_said", "number") if f"{index}_said" in views else (index.removesuffix("_fts"), "rowid")
        columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({index})"))
        found.append(
            f"""INSERT INTO {index} (rowid, {columns}) SELECT {key}, {columns} FROM {source}
            WHERE {key} > (SELECT COALESCE(MAX(id), 0) FROM {index}_docsize)"""
        )
    return tuple(found)
