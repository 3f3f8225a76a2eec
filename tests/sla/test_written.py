"""How calendars and policies are written: what the OpenAPI document says of a text is what its reader takes."""

import re
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
import pytest

from answerable.sla.rules.written import (
    WrittenCalendar,
    WrittenLevel,
    WrittenPolicy,
    WrittenTarget,
    read_date,
    read_duration,
    read_moment,
    read_name,
    read_share,
    read_window,
)


def said_of(kind: type[msgspec.Struct], field: str) -> dict[str, Any]:
    """Return what clients are told of a field."""
    [meta] = get_type_hints(kind, include_extras=True)[field].__metadata__
    told: dict[str, Any] = meta.extra_json_schema["extra"]
    return told


TEXTS: list[tuple[str, Callable[[str], Any], str, str]] = [
    (
        said_of(WrittenCalendar, "name")["pattern"],
        read_name,
        "a|A b|x-_.1|" + "x" * 60,
        "| a|a |-a|ä|a/b|" + "x" * 61,
    ),
    (
        said_of(WrittenCalendar, "week")["additionalProperties"]["items"]["pattern"],
        read_window,
        "9:00-17:00|09:00 - 24:00| 22:00-06:00 |00:00-24:00",
        "9-17|09:60-17:00|24:00-06:00|09:00-25:00|9:0-10:00|09:00",
    ),
    (
        said_of(WrittenCalendar, "holidays")["propertyNames"]["pattern"],
        read_date,
        "1900-01-01|2026-12-25|2399-12-31",
        "1899-12-31|2400-01-01|2026-13-01|2026-1-1|20260101|2026-01-32| 2026-01-01",
    ),
    (
        said_of(WrittenTarget, "times")["additionalProperties"]["pattern"],
        read_duration,
        "4h|30m|1h30m|1h \n 30m| 8h ",
        "|h|1d|30m 1h|1.5h|-1h|1234567h|12345678m",
    ),
    (
        said_of(WrittenLevel, "at")["pattern"],
        read_moment,
        "80%|080%|008%|999%| 100% |+1h|-30m|-\n30m| + 1h 30m\t",
        "|80|0%|000%|1000%|+|1h|+80%|--1h",
    ),
    (
        said_of(WrittenPolicy, "warn")["pattern"],
        read_share,
        "1%|99%|075%|007%| 50% ",
        "0%|000%|0075%|75|-1%|x",
    ),
]


@pytest.mark.parametrize(("pattern", "read", "right", "wrong"), TEXTS, ids=[read.__name__ for _, read, _, _ in TEXTS])
def test_the_document_and_the_reader_take_the_same(
    pattern: str, read: Callable[[str], Any], right: str, wrong: str
) -> None:
    for text in right.split("|"):
        assert re.search(pattern, text), text
        read(text)
    for text in wrong.split("|"):
        assert (read is read_share and text == "") or not re.search(pattern, text), text
        with pytest.raises(ValueError, match=r"."):
            read(text)
