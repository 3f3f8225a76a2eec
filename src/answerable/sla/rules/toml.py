"""Calendars and policies as a TOML text: read with the line of each mistake, and written so that it reads the same."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from answerable.kernel.errors import Invalid
from answerable.kernel.words import N_
from answerable.sla.rules.edition import read_terms
from answerable.sla.rules.written import WrittenTerms, plain

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_.-])+)\s*=""")
_PARTS = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")
_PLACE = re.compile(r" - at `(?:key in )?`?\$\.?([^`]*)`?$")
_STEP = re.compile(r"\[(\d+)\]")
# Strings and comments as TOML has them; one that does not end takes the rest, so that none is looked at twice.
_WORDS = re.compile(
    r'"{3}(?:[^\\"]|\\.?|"{1,2}(?!"))*+(?:"{3,5}|\Z)'
    r"""|'{3}(?:[^']|'{1,2}(?!'))*+(?:'{3,5}|\Z)"""
    r"""|"(?:[^"\\\n]|\\[^\n])*+"?|'[^'\n]*+'?|#[^\n]*+""",
    re.DOTALL,
)
_BETWEEN = re.compile(r"[^\[\]{},=\n]+")
MAX_TEXT = 4 * 1024 * 1024
MOST_PARTS = 16  # of a key; the deepest that means something has four
LONGEST_PART = 100  # of a place that is told


def read_toml(text: bytes) -> WrittenTerms:
    """Read a text and check what it says. Raises ``Invalid`` with every mistake, its line and its place."""
    if len(text) > MAX_TEXT:
        raise Invalid(f"The file is larger than {MAX_TEXT // 1024 // 1024} MB.")
    try:
        source = text.decode("utf-8-sig")
        _no_endless_keys(source)
        values = tomllib.loads(source)
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise Invalid(f"Line {line} is not UTF-8 text.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Invalid(f"This is not TOML: {error}.") from error
    except ValueError as error:  # a number of thousands of digits
        raise Invalid(N_("A number is too long.")) from error
    try:
        written = msgspec.convert(values, WrittenTerms)
    except msgspec.ValidationError as error:
        words = str(error)
        place = _PLACE.search(words)
        complaint = f"{place[1]}: {_PLACE.sub('', words)}" if place and place[1] else words
        raise _placed(source, Invalid(complaint, errors=(complaint,))) from None
    try:
        read_terms(written)
    except Invalid as error:
        raise _placed(source, error) from None
    return written


def _no_endless_keys(source: str) -> None:
    """Raise ``Invalid`` for a key of many parts (``a.a.a``): the time to parse one grows with their square."""
    bare = _WORDS.sub(_blank, source)
    for found in _BETWEEN.finditer(bare):
        if found[0].count(".") >= MOST_PARTS:
            line = bare.count("\n", 0, found.start()) + 1
            raise Invalid(f"Line {line} has a key of more than {MOST_PARTS} parts.")


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def write_toml(written: WrittenTerms) -> str:
    """Write calendars and policies as a text that reads the same."""
    lines: list[str] = []
    for name, items in plain(written).items():
        for item in items:
            lines += [f"[[{name}]]", *_table(item, name), ""]
    return "\n".join(lines)


def _table(values: Mapping[str, Any], path: str) -> Iterator[str]:
    """Write a table: plain values and short tables first, then the longer ones under headers of their own."""
    later: list[tuple[str, Any]] = []
    for name, value in values.items():
        if name in ("targets", "week", "holidays", "special") or name == "levels":
            later.append((name, value))
        else:
            yield f"{_key(name)} = {_value(value)}"
    for name, value in later:
        if name == "levels":
            for level in value:
                yield f"[[{path}.{name}]]"
                yield from (f"{_key(key)} = {_value(each)}" for key, each in level.items())
        elif name == "targets":
            for target, terms in value.items():
                yield f"[{path}.{name}.{_key(target)}]"
                yield from (f"{_key(key)} = {_value(each)}" for key, each in terms.items())
        else:
            yield f"[{path}.{name}]"
            yield from (f"{_key(key)} = {_value(each)}" for key, each in value.items())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
    return "[" + ", ".join(map(_value, value)) + "]"


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


# --- where a mistake is --------------------------------------------------------------------------------------------


def _placed(source: str, error: Invalid) -> Invalid:
    lines = _lines(source)
    told = tuple(_with_line(lines, complaint) for complaint in error.errors)
    return Invalid(told[0].rstrip(".") + ".", errors=told)


def _with_line(lines: Mapping[str, int], complaint: str) -> str:
    place = complaint.partition(": ")[0]
    while place:
        if place in lines:
            return f"line {lines[place]}: {complaint}"
        cut = max(place.rfind("."), place.rfind("["))
        place = place[:cut] if cut > 0 else ""
    return complaint


def _lines(source: str) -> dict[str, int]:
    """Return the line of each header and key, by its place: ``policies[0].targets.RESOLUTION.times``."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(source.splitlines(), 1):
        if header := _HEADER.match(line):
            prefix = _placed_header(_parts(header[2]), counts, new=header[1] == "[[")
            found.setdefault(prefix, number)
        elif key := _KEY.match(line):
            parts = _parts(key[1])
            for length in range(1, len(parts) + 1):
                found.setdefault(".".join([*filter(None, [prefix]), *parts[:length]]), number)
    return found


def _parts(text: str) -> list[str]:
    # What looks like a key may be inside of a string: it is no longer here than a key can be.
    found = islice(_PARTS.finditer(text), MOST_PARTS)
    return [(one or two or three)[:LONGEST_PART] for one, two, three in (each.groups("") for each in found)]


def _placed_header(parts: list[str], counts: dict[str, int], *, new: bool) -> str:
    place = ""
    for number, part in enumerate(parts):
        place = f"{place}.{part}" if place else part
        if new and number == len(parts) - 1:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = f"{place}[{counts[place]}]"
    return place
