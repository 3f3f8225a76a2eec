"""Mail goes out over real SMTP: once, patiently, and never with a header that somebody else wrote."""

import asyncio
import socket
from pathlib import Path

import pytest

from answerable.kernel.actor import service
from answerable.kernel.tx import Tx
from answerable.messages.base import Event
from answerable.messages.tickets import TicketErased
from answerable.messages.users import LanguageChosen, UserChanged
from answerable.notifications import actions
from tests.notifications.stories import assigned, comment, created, ref, resolved
from tests.patience import PATIENCE
from tests.people import TestPerson, make_person, token_for
from tests.smtp import Mailbox
from tests.world import TESTER, World, json_of, open_world


async def people(world: World) -> tuple[TestPerson, TestPerson, TestPerson]:
    return (
        await make_person(world, "USER", name="Ria", email="ria@example.org"),
        await make_person(world, "AGENT", name="Abe", email="abe@example.org"),
        await make_person(world, "ADMIN", name="Ada", email="ada@example.org"),
    )


async def mails(world: World) -> list[tuple[str, str, int]]:
    rows = await world.sql(
        """SELECT address, state, attempts FROM notifications_delivery WHERE channel = 'email'
        AND state <> 'SUPPRESSED' ORDER BY message_id, person_id"""
    )
    return [(row["address"], row["state"], row["attempts"]) for row in rows]


async def test_a_mail_arrives_with_the_ticket_and_a_link(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(resolved(ref(ria.id, abe.id), abe.id), by=abe.actor)
    await mailing.advance(seconds=1)
    [mail] = mailbox.messages
    assert mail["From"] == "The desk <desk@example.org>"
    assert mail["To"] == "ria@example.org"
    assert mail["Subject"] == "Ticket #1042 is resolved: Printer on fire"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] is not None
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail.get_content_type() == "text/plain"
    assert "https://desk.example.org/tickets/ticket-1" in mail.get_content()
    assert await mails(mailing) == [("ria@example.org", "SENT", 1)]


