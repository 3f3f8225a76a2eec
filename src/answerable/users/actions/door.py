"""What stands at the door of one desk: keys, password workers, the count of failed tries."""

from answerable.kernel.actor import service
from answerable.kernel.errors import Unauthenticated
from answerable.kernel.tx import Database
from answerable.users import store
from answerable.users.actions.passwords import Passwords
from answerable.users.actions.sessions import ensure_signing_key
from answerable.users.queries.identity import Identity
from answerable.users.queries.keyring import Keyring
from answerable.users.rules import BAD_LOGIN, Person

USERS = service("users")


class Door:
    """Lets people in, or not. One for each desk."""

    def __init__(self) -> None:
        self.keyring = Keyring()
        self.identity = Identity(self.keyring)
        self.passwords = Passwords()

    async def open(self, db: Database) -> None:
        """Make what is missing before the first person comes."""
        await db.write(USERS, ensure_signing_key, self.keyring)

    async def prove(self, db: Database, email: str, password: str, address: str) -> Person:
        """Return the person with this address and password; raises ``Unauthenticated`` with one sentence for all."""
        person = await db.read(USERS, store.load_person_by_email, email)
        right = await self.passwords.verify(person.password_hash if person else "", password)
        if person is None or not right or not person.active:
            raise Unauthenticated(BAD_LOGIN)
        return person
