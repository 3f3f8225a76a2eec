"""How often somebody may fail, and how long they wait then: a few for nothing, then twice as long each time. Pure."""

import hashlib
import hmac
from dataclasses import dataclass

from answerable.kernel.places import place_of
from answerable.kernel.times import DAY, HOUR, MINUTE, SECOND
from answerable.users.rules import EMAIL_LENGTH, TRY_WINDOW, fold

FIRST_PAUSE = 30 * SECOND
LONGEST_PAUSE = HOUR
LONGEST_FOR_ALL = MINUTE  # what is counted in all must not keep everybody out
KNOWN_FOR = 30 * DAY  # an address from which an account signed in is known so long
WIDER = 5  # one account from anywhere, or one address for any account, may fail this many times as often
CODES = 5  # wrong codes of a second factor, from anywhere


@dataclass(frozen=True, slots=True)
class Limit:
    """What is counted, and how often it may fail before it has to wait, and ``longest`` for how long.

    ``account`` names what a new password forgives. ``known`` limits are not asked of who comes from an address that is
    known to be theirs.
    """

    key: str
    allowed: int
    longest: int = LONGEST_PAUSE
    account: str = ""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Count:
    """How often something failed. Instants are microseconds; before ``until`` it is not tried again."""

    failures: int
    last_at: int
    until: int

    @property
    def forget_at(self) -> int:
        """Return when it is forgotten: after a quiet while."""
        return max(self.last_at + TRY_WINDOW, self.until + TRY_WINDOW)


class Counters:
    """Names what is counted, so that neither addresses nor accounts can be read from the names."""

    def __init__(self, secret: str, tries: int, in_all: int) -> None:
        self._key = hmac.new(secret.encode(), b"users tries", hashlib.sha256).digest()
        self._tries = max(1, tries)
        self._in_all = max(1, in_all)

    def sign_in(self, email: str, address: str) -> tuple[list[Limit], str]:
        """Return what a sign-in counts, and the name under which an address is known as the account's own.

        The account from one address is counted strictly; the account from anywhere, the address with any account and
        all together more widely, and not for who is known: nobody keeps the owner out from elsewhere.
        """
        account, place = self.account(email), place_of(address)
        return [
            Limit(self._name("both", account, place), self._tries, account=account),
            Limit(self._name("account", account), self._tries * WIDER, account=account, wide=True),
            Limit(self._name("address", place), self._tries * WIDER, wide=True),
            Limit(self._name("all"), self._in_all, LONGEST_FOR_ALL, wide=True),
        ], self._name("known", account, place)

    def confirm(self, person_id: str) -> list[Limit]:
        """Return what a password counts that somebody gives who is signed in: failed sign-ins do not matter."""
        return [Limit(self._name("confirm", person_id), self._tries)]

    def code(self, person_id: str, email: str) -> list[Limit]:
        """Return what a code of a second factor counts."""
        return [Limit(self._name("code", person_id), min(CODES, self._tries), account=self.account(email))]

    def ask(self, address: str) -> list[Limit]:
        """Return what a request for mail counts, done or not."""
        return [Limit(self._name("mail", place_of(address)), self._tries * WIDER)]

    def join(self, address: str) -> list[Limit]:
        """Return what a registration counts, done or not."""
        return [Limit(self._name("join", place_of(address)), self._tries * WIDER)]

    def provider(self, address: str) -> list[Limit]:
        """Return what a way back from the provider counts, done or not."""
        return [Limit(self._name("provider", place_of(address)), self._tries * WIDER)]

    def link(self, address: str) -> list[Limit]:
        """Return what a link counts that is not good."""
        return [Limit(self._name("link", place_of(address)), self._tries * WIDER)]

    def account(self, email: str) -> str:
        """Return what an account is called here."""
        return self._name("who", fold(email)[:EMAIL_LENGTH])

    def _name(self, *words: str) -> str:
        return hmac.new(self._key, "\0".join(words).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def one_more(count: Count | None, limit: Limit, now: int) -> Count:
    """Return a count after one more try; from ``limit.allowed`` on, each waits twice as long as the one before."""
    failures = 1 if count is None or count.forget_at <= now else count.failures + 1
    over = failures - limit.allowed
    until = now + min(FIRST_PAUSE << min(over, 20), limit.longest) if over >= 0 else 0
    return Count(failures, now, until)


def one_less(count: Count, limit: Limit) -> Count | None:
    """Return a count without a try that succeeded, ``None`` where nothing is left of it."""
    failures = count.failures - 1
    if failures <= 0:
        return None
    return Count(failures, count.last_at, 0 if failures < limit.allowed else count.until)


def wait_of(count: Count | None, now: int) -> int:
    """Return how many microseconds there are to wait, 0 for none."""
    return max(0, count.until - now) if count else 0
