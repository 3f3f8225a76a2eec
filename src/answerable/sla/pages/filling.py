"""Calendars and policies as the fields of forms, and back. What is wrong with them is told beside the field."""

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from answerable.infra.web.forms import Form
from answerable.kernel.errors import Conflict, Invalid, Problem
from answerable.kernel.times import parse_iso
from answerable.kernel.words import N_
from answerable.sla.rules import TARGETS, WrittenCalendar, WrittenPolicy
from answerable.sla.rules.calendar import WEEKDAYS
from answerable.sla.rules.written import (
    PRIORITIES,
    WrittenAction,
    WrittenFilter,
    WrittenLevel,
    WrittenTarget,
)

Fields = list[tuple[str, str]]
MORE_LEVELS = 2  # empty rows for new ones
CLOSED = "closed"
_ENTRY = re.compile(r"(calendars|policies)\[(\d+)\]\.?(.*)")
_LEVEL = re.compile(r"levels\[(\d+)\]\.?(\w*)")
_LEVEL_FIELDS = {"target": "target", "at": "at", "when": "priority", "do": "notify", "": "at"}


def fields_of_calendar(calendar: WrittenCalendar) -> Fields:
    """Return a calendar as fields: a line for each holiday and special day."""
    return [
        ("name", calendar.name),
        ("zone", calendar.zone),
        *([("always", "yes")] if calendar.always else []),
        *((day, ", ".join(calendar.week.get(day, []))) for day in WEEKDAYS),
        ("holidays", holiday_lines(calendar.holidays)),
        ("special", "\n".join(f"{day} {', '.join(windows) or CLOSED}" for day, windows in calendar.special.items())),
    ]


def holiday_lines(days: dict[str, str]) -> str:
    """Write holidays, one a line."""
    return "\n".join(f"{day} {name}".rstrip() for day, name in days.items())


def calendar_of(form: Form) -> WrittenCalendar:
    """Read a calendar; what it says is checked where it is stored."""
    return WrittenCalendar(
        name=form["name"].strip(),
        zone=form["zone"].strip() or "UTC",
        always="always" in form,
        week={day: windows for day in WEEKDAYS if (windows := _listed(form[day]))},
        holidays=holidays_of(form),
        special={day: [] if rest.strip() == CLOSED else _listed(rest) for day, rest in _lines(form["special"])},
    )


def holidays_of(form: Form) -> dict[str, str]:
    """Read the lines of the holidays."""
    return {day: " ".join(name.split()) for day, name in _lines(form["holidays"])}


def fields_of_policy(policy: WrittenPolicy, position: int) -> Fields:
    """Return a policy as fields."""
    found: Fields = [("name", policy.name), ("position", str(position))]
    found += [("priority", each) for each in policy.when.priority or ()]
    found += [
        ("category", ", ".join(policy.when.category or ())),
        *(("requester", each) for each in policy.when.requester or ()),
    ]
    found += [("warn", policy.warn), ("reopen", policy.reopen)]
    for name, target in policy.targets.items():
        found += [(f"{name}-{priority}", time) for priority, time in target.times.items()]
        found += [(f"{name}-calendars", calendar) for calendar in target.calendars]
    for number, level in enumerate(policy.levels):
        found += [(f"level-{number}-{name}", value) for name, value in _fields_of_level(level).items()]
    return found


def policy_of(form: Form, before: WrittenPolicy | None) -> WrittenPolicy:
    """Read a policy. A level whose fields are as they were stays word for word as it was written."""
    targets = {}
    for name in TARGETS:
        times = {p: time for p in PRIORITIES if (time := form[f"{name}-{p}"].strip())}
        if times:
            targets[name] = WrittenTarget(times=times, calendars=form.all(f"{name}-calendars"))
    levels = []
    known = before.levels if before else []
    for number in range(rows_of_levels(form)):
        names = ("target", "at", "priority", "category", "requester", "unassigned", "notify", "manager", "raise")
        row = {name: ", ".join(form.all(f"level-{number}-{name}")).strip() for name in (*names, "reassign")}
        if not row["at"]:
            continue
        same = number < len(known) and _fields_of_level(known[number]) == row
        levels.append(known[number] if same else _level_of(row))
    return WrittenPolicy(
        name=form["name"].strip(),
        when=WrittenFilter(
            priority=form.all("priority") or None,
            category=_listed(form["category"]) or None,
            requester=form.all("requester") or None,
        ),
        targets=targets,
        warn=form["warn"].strip(),
        reopen=form["reopen"],
        levels=levels,
    )


