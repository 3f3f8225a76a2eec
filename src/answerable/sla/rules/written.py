"""How calendars and policies are written down: the same words in TOML, in JSON and in the database.

Reading a value gives what it means; what is wrong with it is a ``ValueError`` whose text says so to whoever wrote it.
"""

import re
from datetime import date
from typing import Annotated, Any

import msgspec

from answerable.kernel.times import HOUR, MINUTE
from answerable.sla.rules.calendar import LONGEST_ZONE, WEEKDAYS, Window, clock_text, window

PRIORITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW")
MOST = {"calendars": 200, "policies": 200, "holidays": 4000, "special": 2000, "windows": 24, "levels": 20, "names": 500}
LONGEST_TARGET = 10 * 366 * 24 * HOUR
_DURATION = re.compile(r"(?:(\d{1,6})h)?\s*(?:(\d{1,7})m)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")
_OFFSET = re.compile(r"([+-])(.+)", re.DOTALL)
_SHARE = re.compile(r"(\d{1,3})%")

# What clients are told of the words beforehand (JSON Schema); the readers below refuse in words of their own. What
# these patterns let through and a reader refuses has no shape: an unknown zone, hours that overlap, 30 February.
_TARGETS = ("FIRST_RESPONSE", "NEXT_RESPONSE", "RESOLUTION")
_A_NAME = {"type": "string", "pattern": r"^[A-Za-z0-9]([A-Za-z0-9 ._-]{0,58}[A-Za-z0-9._-])?$"}
_A_TIME = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
_WINDOWS = {
    "type": "array",
    "maxItems": MOST["windows"],
    "items": {"type": "string", "pattern": rf"^\s*{_A_TIME}\s*-\s*({_A_TIME}|24:00)\s*$"},
}
_A_DATE = {"pattern": r"^(19[0-9]{2}|2[0-3][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"}
_WORKING_TIME = r"([0-9]{1,6}h(\s*[0-9]{1,7}m)?|[0-9]{1,7}m)"
_A_PRIORITY = {"type": "string", "enum": list(PRIORITIES)}


def _says(**schema: Any) -> msgspec.Meta:
    return msgspec.Meta(extra_json_schema={"extra": schema})


def _list_of(what: dict[str, Any], most: int) -> msgspec.Meta:
    return _says(items=what, minItems=1, maxItems=most)


_Name = Annotated[str, _says(**_A_NAME)]
_Names = Annotated[list[str], _list_of({"type": "string"}, MOST["names"])]
_Nothing = Annotated[list[str] | None, _says(type="null")]  # tickets have none of these yet


