"""Ways to what somebody sees: conditions that exclude each other, each said so that its index is taken, and no other.

Nearly all tickets of an old desk have ended, and what has ended hardly changes any more. So indexes that a new ticket
does not touch have what ended, in the orders and by the filters of lists; of the few that are being worked on, all of
somebody's are looked at. An engine that keeps no figures takes whichever index an equality fits: that of a status, of
which there may be half a million, for what one person has of it. What must not lead it there is masked.
"""

from collections.abc import Sequence
from functools import lru_cache

from answerable.kernel.actor import Actor
from answerable.tickets import rules
from answerable.tickets.rules.life import ENDED

EVERY = 2**31  # rows: there is no cap
EVERYTHING = "1 = 1"
OWN = "t.requester_id = :me"
MINE = "t.agent_id = :me"
_RAISED, _HELD = "t.requester_id =", "t.agent_id ="
_STATUS, _CATEGORY, _RANK = "t.status =", "t.category =", "t.priority_rank ="
_MASKED = {
    _STATUS: "t.status || '' =",
    _CATEGORY: "t.category || '' =",
    _RANK: "t.priority_rank + 0 =",
}
NUMBER, BY_RANK = "t.number", "t.priority_rank"
# As the indexes of what has ended have it, to the letter; no index of statuses fits it, nor they what is masked.
_ENDED = "'' || t.status IN ('CLOSED', 'CANCELLED')"


def arms(actor: Actor) -> list[str]:
    """Return what ``rules.may_see`` says, as conditions that exclude each other, so that each can use its index."""
    if actor.may("ticket.read_all"):
        return [EVERYTHING]
    if not actor.may("ticket.read_queue"):
        return [OWN]
    queued = "t.agent_id IS NULL AND t.status = 'CREATED'"
    return [
        MINE,
        queued,
        f"{OWN} AND (t.agent_id IS NULL OR t.agent_id <> :me) AND NOT ({queued})",
    ]


def ways(arms: Sequence[str], conditions: Sequence[str], column: str = NUMBER, *, few: bool = False) -> list[str]:
    """Return the ways to what meets one of ``arms`` and all ``conditions``, each in the order of ``column`` if it may.

    ``few`` says that so few meet them that they can be sorted, or that they are counted, in no order. Most of what one
    person raised is on the last way to it.
    """
    return list(_ways(tuple(arms), tuple(conditions), column, few=few))


@lru_cache(maxsize=2048)  # the same few lists are asked for over and over
def _ways(arms: tuple[str, ...], conditions: tuple[str, ...], column: str, *, few: bool) -> tuple[str, ...]:
    found = list[str]()
    for arm in arms:
        whose, rest = _owner(arm, conditions)
        if whose.startswith(_RAISED):
            found += _raised(whose, rest, column, few=few)
        elif whose.startswith(_HELD):
            found += _held(whose, rest, column, few=few)
        else:
            found.append(_any(rest, column, few=few) if whose == EVERYTHING else within(arm, rest))
    return tuple(found)


def within(arm: str, conditions: Sequence[str]) -> str:
    """Return one way to what meets an arm and some conditions, on which the order is that of the arm's index."""
    masked = list(conditions)
    if arm.startswith(OWN) or (arm.startswith(_HELD) and len(masked) > 1):
        masked = _mask(masked, _STATUS)
    if arm != EVERYTHING:
        masked = _mask(masked, _CATEGORY, _RANK)
    return " AND ".join([arm, *masked])


def _owner(arm: str, conditions: Sequence[str]) -> tuple[str, list[str]]:
    """Return whose tickets are asked for, and what else: who sees all may ask for those of one person."""
    if arm == EVERYTHING:
        for whose in (_RAISED, _HELD):
            for condition in conditions:
                if condition.startswith(whose):
                    return condition, [each for each in conditions if each != condition]
    return arm, list(conditions)


