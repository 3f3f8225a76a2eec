"""What a ticket means to the person who raised it, and which of their tickets is about the same thing. Pure."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from answerable.kernel.actor import Actor
from answerable.tickets.rules.ticket import Ticket

OPEN = ("CREATED", "ASSIGNED", "IN_PROGRESS", "WAITING", "RESOLVED")  # RESOLVED waits for the requester's word
YOURS = ("WAITING", "RESOLVED")  # the next step is the requester's
DONE = ("CLOSED", "CANCELLED")
_ALIKE = 4  # letters that two words have in common at their beginning, to be taken for forms of one word
_ENOUGH = 0.4
_SHORTEST = 4  # letters; shorter words are about anything


def asks_here(actor: Actor, ticket: Ticket) -> bool:
    """Tell whether the actor is the one who asks, on this ticket; staff may be, too."""
    return actor.id == ticket.requester_id


@dataclass(frozen=True, slots=True)
class Standing:
    """How a ticket stands, as its requester is told.

    ``state`` is new, given, working, waiting, solved, closed or cancelled. ``answer_by`` is when they were promised to
    hear from somebody, ``solved_by`` when it should be solved, in microseconds; ``late`` says that the first of the
    two that counts is past.
    """

    state: str
    answer_by: int | None
    solved_by: int | None
    late: bool

    @property
    def asks_you(self) -> bool:
        """Tell whether the next step is the requester's."""
        return self.state in ("waiting", "solved")


_STATES = {
    "CREATED": "new",
    "ASSIGNED": "given",
    "IN_PROGRESS": "working",
    "WAITING": "waiting",
    "RESOLVED": "solved",
    "CLOSED": "closed",
    "CANCELLED": "cancelled",
}


def standing(ticket: Ticket, answer_due: int | None, now: int) -> Standing:
    """Return how a ticket stands; ``answer_due`` is when an answer was promised, if one is owed."""
    state = _STATES[ticket.status]
    if state not in ("new", "given", "working"):
        return Standing(state, None, None, late=False)
    due = ticket.sla_due_at if answer_due is None else answer_due
    return Standing(state, answer_due, ticket.sla_due_at, late=due is not None and due < now)


def alike(title: str, texts: Sequence[tuple[str, str]]) -> list[int]:
    """Return the places of the (title, description) that may be about the same as ``title``, the likeliest first.

    Words are compared without capitals and accents, and by their beginnings: "printers" is about "printer".
    """
    asked = _words(title)
    if not asked:
        return []
    scored = []
    for place, (other, description) in enumerate(texts):
        in_title, below = _words(other), _words(description)
        score = sum(1.0 if _has(in_title, word) else 0.5 if _has(below, word) else 0.0 for word in asked)
        if score / len(asked) >= _ENOUGH:
            scored.append((-score, place))
    return [place for _, place in sorted(scored)]


def _words(text: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFD", text.casefold())
    plain = "".join(letter if letter.isalnum() else " " for letter in plain if not unicodedata.combining(letter))
    return frozenset(word for word in plain.split() if len(word) >= _SHORTEST or word.isdigit())


def _has(words: frozenset[str], word: str) -> bool:
    if word in words:
        return True
    return len(word) >= _ALIKE and any(
        len(other) >= _ALIKE and (other.startswith(word) or word.startswith(other)) for other in words
    )
