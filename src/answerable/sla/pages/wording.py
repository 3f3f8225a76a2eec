"""Which tickets a policy takes and what a level does, in the language of whoever reads it.

The rules and what is stored say it in English (``rules/policy.py``): ``priority HIGH or LOW, category NETWORK``, ``tell
agent and role:MANAGER``. What is not known here stays as it is.
"""

import re
from collections.abc import Callable, Mapping

from answerable.kernel.words import N_
from answerable.sla.queries.people import PERSON

Say = Callable[[str], str]
WHOLE = (
    N_("any ticket"),
    N_("call a manager in"),
    N_("give it to another agent"),
    N_("It was over"),
    N_("Its condition did not fit"),
)
LISTS = {
    "priority": N_("priority %(names)s"),
    "category": N_("category %(names)s"),
    "requester": N_("requester %(names)s"),
    "tell": N_("tell %(names)s"),
}
NAMES = {
    "CRITICAL": N_("Critical"),
    "HIGH": N_("High"),
    "MEDIUM": N_("Medium"),
    "LOW": N_("Low"),
    "agent": N_("the agent"),
    "role:MANAGER": N_("all managers"),
    "role:ADMIN": N_("all administrators"),
}
UNKNOWN = N_("(unknown)")
AND, OR = N_("%(one)s and %(other)s"), N_("%(one)s or %(other)s")
_JOINED = re.compile(r" (and|or) ")


def in_words(text: str, say: Say, people: Mapping[str, str] | None = None) -> str:
    """Return what the rules say in another language.

    ``people`` are the names of those who are meant, by id: none where whoever reads it need not know who they are.
    """
    return ", ".join(_part(part, say, people) for part in text.split(", "))


def _part(part: str, say: Say, people: Mapping[str, str] | None) -> str:
    kind, _, names = part.partition(" ")
    if part in WHOLE or kind not in LISTS or not names:
        return say(part) if part in WHOLE else part
    named, *more = _JOINED.split(names)
    if kind == "requester" and people is not None:
        if not any(people.get(each) for each in (named, *more[1::2])):
            return say(N_("certain requesters"))
        named, *others = sorted(people.get(each, "") or say(UNKNOWN) for each in (named, *more[1::2]))
        more = [part for other in others for part in ("or", other)]
    told = _name(named, say, people)
    for joint, other in zip(more[::2], more[1::2], strict=True):
        told = say(AND if joint == "and" else OR) % {"one": told, "other": _name(other, say, people)}
    return say(LISTS[kind]) % {"names": told}


def _name(name: str, say: Say, people: Mapping[str, str] | None) -> str:
    if name.startswith(PERSON) and people is not None:
        return people.get(name.removeprefix(PERSON)) or say(UNKNOWN)
    return say(NAMES[name]) if name in NAMES else name
