"""What was seen, as a table for people and as JSON for programs. Pure."""

from collections.abc import Sequence

import msgspec
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from answerable.commands.top.reading import Look
from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND, iso

NOTHING = "–"
WIDE = 100  # columns of a terminal
_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))


def shown(looks: Sequence[Look], now: int, width: int = WIDE) -> Group:
    """Make the table, with a row for each service, those that are away too; and below it why one is not ready.

    Where ``width`` columns are less than ``WIDE``, addresses are left out.
    """
    told = ("service", "address", "ready") if width >= WIDE else ("service", "ready")
    names = [Column(name, no_wrap=True) for name in (*told, "lag")]
    right = [Column(name, justify="right", no_wrap=True) for name in ("outbox", "parked", "live", "clocks")]
    table = Table(*names, *right, Column("next due", no_wrap=True), box=None, pad_edge=False)
    if width < WIDE:
        table.padding = (0, 1, 0, 0)
    for look in looks:
        table.add_row(
            look.service,
            *([look.address.removeprefix("http://")] if width >= WIDE else []),
            _state(look),
            "\n".join(f"{name} {count:,}" for name, count in sorted(look.lag.items())) or NOTHING,
            *(NOTHING if n is None else f"{n:,}" for n in (look.unsent, look.parked, look.streams, look.clocks)),
            NOTHING if look.next_due is None else from_now(look.next_due, now),
        )
    why = [Text(f"{look.service}: {reason}") for look in looks for reason in look.reasons]
    return Group(table, *([Text(), *why] if why else []))


def _state(look: Look) -> Text:
    if not look.answers:
        return Text("away", style="bold red")
    return Text("yes", style="green") if look.ready else Text("no", style="bold red")


def from_now(instant: int, now: int) -> str:
    """Return how far away an instant is, in its two largest units."""
    left, parts = abs(instant - now), list[str]()
    for size, name in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {name}")
        if len(parts) == 2:
            break
    span = " ".join(part for part in parts if not part.startswith("0 ")) or "0 s"
    return f"in {span}" if instant >= now else f"{span} ago"


def as_json(looks: Sequence[Look], now: int) -> str:
    """Write everything as one document."""
    services = [
        {
            "service": look.service,
            "address": look.address,
            "answers": look.answers,
            "ready": look.ready,
            "reasons": look.reasons,
            "lag": dict(look.lag),
            "outboxWaiting": look.unsent,
            "parked": look.parked,
            "liveStreams": look.streams,
            "runningClocks": look.clocks,
            "nextDueAt": None if look.next_due is None else iso(look.next_due),
        }
        for look in looks
    ]
    return msgspec.json.encode({"at": iso(now), "services": services}).decode()
