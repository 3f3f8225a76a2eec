"""Reading a notice in another language: what was stored in English is recognised by its text, and said again.

Nothing else is stored of a notice, so what is erased from its text is erased. A text that nobody recognises, of an
older version perhaps, stays as it is.
"""

import re
from collections.abc import Callable
from functools import cache

from answerable.kernel.times import parse_iso
from answerable.kernel.words import N_, pattern_of
from answerable.notifications.rules.words import told_about

_SHAPES = {
    "number": r"\d+",
    "priority": r"[A-Z_]+",
    "status": r"[A-Z_]+",
    "target": r"[a-z ]+",
    "due": r"[-\d: ]+",
    "promise": r"First response|Next response|Resolution",
    "instant": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
}
# Why a level of a policy was reached, as the policies' own service says it.
_REASONS = (
    N_("{promise} was due at {instant}"),
    N_("{promise} is due at {instant}"),
    N_("{promise} is waited for"),
)
_PROMISES = (N_("First response"), N_("Next response"), N_("Resolution"))
_CODES = {
    "LOW": N_("Low"),
    "MEDIUM": N_("Medium"),
    "HIGH": N_("High"),
    "CRITICAL": N_("Critical"),
    "CREATED": N_("New"),
    "ASSIGNED": N_("Assigned"),
    "IN_PROGRESS": N_("In progress"),
    "WAITING": N_("Waiting"),
    "RESOLVED": N_("Resolved"),
    "CLOSED": N_("Closed"),
    "CANCELLED": N_("Cancelled"),
}
_MAIL = re.compile(r"(?P<message>.*)\n\n(?P<link>\S+)\n\n--\n(?P<because>[^\n]+)\n", re.DOTALL)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::[\d.]+Z|Z| \(UTC\))")
_WORDS = ("target", "agent", "author", "reason")  # the desk's own, where nobody else gave any


def read_as(say: Callable[[str], str], kind: str, title: str, message: str) -> tuple[str, str]:
    """Return headline and sentence of a notice about an event of type ``kind``, as ``say`` translates."""
    for headline, sentence in told_about(kind):
        first, second = _pattern(headline).fullmatch(title), _pattern(sentence).fullmatch(message)
        if first and second:
            values = {name: _said(say, name, text) for name, text in (first.groupdict() | second.groupdict()).items()}
            return say(headline).format_map(values), say(sentence).format_map(values)
    return title, message


def mail_as(say: Callable[[str], str], kind: str, subject: str, body: str) -> tuple[str, str]:
    """Return subject and text of a mail about an event of type ``kind``, as ``say`` translates."""
    parts = _MAIL.fullmatch(body)
    headline, colon, title = subject.partition(": ")
    if parts is None:
        return subject, body
    first, second = read_as(say, kind, headline, parts["message"])
    if first == headline and second == parts["message"]:  # nobody recognises it, or it is English that is wanted
        return subject, body
    return f"{first}{colon}{title}", f"{second}\n\n{parts['link']}\n\n--\n{say(parts['because'])}\n"


def with_times(write: Callable[[int], str], text: str) -> str:
    """Return a notice with its instants written anew: stored are those of UTC, which nobody's watch shows."""
    return _INSTANT.sub(lambda found: _written(write, found), text)


def _written(write: Callable[[int], str], found: re.Match[str]) -> str:
    try:
        return write(parse_iso(f"{found[1]}T{found[2]}Z"))
    except ValueError:  # somebody's own words, and no day
        return found[0]


def _said(say: Callable[[str], str], name: str, text: str) -> str:
    if name in ("priority", "status"):
        return say(_CODES.get(text, text))
    if name == "reason":
        return _reason(say, text)
    return say(text) if name in _WORDS and text else text


def _reason(say: Callable[[str], str], text: str) -> str:
    for template in _REASONS:
        if found := _pattern(template).fullmatch(text):
            values = found.groupdict()
            values["promise"] = say(values["promise"])
            if "instant" in values:
                values["instant"] = f"{values['instant'][:10]} {values['instant'][11:16]} (UTC)"
            return say(template).format_map(values)
    return say(text) if text else text


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return pattern_of(template, _SHAPES, ".*", re.DOTALL)
