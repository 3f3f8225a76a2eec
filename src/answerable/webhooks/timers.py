"""What webhooks do because time passed: deliveries go out, and old ones are forgotten."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import structlog

from answerable.infra.fetching import Away, post
from answerable.infra.places import networks_of
from answerable.kernel.actor import service
from answerable.kernel.errors import Invalid
from answerable.kernel.times import DAY, HOUR
from answerable.kernel.tx import Database, Tx
from answerable.webhooks import actions, rules, store
from answerable.webhooks.rules import MOST_ENDPOINTS, Delivery, Endpoint, Outcome

AT_ONCE_TO_ONE = 2
AT_ONCE = AT_ONCE_TO_ONE * MOST_ENDPOINTS  # so that no endpoint, however slow, takes the place of another
LOOK_SECONDS = 0.5  # how soon a delivery that becomes due beside a slow one is noticed
PRUNED_AT_ONCE = 1000
_DESK = service("webhooks")
_log = structlog.get_logger(__name__)
# Conversations of their own: what waits for a name server or a slow program holds up nothing else of this process.
_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")


async def next_delivery(tx: Tx) -> int | None:
    """Return when the next delivery is due."""
    return await store.next_delivery(tx)


async def send_due(database: Database) -> int:
    """Send what is due, side by side; return how many deliveries were tried."""
    sending: dict[asyncio.Task[None], str] = {}
    tried = 0
    try:
        while True:
            while (claimed := await _claim(database, sending)) is not None:
                endpoint, delivery = claimed
                sending[asyncio.create_task(_send(database, endpoint, delivery), name="webhook")] = endpoint.id
                tried += 1
            if not sending:
                return tried
            done, _ = await asyncio.wait(sending, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del sending[task]
                task.result()
    except asyncio.CancelledError:
        for task in sending:
            task.cancel()  # the lease ends by itself, and the delivery keeps its webhook-id
        raise
    finally:
        await asyncio.gather(*sending, return_exceptions=True)


async def next_pruning(tx: Tx) -> int | None:
    """Return the full hour after which a delivery has been done, or has waited in vain, for long enough.

    Where more of what was erased is to be forgotten, that is now.
    """
    if (erased := await store.next_forgetting(tx)) is not None:
        return erased
    oldest, over = await store.oldest_done(tx), await store.next_given_up(tx)
    ends = [] if oldest is None else [oldest + tx.settings.webhooks.keep_days * DAY]
    ends += [] if over is None else [over]
    return min(ends) // HOUR * HOUR + HOUR if ends else None


async def prune(database: Database) -> int:
    """Forget some of what was erased or done long ago, and give up what waited in vain."""
    return await database.write(_DESK, actions.prune, PRUNED_AT_ONCE)


async def _claim(database: Database, sending: dict[asyncio.Task[None], str]) -> tuple[Endpoint, Delivery] | None:
    busy = [endpoint for endpoint, count in Counter(sending.values()).items() if count >= AT_ONCE_TO_ONE]
    return await database.write(_DESK, actions.claim, busy)


async def _send(database: Database, endpoint: Endpoint, delivery: Delivery) -> None:
    settings = database.settings
    headers = rules.headers_of(endpoint, delivery, settings.storage.secret, database.clock())
    networks = networks_of(settings.webhooks.private_networks)
    loop, begun = asyncio.get_running_loop(), time.monotonic()
    status, answer, error = None, "", ""
    try:
        status, answer = await loop.run_in_executor(
            _THREADS,
            lambda: post(
                endpoint.url,
                delivery.payload.encode(),
                headers,
                allowed=networks,
                seconds=settings.webhooks.timeout_seconds,
            ),
        )
        error = "" if 200 <= status < 300 else f"answered {status}"
    except (Away, Invalid) as fault:
        error = fault.errors[0].partition(": ")[2] if isinstance(fault, Invalid) and fault.errors else str(fault)
    outcome = Outcome(status, answer, error, int((time.monotonic() - begun) * 1000))
    if not outcome.taken:
        _log.warning("webhook not delivered", endpoint=endpoint.name, type=delivery.type, reason=error)
    await database.write(_DESK, actions.note_outcome, delivery, outcome)