def rows_of_levels(form: Form) -> int:
    """Return how many rows for levels a form has, at most as many as a policy can."""
    number = 0
    while f"level-{number}-at" in form and number < 20:
        number += 1
    return number


def _fields_of_level(level: WrittenLevel) -> dict[str, str]:
    whom = [each for action in level.do for each in action.notify]
    raised = [action.priority for action in level.do if action.priority]
    return {
        "target": level.target,
        "at": level.at,
        "priority": ", ".join(level.when.priority or ()),
        "category": ", ".join(level.when.category or ()),
        "requester": ", ".join(level.when.requester or ()),
        "unassigned": {None: "", True: "yes", False: "no"}[level.unassigned],
        "notify": ", ".join(whom),
        "manager": "yes" if any(action.manager for action in level.do) else "",
        "raise": raised[-1] if raised else "",
        "reassign": "yes" if any(action.reassign for action in level.do) else "",
    }


def _level_of(row: dict[str, str]) -> WrittenLevel:
    action = WrittenAction(
        manager=bool(row["manager"]),
        notify=_listed(row["notify"]),
        priority=row["raise"] or None,
        reassign=bool(row["reassign"]),
    )
    return WrittenLevel(
        target=row["target"],
        at=row["at"],
        do=[action] if action != WrittenAction() else [],
        when=WrittenFilter(
            priority=_listed(row["priority"]) or None,
            category=_listed(row["category"]) or None,
            requester=_listed(row["requester"]) or None,
        ),
        unassigned={"yes": True, "no": False}.get(row["unassigned"]),
    )


def starts_of(form: Form, zone: ZoneInfo) -> int | None:
    """Read from when on a change holds, in the time of whoever wrote it; empty is now. Raises ``Invalid``."""
    text = form["starts"].strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return parse_iso((moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat())
    except (ValueError, OverflowError):
        told = N_("must be a day and time such as 2026-12-01 00:00")
        raise Invalid(N_("Please look at the start again."), errors=(f"starts: {told}",)) from None


def beside(problem: Problem, kind: str, place: int) -> Problem:
    """Return a problem whose complaints name the fields of the form about one calendar or policy, at ``place``."""
    if isinstance(problem, Conflict):
        return Invalid(problem.message, errors=(f"name: {problem.message}",))
    told = [_beside(error, kind, place) for error in problem.errors] or [f": {problem.message}"]
    return Invalid(problem.message, errors=tuple(told))


def _beside(error: str, kind: str, place: int) -> str:
    where, _, words = error.partition(": ")
    if where == "effectiveFrom":
        return f"starts: {words}"
    entry = _ENTRY.fullmatch(where)
    if entry is None:
        return error
    if entry[1] != kind or int(entry[2]) != place:
        return f": {error}"
    field = _field(entry[3])
    return f"{field}: {words}"


def _field(rest: str) -> str:
    if level := _LEVEL.match(rest):
        return f"level-{level[1]}-{_LEVEL_FIELDS.get(level[2], 'at')}"
    parts = re.split(r"[.\[]", rest)
    match parts[0]:
        case "week":
            return parts[1] if parts[1:] and parts[1] in WEEKDAYS else ""
        case "targets" if len(parts) == 1:
            return "RESOLUTION-CRITICAL"
        case "targets" if parts[2:3] == ["times"]:
            return f"{parts[1]}-{parts[3] if len(parts) > 3 else PRIORITIES[0]}"
        case "targets":
            return f"{parts[1]}-calendars"
        case "when":
            return parts[1] if len(parts) > 1 else ""
        case _:
            return parts[0]


def _listed(text: str) -> list[str]:
    return [each for part in re.split(r"[,\n]", text) if (each := " ".join(part.split()))]


def _lines(text: str) -> Sequence[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        day, _, rest = line.strip().partition(" ")
        if day:
            found.append((day, rest))
    return found
