"""Single changes of what is written: each takes the terms and returns them with one calendar or policy different."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec.structs import replace

from answerable.kernel.errors import Conflict, Invalid, Missing
from answerable.kernel.words import N_
from answerable.sla.rules.written import WrittenCalendar, WrittenPolicy, WrittenTerms

Edit: TypeAlias = Callable[[WrittenTerms], WrittenTerms]


def all_new(terms: WrittenTerms) -> Edit:
    """Return the edit that puts other terms in the place of all."""
    return lambda _: terms


def add_calendar(new: WrittenCalendar) -> Edit:
    """Return the edit that adds a calendar. It raises ``Conflict`` where the name is taken."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        if any(each.name == new.name for each in terms.calendars):
            raise Conflict(f"There is a calendar {new.name!r} already.")
        return replace(terms, calendars=[*terms.calendars, new])

    return edit


def put_calendar(name: str, new: WrittenCalendar) -> Edit:
    """Return the edit that puts a calendar in the place of one. It raises ``Missing``; ``Invalid`` for a new name."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        find_calendar(terms, name)
        _same_name(name, new.name)
        return replace(terms, calendars=[new if each.name == name else each for each in terms.calendars])

    return edit


def add_holidays(name: str, days: Mapping[str, str]) -> Edit:
    """Return the edit that adds holidays to a calendar; a day that has a name keeps it. It raises ``Missing``."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        known = find_calendar(terms, name)
        return put_calendar(name, replace(known, holidays=dict(sorted({**days, **known.holidays}.items()))))(terms)

    return edit


def drop_calendar(name: str) -> Edit:
    """Return the edit that removes a calendar. It raises ``Missing``, and ``Conflict`` while a policy uses it."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        find_calendar(terms, name)
        if users := users_of(terms, name):
            raise Conflict(f"The calendar is used by the {_named('policy', 'policies', users)}.")
        return replace(terms, calendars=[each for each in terms.calendars if each.name != name])

    return edit


def add_policy(new: WrittenPolicy, position: int) -> Edit:
    """Return the edit that adds a policy at a place, from 1 on. It raises ``Conflict`` where the name is taken."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        if any(each.name == new.name for each in terms.policies):
            raise Conflict(f"There is a policy {new.name!r} already.")
        return _placed(terms, new, position)

    return edit


def put_policy(name: str, new: WrittenPolicy, position: int | None) -> Edit:
    """Return the edit that puts a policy in the place of one, or at another place. It raises as a calendar's does."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        place = terms.policies.index(find_policy(terms, name))
        _same_name(name, new.name)
        others = replace(terms, policies=[each for each in terms.policies if each.name != name])
        return _placed(others, new, place + 1 if position is None else position)

    return edit


def drop_policy(name: str) -> Edit:
    """Return the edit that removes a policy. It raises ``Missing``."""

    def edit(terms: WrittenTerms) -> WrittenTerms:
        gone = find_policy(terms, name)
        return replace(terms, policies=[each for each in terms.policies if each is not gone])

    return edit


def find_calendar(terms: WrittenTerms, name: str) -> WrittenCalendar:
    """Return a calendar. Raises ``Missing``."""
    found = next((each for each in terms.calendars if each.name == name), None)
    if found is None:
        raise Missing(N_("There is no such calendar."))
    return found


def find_policy(terms: WrittenTerms, name: str) -> WrittenPolicy:
    """Return a policy. Raises ``Missing``."""
    found = next((each for each in terms.policies if each.name == name), None)
    if found is None:
        raise Missing(N_("There is no such policy."))
    return found


def users_of(terms: WrittenTerms, calendar: str) -> list[str]:
    """Return the names of the policies that use a calendar."""
    return [
        policy.name
        for policy in terms.policies
        if any(calendar in target.calendars for target in policy.targets.values())
    ]


def _placed(terms: WrittenTerms, new: WrittenPolicy, position: int) -> WrittenTerms:
    if not 1 <= position <= len(terms.policies) + 1:
        told = f"must be 1 to {len(terms.policies) + 1}"
        raise Invalid(f"position {told}.", errors=(f"position: {told}",))
    return replace(terms, policies=[*terms.policies[: position - 1], new, *terms.policies[position - 1 :]])


def _same_name(name: str, new: str) -> None:
    if name != new:
        raise Invalid(N_("A name cannot be changed."), errors=(f"name: must be {name!r}, as in the address",))


def _named(one: str, many: str, names: list[str]) -> str:
    return f"{one if len(names) == 1 else many} {', '.join(names)}"
