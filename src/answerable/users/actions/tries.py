"""Failed sign-ins, counted in the memory of one desk: a sliding window, bounded in size."""

from collections.abc import Mapping

from answerable.kernel.errors import Throttled
from answerable.kernel.times import SECOND
from answerable.users.rules import TOO_OFTEN, TRY_WINDOW, try_limits

KNOWN = 20_000  # accounts and addresses remembered; the ones that were quiet for longest go first


class Tries:
    """Counts tries from before they are checked, so that many at once are counted too."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], list[int]] = {}

    def take(self, email: str, address: str, allowed: int, now: int) -> None:
        """Count a sign-in. Raises ``Throttled`` where too many failed; that one is not checked and not counted."""
        self.count(try_limits(email, address, allowed), now)

    def count(self, limits: Mapping[tuple[str, str], int], now: int) -> None:
        """Count one try of some keys, each with its limit in ``TRY_WINDOW``; over one, raise ``Throttled`` instead."""
        wait = 0
        for key, limit in limits.items():
            recent = [at for at in self._at.get(key, ()) if at > now - TRY_WINDOW]
            if len(recent) >= limit:
                wait = max(wait, recent[-limit] + TRY_WINDOW - now)
        if wait > 0:
            raise Throttled(TOO_OFTEN, retry_after=-(-wait // SECOND))
        for key in limits:
            recent = [at for at in self._at.pop(key, ()) if at > now - TRY_WINDOW]
            self._at[key] = [*recent, now]
        while len(self._at) > KNOWN:
            del self._at[next(iter(self._at))]

    def succeeded(self, email: str, address: str, at: int) -> None:
        """Forget the try counted at ``at``, and what failed before for this account from this address."""
        account, *wider = try_limits(email, address, 1)
        self._at.pop(account, None)
        for key in wider:
            if at in (counted := self._at.get(key, [])):
                counted.remove(at)

    def forget(self, email: str) -> None:
        """Forget everything about an account: its password is a new one."""
        account = next(iter(try_limits(email, "", 1)))[0]
        for key in [key for key in self._at if key[0] == account]:
            del self._at[key]
