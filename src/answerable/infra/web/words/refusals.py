"""Sentences with values in them, in other languages: the English text is recognised by its template and said again.

Problems carry their English text, which the interface for programs shows as it is; so do the lines that say what a
change changed. One without values is in the catalogues itself; of those with numbers and names, the ones that pages
show are here.
"""

import re
from collections.abc import Callable
from functools import cache

from answerable.kernel.words import N_, pattern_of

# {least}, {most} and {has} are numbers, {status} is one of a ticket, {parts} are some of PARTS, everything else is what
# people call something.
TEMPLATES = (
    # What the database says; it knows nothing of languages.
    N_("The desk cannot get at its data right now. Nothing was changed; please try again soon."),
    N_(
        "The connection to the database was lost while this was being stored, so it may be done or not. "
        "Please look before you repeat it; with an Idempotency-Key you can repeat it safely."
    ),
    N_("line {line}: {rest}"),  # before all that begin with a value
    N_("must have {least} to {most} characters"),
    N_("must have {least} to {most} characters, has {has}"),
    N_("must be {least} to {most}"),
    N_("must be at most {most}"),
    N_("must be {least} to {most} codes"),
    N_("must be at most {most} codes"),
    N_("each must be a code of {least} to {most} characters"),
    N_("must be one of {words}"),
    N_("must be some of {words}, not {word}"),
    N_("has {has} entries, at most {most} fit"),
    N_("Name must have {least} to {most} characters."),
    N_("Email must have {least} to {most} characters."),
    N_("The password must have {least} to {most} characters."),
    N_("You have {has} keys. Please revoke one first."),
    N_("You have {has} filters already. Delete one first."),
    N_("There are {has} endpoints. Please remove one first."),
    N_("{agent} is not an agent."),
    N_("{agent} is not active."),
    N_("The ticket is already assigned to {agent}."),
    N_("The ticket is {status} and cannot be changed."),
    N_("Invalid status transition: {former} → {next}"),
    N_("calendar {name}: new"),
    N_("calendar {name}: gone"),
    N_("calendar {name}: {parts} changed"),
    N_("policy {name}: new"),
    N_("policy {name}: gone"),
    N_("policy {name}: {parts} changed"),
    N_("policies in the order {order}"),
    N_("{given} is not a time zone such as Europe/Berlin"),
    N_("{given} is not a window such as 09:00-17:00"),
    N_("{given} is not a date such as 2026-12-25"),
    N_("{given} is not a share such as 75%"),
    N_("{given} is not a time such as 4h, 30m or 1h 30m"),
    N_("{given} is not a time such as 4h, 30m or 1h 30m; write days as hours, a working day has no fixed length"),
    N_("{given} is not a time such as 09:00"),
    N_("{given} is not a time from 00:00 to 24:00"),
    N_("{given} closes when it opens; a whole day is 00:00-24:00"),
    N_("{given} overlaps {other}"),
    N_("{given} is no priority; they are {words}"),
    N_("{given} is not {words} or person:ID"),
    N_("has no open time, so nothing would ever be due"),
    N_("must be more than nothing; leave it out where nothing is promised"),
    N_("must have 1 to 60 letters, digits, spaces, dots, dashes or underscores"),
    N_("must not be more than ten years"),
    N_("must be 1% to 99%"),
    N_("needs at least one calendar"),
    N_("promises nothing; leave the target out, or name a priority"),
    N_("promises nothing; name FIRST_RESPONSE, NEXT_RESPONSE or RESOLUTION"),
    N_("matches nothing; leave it out to take any"),
    N_("never applies: {place} ({name}) takes every ticket that fits"),
    N_("does nothing"),
    N_("does nothing; it can notify, call a manager, raise the priority or reassign"),
    N_("must be a code such as DE"),
    N_("has no all-day event"),
    N_("There is a calendar {taken} already."),
    N_("There is a policy {taken} already."),
    N_("The calendar is used by the policy {used}."),
    N_("The calendar is used by the policies {used}."),
    N_("No change waits for its instant."),
    N_("A change waits for {instant}. Withdraw it first."),
    N_("Only a failed mail can be sent again; this one is {state}."),
    N_("{given} must be 1 to 50 of A-Z, 0-9 and _"),
    N_("must be {name}, as in the address"),
    N_("must be '{one}' or '{other}'"),
    N_("must be at most {most} years from {first} to {last}"),
    N_("The years must be at most {most} years from {first} to {last}."),
    N_("is no weekday; they are {words}"),
    N_("is no target; they are {words}"),
    N_("is no priority; they are {words}"),
    N_("{given} is taken by {taken}"),
    N_("{given} is not among the policy's targets"),
    N_("{given} opens on the next day; write it there as 00:00"),
    N_("at least one is needed"),
    N_("there is no calendar {given}"),
    N_("tickets have no team yet, so it would match nothing"),
    N_("requesters have no organisation yet, so it would match nothing"),
    N_("No holidays are known of {country}."),
    N_("No region {region} is known in {country}."),
    N_("is not known for this country; leave it out"),
    N_("The calendar has more than {most} events."),
    N_("has too many events"),
    N_("{given} repeats by a rule; export the calendar with its days written out (line {line})"),
    N_("{given} is longer than {most} days (line {line})"),
    N_("{given} is no date (line {line})"),
    N_("{given} is no part of a calendar (line {line})"),
    N_("{given} ends what did not begin (line {line})"),
    N_("the calendar is not whole (line {line})"),
    N_("The file is larger than {most} MB."),
    N_("Line {line} is not UTF-8 text."),
    N_("Line {line} has a key of more than {most} parts."),
    N_("This is not TOML: {mistake}."),
    N_("Object missing required field `{name}`"),
    N_("Object contains unknown field `{name}`"),
    N_("Expected `{expected}`, got `{has_kind}`"),
    N_("has broken characters"),
    N_("answered {code}"),
    N_("told by {type}"),
    N_("{rest} at the time"),
)
# What parts of calendars and policies are called in what is written of them.
PARTS = (
    N_("zone"),
    N_("always"),
    N_("week"),
    N_("holidays"),
    N_("special"),
    N_("when"),
    N_("targets"),
    N_("warn"),
    N_("reopen"),
    N_("levels"),
)
_SHAPES = {
    "least": r"\d+",
    "most": r"\d+",
    "has": r"\d+",
    "first": r"\d+",
    "last": r"\d+",
    "line": r"\d+",
    "state": "[a-z]+",
    "code": r"\d{3}",
    "type": "[A-Z_]+",
    "rest": "(?s:.+)",
    "status": "[a-z_]+",
    "name": "[^:]+",
    "parts": "[a-z]+(?:, [a-z]+)*",
    "former": "[A-Z_]+",
    "next": "[A-Z_]+",
}
_PLACE = re.compile(r"([A-Za-z_]+(?:\[\d+\]|\.\w+)*(?:\.\w[\w -]*)?: )(.+)", re.DOTALL)


