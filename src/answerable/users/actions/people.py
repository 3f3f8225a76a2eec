"""People come and change."""

from dataclasses import replace

from answerable.kernel.errors import Conflict, Invalid, Missing
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.erasure import erased_address
from answerable.messages.users import UserChanged, UserRegistered
from answerable.users.actions import mails
from answerable.users.actions.audit import record_person
from answerable.users.actions.revoking import end_keys_of
from answerable.users.rules import (
    EMAIL_TAKEN,
    Changes,
    NewPerson,
    Person,
    change_person,
    check_email,
    check_name,
    check_roles,
    differences,
    end_sessions,
)
from answerable.users.store import browsers, links, people, sessions


async def add_person(tx: Tx, new: NewPerson) -> Person:
    """Add a person.

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
        verified_at=tx.now if new.verified else None,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if not await people.insert_person(tx, person):
        raise Invalid(EMAIL_TAKEN, errors=(f"email: {EMAIL_TAKEN}",))
    tx.publish(
        UserRegistered(
            user_id=person.id,
            name=person.name,
            email=person.email,
            roles=list(person.roles),
            active=person.active,
            session_version=person.session_version,
        )
    )
    return person


async def register(tx: Tx, new: NewPerson, language: str = "") -> str:
    """Add somebody who came by themselves, reading ``language``; return their id.

    Where addresses are confirmed by mail, the person exists from the confirmation on. An address that is taken then
    gets a mail that says so, and the caller the same answer as for any other.
    """
    new = replace(new, roles=("USER",), id=tx.new_id(), verified=False)
    if not tx.settings.auth.verify_email:
        return (await add_person(tx, new)).id
    new = replace(new, name=check_name(new.name), email=check_email(new.email))
    known = await people.load_person_by_email(tx, new.email)
    await mails.ask_to_confirm(tx, new, known, language)
    return new.id


async def create_person(tx: Tx, new: NewPerson) -> Person:
    """Add somebody as an administrator; without a password they get a mail with a link to choose one."""
    person = await add_person(tx, new)
    await record_person(tx, "PERSON_CREATED", person.id, roles=[None, list(person.roles)], active=[None, person.active])
    if not person.password_hash and person.active:
        await mails.invite(tx, person)
    return person


async def create_admin(tx: Tx, new: NewPerson) -> Person:
    """Add an administrator from the command line of the machine."""
    person = await add_person(tx, replace(new, roles=("ADMIN",), active=True, verified=True))
    await record_person(tx, "ADMIN_CREATED", person.id, roles=[None, list(person.roles)])
    await links.burn_setup_links(tx)
    return person


async def set_up(tx: Tx, link_id: str, new: NewPerson) -> Person:
    """Add the first administrator with a setup link.

    Raises ``Conflict`` where there is an active administrator by now, ``Invalid`` where the link was used meanwhile.
    """
    if await people.count_other_admins(tx, ""):
        raise Conflict(N_("This desk has an administrator already. Ask them for an account."))
    await mails.use_link(tx, link_id)
    person = await add_person(tx, replace(new, roles=("ADMIN",), active=True))
    await record_person(tx, "SET_UP", person.id, roles=[None, list(person.roles)])
    return person


async def change_somebody(tx: Tx, person_id: str, wanted: Changes) -> Person:
    """Change name, roles and activity of a person together, as an administrator.

    Raises ``Missing``, ``Invalid`` and ``Conflict`` as ``rules.change_person`` says; then nothing is changed.
    """
    person = await people.load_person(tx, person_id)
    if person is None:
        raise Missing("There is no such person.")
    if person.email == erased_address(person.id):
        raise Conflict(N_("This person was erased and cannot come back."))
    others = await people.count_other_admins(tx, person_id)
    changed, names = change_person(person, wanted, by=tx.actor.id, other_admins=others, now=tx.now)
    if names:
        await record_person(tx, "PERSON_CHANGED", person.id, **differences(person, changed))
        await save(tx, changed, names)
        if not changed.active:
            await sessions.revoke_sessions(tx, person.id)
            await browsers.delete_browsers(tx, person.id)
            await links.burn_links(tx, person.id)
            await end_keys_of(tx, person.id)
    return changed


async def rename_oneself(tx: Tx, name: str | None) -> Person:
    """Change one's own name; ``None`` keeps it."""
    person = await _oneself(tx)
    changed, names = change_person(person, Changes(name=name), by=person.id, other_admins=0, now=tx.now)
    if names:
        await save(tx, changed, names)
    return changed


async def set_password(tx: Tx, person: Person, password_hash: str) -> Person:
    """Give a person a new password; every session and link of theirs ends."""
    changed = end_sessions(replace(person, password_hash=password_hash), tx.now)
    await save(tx, changed, ["sessions"])
    await sessions.revoke_sessions(tx, person.id)
    await browsers.delete_browsers(tx, person.id)
    await links.burn_links(tx, person.id)
    await record_person(tx, "PASSWORD_CHANGED", person.id)
    return changed


async def end_all_sessions(tx: Tx) -> None:
    """Sign the caller out everywhere."""
    await end_sessions_of(tx, await _oneself(tx))


async def end_sessions_of(tx: Tx, person: Person) -> None:
    """Sign somebody out everywhere."""
    await save(tx, end_sessions(person, tx.now), ["sessions"])
    await sessions.revoke_sessions(tx, person.id)
    await browsers.delete_browsers(tx, person.id)


async def save(tx: Tx, person: Person, changed: list[str]) -> None:
    """Store a changed person and tell whom it concerns."""
    await people.update_person(tx, person)
    tx.publish(
        UserChanged(
            user_id=person.id,
            name=person.name,
            email=person.email,
            roles=list(person.roles),
            active=person.active,
            session_version=person.session_version,
            changed=changed,
        )
    )


async def _oneself(tx: Tx) -> Person:
    person = await people.load_person(tx, tx.actor.id)
    if person is None:
        raise Missing("There is no such person.")
    return person
