"""What stands at the door of one desk: keys, password workers, the count of failed tries."""

from collections.abc import Callable

from answerable.kernel.actor import service
from answerable.kernel.errors import Invalid, Refused, Throttled, Unauthenticated
from answerable.kernel.tx import Database, Tx
from answerable.users.actions.audit import adopt_old_lines
from answerable.users.actions.passwords import Passwords
from answerable.users.actions.sessions import ensure_signing_key
from answerable.users.actions.tries import Tries
from answerable.users.queries.identity import Identity
from answerable.users.queries.keyring import Keyring
from answerable.users.rules import (
    BAD_LOGIN,
    NewPerson,
    Person,
    ask_limits,
    check_all,
    check_email,
    check_name,
    check_password,
)
from answerable.users.store import people

USERS = service("users")
UNCONFIRMED = "Please confirm your email address first, with the link that we sent you."


class Door:
    """Lets people in, or not. One for each desk."""

    def __init__(self) -> None:
        self.keyring = Keyring()
        self.identity = Identity(self.keyring)
        self.passwords = Passwords()
        self.tries = Tries()

    async def open(self, db: Database) -> None:
        """Make what is missing before the first person comes."""
        await db.write(USERS, ensure_signing_key, self.keyring)
        while await db.write(USERS, adopt_old_lines):
            pass

    async def prove(self, db: Database, email: str, password: str, address: str) -> Person:
        """Return the active person with this email and password; ``address`` is where the try comes from.

        Raises ``Unauthenticated`` with one sentence for everything that may be wrong, after the same work;
        ``Refused`` where only the confirmation of the address is missing; ``Throttled`` after too many failures.
        """
        at = db.clock()
        self.tries.take(email, address, db.settings.auth.login_tries, at)
        person, waiting = await db.read(USERS, _find, email)
        known = person or waiting
        right = await self.passwords.verify(known.password_hash if known else "", password)
        if not right or (person is not None and not person.active):
            raise Unauthenticated(BAD_LOGIN)
        self.tries.succeeded(email, address, at)
        if person is None:
            raise Refused(UNCONFIRMED)
        return person

    async def confirm(self, db: Database, person: Person, password: str, address: str) -> Person:
        """Return a person who is signed in and knows their password; raises ``Invalid``, or ``Throttled``."""
        at = db.clock()
        self.tries.take(person.email, address, db.settings.auth.login_tries, at)
        if not await self.passwords.verify(person.password_hash, password):
            raise Invalid("The current password is not right.", errors=("currentPassword: is not right",))
        self.tries.succeeded(person.email, address, at)
        return person

    def may_ask(self, db: Database, address: str) -> bool:
        """Tell whether mail may be asked for from an address once more; whoever asks too often gets none, unsaid."""
        try:
            self.tries.count(ask_limits(address, db.settings.auth.login_tries), db.clock())
        except Throttled:
            return False
        return True

    async def admit(self, name: str, email: str, password: str | None, roles: tuple[str, ...] = ("USER",)) -> NewPerson:
        """Return somebody to add, with a hashed password where there is one; raises ``Invalid`` with all complaints."""
        checks: list[Callable[[], object]] = [lambda: check_name(name), lambda: check_email(email)]
        if password is None:
            check_all(*checks)
            return NewPerson(name, email, roles, "")
        chosen = password
        check_all(*checks, lambda: check_password(chosen))
        return NewPerson(name, email, roles, await self.passwords.hash(chosen))


async def _find(tx: Tx, email: str) -> tuple[Person | None, NewPerson | None]:
    return await people.load_person_by_email(tx, email), await people.load_pending_by_email(tx, email)
