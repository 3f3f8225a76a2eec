"""Reading what a process says of itself: ``/readyz`` and ``/metrics``, for a short while only."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from answerable.infra.bus.port import RELAY
from answerable.kernel.times import SECOND

PATIENCE_SECONDS = 2.5  # a process looks at itself for up to two
MOST_BYTES = 4_000_000
MOST_REASONS = 5
MOST_LETTERS = 200


class Said(msgspec.Struct):
    """What ``/readyz`` says: why a desk is not ready, or what waits where it is."""

    message: str = ""
    errors: list[str] = []
    waiting: list[str] = []


@dataclass(frozen=True)
class Look:
    """What was seen of one service. ``None`` is what it does not tell.

    ``answers`` tells whether somebody is there; ``lag`` are messages not yet read, by consumer; ``unsent`` is what the
    outbox has yet to send; ``next_due`` is an instant in microseconds.
    """

    service: str
    address: str
    answers: bool
    ready: bool
    reasons: tuple[str, ...] = ()
    lag: Mapping[str, int] = field(default_factory=dict)
    unsent: int | None = None
    parked: int | None = None
    streams: int | None = None
    clocks: int | None = None
    next_due: int | None = None


async def look_at_all(places: Mapping[str, str]) -> list[Look]:
    """Look at all services at once, each for ``PATIENCE_SECONDS`` at most."""
    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=patience) as client:
        return list(await asyncio.gather(*(look_at(client, name, url) for name, url in places.items())))


async def look_at(client: aiohttp.ClientSession, service: str, address: str) -> Look:
    """Look at one service; whatever is wrong with it is in the answer."""
    said, counted = await asyncio.gather(_try(client, f"{address}/readyz"), _try(client, f"{address}/metrics"))
    if isinstance(said, str):
        return Look(service, address, False, False, (said,))
    status, told = said
    reasons = _reasons(status, told)
    if isinstance(counted, str):  # numbers are counted in the database, which may be what is away
        return Look(service, address, True, status == 200, (*reasons, f"/metrics {counted}"))
    found, numbers = counted
    if found != 200:
        hidden = "its numbers are not for this machine (server.metrics_networks)"
        reasons += (hidden if found == 404 else f"/metrics answers {found}",)
        return Look(service, address, True, status == 200, reasons)
    try:
        return _with_numbers(service, address, status == 200, reasons, numbers.decode())
    except (ValueError, OverflowError, KeyError):  # no exposition, no number that can be shown, or no label
        return Look(service, address, True, status == 200, (*reasons, "its numbers cannot be read"))


async def _try(client: aiohttp.ClientSession, url: str) -> tuple[int, bytes] | str:
    """Return status and body, or why there is none."""
    try:
        return await _get(client, url)
    except TimeoutError:
        return "does not answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _kind_of(error)


async def _get(client: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    async with client.get(url, allow_redirects=False) as answer:
        body = bytearray()
        async for part in answer.content.iter_chunked(65_536):
            body += part
            if len(body) > MOST_BYTES:
                raise ValueError("says too much")
        return answer.status, bytes(body)


def _kind_of(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"cannot be reached ({os.strerror(number) if number and number > 0 else 'no such host'})"
    return str(error) if isinstance(error, ValueError) else f"does not answer ({type(error).__name__})"


def _reasons(status: int, told: bytes) -> tuple[str, ...]:
    try:
        said = msgspec.json.decode(told, type=Said)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        said = Said()
    if status == 200:
        reasons = [f"people can work, what follows waits ({reason})" for reason in said.waiting]
    else:
        reasons = said.errors or ([said.message] if said.message else [f"/readyz answers {status}"])
    return tuple(reason[:MOST_LETTERS] for reason in reasons[:MOST_REASONS])


def _with_numbers(service: str, address: str, ready: bool, reasons: tuple[str, ...], text: str) -> Look:
    """Pick out what is shown.

    Raises ``ValueError`` for a text that is no exposition, ``OverflowError`` for a number that cannot be shown, and
    ``KeyError`` where a label is missing.
    """
    lag: dict[str, int] = {}
    numbers: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "answerable_consumer_lag":
                lag[sample.labels["consumer"]] = int(sample.value)
            elif not sample.labels:
                numbers[sample.name.removeprefix("answerable_")] = sample.value
    unsent = lag.pop(RELAY, None)
    due = numbers.get("sla_next_due_timestamp_seconds")
    return Look(
        service,
        address,
        answers=True,
        ready=ready,
        reasons=reasons,
        lag=lag,
        unsent=unsent,
        parked=_whole(numbers.get("messages_parked")),
        streams=_whole(numbers.get("live_streams")),
        clocks=_whole(numbers.get("sla_clocks_running")),
        next_due=None if due is None else round(due * SECOND),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
