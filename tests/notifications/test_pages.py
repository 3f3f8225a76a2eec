"""What people see of their notifications, and administrators of the mails; as a browser without scripts shows it."""

import re
from html import unescape

from answerable.kernel.tx import Tx
from tests.forms import Browser
from tests.notifications.stories import comment, created, ref, resolved
from tests.people import TestPerson, make_person
from tests.world import World

FOUND = re.compile(r'href="(/notifications/[^"/]+)" data-open>([^<]+)<')


def main_of(browser: Browser) -> str:
    assert browser.page is not None
    return browser.page.text.partition("<main")[2].partition("</main>")[0]


def seen(browser: Browser) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", "<main" + main_of(browser))).split())


async def at(desk: World, person: TestPerson, path: str = "/notifications") -> Browser:
    browser = Browser(desk)
    await browser.sign_in(person, next=path)
    return browser


async def test_nothing_to_tell_is_a_page_too(desk: World) -> None:
    ria = await make_person(desk)
    browser = await at(desk, ria)
    assert "Nothing to tell you yet" in seen(browser)
    await browser.open("/notifications/count")
    assert seen(browser) == ""


async def test_unread_ones_come_first_and_each_leads_to_its_ticket(desk: World) -> None:
    ria = await make_person(desk)
    first, second = ref(ria.id, id="t1", number=1), ref(ria.id, id="t2", number=2)
    await desk.tell(created(first), comment("abe", ticket=first), resolved(second))
    browser = await at(desk, ria)
    listed = FOUND.findall(main_of(browser))
    assert [title for _, title in listed] == [
        "Ticket #2 is resolved",
        "New comment on ticket #1",
        "We have your ticket #1",
    ]
    assert seen(browser).count("Unread:") == 3
    await browser.send(f"{listed[0][0]}/read")
    assert [title for _, title in FOUND.findall(main_of(browser))] == [
        "New comment on ticket #1",
        "We have your ticket #1",
        "Ticket #2 is resolved",
    ]
    await browser.open("/notifications/count")
    assert seen(browser) == "2 2 are unread"
    answer = await browser.http.get(listed[1][0])
    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets/t1")
    await browser.open("/notifications/count")
    assert seen(browser) == "", "all about one ticket are read at once"


async def test_everything_can_be_marked_read(desk: World) -> None:
    ria, otto = await make_person(desk), await make_person(desk)
    await desk.tell(*(comment("abe", ticket=ref(person.id)) for person in (ria, otto)))
    browser = await at(desk, ria)
    await browser.send("/notifications/read-all")
    assert "Unread:" not in seen(browser)
    assert "Mark all as read" not in seen(browser)
    assert "Unread:" in seen(await at(desk, otto))


async def test_a_notification_of_somebody_else_is_not_there(desk: World) -> None:
    ria, otto = await make_person(desk), await make_person(desk)
    await desk.tell(comment("abe", ticket=ref(ria.id)))
    [(path, _)] = FOUND.findall(main_of(await at(desk, ria)))
    browser = await at(desk, otto, "/notifications/preferences")
    token = browser.token
    assert (await browser.open(path)).status_code == 404
    assert (await browser.send(f"{path}/read", token=token)).status_code == 404
    assert "Unread:" in seen(await at(desk, ria))


async def test_long_lists_come_in_parts_unread_ones_first(desk: World) -> None:
    ria = await make_person(desk)
    await desk.tell(*(comment("abe", ticket=ref(ria.id, id=f"t{n}", number=n)) for n in range(70)))
    browser = await at(desk, ria)
    for path, _ in FOUND.findall(main_of(browser))[:20]:  # the newest twenty are read
        await browser.http.get(path)
    found, path = [], "/notifications"
    while path:
        await browser.open(path)
        found += [title for _, title in FOUND.findall(main_of(browser))]
        more = re.search(r'href="(/notifications\?cursor=[^"]+)"', main_of(browser))
        path = unescape(more[1]) if more else ""
    assert found == [f"New comment on ticket #{n}" for n in (*reversed(range(50)), *reversed(range(50, 70)))]
    for bad in ("x", "WyJ1bnJlYWQtZmlyc3QiLCJ4IiwieCJd"):
        assert (await browser.open(f"/notifications?cursor={bad}")).status_code == 400


