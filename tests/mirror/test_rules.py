"""What an event says of documents, and what counts as a difference."""

from typing import Any

import msgspec
import pytest

from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope, Event, Message
from answerable.messages.notifications import NotificationCreated, NotificationsRead
from answerable.messages.sla import SlaBreached, SlaPaused, SlaStarted, TicketEscalated
from answerable.messages.tickets import StatusChanged, TicketCreated, TicketRef
from answerable.messages.users import UserRegistered
from answerable.mirror import rules
from answerable.mirror.rules import VERSIONS, Document, Key, blank, compare, moment
from tests.world import START

REF = TicketRef(
    id="t1",
    number=1042,
    title="Printer on fire",
    category="HARDWARE",
    priority="HIGH",
    status="CREATED",
    requester_id="una",
    agent_id=None,
    created_at=START,
    updated_at=START,
    version=1,
)


def sealed(message: Message, sequence: int) -> Envelope:
    return Envelope(
        id=f"m{sequence}",
        type=message.TYPE,
        topic=message.TOPIC,
        key=message.key,
        sequence=sequence,
        time=START + sequence,
        actor="una",
        actor_kind="person",
        cause=None,
        depth=0,
        trace=None,
        body="",
    )


def told(*messages: tuple[Message, int]) -> dict[Key, Document]:
    documents: dict[Key, Document] = {}
    for message, sequence in messages:
        rules.fold(documents, rules.changes_of(sealed(message, sequence), message))
    return documents


def started(cycle: int) -> SlaStarted:
    return SlaStarted(
        ticket=REF, target="RESOLUTION", cycle=cycle, started_at=START, due_at=START + 9_999, policy="default"
    )


def escalated() -> TicketEscalated:
    return TicketEscalated(
        ticket=REF,
        target="RESOLUTION",
        cycle=1,
        escalation_id="e1",
        manager_id="mia",
        escalated_to_role="MANAGER",
        reason="late",
    )


def test_a_new_promise_begins_with_a_clean_sheet_whatever_comes_first() -> None:
    breach = SlaBreached(ticket=REF, target="RESOLUTION", cycle=1, due_at=START, breached_at=START)
    story: list[tuple[Message, int]] = [(started(1), 1), (breach, 2), (escalated(), 3)]
    late = told(*story)
    assert late["tickets", "t1"]["slaBreached"] is True
    assert late["assignments", "t1"]["escalated"] is True
    again = told(*story, (started(2), 4))
    assert again["tickets", "t1"]["slaBreached"] is False
    assert again["assignments", "t1"]["escalated"] is False
    assert told((started(2), 4), *reversed(story)) == again


def test_only_the_resolution_counts() -> None:
    other = SlaPaused(ticket=REF, target="FIRST_RESPONSE", cycle=1)
    assert told((other, 1)) == {}


def test_a_document_that_begins_in_the_middle_has_all_its_fields() -> None:
    document = told((started(1), 1))["tickets", "t1"]
    assert document == blank("tickets", "t1") | {
        "slaDueAt": moment(START + 9_999),
        VERSIONS: {"ticket": 0, "words": 0, "due": 1, "breach": 1},
    }


def test_what_was_read_before_it_was_told_stays_read() -> None:
    notice = NotificationCreated(
        notification_id="n1", user_id="una", ticket_id="t1", about="X", title="Hi", message="There", created_at=START
    )
    read = NotificationsRead(user_id="una", notification_ids=["n1"])
    document = told((read, 2), (notice, 1))["notifications", "n1"]
    assert (document["read"], document["title"]) == (True, "Hi")


def test_events_of_before_they_told_everything_still_make_documents() -> None:
    body = msgspec.json.encode(StatusChanged(ticket=REF, former_status="CREATED", status="CREATED"))
    shorter: dict[str, Any] = msgspec.json.decode(body)
    for name in ("updatedAt", "version"):
        del shorter["ticket"][name]
    old = msgspec.json.decode(msgspec.json.encode(shorter), type=StatusChanged)
    document = told((old, 3))["tickets", "t1"]
    assert (document["version"], document["updatedAt"]) == (0, moment(START + 3))


def test_every_event_that_the_documents_could_need_is_followed_or_left_out_on_purpose() -> None:
    left_out = {"AGENT_AVAILABILITY_CHANGED", "SLA_FULFILLED", "SLA_AT_RISK", "SIGNING_KEY_MADE"}
    left_out |= {"API_KEY_CHANGED", "API_KEY_USED", "SESSION_ENDED", "SLA_LEVEL_REACHED", "SLA_TERMS_CHANGED"}
    left_out |= {"PERSON_ERASED", "LANGUAGE_CHOSEN", "WEBHOOK_DISABLED"}
    events = {name for name, cls in CATALOGUE.items() if issubclass(cls, Event)}
    assert events - left_out == rules.TYPES


PERSON = UserRegistered(user_id="una", name="Una", email="una@desk.test", roles=["USER"], active=True)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": "Other"}, ["name"]),
        ({"active": 1}, ["active"]),
        ({"roles": ["USER", "ADMIN"]}, ["roles"]),
        ({"more": None}, ["more"]),
        ({VERSIONS: {"person": 2}}, [VERSIONS]),
        ({VERSIONS: "none"}, [VERSIONS]),
    ],
)
def test_every_change_is_a_difference(change: dict[str, Any], fields: list[str]) -> None:
    expected = told((PERSON, 1))["users", "una"]
    difference = compare("users", expected, expected | change)
    assert difference is not None
    assert (difference.what, [line[0] for line in difference.fields]) == ("different", fields)


def test_a_field_that_is_not_there_is_a_difference_even_where_it_would_be_null() -> None:
    expected = told((TicketCreated(ticket=REF, created_by="una", description="Smoke."), 1))["tickets", "t1"]
    found = {name: value for name, value in expected.items() if name != "closedAt"}
    difference = compare("tickets", expected, found)
    assert difference is not None
    assert difference.fields == (("closedAt", None, None),)
    assert compare("tickets", expected, dict(expected)) is None
