"""What a process has read in its transactions and knows to be so still."""

from typing import Any, TypeAlias

from answerable.infra.database.postgres.statement import Statement
from answerable.infra.pulse import ANYTHING
from answerable.kernel.tx import Row

Key: TypeAlias = tuple[Statement, tuple[Any, ...]]
MOST_ANSWERS = 64  # of one statement, and rows of one answer, that are kept for the next transaction


class Knowledge:
    """Answers to statements that only read, and the last numbers of counters, until something writes to their tables.

    It is right while nobody else writes: within a transaction, and in the next one where nobody's came between (see
    ``writer.py``).
    """

    __slots__ = ("_answers", "_names", "_unknown", "counters")

    def __init__(self) -> None:
        self._unknown: set[tuple[str, Statement | None]] = set()  # what has been unlearnt, and nothing learnt since
        self._answers: dict[Statement, dict[tuple[Any, ...], list[Row]]] = {}
        self._names: set[str] = set()
        self.counters: dict[Key, int] = {}

    def answer(self, asked: Statement, arguments: tuple[Any, ...]) -> list[Row] | None:
        """Return what a statement answers, ``None`` where that is not known."""
        answers = self._answers.get(asked)
        known = None if answers is None else answers.get(arguments)
        return None if known is None else list(known)

    def learn(self, asked: Statement, arguments: tuple[Any, ...], rows: list[Row]) -> None:
        """Remember an answer."""
        self._answers.setdefault(asked, {})[arguments] = rows
        self._names |= asked.names
        self._unknown.clear()

    def count(self, key: Key, last: int) -> None:
        """Remember the last number of a counter."""
        if key not in self.counters:
            self._unknown.clear()
        self.counters[key] = last

    def unlearn(self, table: str, but: Statement | None = None) -> None:
        """Forget what a change of a table may make untrue; ``but`` counts: its numbers are those that change."""
        if (table, but) in self._unknown:
            return
        self._unknown.add((table, but))
        for key in [key for key in self.counters if key[0] is not but and table in (key[0].table, ANYTHING)]:
            del self.counters[key]
        if table == ANYTHING:
            self._answers.clear()
        elif table in self._names:
            for asked in [asked for asked in self._answers if table in asked.names]:
                del self._answers[asked]
            self._names = set().union(*(asked.names for asked in self._answers))

    def forget(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self._names.clear()
        self.counters.clear()

    def lasting(self) -> "Knowledge":
        """Return what is worth keeping for the next transaction: small answers to statements that are asked alike."""
        kept = Knowledge()
        kept.counters = dict(self.counters)
        for asked, answers in self._answers.items():
            if len(answers) <= MOST_ANSWERS and all(len(rows) <= MOST_ANSWERS for rows in answers.values()):
                kept._answers[asked] = answers
                kept._names |= asked.names
        return kept
