"""Reading by key: what several people ask at the same moment goes to the server as one statement.

A statement that looks up one row costs the server and this process several times as much to send as to answer. Where
one is under way, others like it wait for its answer, and then go together: each line of their values is looked up by
the same statement (LATERAL), with the same plan. While several ask, who comes first goes with all that come in the same
round of the loop. Nobody waits for company: who comes alone is sent at once.
"""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

from asyncpg import Record

from answerable.infra.database.postgres.connection import is_fault
from answerable.infra.database.postgres.readers import Readers
from answerable.infra.database.postgres.statement import Statement, named
from answerable.kernel.tx import Row

Asking: TypeAlias = tuple[tuple[Any, ...], "asyncio.Future[list[Row]]"]
MOST = 64  # that go together
PLACE = "together_place"
_TEXTS: dict[Statement, str] = {}


class Together:
    """Gathers reads by key and sends them by the connections that read."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._lines: dict[Statement, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, asked: Statement, arguments: tuple[Any, ...]) -> list[Row]:
        """Return the rows that a statement finds for its values; see ``Statement.by_key``."""
        line = self._lines.get(asked)
        if line is None:
            line = self._lines[asked] = _Line()
        if not line.goes and not line.company:
            line.goes = True
            try:
                return await self._readers.use(partial(_fetch, asked, arguments))
            finally:
                self._go(asked, line, alone=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Row]] = loop.create_future()
        line.waiting.append((arguments, answer))
        if not line.goes:
            line.goes = True
            loop.call_soon(self._go, asked, line)  # behind all that came in the same round of the loop
        return await answer

    def _go(self, asked: Statement, line: "_Line", *, alone: bool = False) -> None:
        group, line.waiting = line.waiting[:MOST], line.waiting[MOST:]
        group = [asking for asking in group if not asking[1].done()]
        line.goes = bool(group or line.waiting)
        line.company = len(group) > (0 if alone else 1)
        if line.goes:
            task = asyncio.get_running_loop().create_task(self._answer(asked, line, group), name="read together")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: Statement, line: "_Line", group: list[Asking]) -> None:
        try:
            try:
                found = await self._readers.use(partial(_fetch_all, asked, [arguments for arguments, _ in group]))
            except Exception as error:
                if is_fault(error) or len(group) == 1:
                    raise
                found = []  # one of them asked for what cannot be: the others shall not hear of it
            if not found:
                await self._answer_each(asked, group)
            for (_, answer), rows in zip(group, found, strict=False):
                if not answer.done():
                    answer.set_result(rows)
        except BaseException as error:
            for _, answer in group:
                if not answer.done():
                    answer.set_exception(error if isinstance(error, Exception) else ConnectionError("closed"))
            if not isinstance(error, Exception):
                raise
        finally:
            self._go(asked, line)

    async def _answer_each(self, asked: Statement, group: list[Asking]) -> None:
        for arguments, answer in group:
            try:
                rows = await self._readers.use(partial(_fetch, asked, arguments))
            except Exception as error:
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(rows)


class _Line:
    __slots__ = ("company", "goes", "waiting")

    def __init__(self) -> None:
        self.goes = False  # a statement, or is about to
        self.company = False  # somebody asked at the same time as the last one
        self.waiting: list[Asking] = []


class _Found(Record):  # type: ignore[misc]  # it comes without types
    """A row without its last column, which tells whose it is."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:-1])

    def __len__(self) -> int:
        return len(self[:-1])

    def keys(self) -> Iterator[str]:
        return iter([*super().keys()][:-1])

    def values(self) -> Iterator[Any]:
        return iter(self[:-1])

    def items(self) -> Iterator[tuple[str, Any]]:
        return zip(self.keys(), self, strict=True)


async def _fetch(asked: Statement, arguments: tuple[Any, ...], connection: Any) -> list[Row]:
    rows: list[Row] = await connection.fetch(asked.text, *arguments)
    return rows


async def _fetch_all(asked: Statement, group: Sequence[tuple[Any, ...]], connection: Any) -> list[list[Row]]:
    if len(group) == 1:
        return [await _fetch(asked, group[0], connection)]
    text = _TEXTS.get(asked)
    if text is None:
        prepared = await connection.prepare(asked.text)
        types = [kind.name for kind in prepared.get_parameters()]
        lists = ", ".join(f"${place}::{name}[]" for place, name in enumerate(types, 1))
        names = [f"together_{place}" for place in range(1, len(types) + 1)]
        text = _TEXTS[asked] = (
            f"SELECT found.*, together.{PLACE} FROM unnest({lists}) WITH ORDINALITY AS together"
            f"({', '.join(names)}, {PLACE}) CROSS JOIN LATERAL ({named(asked.text, 'together.together_')}) AS found"
        )
    found: list[list[Row]] = [[] for _ in group]
    columns = [list(column) for column in zip(*group, strict=True)]
    for row in await connection.fetch(text, *columns, record_class=_Found):
        found[row[PLACE] - 1].append(row)
    return found
