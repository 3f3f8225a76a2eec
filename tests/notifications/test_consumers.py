"""Something happened to a ticket; who finds what on their screen and in the mail queue."""

from pathlib import Path

import pytest

from answerable.kernel.errors import Invalid
from answerable.kernel.tx import Tx
from answerable.messages.base import Event
from answerable.messages.notifications import NotificationCreated
from answerable.messages.users import UserChanged, UserRegistered
from answerable.messages.webhooks import WebhookDisabled
from tests.notifications.stories import (
    assigned,
    at_risk,
    breached,
    cancelled,
    closed,
    comment,
    created,
    escalated,
    ref,
    reopened,
    resolved,
    status,
)
from tests.people import make_person
from tests.world import TESTER, World, json_of, open_world


def a_whole_life(requester: str, agent: str, manager: str) -> list[Event]:
    ticket = ref(requester, agent)
    return [
        created(ref(requester, None)),
        assigned(ticket),
        status("ASSIGNED", "IN_PROGRESS", ticket),
        comment(agent, ticket=ticket),
        comment(agent, internal=True, ticket=ticket),
        status("IN_PROGRESS", "WAITING", ticket),
        at_risk(ticket),
        breached(ticket),
        escalated(manager, ticket),
        status("IN_PROGRESS", "RESOLVED", ticket),
        resolved(ticket, agent),
        reopened(ticket),
        closed(ticket, automatic=True),
        cancelled(ticket, manager),
    ]


async def test_a_notice_is_put_on_the_screen_and_said(desk: World) -> None:
    ria, abe = await make_person(desk, "USER"), await make_person(desk, "AGENT", name="Abe")
    await desk.tell(resolved(ref(ria.id, abe.id), abe.id), by=abe.actor)
    [notice] = json_of(await desk.http.get("/api/notifications", headers=ria.headers))
    assert notice == {
        "id": notice["id"],
        "userId": ria.id,
        "type": "TICKET_RESOLVED",
        "title": "Ticket #1042 is resolved",
        "message": "“Printer on fire” is resolved. If something is still wrong, please reopen it.",
        "ticketId": "ticket-1",
        "read": False,
        "createdAt": "2026-03-02T09:00:00Z",
    }
    [said] = await desk.log("NOTIFICATION_CREATED")
    assert said == NotificationCreated(
        notification_id=notice["id"],
        user_id=ria.id,
        ticket_id="ticket-1",
        about="TICKET_RESOLVED",
        title=notice["title"],
        message=notice["message"],
        created_at=desk.clock.now,
    )


async def test_the_new_agent_is_called_by_name(desk: World) -> None:
    ria, abe = await make_person(desk, "USER"), await make_person(desk, "AGENT", name="Abe Adams")
    await desk.tell(assigned(ref(ria.id, abe.id)))
    [notice] = json_of(await desk.http.get("/api/notifications", headers=ria.headers))
    assert notice["message"] == "Abe Adams looks after “Printer on fire”."


async def test_once_for_each_event_person_and_channel_whatever_is_redelivered(desk: World) -> None:
    ria, abe, mia = [await make_person(desk, role) for role in ("USER", "AGENT", "MANAGER")]
    for event in a_whole_life(ria.id, abe.id, mia.id):
        await desk.tell(event)

    async def everything() -> list[tuple[object, ...]]:
        rows = await desk.sql("SELECT * FROM notifications_notice ORDER BY id")
        rows += await desk.sql("SELECT * FROM notifications_delivery ORDER BY message_id, person_id, channel")
        return [tuple(row) for row in rows]

    before, said = await everything(), len(await desk.log("NOTIFICATION_CREATED"))
    await desk.redeliver_everything()
    assert await everything() == before
    assert len(await desk.log("NOTIFICATION_CREATED")) == said
    assert await desk.desk.audit() == []


async def test_even_with_its_inbox_lost_nobody_is_told_twice(desk: World) -> None:
    ria, abe, mia = [await make_person(desk, role) for role in ("USER", "AGENT", "MANAGER")]
    for event in a_whole_life(ria.id, abe.id, mia.id):
        await desk.tell(event)
    before = await desk.sql("SELECT id FROM notifications_notice ORDER BY id")

    async def forget(tx: Tx) -> None:
        await tx.run("DELETE FROM bus_inbox")

    await desk.db.write(TESTER, forget)
    await desk.redeliver_everything()
    assert await desk.sql("SELECT id FROM notifications_notice ORDER BY id") == before
    assert await desk.desk.audit() == []


