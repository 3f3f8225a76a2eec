"""What the pages of the workspace share: how they are shown, also after something could not be done."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from litestar import Response

from answerable.infra.web.forms import Form, local_path, whole_number
from answerable.infra.web.html import show
from answerable.infra.web.request import DeskRequest
from answerable.kernel.errors import Missing, Problem
from answerable.kernel.paging import PageRequest, decode_cursor
from answerable.kernel.words import N_
from answerable.tickets.queries import work
from answerable.tickets.rules.views import WorkFilter, filter_of

ROWS = 40
MOST_ROWS = 1000
STATUS_WORDS = {
    "CREATED": N_("New"),
    "ASSIGNED": N_("Assigned"),
    "IN_PROGRESS": N_("In progress"),
    "WAITING": N_("Waiting"),
    "RESOLVED": N_("Resolved"),
    "CLOSED": N_("Closed"),
    "CANCELLED": N_("Cancelled"),
}
PRIORITY_WORDS = {"LOW": N_("Low"), "MEDIUM": N_("Medium"), "HIGH": N_("High"), "CRITICAL": N_("Critical")}
VIEW_WORDS = {
    "mine": N_("Mine"),
    "unassigned": N_("Unassigned"),
    "at-risk": N_("At risk"),
    "breached": N_("Breached"),
    "waiting": N_("Waiting"),
    "solved": N_("Recently solved"),
    "open": N_("All open"),
    "all": N_("All tickets"),
}
SORT_WORDS = {
    "slaDueAt": N_("Next due"),
    "-updatedAt": N_("Last changed"),
    "-createdAt": N_("Newest"),
    "createdAt": N_("Oldest"),
    "-priority": N_("Most urgent"),
}
_WORDS: dict[str, Any] = {
    "statuses": STATUS_WORDS,
    "priorities": PRIORITY_WORDS,
    "view_words": VIEW_WORDS,
    "sorts": SORT_WORDS,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something could not be done: why, what was typed, and the change to try once more (field, value)."""

    problem: Problem
    form: Form
    again: tuple[str, str] | None = None

    @property
    def status(self) -> int:
        """Return the status of the answer; a change that came too late is a conflict like any other."""
        return 409 if self.problem.status == 412 else self.problem.status


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change of many tickets: how many changed, and which did not, with the reason."""

    done: int
    failed: Sequence[tuple[str, str, str]] = ()  # id, name, reason
    undo: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is: the workspace with a list and perhaps a ticket, or the page of a ticket alone."""

    wanted: WorkFilter | None
    ticket_id: str
    all_lines: bool = False

    @property
    def path(self) -> str:
        """Return the address of the place."""
        lines = {"all": "1"} if self.all_lines else {}
        if self.wanted is None:
            return f"/tickets/{self.ticket_id}" + (f"?{urlencode(lines)}" if lines else "")
        more = {"ticket": self.ticket_id, **lines} if self.ticket_id else {}
        return f"/queue?{self.wanted.query}" + (f"&{urlencode(more)}" if more else "")


def place_of(request: DeskRequest, back: str, ticket_id: str = "") -> Place:
    """Read the place that a form came from."""
    parts = urlsplit(local_path(back, ""))
    values = {name: found[-1] for name, found in parse_qs(parts.query).items()}
    lines = values.get("all") == "1"
    if parts.path != "/queue" and ticket_id:
        return Place(None, ticket_id, lines)
    return Place(filter_of(values, request.actor), values.get("ticket", ""), lines)


def part_of(request: DeskRequest, wanted: WorkFilter) -> PageRequest:
    """Return which part of a list is asked for. Raises ``Invalid`` for a cursor of another list."""
    asked = request.query_params
    cursor = decode_cursor(asked["cursor"], wanted.order) if asked.get("cursor") else None
    if cursor and not all(isinstance(part, int) for part in cursor):
        cursor = None
    rows = whole_number(asked.get("rows", ""))
    return PageRequest(size=ROWS if rows is None else max(min(rows, MOST_ROWS), 1), cursor=cursor)


async def show_place(
    request: DeskRequest,
    place: Place,
    *,
    trouble: Trouble | None = None,
    outcome: Outcome | None = None,
    part: PageRequest | None = None,
    listing: work.Listing | None = None,
) -> Response[bytes]:
    """Show the workspace or the page of a ticket. Raises ``Missing`` for the page of a ticket that is not there."""
    known = _known(trouble.form) if trouble else None
    lines = work.MOST_LINES if place.all_lines else work.TAIL
    screen = None
    if place.wanted is not None and listing is None:
        ask = request.scan if place.wanted.q else request.ask
        listing = await ask(work.listing, place.wanted, part or PageRequest(size=ROWS))
    if place.ticket_id:
        try:
            screen = await request.ask(work.screen, place.ticket_id, known, lines)
        except Missing:
            if listing is None:
                raise
    status = trouble.status if trouble else 409 if outcome and outcome.failed else 200
    template = "tickets/work/ticket.html" if listing is None else "tickets/work/queue.html"
    return show(
        request,
        template,
        status,
        listing=listing,
        screen=screen,
        place=place,
        trouble=trouble,
        outcome=outcome,
        **_WORDS,
    )


def show_part(request: DeskRequest, part: str, listing: work.Listing, place: Place) -> Response[bytes]:
    """Show the list or the views alone, as the workspace reads them again."""
    return show(request, f"tickets/work/{part}.html", listing=listing, place=place, outcome=None, **_WORDS)


def _known(form: Form) -> tuple[str, str] | None:
    """Return how far the screen that a form came from had read."""
    newest = form["newest"]
    return (newest, form["happened"] or "~") if newest else None
