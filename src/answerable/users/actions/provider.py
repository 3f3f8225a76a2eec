"""Coming in by an OpenID Connect provider: who that is here, and what they may."""

from answerable.kernel.errors import Refused, Unauthenticated
from answerable.kernel.tx import Tx
from answerable.users.actions import browsers, mails, second, tries
from answerable.users.actions.audit import record_person
from answerable.users.actions.browsers import Browser
from answerable.users.actions.people import add_person, save
from answerable.users.actions.second import Challenge, Entry
from answerable.users.rules import Changes, NewPerson, Person, change_person, differences, reason_to_stay
from answerable.users.rules.provider import FAILED, NOT_ADMITTED, NOT_LINKED, UNVERIFIED, Identity
from answerable.users.store import identities, people


async def take_try(tx: Tx, address: str) -> None:
    """Count a way back from the provider: each makes the desk ask it something. Raises ``Throttled``."""
    await tries.take(tx, tries.counters(tx).provider(address))


async def come_in(tx: Tx, identity: Identity, browser: Browser) -> Entry | Challenge:
    """Sign a browser in for somebody whom the provider has proved, or ask for the desk's own second step.

    Raises ``Unauthenticated`` for who is deactivated, ``Refused`` where there is no account for them and none is made.
    """
    person = await _known(tx, identity) or await _linked(tx, identity) or await _new(tx, identity)
    if not person.active:
        raise Unauthenticated(FAILED)
    person = await _with_roles(tx, person, identity)
    await identities.save_identity(tx, identity.issuer, identity.subject, person.id)
    if tx.settings.oidc.trust_second_factor:
        return Entry(await browsers.sign_in(tx, person, browser), needs_second=False)
    return await second.sign_in_browser(tx, person, browser)


async def _known(tx: Tx, identity: Identity) -> Person | None:
    person_id = await identities.load_identity(tx, identity.issuer, identity.subject)
    return await people.load_person(tx, person_id) if person_id else None


async def _linked(tx: Tx, identity: Identity) -> Person | None:
    """Return who has the address already: by the provider's word that it is theirs, and only where that is allowed."""
    person = await people.load_person_by_email(tx, identity.email)
    if person is None:
        return None
    if not person.active:
        raise Unauthenticated(FAILED)
    if not tx.settings.oidc.link_by_email:
        raise Refused(NOT_LINKED)
    if not identity.verified:
        raise Refused(UNVERIFIED)
    await record_person(tx, "IDENTITY_LINKED", person.id, provider=[None, identity.issuer])
    await mails.tell(tx, person, "LINKED")
    return person


async def _new(tx: Tx, identity: Identity) -> Person:
    if not tx.settings.oidc.create_accounts:
        raise Refused(NOT_ADMITTED)
    if not identity.verified:
        raise Refused(UNVERIFIED)
    new = NewPerson(identity.name, identity.email, identity.roles or ("USER",), verified=True)
    person = await add_person(tx, new)
    await record_person(tx, "IDENTITY_CREATED", person.id, roles=[None, list(person.roles)])
    return person


async def _with_roles(tx: Tx, person: Person, identity: Identity) -> Person:
    """Give a person the roles that the provider tells, if it does; the last administrator stays one."""
    if identity.roles is None or identity.roles == person.roles:
        return person
    others = await people.count_other_admins(tx, person.id)
    if "ADMIN" not in identity.roles and reason_to_stay(person, "", others):
        return person
    changed, names = change_person(person, Changes(roles=identity.roles), by="", other_admins=others, now=tx.now)
    await record_person(tx, "PERSON_CHANGED", person.id, **differences(person, changed))
    await save(tx, changed, names)
    return changed