async def test_a_requester_never_hears_of_notes_and_clocks(desk: World) -> None:
    ria, abe, mia = [await make_person(desk, role) for role in ("USER", "AGENT", "MANAGER")]
    for event in a_whole_life(ria.id, abe.id, mia.id):
        await desk.tell(event)
    notices = json_of(await desk.http.get("/api/notifications", headers=ria.headers))
    assert {notice["type"] for notice in reversed(notices)} == {
        "TICKET_CREATED",
        "TICKET_ASSIGNED",
        "STATUS_CHANGED",
        "COMMENT_ADDED",
        "TICKET_RESOLVED",
        "TICKET_REOPENED",
        "TICKET_CLOSED",
        "TICKET_CANCELLED",
    }
    assert len([notice for notice in notices if notice["type"] == "COMMENT_ADDED"]) == 1
    mails = await desk.sql("SELECT subject, body FROM notifications_delivery WHERE person_id = :id", id=ria.id)
    for text in [*(n["title"] + n["message"] for n in notices), *(m["subject"] + m["body"] for m in mails)]:
        assert not any(word in text.lower() for word in ("note", "overdue", "escalated", "due soon"))


async def test_somebody_deactivated_is_told_nothing_more_and_the_reason_is_kept(desk: World) -> None:
    ria, abe = await make_person(desk, "USER"), await make_person(desk, "AGENT")
    gone = UserChanged(
        user_id=ria.id, name="Erased", email="", roles=["USER"], active=False, changed=["active", "email"]
    )
    await desk.tell(gone, resolved(ref(ria.id, abe.id), abe.id))
    assert await desk.sql("SELECT 1 FROM notifications_notice") == []
    rows = await desk.sql(
        "SELECT channel, state, reason FROM notifications_delivery WHERE person_id = :id ORDER BY channel", id=ria.id
    )
    assert [tuple(row) for row in rows] == [
        ("email", "SUPPRESSED", "not active"),
        ("screen", "SUPPRESSED", "not active"),
    ]


async def test_who_becomes_known_after_the_fact_is_told_then(desk: World) -> None:
    """In a split desk the news of a person may come after the news of their ticket."""
    await desk.tell(created(ref("ria", None)))
    rows = await desk.sql("SELECT state, reason FROM notifications_delivery")
    assert {tuple(row) for row in rows} == {("SUPPRESSED", "no such person")}
    ria = UserRegistered(user_id="ria", name="Ria", email="ria@desk.test", roles=["USER"], active=True)
    await desk.tell(ria)
    rows = await desk.sql("SELECT channel, state, reason, address FROM notifications_delivery ORDER BY channel")
    assert [tuple(row) for row in rows] == [
        ("email", "QUEUED", "", "ria@desk.test"),
        ("screen", "SENT", "", ""),
    ]
    assert len(await desk.log("NOTIFICATION_CREATED")) == 1
    await desk.redeliver_everything()
    assert len(await desk.sql("SELECT 1 FROM notifications_notice")) == 1
    assert await desk.desk.audit() == []


