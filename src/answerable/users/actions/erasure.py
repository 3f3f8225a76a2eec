"""A person is forgotten, or told all that is kept about them."""

from dataclasses import replace

from msgspec.structs import replace as less

from answerable.infra.bus.redaction import ask_to_scrub, forget_answers, redact
from answerable.kernel.errors import Conflict, Missing
from answerable.kernel.tx import Tx
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.base import Message
from answerable.messages.erasure import ERASED_PERSON, erased_address, without_person
from answerable.messages.users import PersonErased, PersonEvent, UserChanged
from answerable.users.actions import audit
from answerable.users.rules import Person, check_erasure
from answerable.users.rules.acts import ERASED, PERSON
from answerable.users.store import acts, erasure, people


async def may_erase(tx: Tx, person_id: str) -> Person:
    """Return a person who can be erased. Raises ``Missing`` and ``Conflict`` where not."""
    person = await people.load_person(tx, person_id)
    if person is None:
        raise Missing("There is no such person.")
    if person.email == erased_address(person.id):
        raise Conflict(N_("This person was erased already."))
    check_erasure(person, by=tx.actor.id, other_admins=await people.count_other_admins(tx, person_id))
    return person


async def erase_person(tx: Tx, person_id: str) -> None:
    """Forget a person; every feature hears of it and erases its own. Raises as ``may_erase`` does."""
    person = await may_erase(tx, person_id)
    left = replace(
        person,
        name=ERASED_PERSON,
        email=erased_address(person.id),
        password_hash="",
        roles=("USER",),
        active=False,
        session_version=person.session_version + 1,
        verified_at=None,
        updated_at=tx.now,
    )
    await erasure.erase_person(tx, left)
    for key_id in await erasure.list_key_ids(tx, person.id):
        await redact(tx, PersonEvent.TOPIC, key_id, without_person)
        await acts.delete_details(tx, "key", key_id)
        await audit.record(tx, ERASED, about="key", about_id=key_id)
    await erasure.erase_belongings(tx, person.id, person.email)
    await audit.forget_person(tx, person.id)
    await redact(tx, PersonEvent.TOPIC, person.id, without_person)
    await redact(tx, RecordAct.TOPIC, PERSON, lambda message: _without_act(message, person.id))
    await forget_answers(tx, person.id)
    await ask_to_scrub(tx)
    tx.publish(PersonErased(user_id=person.id))
    tx.publish(
        UserChanged(
            user_id=left.id,
            name=left.name,
            email=left.email,
            roles=list(left.roles),
            active=left.active,
            session_version=left.session_version,
            changed=["name", "email", "roles", "active", "sessions"],
        )
    )


async def record_export(tx: Tx, person_id: str) -> None:
    """Keep that somebody took out all that is kept about a person."""
    await audit.record_person(tx, "PERSON_EXPORTED", person_id)


async def tell_export(tx: Tx, person_id: str) -> None:
    """Let the audit log keep it, where that is kept elsewhere."""
    tx.send(RecordAct(act="PERSON_EXPORTED", about=PERSON, about_id=person_id))


def _without_act(message: Message, person_id: str) -> Message:
    if isinstance(message, RecordAct) and message.about_id == person_id:
        return less(message, named="", changes={})
    return message