async def test_people_choose_what_they_are_told_and_where(desk: World) -> None:
    ria, abe = await make_person(desk), await make_person(desk, "AGENT")
    browser = await at(desk, ria, "/notifications/preferences")
    assert "A promise is at risk" not in seen(browser), "that is for staff"
    boxes = set(re.findall(r'name="([A-Z_]+\.[a-z]+)" value="yes" checked', main_of(browser)))
    assert len(boxes) == 16
    await browser.send("/notifications/preferences", dict.fromkeys(boxes - {"COMMENT_ADDED.screen"}, "yes"))
    assert "Your choice is kept." in str(browser.page and browser.page.text)
    now = set(re.findall(r'name="([A-Z_]+\.[a-z]+)" value="yes" checked', main_of(browser)))
    assert boxes - now == {"COMMENT_ADDED.screen"}
    await desk.tell(comment("abe", ticket=ref(ria.id)))
    assert "Nothing to tell you yet" in seen(await at(desk, ria))
    assert "A promise is at risk" in seen(await at(desk, abe, "/notifications/preferences"))


async def test_administrators_see_what_became_of_mails(desk: World) -> None:
    ria, ada = await make_person(desk, name="Ria Rich"), await make_person(desk, "ADMIN")
    await desk.tell(*(comment("abe", ticket=ref(ria.id, number=n)) for n in range(35)))
    browser = await at(desk, ada, "/admin/mails")
    assert "No mail server is set" in seen(browser)
    found, path = [], "/admin/mails?kind=QUEUED"
    while path:
        await browser.open(path)
        found += re.findall(r">New comment on ticket #(\d+)", main_of(browser))
        more = re.search(r'href="(/admin/mails\?[^"]*cursor=[^"]+)"', main_of(browser))
        path = unescape(more[1]) if more else ""
    assert found == [str(n) for n in reversed(range(35))]
    assert "Ria Rich" in seen(browser)
    await browser.open("/admin/mails?kind=SUPPRESSED")
    assert "Reason: did it themselves" in seen(browser)
    await browser.open("/admin/mails?kind=FAILED")
    assert "No mail is in this state." in seen(browser)
    assert (await browser.open("/admin/mails?kind=LOST")).status_code == 400
    assert (await (await at(desk, ria)).open("/admin/mails")).status_code == 403
    await desk.http.get("/api/notifications/mail", headers=ada.headers)
    reading = "SELECT actor_id, about FROM users_act WHERE act = 'MAIL_LOG_READ'"
    await desk.settle()
    assert [dict(act) for act in await desk.sql(reading)] == [{"actor_id": ada.id, "about": "mails"}], (
        "not a line a page"
    )
    assert "read the mail log" in seen(await at(desk, ada, "/admin/audit"))
    await desk.advance(hours=1)
    await at(desk, ada, "/admin/mails")
    await desk.settle()
    assert len(await desk.sql(reading)) == 2


async def test_a_failed_mail_is_sent_again_from_the_page(desk: World) -> None:
    ria, ada = await make_person(desk, email="ria@desk.test"), await make_person(desk, "ADMIN")
    await desk.tell(comment("abe", ticket=ref(ria.id)))

    async def fail(tx: Tx) -> None:
        await tx.run(
            "UPDATE notifications_delivery SET state = 'FAILED', error = '550 no', next_at = NULL WHERE next_at > 0"
        )

    await desk.db.write(ada.actor, fail)
    browser = await at(desk, ada, "/admin/mails?kind=FAILED")
    assert "550 no" in seen(browser)
    [retry] = set(re.findall(r'action="(/admin/mails/[^"]+/retry)"', main_of(browser)))
    await browser.send(retry, {"kind": "FAILED"})
    assert "The mail to ria@desk.test is on its way again." in str(browser.page and browser.page.text)
    await browser.send(retry, {"kind": ""})
    assert "Only a failed mail can be sent again" in str(browser.page and browser.page.text)
