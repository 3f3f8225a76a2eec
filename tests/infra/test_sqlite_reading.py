"""A row that is read for some words says what the index of words says of it."""

import random
import sqlite3
from collections.abc import Iterator

import pytest

from answerable.infra.database.search import sqlite_query, words
from answerable.infra.database.sqlite_reading import LONGEST, can_be_read_for, has_all, patterns

SETUP = """CREATE TABLE note (number INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL);
CREATE VIRTUAL TABLE note_fts USING fts5 (
    title, body, content='note', content_rowid='number', tokenize='unicode61 remove_diacritics 2'
);"""
# Letters that FTS5 counts as one another, what stands between words or does not, and what is not text at all.
LETTERS = "aabbeKk1\u00e1\u00c4\u00eb\u00c9\u1ebf\u212a\u0131\u0130\u017f\u00df\u0430\u4e2d\ue000\U0001d41a"
OTHERS = "     -_.'\"[]^*?%\t\n\x01\x1f\x7f\x00\u0301\u0308\u0332\u0345\u00a0\u2013\u200d\U0001f525"
ASKED = -1  # the index would be asked


@pytest.fixture
def notes() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SETUP)
    yield connection
    connection.close()


def write(notes: sqlite3.Connection, *rows: tuple[str, str]) -> None:
    notes.executemany("INSERT INTO note (title, body) VALUES (?, ?)", rows)
    notes.execute("INSERT INTO note_fts (note_fts) VALUES ('rebuild')")


def read(notes: sqlite3.Connection, typed: str) -> dict[int, int]:
    return dict(notes.execute(_reading(typed), patterns("q", words(typed))).fetchall())


def _reading(typed: str) -> str:
    condition = has_all("n", "note", "title, body", "q", len(words(typed)), str(ASKED))
    return f"SELECT n.number, {condition} FROM note n"


def in_index(notes: sqlite3.Connection, typed: str) -> set[int]:
    found = notes.execute("SELECT rowid FROM note_fts WHERE note_fts MATCH ?", (sqlite_query(typed),))
    return {number for (number,) in found}


@pytest.mark.parametrize("accents", [False, True])
def test_what_is_read_is_what_the_index_has(notes: sqlite3.Connection, *, accents: bool) -> None:
    chance = random.Random(accents)
    letters = LETTERS if accents else "aabbekK1"
    others = OTHERS if accents else "   -_.'[]^*?%\t\n\x01\x7f"

    def text() -> str:
        return "".join(chance.choice(letters if chance.random() < 0.7 else others) for _ in range(chance.randrange(12)))

    write(notes, *((text(), text()) for _ in range(1500)))
    told = {0: 0, 1: 0, ASKED: 0}
    for _ in range(150):
        typed = " ".join(
            "".join(chance.choices("abeEk1", k=chance.choice((1, 2, 2, 3)))) for _ in range(chance.choice((1, 1, 2)))
        )
        found = in_index(notes, typed)
        for number, answer in read(notes, typed).items():
            told[answer] += 1
            assert answer in (ASKED, number in found), (
                typed,
                notes.execute("SELECT * FROM note WHERE number = ?", (number,)).fetchone(),
            )
    assert min(told[0], told[1]) > 1000
    assert told[ASKED] > 1000 if accents else told[ASKED] == 0


def test_each_letter_that_counts_as_another_is_asked_for(notes: sqlite3.Connection) -> None:
    """Of what there is in Unicode: what FTS5 takes for a letter in ASCII, and what it passes over in a word."""
    beyond = [chr(code) for code in range(0x80, 0x20000) if not 0xD800 <= code < 0xE000]
    write(notes, *((letter, f"b{letter}b") for letter in beyond))
    taken = 0
    for typed in ("bb", *"acdefghijklmnopqrstuvwxyz0123456789"):
        found = in_index(notes, typed)
        sql = f"{_reading(typed)} WHERE n.number IN ({','.join(map(str, found))})"
        assert [answer for _, answer in notes.execute(sql, patterns("q", [typed]))] == [ASKED] * len(found), typed
        taken += len(found)
    assert taken > 400


def test_ordinary_texts_are_decided_without_the_index(notes: sqlite3.Connection) -> None:
    write(
        notes,
        ("The PRINTER is slow", "Case 7777"),
        ("Der Drucker w\u00e4hlt", "Gr\u00f6\u00dfe (Fach 2): druckt nicht"),
        ("Das Caf\u00e9", ""),
    )
    assert read(notes, "slow printer") == {1: 1, 2: 0, 3: 0}
    assert read(notes, "777") == {1: 1, 2: 0, 3: 0}
    assert read(notes, "777 case") == {1: 0, 2: 0, 3: 0}, "only the last word may be a beginning"
    assert read(notes, "fach druck") == {1: 0, 2: 1, 3: 0}
    assert read(notes, "wahl") == {1: 0, 2: ASKED, 3: 0}
    assert read(notes, "cafe") == {1: 0, 2: 0, 3: ASKED}


def test_accents_behind_their_letters_make_a_word_longer_than_it_counts(notes: sqlite3.Connection) -> None:
    write(notes, ("pri\u0308nte\u0308r", ""), ("pri\u0332nte\u0332r", ""))
    assert in_index(notes, "printer") == {1}
    assert read(notes, "printer") == {1: ASKED, 2: 0}


def test_rows_are_not_read_for_what_would_take_long() -> None:
    assert can_be_read_for(["printer", "x" * LONGEST])
    assert not can_be_read_for(["printer", "x" * (LONGEST + 1)]), "in a text made for it, nearly there at each place"
    assert not can_be_read_for(["gr\u00f6\u00dfe"])
