"""Accounts and what stands beside them: sessions, the second factor, keys, webhooks; none has barriers."""

import pytest

from answerable.kernel.visit import Preferences
from answerable.users.actions import keys
from answerable.users.rules.keys import NewKey
from answerable.webhooks import actions as webhooks
from answerable.webhooks.rules import Wanted
from tests.browser.desk import DESKTOP, PHONE, BrowserDesk

PAGES = (
    "/profile",
    "/profile/second",
    "/profile/keys",
    "/admin/keys",
    "/admin/webhooks",
    "/admin/webhooks/{endpoint}",
    "/admin/webhooks/{endpoint}/remove",
    "/admin/audit",
)
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_page_of_accounts_is_without_barriers(desk: BrowserDesk) -> None:
    for theme, window in (("light", DESKTOP), ("dark", PHONE)):
        ada = await desk.guest("ADMIN", likes=Preferences(theme=theme), viewport=window)
        actor = ada.person.actor
        await desk.world.db.write(actor, keys.make_key, NewKey("Nightly export", ("tickets:read",)))
        made = await desk.world.db.write(
            actor, webhooks.make_endpoint, Wanted("Chat room", "https://chat.example/hook", ("TICKET_CREATED",))
        )
        await desk.world.db.write(actor, webhooks.ping, made.endpoint.id)
        await desk.world.settle()
        for path in PAGES:
            await ada.open(path.format(endpoint=made.endpoint.id))
            await ada.ready()
            await ada.check(f"accounts{path.split('{')[0].replace('/', '-')}-{theme}")
