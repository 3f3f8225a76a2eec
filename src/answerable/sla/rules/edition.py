"""From what is written to what holds: every mistake with its place, and what a change changes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from answerable.kernel.errors import Invalid
from answerable.sla.rules.calendar import WEEKDAYS, Calendar, Window, Windows, day_of, zone_of
from answerable.sla.rules.opening import OpenTime
from answerable.sla.rules.policy import (
    ANEW,
    FIRST_EDITION,
    FIRST_RESPONSE,
    GOES_ON,
    RESOLUTION,
    TARGETS,
    Action,
    Edition,
    Filter,
    Level,
    Policy,
)
from answerable.sla.rules.written import (
    MOST,
    PRIORITIES,
    WrittenAction,
    WrittenCalendar,
    WrittenFilter,
    WrittenLevel,
    WrittenPolicy,
    WrittenTarget,
    WrittenTerms,
    read_date,
    read_duration,
    read_moment,
    read_name,
    read_share,
    read_window,
    written_duration,
)

T = TypeVar("T")
CALLED = ("agent", "role:MANAGER", "role:ADMIN")  # requesters learn nothing of clocks
MOST_TOLD = 50  # mistakes in one answer
NO_SUCH_THING = {"team": "tickets have no team yet", "organisation": "requesters have no organisation yet"}


class Reading:
    """Reads an edition, and collects what is wrong, each with its place."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._hours: dict[tuple[str, ...], OpenTime] = {}

    def note(self, place: str, words: str) -> None:
        """Note a mistake."""
        if len(self.found) < MOST_TOLD:
            self.found.append(f"{place}: {words}")

    def read(self, place: str, reader: Callable[[str], T], text: str) -> T | None:
        """Read a value, or note what is wrong with it."""
        try:
            return reader(text)
        except ValueError as error:
            self.note(place, str(error))
            return None

    def bounded(self, place: str, kind: str, count: int) -> None:
        """Raise ``Invalid`` with a list that is too long, and with what was found so far: no more is looked at."""
        if count > MOST[kind]:
            self.note(place, f"has {count} entries, at most {MOST[kind]} fit")
            self.end()

    def hours(self, *calendars: Calendar) -> OpenTime:
        """Return the open time of some calendars, the same for all who have them."""
        key = tuple(calendar.name for calendar in calendars)
        if key not in self._hours:
            self._hours[key] = OpenTime(*calendars)
        return self._hours[key]

    def end(self) -> None:
        """Raise ``Invalid`` with all of them, if there are any."""
        if self.found:
            raise Invalid(f"{self.found[0]}.", errors=tuple(self.found))


def own_terms() -> WrittenTerms:
    """Write down the desk's own edition: what holds until somebody says something else."""
    (policy,) = FIRST_EDITION.policies
    times = {target: {p: written_duration(policy.promises[target][p]) for p in PRIORITIES} for target in TARGETS}
    call = [WrittenAction(manager=True)]
    return WrittenTerms(
        calendars=[WrittenCalendar(name="always", always=True)],
        policies=[
            WrittenPolicy(
                name=policy.name,
                targets={name: WrittenTarget(times=each, calendars=["always"]) for name, each in times.items()},
                levels=[WrittenLevel(target=name, at="100%", do=call) for name in (FIRST_RESPONSE, RESOLUTION)],
            )
        ],
    )


def read_terms(written: WrittenTerms, edition_id: str = "", number: int = 0, effective_from: int = 0) -> Edition:
    """Read an edition. Raises ``Invalid`` with every mistake and its place."""
    wrong = Reading()
    wrong.bounded("calendars", "calendars", len(written.calendars))
    wrong.bounded("policies", "policies", len(written.policies))
    calendars = {}
    for number_, each in enumerate(written.calendars):
        calendars[each.name] = _calendar(each, f"calendars[{number_}]", wrong)
    policies = [_policy(each, f"policies[{place}]", calendars, wrong) for place, each in enumerate(written.policies)]
    _unique("calendars", [each.name for each in written.calendars], wrong)
    _unique("policies", [each.name for each in written.policies], wrong)
    if not written.policies:
        wrong.note("policies", "at least one is needed")
    _reached(policies, wrong)
    wrong.end()
    return Edition(edition_id, number, effective_from, tuple(policies), calendars)


def _unique(place: str, names: Sequence[str], wrong: Reading) -> None:
    for number, name in enumerate(names):
        if name in names[:number]:
            wrong.note(f"{place}[{number}].name", f"{name[:60]!r} is taken by {place}[{names.index(name)}]")


def _reached(policies: Sequence[Policy], wrong: Reading) -> None:
    for number, policy in enumerate(policies):
        before = next((n for n, one in enumerate(policies[:number]) if _covers(one.when, policy.when)), None)
        if before is not None:
            wrong.note(
                f"policies[{number}].when",
                f"never applies: policies[{before}] ({policies[before].name[:60]}) takes every ticket that fits",
            )


