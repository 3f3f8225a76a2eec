"""What stands at the door of one desk: keys, password workers, the count of failed tries."""

from collections.abc import Callable

from answerable.kernel.actor import Actor, service
from answerable.kernel.errors import Invalid, Refused, Throttled, Unauthenticated
from answerable.kernel.tx import Database, Tx
from answerable.kernel.words import N_
from answerable.users.actions import tries
from answerable.users.actions.audit import adopt_old_lines
from answerable.users.actions.browsers import tell_old_languages
from answerable.users.actions.passwords import Passwords
from answerable.users.actions.sessions import ensure_signing_key
from answerable.users.queries.identity import Identity
from answerable.users.queries.keyring import Keyring
from answerable.users.queries.people import get_person
from answerable.users.queries.provider import Provider
from answerable.users.rules import (
    BAD_LOGIN,
    NewPerson,
    Person,
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
        self.provider = Provider()

    async def open(self, db: Database) -> None:
        """Make what is missing before the first person comes."""
        await db.write(USERS, ensure_signing_key, self.keyring)
        for catch_up in (adopt_old_lines, tell_old_languages):  # with what an older version left
            while await db.write(USERS, catch_up):
                pass

    async def prove(self, db: Database, email: str, password: str, address: str) -> Person:
        """Return the active person with this email and password; ``address`` is where the try comes from.

        Raises ``Unauthenticated`` with one sentence for everything that may be wrong, after the same work;
        ``Refused`` where only the confirmation of the address is missing; ``Throttled`` after too many failures.
        """
        await db.write(USERS, tries.take_sign_in, email, address)
        person, waiting = await db.read(USERS, _find, email)
        known = person or waiting
        right = await self.passwords.verify(known.password_hash if known else "", password)
        if not right or (person is not None and not person.active):
            raise Unauthenticated(BAD_LOGIN)
        await db.write(USERS, tries.sign_in_succeeded, email, address)
        if person is None:
            raise Refused(UNCONFIRMED)
        return person

    async def confirm(self, db: Database, person: Person, password: str, field: str = "currentPassword") -> Person:
        """Return a person who is signed in and knows their password.

        Raises ``Invalid``, naming ``field``, or ``Throttled``.
        """
        await db.write(USERS, _take_confirmation, person.id)
        if not await self.passwords.verify(person.password_hash, password):
            raise Invalid(N_("The current password is not right."), errors=(f"{field}: is not right",))
        await db.write(USERS, _forgive_confirmation, person.id)
        return person

    async def may_ask(self, db: Database, address: str) -> bool:
        """Tell whether mail may be asked for from an address once more; whoever asks too often gets none, unsaid."""
        try:
            await db.write(USERS, _take_mail, address)
        except Throttled:
            return False
        return True

    async def may_join(self, db: Database, address: str) -> None:
        """Count a registration from an address; raises ``Throttled`` where there are too many."""
        await db.write(USERS, _take_registration, address)

    async def admit(self, name: str, email: str, password: str | None, roles: tuple[str, ...] = ("USER",)) -> NewPerson:
        """Return somebody to add, with a hashed password where there is one; raises ``Invalid`` with all complaints."""
        checks: list[Callable[[], object]] = [lambda: check_name(name), lambda: check_email(email)]
        if password is None:
            check_all(*checks)
            return NewPerson(name, email, roles, "")
        chosen = password
        check_all(*checks, lambda: check_password(chosen))
        return NewPerson(name, email, roles, await self.passwords.hash(chosen))


async def prove_oneself(db: Database, actor: Actor, door: Door, password: str) -> Person:
    """Return who is signed in, once their password was right; people without one have none to give.

    Raises ``Invalid``, or ``Throttled``.
    """
    person = await db.read(actor, get_person, actor.id)
    return await door.confirm(db, person, password, "password") if person.password_hash else person


async def _find(tx: Tx, email: str) -> tuple[Person | None, NewPerson | None]:
    return await people.load_person_by_email(tx, email), await people.load_pending_by_email(tx, email)


async def _take_confirmation(tx: Tx, person_id: str) -> None:
    await tries.take(tx, tries.counters(tx).confirm(person_id))


async def _forgive_confirmation(tx: Tx, person_id: str) -> None:
    await tries.forgive(tx, tries.counters(tx).confirm(person_id))


async def _take_mail(tx: Tx, address: str) -> None:
    await tries.take(tx, tries.counters(tx).ask(address))


async def _take_registration(tx: Tx, address: str) -> None:
    await tries.take(tx, tries.counters(tx).join(address))
