"""People come and change."""

from dataclasses import dataclass

from answerable.kernel.errors import Invalid
from answerable.kernel.tx import Tx
from answerable.messages.users import UserRegistered
from answerable.users import store
from answerable.users.rules import EMAIL_TAKEN, Person, check_email, check_name, check_roles


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to add. An empty ``password_hash`` fits no password; ``id`` is made where it is empty."""

    name: str
    email: str
    roles: tuple[str, ...] = ("USER",)
    password_hash: str = ""
    active: bool = True
    id: str = ""


async def add_person(tx: Tx, new: NewPerson) -> Person:
    """Add a person whose address nobody needs to confirm (any more).

    Raises ``Invalid`` for a name, address or roles that cannot be, and for an address that is taken.
    """
    person = Person(
        id=new.id or tx.new_id(),
        name=check_name(new.name),
        email=check_email(new.email),
        password_hash=new.password_hash,
        roles=check_roles(new.roles),
        active=new.active,
        session_version=1,
        verified_at=tx.now,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if not await store.insert_person(tx, person):
        raise Invalid(EMAIL_TAKEN, errors=(f"email: {EMAIL_TAKEN}",))
    tx.publish(
        UserRegistered(
            user_id=person.id, name=person.name, email=person.email, roles=list(person.roles), active=person.active
        )
    )
    return person