def _covers(wide: Filter, narrow: Filter) -> bool:
    pairs = ((wide.priority, narrow.priority), (wide.category, narrow.category), (wide.requester, narrow.requester))
    return all(one is None or (other is not None and other <= one) for one, other in pairs)


# --- calendars -----------------------------------------------------------------------------------------------------


def _calendar(written: WrittenCalendar, place: str, wrong: Reading) -> Calendar:
    wrong.read(f"{place}.name", read_name, written.name)
    wrong.read(f"{place}.zone", zone_of, written.zone)
    wrong.bounded(f"{place}.holidays", "holidays", len(written.holidays))
    wrong.bounded(f"{place}.special", "special", len(written.special))
    for name in written.week:
        if name not in WEEKDAYS:
            wrong.note(f"{place}.week.{name[:20]}", f"is no weekday; they are {', '.join(WEEKDAYS)}")
    week = tuple(_windows(written.week.get(day, []), f"{place}.week.{day}", wrong) for day in WEEKDAYS)
    _apart(week, f"{place}.week", wrong)
    holidays, special = {}, {}
    for text, name in written.holidays.items():
        if (day := wrong.read(f"{place}.holidays.{text[:20]}", read_date, text)) is not None:
            holidays[day_of(day)] = name[:100]
    for text, windows in written.special.items():
        if (day := wrong.read(f"{place}.special.{text[:20]}", read_date, text)) is not None:
            special[day_of(day)] = _windows(windows, f"{place}.special.{text}", wrong)
    if not (written.always or any(week) or any(special.values())):
        wrong.note(place, "has no open time, so nothing would ever be due")
    return Calendar(
        name=written.name, zone=written.zone, week=week, holidays=holidays, special=special, always=written.always
    )


def _windows(written: Sequence[str], place: str, wrong: Reading) -> Windows:
    wrong.bounded(place, "windows", len(written))
    found: list[Window] = []
    for number, text in enumerate(written[: MOST["windows"]]):
        new = wrong.read(f"{place}[{number}]", read_window, text)
        if new is None:
            continue
        overlapped = next((one for one in found if new.opens < one.closes and one.opens < new.closes), None)
        if overlapped is not None:
            wrong.note(f"{place}[{number}]", f"{new} overlaps {overlapped}")
        found.append(new)
    return tuple(sorted(found))


def _apart(week: Sequence[Windows], place: str, wrong: Reading) -> None:
    """Note hours that run over midnight into those of the next day."""
    for day, windows in enumerate(week):
        follow = week[(day + 1) % 7]
        for late in windows:
            early = next((one for one in follow if one.opens + 24 * 60 < late.closes), None)
            if early is not None:
                wrong.note(f"{place}.{WEEKDAYS[day]}", f"{late} overlaps {early} on {WEEKDAYS[(day + 1) % 7]}")


# --- policies ------------------------------------------------------------------------------------------------------


def _policy(written: WrittenPolicy, place: str, calendars: dict[str, Calendar], wrong: Reading) -> Policy:
    wrong.read(f"{place}.name", read_name, written.name)
    wrong.bounded(f"{place}.levels", "levels", len(written.levels))
    promises: dict[str, dict[str, int]] = {}
    hours: dict[str, OpenTime] = {}
    if not written.targets:
        wrong.note(f"{place}.targets", "promises nothing; name FIRST_RESPONSE, NEXT_RESPONSE or RESOLUTION")
    for name, target in written.targets.items():
        if name not in TARGETS:
            wrong.note(f"{place}.targets.{name[:30]}", f"is no target; they are {', '.join(TARGETS)}")
            continue
        promises[name] = _times(target, f"{place}.targets.{name}", wrong)
        hours[name] = _hours(target, f"{place}.targets.{name}", calendars, wrong)
    warn = wrong.read(f"{place}.warn", read_share, written.warn) if written.warn else None
    if warn is not None and not 0 < warn < 1:
        wrong.note(f"{place}.warn", "must be 1% to 99%")
    if written.reopen not in (GOES_ON, ANEW):
        wrong.note(f"{place}.reopen", f"must be '{GOES_ON}' or '{ANEW}'")
    levels = [
        level
        for number, each in enumerate(written.levels)
        if (level := _level(each, f"{place}.levels[{number}]", promises, wrong)) is not None
    ]
    return Policy(
        written.name,
        promises,
        hours,
        _filter(written.when, f"{place}.when", wrong),
        warn,
        written.reopen,
        _told_apart(levels),
    )


def _times(written: WrittenTarget, place: str, wrong: Reading) -> dict[str, int]:
    if not written.times:
        wrong.note(f"{place}.times", "promises nothing; leave the target out, or name a priority")
    found = {}
    for priority, text in written.times.items():
        if priority not in PRIORITIES:
            wrong.note(f"{place}.times.{priority[:20]}", f"is no priority; they are {', '.join(PRIORITIES)}")
        elif (micros := wrong.read(f"{place}.times.{priority}", read_duration, text)) is not None:
            found[priority] = micros
    return found


