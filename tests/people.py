"""People for tests: stored, known to every feature, with a real token."""

from dataclasses import dataclass
from functools import cache

from answerable.kernel.actor import Actor, service
from answerable.kernel.tx import Tx
from answerable.users.actions.door import Door
from answerable.users.actions.passwords import HASHER
from answerable.users.actions.people import add_person
from answerable.users.actions.sessions import access_token
from answerable.users.rules import NewPerson, grants_of
from answerable.users.store import people
from tests.world import World

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class TestPerson:
    """A person of the desk. ``headers`` carry their bearer token, ``actor`` their grants."""

    __test__ = False

    id: str
    name: str
    email: str
    actor: Actor
    headers: dict[str, str]
    token: str


@cache
def hash_once(password: str) -> str:
    """Hash a password as the desk does, once a test run."""
    return HASHER.hash(password)


def door_of(world: World) -> Door:
    """Return what stands at the door of the desk."""
    door: Door = world.desk_of("users").parts["door"]
    return door


async def make_person(
    world: World, *roles: str, name: str = "", email: str = "", password: str = PASSWORD
) -> TestPerson:
    """Add a person with some roles (``USER`` where none is named) and let every feature hear of it."""
    count = (await world.sql("SELECT COUNT(*) AS n FROM users_person"))[0]["n"] + 1
    roles = roles or ("USER",)
    name = name or f"{roles[-1].capitalize()} {count}"
    new = NewPerson(name, email or f"person{count}@desk.test", roles, hash_once(password))
    person = await world.desk_of("users").database.write(service("users"), add_person, new)
    await world.settle()
    token = await token_for(world, person.id)
    actor = Actor(person.id, "person", frozenset(person.roles), grants_of(person.roles), person.name)
    return TestPerson(person.id, person.name, person.email, actor, {"Authorization": f"Bearer {token}"}, token)


async def token_for(world: World, person_id: str) -> str:
    """Sign an access token for a person as they are now."""

    async def sign(tx: Tx) -> str:
        person = await people.load_person(tx, person_id)
        assert person is not None
        return access_token(tx, door_of(world).keyring, person, tx.new_id())

    return await world.desk_of("users").database.read(service("users"), sign)
