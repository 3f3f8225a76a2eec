"""REST: keys of programs. A key is shown once, in the answer to whoever makes it."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, post

from answerable.infra.web.described import says, some_of
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.kernel.scopes import SCOPES
from answerable.kernel.times import iso
from answerable.users.actions import keys
from answerable.users.actions.keys import MadeKey
from answerable.users.queries import keys as queries
from answerable.users.queries.keys import KeyView
from answerable.users.rules import ROLES
from answerable.users.rules.keys import DAYS, LONGEST_DAYS, NAME_LENGTH, NewKey


class KeyDraft(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A key to make: it acts for ``personId`` (left out: for oneself), or by itself with a ``role``."""

    name: Annotated[str, says(minLength=NAME_LENGTH[0], maxLength=NAME_LENGTH[1])]
    scopes: Annotated[list[str], some_of(SCOPES)]
    days: Annotated[int, says(minimum=1, maximum=LONGEST_DAYS)] = DAYS
    person_id: str | None = None
    role: Annotated[str | None, says(enum=[*ROLES, None])] = None


class NewKeyView(msgspec.Struct, frozen=True, rename="camel"):
    """A new key; ``key`` is what the program sends, and is never shown again."""

    id: str
    name: str
    key: str
    expires_at: str


@get("/api/keys", opt=needs(SIGNED_IN), tags=["Identity"])
async def list_keys(request: DeskRequest) -> Response[list[KeyView]]:
    """List the API keys that act for oneself, newest first."""
    now = request.database.clock()
    return respond(Reply([queries.view(row, now) for row in await request.ask(queries.list_own)]))


@get("/api/keys/admin", opt=needs("user.admin"), tags=["Identity"])
async def list_all_keys(request: DeskRequest) -> Response[list[KeyView]]:
    """List everybody's API keys, newest first."""
    now = request.database.clock()
    return respond(Reply([queries.view(row, now) for row in await request.ask(queries.list_all)]))


@post("/api/keys", status_code=201, opt=needs(SIGNED_IN), tags=["Identity"])
async def make_key(request: DeskRequest, data: KeyDraft) -> Response[NewKeyView]:
    """Make an API key for a program. Administrators also make keys that act for others, or by themselves."""
    new = NewKey(data.name, tuple(data.scopes), data.days, data.person_id or "", data.role or "")
    return await request.post(_made, keys.make_key, new)


@delete("/api/keys/{key_id:str}", status_code=200, opt=needs(SIGNED_IN), tags=["Identity"])
async def revoke_key(request: DeskRequest, key_id: str) -> Response[dict[str, str]]:
    """Revoke one of one's own API keys, as an administrator any: it ends with the next request, streams at once."""
    await request.act(keys.revoke_key, key_id)
    return respond(Reply({}))


ROUTES = [list_keys, list_all_keys, make_key, revoke_key]


def _made(made: MadeKey) -> Reply[NewKeyView]:
    body = NewKeyView(made.id, made.name, made.secret, iso(made.expires_at))
    return Reply(body, 201, {"Cache-Control": "no-store"})
