"""The matrix as a table, the words, and the patience of the mail queue."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.infra.web.words import text_in
from answerable.kernel.errors import Conflict
from answerable.kernel.times import HOUR, MINUTE, iso
from answerable.messages import CATALOGUE
from answerable.messages.base import Envelope, Event
from answerable.messages.sla import TicketEscalated
from answerable.messages.tickets import TicketUpdated
from answerable.notifications import rules
from answerable.notifications.rules import Delivery, Part, Person
from answerable.notifications.rules.words import _TABLE
from tests.notifications.stories import (
    assigned,
    at_risk,
    breached,
    cancelled,
    closed,
    comment,
    created,
    escalated,
    level_reached,
    ref,
    reopened,
    resolved,
    status,
)

NOW = 1_000_000_000
PEOPLE = {
    "ria": Person(id="ria", name="Ria", email="ria@x.test", roles="USER", active=1),
    "abe": Person(id="abe", name="Abe", email="abe@x.test", roles="AGENT", active=1),
    "eve": Person(id="eve", name="Eve", email="eve@x.test", roles="AGENT", active=1),
    "mia": Person(id="mia", name="Mia", email="mia@x.test", roles="MANAGER", active=1),
}


def cause_of(event: Event, by: str | None) -> Envelope:
    return Envelope(
        id="message-1",
        type=event.TYPE,
        topic=event.TOPIC,
        key=event.key,
        sequence=1,
        time=NOW,
        actor=by or "sla",
        actor_kind="person" if by else "service",
        cause=None,
        depth=0,
        trace=None,
        body="",
    )


def decide(event: Event, by: str | None = None, **values: Any) -> list[Delivery]:
    known: dict[str, Any] = {
        "people": PEOPLE,
        "switched_off": set(),
        "public_url": "https://desk.test",
        "verified": 0,
        "give_up_hours": 24,
    }
    known |= values
    return rules.decide(event, cause_of(event, by), known.pop("people"), known.pop("switched_off"), NOW, **known)


def outcome(made: list[Delivery]) -> dict[str, str]:
    """Return "screen+email", or why not, for each person."""
    told: dict[str, list[str]] = {}
    for delivery in made:
        told.setdefault(delivery.person_id, []).append(delivery.reason or delivery.channel)
    return {person: "+".join(dict.fromkeys(parts)) for person, parts in told.items()}


BOTH = "screen+email"
SELF = "did it themselves"
ALONE = ref(requester="abe")  # an agent's own ticket, assigned to them

# what happened, who did it (None: the desk), who is told where (or why not)
MATRIX: list[tuple[str, Event, str | None, dict[str, str]]] = [
    ("raised by the requester", created(), "ria", {"ria": BOTH}),
    ("raised on behalf", created(by="abe"), "abe", {"ria": BOTH}),
    ("assigned by the desk", assigned(), None, {"abe": BOTH, "ria": "screen"}),
    ("assigned by a manager", assigned(by="mia"), None, {"abe": BOTH, "ria": "screen"}),
    ("taken by the agent", assigned(by="abe"), "abe", {"abe": SELF, "ria": "screen"}),
    ("moved", assigned(former="eve", by="mia"), "mia", {"abe": BOTH, "eve": BOTH, "ria": "screen"}),
    ("moved by the former agent", assigned(former="eve", by="eve"), None, {"abe": BOTH, "eve": SELF, "ria": "screen"}),
    ("assigned to its requester", assigned(ALONE), None, {"abe": BOTH}),
    ("started", status("ASSIGNED", "IN_PROGRESS"), "abe", {"ria": BOTH, "abe": SELF}),
    ("started by a manager", status("ASSIGNED", "IN_PROGRESS"), "mia", {"ria": BOTH, "abe": BOTH}),
    ("waiting", status("IN_PROGRESS", "WAITING"), "abe", {"ria": BOTH, "abe": SELF}),
    ("goes on", status("WAITING", "IN_PROGRESS"), "abe", {"ria": BOTH, "abe": SELF}),
    (
        "goes on because the requester answered",
        status("WAITING", "IN_PROGRESS"),
        "ria",
        {"ria": SELF, "abe": "screen+told by COMMENT_ADDED"},
    ),
    ("its agent is gone", status("IN_PROGRESS", "CREATED", ref(agent=None, status="CREATED")), None, {"ria": "screen"}),
    *(
        (f"{to} has its own event", status(former, to), "mia", {"ria": f"told by {by}", "abe": f"told by {by}"})
        for former, to, by in [
            ("CREATED", "ASSIGNED", "TICKET_ASSIGNED"),
            ("IN_PROGRESS", "RESOLVED", "TICKET_RESOLVED"),
            ("RESOLVED", "CLOSED", "TICKET_CLOSED"),
            ("WAITING", "CANCELLED", "TICKET_CANCELLED"),
            ("RESOLVED", "IN_PROGRESS", "TICKET_REOPENED"),
            ("CLOSED", "IN_PROGRESS", "TICKET_REOPENED"),
            ("RESOLVED", "ASSIGNED", "TICKET_REOPENED"),
        ]
    ),
    ("resolved", resolved(), "abe", {"ria": BOTH, "abe": SELF}),
    ("resolved by a manager", resolved(by="mia"), "mia", {"ria": BOTH, "abe": BOTH}),
    ("closed", closed(), "abe", {"ria": BOTH}),
    ("closed by itself", closed(automatic=True), None, {"ria": BOTH}),
    ("reopened by the requester", reopened(), "ria", {"ria": SELF, "abe": BOTH}),
    ("reopened by a manager", reopened(), "mia", {"ria": BOTH, "abe": BOTH}),
    ("reopened, nobody has it", reopened(ref(agent=None, status="CREATED")), "mia", {"ria": BOTH}),
    (
        "reopened by assigning it",
        reopened(ref(status="ASSIGNED")),
        "mia",
        {"ria": BOTH, "abe": "told by TICKET_ASSIGNED"},
    ),
    ("cancelled by the requester", cancelled(), "ria", {"ria": SELF, "abe": BOTH}),
    ("cancelled by a manager", cancelled(by="mia"), "mia", {"ria": BOTH, "abe": BOTH}),
    ("the agent answers", comment("abe"), "abe", {"ria": BOTH, "abe": SELF}),
    ("the requester answers", comment("ria"), "ria", {"ria": SELF, "abe": BOTH}),
    ("another agent answers", comment("eve"), "eve", {"ria": BOTH, "abe": BOTH}),
    ("the requester adds to a waiting ticket", comment("ria", ticket=ref(agent=None)), "ria", {"ria": SELF}),
    ("a note by a manager", comment("mia", internal=True), "mia", {"abe": BOTH}),
    ("a note by the agent", comment("abe", internal=True), "abe", {"abe": SELF}),
    ("a note on an unassigned ticket", comment("mia", internal=True, ticket=ref(agent=None)), "mia", {}),
    ("due soon", at_risk(), None, {"abe": BOTH}),
    ("due soon, unassigned", at_risk(ref(agent=None)), None, {}),
    ("overdue", breached(), None, {"abe": BOTH}),
    ("overdue, found by the agent's own check", breached(), "abe", {"abe": BOTH}),
    ("escalated", escalated(), None, {"mia": BOTH, "abe": BOTH}),
    ("escalated by that manager's own check", escalated(), "mia", {"mia": BOTH, "abe": BOTH}),
    ("escalated, no manager there", escalated(manager=None), None, {"abe": BOTH}),
    ("escalated to its agent", escalated(manager="abe"), None, {"abe": BOTH}),
    ("at a level that tells people", level_reached("abe", "mia"), None, {"abe": BOTH, "mia": BOTH}),
    ("at a level, never the requester", level_reached("ria"), None, {"ria": "not staff any more"}),
    ("title changed", TicketUpdated(ticket=ref(), changed=["title"], former_priority="LOW"), "ria", {}),
]


@pytest.mark.parametrize(("event", "by", "told"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_who_is_told_what(event: Event, by: str | None, told: dict[str, str]) -> None:
    made = decide(event, by)
    assert outcome(made) == told
    assert len({(d.person_id, d.channel) for d in made}) == len(made)
    for delivery in made:
        mail = delivery.channel == rules.EMAIL
        assert delivery.state == ("SUPPRESSED" if delivery.reason else "QUEUED" if mail else "SENT")
        assert bool(delivery.body) == (delivery.reason in ("", *rules.AS_THEY_WERE))
        assert (delivery.next_at == NOW) == (delivery.state == "QUEUED")


def test_the_matrix_covers_every_type() -> None:
    assert {event.TYPE for _, event, _, _ in MATRIX} >= set(rules.TYPES)
    assert set(rules.TYPES) <= set(CATALOGUE)


@pytest.mark.parametrize(
    ("person", "event", "reason"),
    [
        ({"active": 0}, resolved(by="mia"), "not active"),
        ({"email": ""}, resolved(by="mia"), "screen+no address"),
        ({"roles": "USER"}, breached(), "not staff any more"),
        ({"roles": "USER"}, comment("mia", internal=True), "not staff any more"),
        (None, breached(), "no such person"),
    ],
)
def test_why_somebody_is_not_told(person: dict[str, Any] | None, event: Event, reason: str) -> None:
    people = dict(PEOPLE)
    del people["abe"]
    if person is not None:
        people["abe"] = Person(**(asdict_of(PEOPLE["abe"]) | person))
    assert outcome(decide(event, "mia", people=people))["abe"] == reason


def test_a_preference_switches_off_one_channel() -> None:
    made = decide(comment("abe"), "abe", switched_off={("ria", "email")})
    assert outcome(made)["ria"] == "screen+switched off by preference"


def test_a_suppressed_delivery_keeps_no_words() -> None:
    assert [(d.subject, d.body) for d in decide(resolved(), "abe") if d.reason] == [("", "")] * 2


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [row[1] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_every_text_names_the_ticket_and_where_it_is(event: Event) -> None:
    for delivery in decide(event, None):
        if delivery.reason:
            continue
        assert "#1042" in delivery.subject
        if delivery.channel == rules.EMAIL:
            assert "https://desk.test/tickets/ticket-1" in delivery.body
            if event.TYPE != "TICKET_CREATED":
                assert delivery.subject.endswith(": Printer on fire")
        else:
            assert "Printer on fire" in delivery.body
        assert "{" not in delivery.subject + delivery.body
        assert "!" not in delivery.subject + delivery.body


def test_requesters_learn_nothing_of_clocks_escalations_and_notes() -> None:
    told_to_requesters = {key for key, part in _TABLE if part == Part.REQUESTER}
    assert not [key for key in told_to_requesters if "SLA" in key or "ESCALATED" in key or "INTERNAL" in key]


def test_a_receipt_to_an_unconfirmed_address_carries_no_free_text() -> None:
    """Else anybody could register somebody's address and have the desk mail them (security.md, 4)."""
    spam = ref(agent=None, title="BUY NOW http://evil.test")
    mail = decide(created(spam), "ria")[1]
    assert "evil" not in mail.subject + mail.body
    assert "evil" in decide(created(spam), "ria", verified=1)[1].subject
    assert "evil" in decide(created(spam, by="abe"), "abe")[1].subject  # staff wrote it


