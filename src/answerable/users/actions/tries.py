"""Guesses are counted before they are checked, in the database: for all processes, and over a restart."""

from collections.abc import Sequence

from answerable.kernel.errors import Throttled
from answerable.kernel.times import SECOND
from answerable.kernel.tx import Tx
from answerable.users.rules import TOO_OFTEN
from answerable.users.rules.tries import KNOWN_FOR, Counters, Limit, one_less, one_more, wait_of
from answerable.users.store import tries


def counters(tx: Tx) -> Counters:
    """Return how things are called that this desk counts."""
    auth = tx.settings.auth
    return Counters(tx.settings.storage.secret, auth.login_tries, auth.login_tries_in_all)


async def take_sign_in(tx: Tx, email: str, address: str) -> None:
    """Count a sign-in. Raises ``Throttled`` where too many failed; that one is not checked and not counted."""
    limits, known = counters(tx).sign_in(email, address)
    found = await tries.load_counts(tx, [known, *(limit.key for limit in limits)])
    if known in found:
        limits = [limit for limit in limits if not limit.wide]
    await take(tx, limits)


async def sign_in_succeeded(tx: Tx, email: str, address: str) -> None:
    """Take back the try that was counted, and what failed before for this account from this address."""
    (own, *wider), known = counters(tx).sign_in(email, address)
    found = await tries.load_counts(tx, [known, *(limit.key for limit in wider)])
    await tries.delete_count(tx, own.key)
    if known not in found:  # who is known was not counted there
        for limit in wider:
            count = found.get(limit.key)
            if count is not None:
                less = one_less(count, limit)
                await (tries.save_count(tx, limit, less) if less else tries.delete_count(tx, limit.key))
    await tries.save_known(tx, known, own.account, tx.now + KNOWN_FOR)


async def take(tx: Tx, limits: Sequence[Limit]) -> None:
    """Count one try of some things. Over a limit of one of them, raise ``Throttled`` instead and count nothing."""
    found = await tries.load_counts(tx, [limit.key for limit in limits])
    wait = max(wait_of(found.get(limit.key), tx.now) for limit in limits)
    if wait:
        raise Throttled(TOO_OFTEN, retry_after=-(-wait // SECOND))
    for limit in limits:
        await tries.save_count(tx, limit, one_more(found.get(limit.key), limit, tx.now))


async def forgive(tx: Tx, limits: Sequence[Limit]) -> None:
    """Forget what failed: it succeeded."""
    for limit in limits:
        await tries.delete_count(tx, limit.key)


async def forgive_account(tx: Tx, email: str) -> None:
    """Forget everything that failed for an account: its password is a new one."""
    await tries.delete_account(tx, counters(tx).account(email))
