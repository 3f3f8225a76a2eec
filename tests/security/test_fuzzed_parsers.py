"""Everything that is read from outside: whatever it is, it is read or refused in words, and in linear time."""

import os
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.parsers import ICS, PARSERS

TEXT = st.text(st.characters(codec="utf-8"), max_size=120)  # what comes as anything else does not come this far
# More digits than the language takes for a number, more brackets than it goes into, half a letter, another digit two.
PIECES = ("\x00", "\r\n", "9" * 400, "9" * 4400, "[" * 300, "[" * 3000, "\ud800", "\xb2", '"', "%", "\u202e")
CASES = int(os.environ.get("PARSER_CASES", "30"))


def texts(right: str) -> st.SearchStrategy[str]:
    """Anything, and what is right but for a part."""
    piece = st.one_of(st.text(max_size=40), st.sampled_from(PIECES))

    def spoilt(place: int, cut: int, new: str) -> str:
        return right[:place] + new + right[place + cut :]

    changed = st.builds(spoilt, st.integers(0, len(right)), st.integers(0, 12), piece)
    return st.one_of(TEXT, changed, changed)


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_comes_is_read_or_refused(name: str) -> None:
    read, right, refusals = PARSERS[name]

    @settings(
        max_examples=CASES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(texts(right))
    def holds(text: str) -> None:
        told = ""
        try:
            read(text)
        except refusals as refusal:
            told = str(refusal)
        assert len(told) < 5000

    holds()


FOUND = (
    ("json", '{"\ud800": 1}'),
    ("provider's keys", '{"kid": "\ud800"}'),
    ("length of a body", "9" * 5000),
    ("zone", "a/" * 3000),
    ("page around", "http://["),
    ("calendar file", ICS.replace("VALUE=DATE", "VALUE=,")),
    ("sender of mail", "(" * 5000),
    ("database", "postgresql://host/desk?\ud800sslmode=require"),
    ("numbers of a desk", "answerable_consumer_lag 1\n"),
    ("numbers of a desk", "answerable_live_streams Inf\n"),
    ("why a desk is not ready", '{"message": "\ud800x"}'),
    ("settings", "[server]\nport = " + "9" * 4400),
)


@pytest.mark.parametrize(("name", "text"), FOUND, ids=[name for name, _ in FOUND])
def test_what_was_found_before_is_refused_in_words(name: str, text: str) -> None:
    read, _, refusals = PARSERS[name]
    with suppress(*refusals):
        read(text)


UNITS = (
    *("a", " ", "[", "(", "*", "_", "`", "<", "> ", "![", "](", "| a ", "- ", "\n", "~~", "\\", "&", "a@", "=", ";"),
    *("http://a.b/", "%41&", '"', "{", "1,", "\t", "<!--", "[a]: b\n", "***a "),
)


@pytest.mark.parametrize("name", PARSERS)
def test_reading_takes_time_in_proportion(name: str) -> None:
    """Four times as much takes at most some ten times as long; what is quadratic takes sixteen times."""
    read, right, refusals = PARSERS[name]

    def seconds(text: str) -> float:
        began = time.process_time()
        with suppress(*refusals):
            read(text)
        return time.process_time() - began

    for unit in (*UNITS, right):
        small, large = (unit * (length // len(unit)) for length in (5_000, 20_000))
        took = seconds(large)
        if took < 0.05:
            continue
        ratio = min(seconds(large) / max(seconds(small), 1e-4) for _ in range(3))
        assert ratio < 11, f"{unit!r}: {took:.3f} s, {ratio:.1f} times as long for four times as much"