def _raised(whose: str, conditions: Sequence[str], column: str, *, few: bool) -> list[str]:
    statuses, rest, category, rank = _read(conditions)
    ended = [status for status in ENDED if status in statuses]
    worked_on = [_all(whose, _is_one_of(statuses), *_mask(rest))] if _is_one_of(statuses) else []
    by_filter = (category and rank) or (few and (category or rank)) or (rank and column == NUMBER)
    if column == NUMBER and not by_filter:
        # The index has each status in this order: nobody's many open tickets are sorted.
        return [_all(whose, f"{_STATUS} '{status}'", *_mask(rest)) for status in (*_open(statuses), *reversed(ended))]
    if ended in ([], ["CANCELLED"]) or (column == NUMBER and not by_filter):
        return [*worked_on, *(_all(whose, f"{_STATUS} '{status}'", *_mask(rest)) for status in reversed(ended))]
    ordered = rest if by_filter or column == BY_RANK else _mask(rest)
    return [*worked_on, _all(whose, *_has_ended(ended), *ordered)]


def _held(whose: str, conditions: Sequence[str], column: str, *, few: bool) -> list[str]:
    statuses, rest, category, rank = _read(conditions)
    ended = [status for status in ENDED if status in statuses]
    by_order = rank if column == NUMBER else column == BY_RANK and not category
    if not ended or " AND " in whose or not (by_order or (few and (category or rank))):
        return [within(whose, conditions)]
    worked_on = list[str]()
    if is_one := _is_one_of(statuses):
        # Said so that the index that begins with the status is taken, not that which has all that they hold.
        few_of = f"SELECT h.number FROM tickets_ticket h WHERE {_all(whose, is_one)}".replace("t.", "h.")
        worked_on = [_all(f"t.number IN ({few_of})", *_mask(rest))]
    return [*worked_on, _all(whose, *_has_ended(ended), *rest)]


def _any(conditions: Sequence[str], column: str, *, few: bool) -> str:
    statuses, rest, category, rank = _read(conditions)
    if set(statuses) <= set(ENDED) and category and rank and (few or column == NUMBER):
        return _all(*_has_ended(statuses), *rest)
    if column == NUMBER and any(condition.startswith(_STATUS) for condition in conditions):
        conditions = _mask(conditions)  # the index of a status has this order: that of a priority has all others too
    return within(EVERYTHING, conditions)


def _has_ended(statuses: Sequence[str]) -> list[str]:
    return [_ENDED] if len(statuses) == len(ENDED) else [_ENDED, *(f"{_MASKED[_STATUS]} '{one}'" for one in statuses)]


def _is_one_of(statuses: Sequence[str]) -> str:
    """Write that one of these is the status, of those on which somebody works."""
    found = [repr(status) for status in _open(statuses)]
    return f"t.status IN ({', '.join(found)})" if len(found) > 1 else f"{_STATUS} {found[0]}" if found else ""


def _open(statuses: Sequence[str]) -> list[str]:
    return [status for status in statuses if status not in ENDED]


def _read(conditions: Sequence[str]) -> tuple[Sequence[str], list[str], bool, bool]:
    """Return which statuses conditions leave, all else, and whether they ask for a category and for a priority."""
    statuses: Sequence[str] = rules.STATUSES
    rest = list[str]()
    for condition in conditions:
        if condition.startswith((_STATUS, "t.status IN (")) and "'" in condition:
            statuses = tuple(status for status in statuses if f"'{status}'" in condition)
        else:
            rest.append(condition)
    return statuses, rest, _asks(_CATEGORY, rest), _asks(_RANK, rest)


def _asks(what: str, conditions: Sequence[str]) -> bool:
    return any(condition.startswith(what) for condition in conditions)


def _mask(conditions: Sequence[str], *names: str) -> list[str]:
    """Write conditions (all that have one, or some) so that no index fits them."""
    masked = list(conditions)
    for name in names or (_CATEGORY, _RANK):
        masked = [condition.replace(name, _MASKED[name]) for condition in masked]
    return masked


def _all(*conditions: str) -> str:
    return " AND ".join(conditions)