async def test_however_much_waited_for_the_news_of_a_person_all_of_it_is_told(
    desk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerable.notifications.actions.WAITING_AT_ONCE", 3)
    for _ in range(4):
        await desk.tell(created(ref("ria", None)))
    ria = UserRegistered(user_id="ria", name="Ria", email="ria@desk.test", roles=["USER"], active=True)
    await desk.tell(ria)
    rows = await desk.sql("SELECT state FROM notifications_delivery ORDER BY state")
    assert [row["state"] for row in rows] == ["QUEUED"] * 4 + ["SENT"] * 4


async def test_who_had_become_staff_before_is_told_although_the_news_of_that_comes_after(desk: World) -> None:
    """The roles of a person and their tickets travel on topics of their own."""
    ria, abe = await make_person(desk, "USER"), await make_person(desk, "USER", name="Abe")
    hired = UserChanged(
        user_id=abe.id, name="Abe", email="abe@desk.test", roles=["AGENT"], active=True, changed=["roles"]
    )
    await desk.tell(hired)
    [promotion] = [sealed.id for sealed in await desk.envelopes("USER_CHANGED")][-1:]

    async def not_yet_heard(tx: Tx) -> None:
        await tx.run("UPDATE notifications_person SET roles = 'USER' WHERE id = :id", id=abe.id)
        await tx.run("DELETE FROM bus_inbox WHERE message = :id", id=promotion)

    await desk.db.write(TESTER, not_yet_heard)
    await desk.tell(assigned(ref(ria.id, abe.id)))
    told = "SELECT DISTINCT state, reason FROM notifications_delivery WHERE person_id = :id ORDER BY state"
    assert [tuple(row) for row in await desk.sql(told, id=abe.id)] == [("SUPPRESSED", "not staff any more")]
    await desk.redeliver_everything()
    assert [tuple(row) for row in await desk.sql(told, id=abe.id)] == [("QUEUED", ""), ("SENT", "")]
    assert await desk.desk.audit() == []


async def test_who_becomes_staff_again_is_not_told_of_what_was_before(desk: World) -> None:
    ria, abe = await make_person(desk, "USER"), await make_person(desk, "AGENT", name="Abe")

    def now_is(*roles: str) -> UserChanged:
        return UserChanged(
            user_id=abe.id, name="Abe", email="abe@desk.test", roles=list(roles), active=True, changed=["roles"]
        )

    await desk.tell(now_is("USER"))
    await desk.tell(assigned(ref(ria.id, abe.id)))
    await desk.tell(now_is("AGENT"))
    rows = await desk.sql("SELECT DISTINCT reason FROM notifications_delivery WHERE person_id = :id", id=abe.id)
    assert [row["reason"] for row in rows] == ["not staff any more"]


async def test_who_had_become_administrator_before_hears_of_the_desk_although_the_news_of_that_comes_after(
    desk: World,
) -> None:
    """People and webhooks travel on topics of their own; who becomes one later is not told."""
    await make_person(desk, "ADMIN", name="Ada")
    bob = await make_person(desk, "ADMIN", name="Bob")
    news = (await desk.envelopes("USER_REGISTERED"))[-1].id

    async def not_yet_heard(tx: Tx) -> None:
        await tx.run("DELETE FROM notifications_person WHERE id = :id", id=bob.id)
        await tx.run("DELETE FROM bus_inbox WHERE message = :id AND consumer = 'notifications'", id=news)

    await desk.db.write(TESTER, not_yet_heard)
    await desk.tell(WebhookDisabled(endpoint_id="e", name="Chat", reason="it is gone"))
    await make_person(desk, "ADMIN", name="Cleo")
    await desk.redeliver_everything()
    told = """SELECT p.name FROM notifications_notice n JOIN notifications_person p ON p.id = n.user_id
    WHERE n.type = 'WEBHOOK_DISABLED' ORDER BY p.name"""
    assert [row["name"] for row in await desk.sql(told)] == ["Ada", "Bob"]
    assert await desk.desk.audit() == []


async def test_a_lost_notice_is_found_by_the_audit(desk: World) -> None:
    ria = await make_person(desk, "USER")
    await desk.tell(created(ref(ria.id, None)))

    async def lose(tx: Tx) -> None:
        await tx.run("DELETE FROM notifications_notice")

    await desk.db.write(TESTER, lose)
    [line] = await desk.desk.audit()
    assert "no notice" in line


async def test_what_a_real_ticket_sets_off(world: World) -> None:
    ria = await make_person(world, "USER", name="Ria")
    draft = {"title": "No network", "description": "Since this morning.", "category": "NETWORK", "priority": "HIGH"}
    answer = await world.http.post("/api/tickets", json=draft, headers=ria.headers)
    assert answer.status_code == 201, answer.text
    await world.settle()
    notices = json_of(await world.http.get("/notification-service/notifications", headers=ria.headers))
    assert notices[-1]["type"] == "TICKET_CREATED"
    assert notices[-1]["ticketId"] == json_of(answer)["id"]


async def test_settings_that_no_mail_can_be_sent_with_are_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"mail\.security"):
        async with open_world(tmp_path, mail__security="sometimes"):
            pass
