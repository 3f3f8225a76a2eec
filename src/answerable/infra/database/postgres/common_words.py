"""Words that most rows have: a search reads them in the rows that its other words find, and not in the index.

GIN keeps all rows of such a word in a tree, and goes into it anew for each row that a rare word finds: 4 us, where the
row itself tells in less than one. Which words those are the server notes when it looks through a table by itself
(ANALYZE); where it has not yet, all words are asked of the index. What is found does not depend on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

MOST = 0.5  # of the rows: of a less common word, going to each row that the others find may cost more than it saves
KNOWN_SECONDS = 600.0
_ASKED = f"""SELECT s.tablename AS name, e.word FROM pg_stats s
    CROSS JOIN unnest(s.most_common_elems::TEXT::TEXT[], s.most_common_elem_freqs) e (word, share)
    WHERE s.schemaname = current_schema() AND s.attname = 'words' AND e.share >= {MOST} AND e.word IS NOT NULL"""
_TABLE = "_words"  # behind the name of the table whose words it keeps


class CommonWords:
    """What the server has noted, asked once in ``KNOWN_SECONDS``."""

    def __init__(self) -> None:
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._known_until = 0.0

    async def read(self, fetch: Callable[[str], Awaitable[Sequence[Any]]]) -> frozenset[tuple[str, str]]:
        """Return tables, each with a word that most of its rows have; ``fetch`` runs a statement."""
        now = asyncio.get_running_loop().time()
        if now >= self._known_until:
            before, self._known_until = self._known_until, now + KNOWN_SECONDS  # who comes meanwhile does not ask too
            try:
                rows = await fetch(_ASKED)
            except BaseException:
                self._known_until = before
                raise
            self._known = frozenset((row["name"].removesuffix(_TABLE), row["word"]) for row in rows)
        return self._known