def _hours(written: WrittenTarget, place: str, calendars: dict[str, Calendar], wrong: Reading) -> OpenTime:
    if not written.calendars:
        wrong.note(f"{place}.calendars", "needs at least one calendar")
    for number, name in enumerate(written.calendars):
        if name not in calendars:
            wrong.note(f"{place}.calendars[{number}]", f"there is no calendar {name[:60]!r}")
    # Named twice is named once: a list of thousands of the same would be laid out thousands of times for each day.
    return wrong.hours(*(calendars[name] for name in dict.fromkeys(written.calendars) if name in calendars))


def _filter(written: WrittenFilter, place: str, wrong: Reading) -> Filter:
    for name, why in NO_SUCH_THING.items():
        if getattr(written, name) is not None:
            wrong.note(f"{place}.{name}", f"{why}, so it would match nothing")
    for name in ("priority", "category", "requester"):
        values = getattr(written, name)
        if values is not None and not values:
            wrong.note(f"{place}.{name}", "matches nothing; leave it out to take any")
        wrong.bounded(f"{place}.{name}", "names", len(values or ()))
    for value in written.priority or ():
        if value not in PRIORITIES:
            wrong.note(f"{place}.priority", f"{value[:20]!r} is no priority; they are {', '.join(PRIORITIES)}")
    return Filter(_set(written.priority), _set(written.category), _set(written.requester))


def _set(values: Iterable[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _level(written: WrittenLevel, place: str, promises: dict[str, dict[str, int]], wrong: Reading) -> Level | None:
    if written.target not in promises:
        wrong.note(f"{place}.target", f"{written.target[:30]!r} is not among the policy's targets")
    moment = wrong.read(f"{place}.at", read_moment, written.at)
    actions = [action for n, each in enumerate(written.do) for action in _actions(each, f"{place}.do[{n}]", wrong)]
    if not written.do:
        wrong.note(f"{place}.do", "does nothing")
    if moment is None:
        return None
    when = _filter(written.when, f"{place}.when", wrong)
    name = " ".join(written.at.split())
    return Level(name, written.target, moment[0], moment[1], when, written.unassigned, tuple(actions))


def _told_apart(levels: Sequence[Level]) -> tuple[Level, ...]:
    """Number the levels that come at the same moment of the same target."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for level in levels:
        count = seen[level.target, level.name] = seen.get((level.target, level.name), 0) + 1
        found.append(level if count == 1 else replace(level, name=f"{level.name} ({count})"))
    return tuple(found)


def _actions(written: WrittenAction, place: str, wrong: Reading) -> Iterator[Action]:
    for number, whom in enumerate(written.notify):
        if whom not in CALLED and not (whom.startswith("person:") and whom != "person:"):
            wrong.note(f"{place}.notify[{number}]", f"{whom[:60]!r} is not {', '.join(CALLED)} or person:ID")
    if written.priority is not None and written.priority not in PRIORITIES:
        wrong.note(f"{place}.priority", f"{written.priority[:20]!r} is no priority; they are {', '.join(PRIORITIES)}")
    if written.notify:
        yield Action("NOTIFY", tuple(written.notify))
    if written.manager:
        yield Action("MANAGER")
    if written.priority is not None:
        yield Action("PRIORITY", (written.priority,))
    if written.reassign:
        yield Action("REASSIGN")
    if not (written.notify or written.manager or written.priority or written.reassign):
        wrong.note(place, "does nothing; it can notify, call a manager, raise the priority or reassign")


# --- what a change changes -----------------------------------------------------------------------------------------


def changes_between(before: WrittenTerms, after: WrittenTerms) -> list[str]:
    """Say what is different, a line for each calendar and policy; nothing where both mean the same."""
    lines = [*_changes("calendar", before.calendars, after.calendars)]
    lines += _changes("policy", before.policies, after.policies)
    kept = {each.name for each in before.policies} & {each.name for each in after.policies}
    orders = [[each.name for each in terms.policies if each.name in kept] for terms in (before, after)]
    if orders[0] != orders[1]:
        lines.append(f"policies in the order {', '.join(each.name for each in after.policies)}")
    return lines


def _changes(
    kind: str,
    before: Sequence[WrittenCalendar] | Sequence[WrittenPolicy],
    after: Sequence[WrittenCalendar] | Sequence[WrittenPolicy],
) -> Iterator[str]:
    old, new = ({each.name: each for each in side} for side in (before, after))
    for name in new:
        if name not in old:
            yield f"{kind} {name}: new"
        elif old[name] != new[name]:
            fields = [f for f in new[name].__struct_fields__ if getattr(old[name], f) != getattr(new[name], f)]
            yield f"{kind} {name}: {', '.join(fields)} changed"
    for name in old:
        if name not in new:
            yield f"{kind} {name}: gone"
