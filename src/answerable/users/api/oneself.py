"""REST: one's own account."""

import msgspec
from litestar import Response, get, patch, post

from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest, respond
from answerable.users.actions import people, sessions
from answerable.users.api.answers import TokenSet, door_of, shown, tokens
from answerable.users.api.fields import FreshPassword, Name
from answerable.users.queries import people as queries
from answerable.users.queries.people import PersonView
from answerable.users.rules import check_password


class PasswordChange(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The password of today and the one to come."""

    current_password: str
    new_password: FreshPassword


class OwnChanges(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What people may change about themselves; what is left out stays."""

    name: Name | None = None


@get("/api/auth/me", opt=needs(SIGNED_IN), tags=["Identity"])
async def me(request: DeskRequest) -> Response[PersonView]:
    """Read one's own account."""
    return respond(shown(await request.ask(queries.get_person, request.actor.id)))


@patch("/api/auth/me", opt=needs(SIGNED_IN), tags=["Identity"])
async def change_me(request: DeskRequest, data: OwnChanges) -> Response[PersonView]:
    """Change one's own name."""
    return respond(shown(await request.act(people.rename_oneself, data.name)))


@post("/api/auth/change-password", status_code=200, opt=needs(SIGNED_IN), tags=["Identity"])
async def change_password(request: DeskRequest, data: PasswordChange) -> Response[TokenSet]:
    """Change one's own password. All sessions end; the answer has the tokens of a new one."""
    door = door_of(request)
    check_password(data.new_password, "newPassword")
    person = await request.ask(queries.get_person, request.actor.id)
    proved = await door.confirm(request.database, person, data.current_password)
    hashed = await door.passwords.hash(data.new_password)
    return await request.post(tokens, sessions.change_password, door.keyring, proved, hashed)


ROUTES = [me, change_me, change_password]