async def test_a_mail_is_in_the_language_that_its_reader_chose(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(LanguageChosen(user_id=ria.id, language="de"), LanguageChosen(user_id=abe.id, language="en"))
    await mailing.tell(assigned(ref(ria.id, abe.id)))
    await mailing.tell(resolved(ref(ria.id, abe.id), abe.id), by=abe.actor)
    await mailing.advance(seconds=1)
    told = {mail["To"]: (mail["Subject"], mail.get_content()) for mail in mailbox.messages}
    assert told["ria@example.org"][0] == "Ticket Nr. 1042 ist gelöst: Printer on fire"
    assert "Sie bekommen diese E-Mail, weil es Ihr Ticket ist." in told["ria@example.org"][1]
    assert "(HIGH) is assigned to you." in told["abe@example.org"][1]


async def test_a_mail_goes_out_once_whatever_is_redelivered(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(assigned(ref(ria.id, abe.id)), comment(abe.id, ticket=ref(ria.id, abe.id)))
    await mailing.advance(seconds=1)
    await mailing.redeliver_everything()
    await mailing.advance(days=2)
    assert sorted(mail["To"] for mail in mailbox.messages) == ["abe@example.org", "ria@example.org"]


async def test_a_server_that_is_busy_is_asked_again_with_longer_and_longer_pauses(
    mailing: World, mailbox: Mailbox
) -> None:
    ria, abe, _ = await people(mailing)
    mailbox.recipients = "451 4.7.1 Greylisted, come back"
    await mailing.tell(resolved(ref(ria.id, abe.id), abe.id))
    tries = []
    for _minute in range(20):
        await mailing.advance(minutes=1)
        tries.append(mailbox.conversations)
    assert tries == [2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5]  # after 0, 1, 3, 7, 15 minutes
    [row] = await mailing.sql("SELECT error FROM notifications_delivery WHERE state = 'QUEUED'")
    assert row["error"] == "451 4.7.1 Greylisted, come back"
    mailbox.recipients = ""
    await mailing.advance(hours=1)
    assert len(mailbox.messages) == 1
    assert await mails(mailing) == [("ria@example.org", "SENT", 6)]


@pytest.mark.parametrize("mood", ["down", "451 on data", "421"])
async def test_a_mail_that_nobody_takes_for_a_day_is_marked_failed(mailing: World, mailbox: Mailbox, mood: str) -> None:
    ria, abe, ada = await people(mailing)
    mailbox.down = mood == "down"
    mailbox.data = "451 not now" if "data" in mood else ""
    mailbox.recipients = "421 too many" if mood == "421" else ""
    await mailing.tell(resolved(ref(ria.id, abe.id), abe.id))
    await mailing.advance(hours=23, minutes=59)
    [(_, state, tries)] = await mails(mailing)
    assert state == "QUEUED"
    assert 25 < tries < 35
    await mailing.advance(minutes=1)
    assert [state for _, state, _ in await mails(mailing)] == ["FAILED"]
    headers = {"Authorization": f"Bearer {await token_for(mailing, ada.id)}"}  # hers has run out by now
    [shown] = json_of(await mailing.http.get("/api/notifications/mail?state=failed", headers=headers))
    assert shown["to"] == "ria@example.org"
    assert shown["error"]
    assert "Printer on fire" in shown["body"]

    mailbox.down, mailbox.data, mailbox.recipients = False, "", ""
    address = f"/api/notifications/mail/{shown['messageId']}/{shown['personId']}/retry"
    answer = await mailing.http.post(address, headers=headers)
    assert (answer.status_code, json_of(answer)["state"]) == (200, "QUEUED")
    await mailing.advance(seconds=1)
    assert len(mailbox.messages) == 1
    assert (await mailing.http.post(address, headers=headers)).status_code == 409


@pytest.mark.parametrize(("recipients", "data"), [("550 5.1.1 No such mailbox", ""), ("", "554 5.7.1 Refused")])
async def test_a_refusal_for_good_is_not_repeated(mailing: World, mailbox: Mailbox, recipients: str, data: str) -> None:
    ria, abe, _ = await people(mailing)
    mailbox.recipients, mailbox.data = recipients, data
    await mailing.tell(resolved(ref(ria.id, abe.id), abe.id))
    await mailing.advance(days=2)
    assert mailbox.conversations == 1
    assert await mails(mailing) == [("ria@example.org", "FAILED", 1)]


async def test_a_server_that_is_not_there_is_not_the_fault_of_the_mail(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        port = taken.getsockname()[1]
        async with open_world(
            tmp_path, ("users", "notifications"), mail__host="127.0.0.1", mail__port=port, mail__security="none"
        ) as world:
            ria, abe, _ = await people(world)
            await world.tell(resolved(ref(ria.id, abe.id), abe.id))
            await world.advance(minutes=2)
            assert await mails(world) == [("ria@example.org", "QUEUED", 2)]


async def test_one_unreachable_person_does_not_hold_up_the_others(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(
        UserChanged(user_id=ria.id, name="Ria", email="not an address", roles=["USER"], active=True, changed=["email"])
    )
    ticket = ref(ria.id, abe.id)
    await mailing.tell(*(comment("another", ticket=ticket) for _ in range(10)))
    await mailing.advance(seconds=1)
    assert len(mailbox.to("abe@example.org")) == 10
    assert (
        sorted(await mails(mailing)) == [("abe@example.org", "SENT", 1)] * 10 + [("not an address", "FAILED", 1)] * 10
    )


async def test_a_crash_between_sending_and_recording_is_recognisable(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(resolved(ref(ria.id, abe.id), abe.id))
    claimed = await mailing.db.write(service("notifications"), actions.claim_mail)  # by a process that dies now
    assert claimed is not None
    await mailing.advance(seconds=30)
    assert mailbox.messages == []  # its lease still holds
    await mailing.advance(minutes=5)
    [mail] = mailbox.messages
    assert mail["Message-ID"] == f"<{claimed.message_id}.{ria.id}@example.org>"
    await mailing.db.write(service("notifications"), actions.give_up_mail, claimed, "it was not dead after all")
    assert await mails(mailing) == [("ria@example.org", "SENT", 2)]


async def test_two_workers_never_claim_the_same_mail(mailing: World) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(comment("another", ticket=ref(ria.id, abe.id)))
    desk = service("notifications")
    claims = await asyncio.gather(*(mailing.db.write(desk, actions.claim_mail) for _ in range(5)))
    assert sorted(claim.address for claim in claims if claim) == ["abe@example.org", "ria@example.org"]


async def test_a_queued_mail_to_somebody_who_left_meanwhile_is_not_sent(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(comment("another", ticket=ref(ria.id, abe.id)))
    gone = UserChanged(user_id=ria.id, name="Ria", email=ria.email, roles=["USER"], active=False, changed=["active"])
    moved = UserChanged(user_id=abe.id, name="Abe", email="new@example.org", roles=["AGENT"], active=True, changed=[])
    await mailing.tell(gone, moved)
    await mailing.advance(seconds=1)
    assert [mail["To"] for mail in mailbox.messages] == ["new@example.org"]
    [row] = await mailing.sql("SELECT reason FROM notifications_delivery WHERE state = 'SUPPRESSED'")
    assert row["reason"] == "not active"


@pytest.mark.parametrize("outcome", ["sent", "put off", "given up"])
async def test_a_mail_on_its_way_does_not_bring_erased_words_back(
    mailing: World, mailbox: Mailbox, outcome: str
) -> None:
    ria, abe, _ = await people(mailing)
    ticket, nobody = ref(ria.id, abe.id), service("notifications")
    await mailing.tell(comment("another", ticket=ticket))
    claimed = await mailing.db.write(nobody, actions.claim_mail)  # one of two; the other one still waits
    assert claimed is not None
    await mailing.tell(TicketErased(ticket=ref(ria.id, abe.id, title="Erased"), description="Erased"))
    if outcome == "sent":
        await mailing.db.write(nobody, actions.record_sent, claimed)
    else:
        verb = actions.put_off_mail if outcome == "put off" else actions.give_up_mail
        await mailing.db.write(nobody, verb, claimed, "451 come back to ria@example.org")
    await mailing.advance(days=2)
    assert mailbox.messages == []
    rows = [dict(row) for row in await mailing.sql("SELECT * FROM notifications_delivery WHERE channel = 'email'")]
    assert {row["state"] for row in rows} == {"SUPPRESSED"}
    assert len([row for row in rows if row["reason"] == "its words were erased"]) == 2
    assert [row for row in rows if "Printer" in str(row) or "@example.org" in str(row)] == []


async def test_a_title_cannot_write_headers(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    title = "Hello\r\nBcc: victim@example.org\r\n\r\nevil\u2028X: y\x00\x1b[31m ünïcode 🔥"
    await mailing.tell(resolved(ref(ria.id, abe.id, title=title), abe.id))
    await mailing.advance(seconds=1)
    [mail], [envelope] = mailbox.messages, mailbox.envelopes
    assert envelope.rcpt_tos == ["ria@example.org"]
    assert mail["Bcc"] is None
    assert mail["X"] is None
    assert mail["Subject"].startswith("Ticket #1042 is resolved: Hello Bcc: victim@example.org evil X: y")
    assert mail["Subject"].endswith("ünïcode 🔥")


async def test_a_very_long_title_is_cut_in_the_subject(mailing: World, mailbox: Mailbox) -> None:
    ria, abe, _ = await people(mailing)
    await mailing.tell(resolved(ref(ria.id, abe.id, title="wörd " * 2000), abe.id))
    await mailing.advance(seconds=1)
    assert len(mailbox.messages[0]["Subject"]) <= 250


async def test_without_a_server_mail_is_logged_and_readable_by_admin(
    desk: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ria, abe, ada = await people(desk)
    await desk.tell(created(ref(ria.id, None)), resolved(ref(ria.id, abe.id), abe.id))
    await desk.advance(seconds=1)
    assert {state for _, state, _ in await mails(desk)} == {"LOGGED"}
    shown = json_of(await desk.http.get("/api/notifications/mail?state=LOGGED", headers=ada.headers))
    assert [mail["subject"] for mail in shown] == [
        "Ticket #1042 is resolved: Printer on fire",
        "We have your ticket #1042",
    ]
    assert "http://127.0.0.1:8765/tickets/ticket-1" in shown[0]["body"]
    logged = "".join(capsys.readouterr())
    assert f".{ria.id}" in logged, "by its id, and no more than that"
    assert "ria@example.org" not in logged
    assert "Printer on fire" not in logged


async def test_a_desk_that_stops_does_not_wait_for_a_mail_server_that_hangs(tmp_path: Path) -> None:
    reached, silent = asyncio.Event(), []

    def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)
        reached.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        open_world(
            tmp_path, ("users", "notifications"), mail__host="127.0.0.1", mail__port=port, mail__security="none"
        ) as world,
    ):
        await world.desk.start()
        ria = await make_person(world)
        await world.db.write(TESTER, _publish, created(ref(ria.id, None)))
        await asyncio.wait_for(reached.wait(), PATIENCE)
        await asyncio.wait_for(world.desk.stop(), 10)  # the patience with a mail server is longer
        for writer in silent:
            writer.close()


async def _publish(tx: Tx, event: Event) -> None:
    tx.publish(event)