class WrittenCalendar(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A calendar. ``week`` holds mon to sun with windows such as ``09:00-17:00``, ``holidays`` dates and their names,
    ``special`` dates with windows of their own, none for a day off.
    """

    name: _Name
    zone: Annotated[str, _says(minLength=1, maxLength=LONGEST_ZONE)] = "UTC"
    always: bool = False
    week: Annotated[
        dict[str, list[str]], _says(propertyNames={"enum": list(WEEKDAYS)}, additionalProperties=_WINDOWS)
    ] = {}
    holidays: Annotated[dict[str, str], _says(propertyNames=_A_DATE, maxProperties=MOST["holidays"])] = {}
    special: Annotated[
        dict[str, list[str]],
        _says(propertyNames=_A_DATE, maxProperties=MOST["special"], additionalProperties=_WINDOWS),
    ] = {}


class WrittenFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which tickets: each list that is there must name what the ticket has."""

    priority: Annotated[list[str], _list_of(_A_PRIORITY, MOST["names"])] | None = None
    category: _Names | None = None
    requester: _Names | None = None
    team: _Nothing = None
    organisation: _Nothing = None


class WrittenTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A promise: working time such as ``4h`` or ``1h 30m`` for each priority, in the open time of some calendars."""

    times: Annotated[
        dict[str, str],
        _says(
            minProperties=1,
            propertyNames={"enum": list(PRIORITIES)},
            additionalProperties={"type": "string", "pattern": rf"^\s*{_WORKING_TIME}\s*$"},
        ),
    ]
    calendars: Annotated[list[str], _says(items=_A_NAME, minItems=1)] = []


class WrittenAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a level does, one of these: ``manager`` calls one in, ``notify`` tells agent, ``role:MANAGER`` or
    ``person:ID``, ``priority`` raises it, ``reassign`` lets the desk choose another agent.
    """

    manager: bool = False
    notify: Annotated[
        list[str], _says(items={"type": "string", "pattern": r"^(agent|role:MANAGER|role:ADMIN|person:[\s\S]+)$"})
    ] = []
    priority: Annotated[str, _says(enum=list(PRIORITIES))] | None = None
    reassign: bool = False


class WrittenLevel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An escalation: at ``80%`` of the time, or ``-30m`` before or ``+1h`` after the deadline, if the filter fits."""

    target: Annotated[str, _says(enum=list(_TARGETS))]
    at: Annotated[str, _says(pattern=rf"^\s*(([1-9][0-9]{{0,2}}|0[1-9][0-9]?|00[1-9])%|[+-]\s*{_WORKING_TIME})\s*$")]
    do: Annotated[list[WrittenAction], _says(minItems=1)]
    when: WrittenFilter = WrittenFilter()
    unassigned: bool | None = None


class WrittenPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A policy. ``warn`` is a share of the time such as ``75%`` (empty: the setting ``sla.warn_share``); ``reopen`` is
    ``goes on`` or ``anew``.
    """

    name: _Name
    when: WrittenFilter = WrittenFilter()
    targets: Annotated[dict[str, WrittenTarget], _says(minProperties=1, propertyNames={"enum": list(_TARGETS)})]
    warn: Annotated[str, _says(pattern=r"^$|^\s*(00?[1-9]|0?[1-9][0-9]|[1-9])%\s*$")] = ""
    reopen: Annotated[str, _says(enum=["goes on", "anew"])] = "goes on"
    levels: Annotated[list[WrittenLevel], _says(maxItems=MOST["levels"])] = []


class WrittenTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """All calendars, and all policies in their order: the first that fits a ticket is its policy."""

    calendars: list[WrittenCalendar] = []
    policies: list[WrittenPolicy] = []


def plain(written: msgspec.Struct) -> Any:
    """Return something written as the values that JSON and TOML have."""
    return msgspec.to_builtins(written)


def read_name(text: str) -> str:
    """Check a name."""
    if not _NAME.fullmatch(text) or text != text.strip():
        raise ValueError("must have 1 to 60 letters, digits, spaces, dots, dashes or underscores")
    return text


def read_window(text: str) -> Window:
    """Read ``09:00-17:00``; ``22:00-06:00`` closes on the next day."""
    opens, dash, closes = text.partition("-")
    if not dash:
        raise ValueError(f"{text[:30]!r} is not a window such as 09:00-17:00")
    found = window(opens.strip(), closes.strip())
    if found.closes == found.opens + 24 * 60 and found.opens:
        raise ValueError(f"{text[:30]!r} closes when it opens; a whole day is 00:00-24:00")
    return found


def written_window(found: Window) -> str:
    """Write a window."""
    return f"{clock_text(found.opens)}-{clock_text(found.closes)}"


def read_date(text: str) -> date:
    """Read ``2026-12-25``."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text or not 1900 <= found.year <= 2399:
        raise ValueError(f"{text[:30]!r} is not a date such as 2026-12-25")
    return found


def read_duration(text: str) -> int:
    """Read ``4h``, ``30m`` or ``1h 30m`` as microseconds of working time."""
    found = _DURATION.fullmatch(text.strip())
    if not found or not text.strip():
        hint = "; write days as hours, a working day has no fixed length" if text.strip().endswith("d") else ""
        raise ValueError(f"{text[:30]!r} is not a time such as 4h, 30m or 1h 30m{hint}")
    micros = int(found[1] or 0) * HOUR + int(found[2] or 0) * MINUTE
    if micros == 0:
        raise ValueError("must be more than nothing; leave it out where nothing is promised")
    if micros > LONGEST_TARGET:
        raise ValueError("must not be more than ten years")
    return micros


def written_duration(micros: int) -> str:
    """Write working time."""
    hours, minutes = divmod(micros // MINUTE, 60)
    return " ".join(part for part in (f"{hours}h" if hours else "", f"{minutes}m" if minutes else "") if part) or "0m"


def read_share(text: str) -> float:
    """Read ``75%`` as 0.75."""
    found = _SHARE.fullmatch(text.strip())
    if not found or not 1 <= int(found[1]) <= 999:
        raise ValueError(f"{text[:30]!r} is not a share such as 75%")
    return int(found[1]) / 100


def read_moment(text: str) -> tuple[float | None, int]:
    """Read when a level comes: a share of the time, or microseconds of the clock on the wall after the deadline."""
    offset = _OFFSET.fullmatch(text.strip())
    if not offset:
        return read_share(text), 0
    micros = read_duration(offset[2])
    return None, -micros if offset[1] == "-" else micros
