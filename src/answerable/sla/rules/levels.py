"""The escalations of a clock: which are to come and when, and which came.

A clock keeps them as JSON: ``[["80%", 1772445600000000], ...]`` those to come, ``["50%"]`` those that came. A level has
come when its moment has; a policy that has a level of the same name later does not let it come again.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from answerable.sla.rules.policy import Level, Terms
from answerable.sla.rules.timeline import Stop, due

NONE = "[]"
Ahead: TypeAlias = tuple[tuple[str, int], ...]

_read_ahead = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode
_read_done = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class Instants(NamedTuple):
    """When a clock is due and at risk, and when its levels come, those that came left out."""

    due_at: int | None
    warn_at: int | None
    levels: Ahead

    def without(self, name: str) -> "Instants":
        """Return them without a level."""
        return self._replace(levels=tuple(each for each in self.levels if each[0] != name))


def ahead(terms: Terms, done: str, start: int, stops: Sequence[Stop], due_at: int | None) -> Ahead:
    """Return the levels that have not come, in the order in which they will."""
    if not terms.levels:
        return ()
    came = () if done == NONE else _read_done(done)
    found = []
    for level in terms.levels:
        if level.name not in came:
            at = _moment(level, terms, start, stops, due_at)
            if at is not None:
                found.append((at, level.name))
    return tuple((name, at) for at, name in sorted(found, key=lambda each: each[0]))


def _moment(level: Level, terms: Terms, start: int, stops: Sequence[Stop], due_at: int | None) -> int | None:
    if level.share == 1:
        return due_at
    if level.share is not None:
        return due(start, stops, round(terms.target_micros * level.share), terms.hours)
    return None if due_at is None else max(start, due_at + level.offset)


def passed(done: str, rest: Ahead, name: str) -> dict[str, Any]:
    """Return the fields of a clock for which a level has come and ``rest`` are to come."""
    return {"levels_done": write_done([*_read_done(done), name]), "levels_ahead": write_ahead(rest)}


def first_of(levels: str) -> int | None:
    """Return when the next level comes."""
    return None if levels == NONE else read_ahead(levels)[0][1]


def read_ahead(levels: str) -> Ahead:
    """Read the levels to come."""
    return () if levels == NONE else _read_ahead(levels)


def write_ahead(levels: Ahead) -> str:
    """Write the levels to come."""
    return _encode(levels).decode() if levels else NONE


def write_done(names: Sequence[str]) -> str:
    """Write the levels that came, in their order."""
    return _encode(names).decode() if names else NONE


def read_done(done: str) -> list[str]:
    """Read the levels that came."""
    return _read_done(done)
