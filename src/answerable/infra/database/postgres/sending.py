"""Sending what units of work have kept: all of it in one round trip, where the order of its parts cannot matter."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from answerable.infra.bus import outbox
from answerable.infra.database.postgres.knowledge import Key
from answerable.infra.database.postgres.lines import as_arrays, as_lines, lines
from answerable.infra.database.postgres.statement import Statement, moved, storable

Part: TypeAlias = tuple[str, Sequence[Any]]
MOST_JOINED = 1000
_PARAMETERS: dict[Statement, tuple[str, ...]] = {}
_INSERTS: dict[Statement, tuple[str, str]] = {}  # many rows at once: as arrays, as lines
_TELLS = tuple(outbox.insert_many_at_once(write(outbox.KINDS)) for write in (as_arrays, as_lines))
_JOINED: dict[tuple[tuple[tuple[str, int], ...], str], str] = {}


async def send(
    connection: Any,
    kept: dict[Statement, list[tuple[Any, ...]]],
    counters: dict[Key, int],
    messages: list[dict[str, Any]],
) -> None:
    """Send changes, the last numbers of counters, and messages; none of them names a table that another one changes.

    What changes several rows one by one goes first; everything else goes together, as one statement.
    """
    for asked, many in kept.items():
        if not goes_along(asked, len(many)):
            await connection.executemany(asked.text, many)
    parts = await _parts(connection, kept, counters, messages)
    if parts:
        text = _joined(tuple((text, len(values)) for text, values in parts))
        await connection.fetch(text, *(value for _, values in parts for value in values))


async def send_at_once(
    connection: Any,
    kept: dict[Statement, list[tuple[Any, ...]]],
    counters: dict[Key, int],
    messages: list[dict[str, Any]],
    ending: Part,
) -> None:
    """Send what all ``goes_along`` as one statement that is a transaction of its own.

    ``ending`` are more parts and the query that ends it, with its values.
    """
    parts = await _parts(connection, kept, counters, messages)
    text = _joined(tuple((text, len(values)) for text, values in parts), ending[0])
    await connection.fetch(text, *(value for _, values in parts for value in values), *ending[1])


def goes_along(asked: Statement, rows: int) -> bool:
    """Tell whether a change of so many rows can be a part of one statement with all others."""
    return asked.inserts is not None or (rows == 1 and outbox.TABLE not in asked.names)


async def _parts(
    connection: Any,
    kept: dict[Statement, list[tuple[Any, ...]]],
    counters: dict[Key, int],
    messages: list[dict[str, Any]],
) -> list[Part]:
    parts: list[Part] = []
    for asked, many in kept.items():
        if asked.inserts is not None:
            parts.append(_of_many(await _insert(connection, asked), _PARAMETERS[asked], [*zip(*many, strict=True)]))
        elif goes_along(asked, len(many)):
            parts.append((asked.text, many[0]))
    for (asked, arguments), last in counters.items():
        counter: Any = asked.counter
        parts.append((counter.write, (*arguments, last)))
    if messages:
        told = [tuple([message[name] for message in messages]) for name in outbox.WRITTEN]
        parts.append(_of_many(_TELLS, outbox.KINDS, told))
    parts.sort(key=lambda part: part[0])  # so that the same parts make the same statement
    return parts


def _of_many(texts: Sequence[str], kinds: Sequence[str], columns: Sequence[Sequence[Any]]) -> Part:
    """Return the insertion of many rows. ``texts`` write it for arrays, and for lines."""
    found = lines(columns, kinds)
    return (texts[0], [storable(tuple(column)) for column in columns]) if found is None else (texts[1], found)


async def _insert(connection: Any, asked: Statement) -> tuple[str, str]:
    """Write the insertion of many rows; what ``claims`` is not asked again, so a row that is there raises."""
    known = _INSERTS.get(asked)
    if known is None:
        prepared = await connection.prepare(asked.text)
        kinds = _PARAMETERS[asked] = tuple(kind.name for kind in prepared.get_parameters())
        arrays, texts = (f"{asked.inserts} SELECT * FROM unnest({write(kinds)})" for write in (as_arrays, as_lines))
        known = _INSERTS[asked] = arrays, texts
    return known


def _joined(parts: tuple[tuple[str, int], ...], ending: str = "") -> str:
    """Write several changes, each with how many values it takes, as one statement."""
    key = (parts, ending)
    known = _JOINED.get(key)
    if known is None:
        shifted, places = [], 0
        for text, values in parts:
            shifted.append(moved(text, places))
            places += values
        *before, last = [*shifted, moved(ending, places)] if ending else shifted
        first = ", ".join(f"part{number} AS ({text})" for number, text in enumerate(before))
        known = _JOINED[key] = f"WITH {first}{', ' if ending else ' '}{last}" if before else last
        if len(_JOINED) > MOST_JOINED:
            del _JOINED[next(iter(_JOINED))]
    return known
