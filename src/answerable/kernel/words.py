"""Texts that are translated where they are shown, not where they are written."""

import re
from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802  # the name by which every tool knows it
    """Mark a text for translation and return it as it is."""
    return text


def pattern_of(template: str, shapes: Mapping[str, str], other: str, flags: int = 0) -> re.Pattern[str]:
    """Return what finds the values in a text that ``template`` made: each name's shape, or ``other``, as a group."""
    parts = re.split(r"\{(\w+)\}", template)
    texts = [
        re.escape(part) if place % 2 == 0 else f"(?P<{part}>{shapes.get(part, other)})"
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(texts), flags)
