"""What people do with their notifications."""

from typing import Any

import httpx
import pytest

from answerable.messages.notifications import NotificationsRead
from tests.notifications.stories import comment, created, ref, resolved
from tests.people import TestPerson, make_person
from tests.world import World, json_of


async def get(desk: World, person: TestPerson, path: str) -> Any:
    answer = await desk.http.get(path, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return json_of(answer)


async def put(desk: World, person: TestPerson, path: str, body: Any = None) -> httpx.Response:
    return await desk.http.put(path, headers=person.headers, json=body)


async def test_a_new_person_has_nothing(desk: World) -> None:
    ria = await make_person(desk)
    assert await get(desk, ria, "/api/notifications") == []
    assert await get(desk, ria, "/api/notifications/unread-count") == {"count": 0, "unreadCount": 0}
    assert json_of(await put(desk, ria, "/api/notifications/read-all")) == {"updated": 0}
    assert await desk.log("NOTIFICATIONS_READ") == []


async def test_reading_one_then_all(desk: World) -> None:
    ria = await make_person(desk)
    ticket = ref(ria.id)
    await desk.tell(created(ticket), comment("abe", ticket=ticket), resolved(ticket))
    listed = await get(desk, ria, "/api/notifications")
    assert [notice["type"] for notice in listed] == ["TICKET_RESOLVED", "COMMENT_ADDED", "TICKET_CREATED"]
    read = await put(desk, ria, f"/api/notifications/{listed[1]['id']}/read")
    assert (read.status_code, json_of(read)) == (200, listed[1] | {"read": True})
    assert (await put(desk, ria, f"/api/notifications/{listed[1]['id']}/read")).status_code == 200
    unread = await get(desk, ria, "/api/notifications?unread=true")
    assert [notice["type"] for notice in unread] == ["TICKET_RESOLVED", "TICKET_CREATED"]
    assert (await get(desk, ria, "/api/notifications/unread-count"))["count"] == 2
    assert json_of(await put(desk, ria, "/api/notifications/read-all")) == {"updated": 2}
    assert await get(desk, ria, "/api/notifications?unread=true") == []
    assert len(await get(desk, ria, "/api/notifications?unread=false")) == 3
    ids = [notice["id"] for notice in listed]
    assert await desk.log("NOTIFICATIONS_READ") == [
        NotificationsRead(user_id=ria.id, notification_ids=[ids[1]]),
        NotificationsRead(user_id=ria.id, notification_ids=[ids[2], ids[0]]),
    ]


async def test_nobody_reads_or_marks_what_is_not_theirs(desk: World) -> None:
    ria, ada = await make_person(desk), await make_person(desk, "ADMIN", "MANAGER", "AGENT")
    await desk.tell(created(ref(ria.id)))
    [notice] = await get(desk, ria, "/api/notifications")
    assert await get(desk, ada, "/api/notifications") == []
    theirs = await put(desk, ada, f"/api/notifications/{notice['id']}/read")
    nothing = await put(desk, ada, "/api/notifications/no-such-id/read")
    assert theirs.status_code == nothing.status_code == 404
    assert theirs.content == nothing.content
    assert json_of(await put(desk, ada, "/api/notifications/read-all")) == {"updated": 0}
    assert (await get(desk, ria, "/api/notifications/unread-count"))["count"] == 1


async def test_long_lists_come_in_pages(desk: World) -> None:
    ria = await make_person(desk)
    await desk.tell(*(comment("abe", ticket=ref(ria.id, number=n)) for n in range(25)))
    path, seen = "/api/notifications?size=10&unread=true", []
    while path:
        answer = await desk.http.get(path, headers=ria.headers)
        assert answer.headers["x-total-count"] == "25"
        seen += [notice["title"] for notice in json_of(answer)]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == [f"New comment on ticket #{n}" for n in reversed(range(25))]
    paged = await get(desk, ria, "/api/notifications?size=10&page=2&count=exact")
    assert [notice["title"] for notice in paged] == seen[20:]


@pytest.mark.parametrize(
    "query", ["size=0", "size=1001", "page=-1", "cursor=x", "unread=perhaps", "count=all", "size=a"]
)
async def test_a_list_asked_for_wrongly_says_what_is_wrong(desk: World, query: str) -> None:
    ria = await make_person(desk)
    answer = await desk.http.get(f"/api/notifications?{query}", headers=ria.headers)
    assert answer.status_code == 400
    assert json_of(answer)["errors"]


async def test_preferences_are_a_complete_list_that_changes_part_by_part(desk: World) -> None:
    ria = await make_person(desk)
    known = await get(desk, ria, "/api/notifications/preferences")
    assert len(known) == 24
    assert all(preference["enabled"] for preference in known)
    wish = {"type": "COMMENT_ADDED", "channel": "screen", "enabled": False}
    answer = await put(desk, ria, "/api/notifications/preferences", [wish])
    assert answer.status_code == 200
    assert [p for p in json_of(answer) if not p["enabled"]] == [wish]
    await desk.tell(comment("abe", ticket=ref(ria.id)), resolved(ref(ria.id)))
    assert [notice["type"] for notice in await get(desk, ria, "/api/notifications")] == ["TICKET_RESOLVED"]
    [kept] = await desk.sql("SELECT channel, reason FROM notifications_delivery WHERE reason LIKE 'switched%'")
    assert tuple(kept) == ("screen", "switched off by preference")
    await put(desk, ria, "/api/notifications/preferences", [wish | {"enabled": True}])
    await desk.tell(comment("abe", ticket=ref(ria.id)))
    assert len(await get(desk, ria, "/api/notifications")) == 2


@pytest.mark.parametrize(
    "body",
    [
        [{"type": "NOTHING", "channel": "email", "enabled": True}],
        [{"type": "COMMENT_ADDED", "channel": "pigeon", "enabled": True}],
        [{"type": "COMMENT_ADDED", "channel": "email", "enabled": "yes"}],
        [{"type": "COMMENT_ADDED", "channel": "email"}],
        [{"type": "COMMENT_ADDED", "channel": "email", "enabled": True, "for": "all"}],
        [{"type": "COMMENT_ADDED", "channel": "email", "enabled": True}] * 201,
        {"type": "COMMENT_ADDED"},
    ],
)
async def test_preferences_that_mean_nothing_are_refused_whole(desk: World, body: Any) -> None:
    ria = await make_person(desk)
    answer = await put(desk, ria, "/api/notifications/preferences", body)
    assert answer.status_code == 400
    assert json_of(answer)["message"]
    assert await desk.sql("SELECT 1 FROM notifications_preference") == []


ROUTES = [
    ("GET", "/api/notifications"),
    ("GET", "/api/notifications/unread-count"),
    ("PUT", "/api/notifications/read-all"),
    ("PUT", "/api/notifications/some-id/read"),
    ("GET", "/api/notifications/preferences"),
    ("PUT", "/api/notifications/preferences"),
    ("GET", "/api/notifications/mail"),
    ("POST", "/api/notifications/mail/m/p/retry"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_nothing_is_for_strangers_and_the_mail_log_only_for_admin(desk: World, method: str, path: str) -> None:
    assert (await desk.http.request(method, path)).status_code == 401
    for role in ("USER", "AGENT", "MANAGER"):
        person = await make_person(desk, role)
        answer = await desk.http.request(method, path, headers=person.headers)
        assert (answer.status_code == 403) == ("/mail" in path)


async def test_the_mail_log_comes_in_pages_and_by_state(desk: World) -> None:
    ria, ada = await make_person(desk), await make_person(desk, "ADMIN")
    await desk.tell(*(comment("abe", ticket=ref(ria.id, number=n)) for n in range(5)))
    path, seen = "/api/notifications/mail?size=2&state=queued", []
    while path:
        answer = await desk.http.get(path, headers=ada.headers)
        assert answer.headers["x-total-count"] == "5"
        seen += [mail["subject"].split(":")[0] for mail in json_of(answer)]
        path = answer.links.get("next", {}).get("url", "")
    assert seen == [f"New comment on ticket #{n}" for n in reversed(range(5))]
    assert await get(desk, ada, "/api/notifications/mail?state=FAILED") == []
    suppressed = await get(desk, ada, "/api/notifications/mail?state=SUPPRESSED")
    assert {mail["reason"] for mail in suppressed} == {"did it themselves"}
    wrong = await desk.http.get("/api/notifications/mail?state=LOST", headers=ada.headers)
    assert (wrong.status_code, json_of(wrong)["errors"][0][:6]) == (400, "state:")


async def test_only_a_mail_that_is_there_can_be_sent_again(desk: World) -> None:
    ada = await make_person(desk, "ADMIN")
    answer = await desk.http.post("/api/notifications/mail/m/p/retry", headers=ada.headers)
    assert answer.status_code == 404