def test_braces_in_a_title_are_just_braces() -> None:
    made = decide(resolved(ref(title="{number} {0.__class__} %s")), "abe")
    assert "{number} {0.__class__} %s" in made[0].body


@pytest.mark.parametrize("event", [row[1] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_every_notice_is_read_in_another_language(event: Event) -> None:
    """From its stored text alone, so that what is erased there is erased in every language."""
    german = text_in("de")
    for told in decide(event, None):
        if told.reason or told.channel == rules.EMAIL:
            continue
        title, message = rules.read_as(german, told.type, told.subject, told.body)
        assert title != told.subject
        assert "Nr. 1042" in title or "#1042" in title
        assert "„Printer on fire“" in message
        words = message.partition(" Grund: ")[0].split()  # what follows is the policy's
        assert not set(words) & {"the", "is", "you", "Reason:", "IN_PROGRESS", "HIGH"}


@pytest.mark.parametrize("event", [row[1] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_every_mail_is_written_in_the_language_of_whoever_gets_it(event: Event) -> None:
    for told in decide(event, None):
        if told.reason or told.channel != rules.EMAIL:
            continue
        subject, text = rules.mail_as(text_in("de"), told.type, told.subject, told.body)
        assert "Nr. 1042" in subject or "#1042" in subject
        assert subject != told.subject
        assert told.body.partition("\n\n")[0] not in text
        assert "Sie bekommen diese E-Mail, weil " in text
        assert "You get" not in text
        assert f"/tickets/{told.ticket_id}\n\n--\n" in text


def test_a_receipt_to_an_address_that_nobody_confirmed_is_written_in_german_too() -> None:
    mail = next(told for told in decide(created(ref()), "ria") if told.channel == rules.EMAIL)
    subject, text = rules.mail_as(text_in("de"), mail.type, mail.subject, mail.body)
    assert subject != mail.subject
    assert "We have received" not in text
    assert "Printer on fire" not in subject + text


def test_a_notice_names_times_as_its_reader_does() -> None:
    said = "Was due at 2026-11-24T02:40:04.872856Z, then 2026-11-24 03:00 (UTC). "
    said += "On 2026-13-99 10:00 (UTC) and 2026-11-24."
    read = rules.with_times(lambda at: f"[{iso(at)}]", said)
    assert read.startswith("Was due at [2026-11-24T02:40:00Z], then [2026-11-24T03:00:00Z].")
    assert read.endswith("On 2026-13-99 10:00 (UTC) and 2026-11-24.")


@pytest.mark.parametrize(
    ("reason", "german"),
    [
        ("Resolution was due at 2026-03-02T13:00:00Z", "Die Lösung war fällig am 2026-03-02 13:00 (UTC)"),
        ("First response is due at 2026-03-02T13:00:00Z", "Die erste Antwort ist fällig am 2026-03-02 13:00 (UTC)"),
        ("Next response is waited for", "Die nächste Antwort steht noch aus"),
        ("What somebody wrote in a policy", "What somebody wrote in a policy"),
    ],
)
def test_why_a_ticket_is_escalated_is_read_in_another_language(reason: str, german: str) -> None:
    event = TicketEscalated(
        ticket=ref(),
        target="RESOLUTION",
        cycle=1,
        escalation_id="e",
        manager_id="max",
        escalated_to_role="MANAGER",
        reason=reason,
    )
    told = next(told for told in decide(event, None) if told.channel == rules.EMAIL and not told.reason)
    assert f"Grund: {german}\n" in rules.mail_as(text_in("de"), told.type, told.subject, told.body)[1]


def test_what_people_wrote_is_not_taken_for_words_of_the_desk() -> None:
    odd = "“a” is now {status}.\nHIGH #7"
    made = decide(resolved(ref(title=odd)), "abe")[0]
    _, message = rules.read_as(text_in("de"), made.type, made.subject, made.body)
    assert odd in message
    assert rules.read_as(text_in("de"), "TICKET_RESOLVED", "An old headline", "A text") == ("An old headline", "A text")


# --- patience ----------------------------------------------------------------------------------------------------


def queued() -> Delivery:
    return next(d for d in decide(resolved(), "abe") if d.state == "QUEUED")


def test_pauses_double_from_a_minute_to_an_hour() -> None:
    pauses = [rules.pause_after(n) // MINUTE for n in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert rules.pause_after(10_000) == HOUR


@settings(derandomize=True, max_examples=50, deadline=None)
@given(hours=st.integers(0, 72), lag=st.integers(0, 10 * MINUTE))
def test_a_mail_nobody_takes_is_given_up_in_time(hours: int, lag: int) -> None:
    mail = rules.requeue(rules.give_up(queued(), "no", NOW), NOW, hours)
    now, tries = NOW, 0
    while mail.state == "QUEUED":
        assert mail.next_at is not None
        now = max(now, mail.next_at)
        tries += 1
        assert tries < 200
        now += lag  # the conversation takes its time
        mail = rules.put_off(claimed(mail, tries), "451 later", now)
    assert mail.state == "FAILED"
    assert now <= NOW + hours * HOUR + lag + (lag if hours else 0)
    assert now >= NOW + hours * HOUR
    assert mail.body


def claimed(mail: Delivery, attempts: int) -> Delivery:
    return Delivery(**(asdict_of(mail) | {"attempts": attempts, "state": "SENDING"}))


def asdict_of(value: Any) -> dict[str, Any]:
    return msgspec.structs.asdict(value)


def test_only_a_failed_mail_is_sent_again() -> None:
    with pytest.raises(Conflict, match="queued"):
        rules.requeue(queued(), NOW, 24)


def test_the_text_of_a_sent_mail_is_forgotten() -> None:
    assert rules.sent(queued(), NOW).body == ""


def test_somebody_who_becomes_known_too_late_is_not_told() -> None:
    kept = decide(breached(), people={})[1]
    assert rules.reconsider(kept, PEOPLE["abe"], (), NOW + HOUR, 24).state == "QUEUED"
    late = rules.reconsider(kept, PEOPLE["abe"], (), NOW + 25 * HOUR, 24)
    assert (late.state, late.reason) == ("SUPPRESSED", "no such person at the time")
    assert rules.reconsider(kept, PEOPLE["ria"], (), NOW, 24).reason == "not staff any more"
