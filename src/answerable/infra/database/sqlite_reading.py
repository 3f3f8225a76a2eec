"""Whether one row has some words, read in the row itself: FTS5 need not be asked about it.

About one row FTS5 goes through what it keeps of a word until it is there: 50 to 100 microseconds where many others have
the word. The row itself is read in one or two. What it says is what the index says, for words in ASCII: for
``unicode61`` letters and digits make up words there, capitals do not count, and all other ASCII is between words. Of a
text that is not all ASCII a word that stands between ASCII is there, and one that no spelling of the same length leads
to is not (a letter with an accent counts as the letter, one for one); about any other text the index is asked.

How long that takes depends on the words: in a text made for it a word is nearly there at each place. So rows are not
read for long ones: 200 letters would take 30 milliseconds a row, 24 take 4.
"""

from collections.abc import Sequence

LONGEST = 24  # letters of a word that rows are read for
_BETWEEN = "[\x01-/:-`{-\x7f]"  # what is between words in ASCII, where capitals are small
_ACCENTS = "*[\u0300-\u0331]*"  # those that stand behind their letter, which FTS5 passes over
_ANY_LETTER = "\x80-\U0010ffff"


def can_be_read_for(words: Sequence[str]) -> bool:
    """Tell whether rows may be read for these words."""
    return all(word.isascii() and len(word) <= LONGEST for word in words)


def patterns(name: str, words: Sequence[str]) -> dict[str, str]:
    """Return the values for ``has_all`` of words in ASCII, of which the last may be the beginning of one."""
    values = dict[str, str]()
    for place, word in enumerate(words):
        small, last = word.lower(), place == len(words) - 1
        spellings = "".join(f"[{letter}{_ANY_LETTER}]" for letter in small)
        values |= {
            f"{name}_{place}": small,
            f"{name}_{place}_as": f"*{_BETWEEN}{small}{'' if last else _BETWEEN}*",
            f"{name}_{place}_like": f"*{spellings}*",
        }
    return values


def has_all(row: str, table: str, columns: str, query: str, count: int, asked: str, longest: int = 0) -> str:
    """Write whether a row of a table has so many words in some columns; ``asked`` is what asks the index about it.

    A text of more than ``longest`` characters is not read, where that is given: the index is asked.
    """
    text = " || ' ' || ".join(f"s.{column}" for column in columns.split(", "))
    names = [f":{query}_{place}" for place in range(count)]
    # What is soonest asked comes first.
    there = " AND ".join([*(f"instr(r.said, {name})" for name in names), *(f"r.said GLOB {name}_as" for name in names)])
    spelt = " AND ".join(f"r.said GLOB {name}_like" for name in names)
    plain = "length(r.said) = length(CAST(r.said AS BLOB))"
    # What is asked of a text is made once: two limits keep SQLite from making it anew for each question.
    made = f"SELECT ' ' || lower({text}) || ' ' AS said FROM {table} s WHERE s.number = {row}.number LIMIT 1"
    too_long = f"WHEN length(r.said) > {longest} THEN {asked} " if longest else ""
    return f"""(SELECT CASE {too_long}WHEN {there} THEN 1 WHEN {plain} THEN 0
            WHEN {spelt} OR r.said GLOB '{_ACCENTS}' OR instr(r.said, char(0)) THEN {asked} ELSE 0 END
        FROM ({made}) r LIMIT 1)"""
