"""A second factor as its owner sees it."""

import msgspec

from answerable.kernel.errors import Missing, Unauthenticated
from answerable.kernel.times import iso_or_none
from answerable.kernel.tx import Row, Tx
from answerable.users.queries.sealed import unseal
from answerable.users.rules import Person, token_hash
from answerable.users.rules.second import BAD_CHALLENGE, app_address, grace_ends, grouped, is_required, written
from answerable.users.store import people, second

LABEL = b"users second factor"


class SecondFactor(msgspec.Struct, frozen=True, rename="camel"):
    """Whether one has a second factor, needs one, and until when one may do without; how many codes are left."""

    on: bool
    required: bool
    required_from: str | None
    recovery_codes_left: int


class Offered(msgspec.Struct, frozen=True, rename="camel"):
    """A second factor that waits for its first code: the secret to type, and the address that apps read."""

    secret: str
    address: str


async def read_second_factor(tx: Tx) -> SecondFactor:
    """Read the caller's own."""
    person = await people.load_person(tx, tx.actor.id)
    if person is None:
        raise Missing("There is no such person.")
    row = await second.load_second(tx, person.id)
    on, required = row is not None and row["state"] == "ON", needs_second(tx, person)
    since = row["since"] if row else tx.now
    due = grace_ends(since, tx.settings.auth.second_factor_grace_days) if required and not on else None
    return SecondFactor(on, required, iso_or_none(due), await second.count_recovery(tx, person.id))


async def has_second(tx: Tx, person_id: str) -> bool:
    """Tell whether somebody has a second factor that is on."""
    row = await second.load_second(tx, person_id)
    return row is not None and row["state"] == "ON"


async def has_password(tx: Tx) -> bool:
    """Tell whether the caller has a password, or comes in by another door alone."""
    person = await people.load_person(tx, tx.actor.id)
    return person is not None and bool(person.password_hash)


async def read_offer(tx: Tx) -> Offered | None:
    """Read what was offered to the caller, ``None`` where nothing waits."""
    person = await people.load_person(tx, tx.actor.id)
    return await offer_of(tx, person) if person else None


async def offer_of(tx: Tx, person: Person) -> Offered | None:
    """Read what was offered to a person, ``None`` where nothing waits."""
    row = await second.load_second(tx, person.id)
    if row is None or row["state"] != "OFFERED":
        return None
    secret = opened(tx, person.id, row)
    if secret is None:
        return None
    return Offered(grouped(written(secret)), app_address(tx.settings.auth.issuer.capitalize(), person.email, secret))


async def offer_in_sign_in(tx: Tx, token: str) -> tuple[str, Offered | None]:
    """Read what a sign-in waits for, CODE or SETUP, and what was offered. Raises ``Unauthenticated``."""
    found = await second.load_challenge(tx, token_hash(token))
    person = await people.load_person(tx, found["person_id"]) if found else None
    if found is None or person is None:
        raise Unauthenticated(BAD_CHALLENGE)
    return found["purpose"], await offer_of(tx, person) if found["purpose"] == "SETUP" else None


def needs_second(tx: Tx, person: Person) -> bool:
    """Tell whether a person needs a second factor for what they are."""
    return is_required(person.roles, tx.settings.auth.require_second_factor)


async def must_set_up(tx: Tx, person: Person) -> bool:
    """Tell whether a person needs a second factor, has none, and their time to set one up is over."""
    if not needs_second(tx, person):
        return False
    row = await second.load_second(tx, person.id)
    if row is None or row["state"] == "ON":
        return row is None and tx.settings.auth.second_factor_grace_days == 0
    return tx.now >= grace_ends(row["since"], tx.settings.auth.second_factor_grace_days)


def opened(tx: Tx, person_id: str, row: Row) -> bytes | None:
    """Return the secret of a second factor, ``None`` where the desk's secret is another one by now."""
    return unseal(tx.settings.storage.secret, LABEL, person_id, row["secret"])


def qr_of(address: str) -> tuple[int, str]:
    """Return the QR code of an address as the size of a square and the path of what is dark in it, for an SVG."""
    import segno  # noqa: PLC0415  # few people ever look at one

    rows = [bytes(row) for row in segno.make(address, micro=False, error="m").matrix]
    steps = [f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark]
    return len(rows), "".join(steps)