def refusal_in(say: Callable[[str], str], text: str) -> str:
    """Return a refusal as ``say`` translates it, as it stands where no template fits.

    What stands before it stays: the place of a mistake (``policies[0].warn: must be 1% to 99%``).
    """
    for template in TEMPLATES:
        if found := _pattern(template).fullmatch(text):
            values = found.groupdict()
            values |= {name: _status_in(say, values[name]) for name in ("former", "next") if name in values}
            if "status" in values:
                values["status"] = _status_in(say, values["status"]).lower()
            if "parts" in values:
                values["parts"] = ", ".join(say(part) for part in values["parts"].split(", "))
            if "rest" in values:
                values["rest"] = _said(say, values["rest"])
            return say(template).format_map(values)
    if placed := _PLACE.fullmatch(text):
        return placed[1] + _said(say, placed[2])
    if text.endswith(".") and (said := _said(say, text[:-1])) != text[:-1]:
        return f"{said}."
    return text


def _said(say: Callable[[str], str], text: str) -> str:
    said = say(text)
    return refusal_in(say, text) if said == text else said


def _status_in(say: Callable[[str], str], code: str) -> str:
    words = code.replace("_", " ").capitalize()
    return say({"Created": "New"}.get(words, words))  # as the desk calls it


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return pattern_of(template, _SHAPES, ".+")
