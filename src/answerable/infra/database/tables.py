"""What a statement changes, and whose it is."""

import re

from answerable.infra.pulse import ANYTHING

_WRITES = re.compile(r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)", re.IGNORECASE)
_READS = re.compile(r"\s*SELECT\b", re.IGNORECASE)


def changed_table(sql: str) -> str | None:
    """Return the table that a statement changes: ``None`` where it only reads, ``ANYTHING`` where that is not said."""
    writes = _WRITES.match(sql)
    return writes.group(1) if writes else None if _READS.match(sql) else ANYTHING


def owner_of(table: str | None) -> str:
    """Return the feature that owns a table: the first word of its name. ``ANYTHING`` stays so, and nobody owns none."""
    return (table or "").partition("_")[0]
