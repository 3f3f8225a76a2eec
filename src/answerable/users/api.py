"""REST: identity."""

from typing import Any

import msgspec
from litestar import Response, get, post

from answerable.infra.web.grants import PUBLIC, needs
from answerable.infra.web.request import DeskRequest, Reply
from answerable.users.actions import sessions
from answerable.users.actions.door import Door


class Credentials(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An address and its password."""

    email: str
    password: str


class TokenSet(msgspec.Struct, rename="camel"):
    """Tokens; ``expiresIn`` is the access token's life in seconds."""

    token: str
    token_type: str
    expires_in: int
    refresh_token: str


@post("/api/auth/login", status_code=200, opt=needs(PUBLIC))
async def log_in(request: DeskRequest, data: Credentials) -> Response[TokenSet]:
    """Sign in: an access token for the Authorization header and a refresh token for the next one."""
    door = door_of(request)
    person = await door.prove(request.database, data.email, data.password, request.address)
    return await request.post(token_reply, sessions.start_session, door.keyring, person)


@get("/api/auth/jwks.json", opt=needs(PUBLIC), cache_control=None)
async def signing_keys(request: DeskRequest) -> dict[str, Any]:
    """Read the public keys that verify access tokens (RFC 7517)."""
    return door_of(request).keyring.published()


def door_of(request: DeskRequest) -> Door:
    """Return the door of this desk."""
    door: Door = request.app.state.door
    return door


def token_reply(tokens: sessions.Tokens) -> Reply[TokenSet]:
    """Answer tokens; nobody on the way may keep them (RFC 6749, section 5.1)."""
    body = TokenSet(tokens.access, "Bearer", tokens.expires_in, tokens.refresh)
    return Reply(body, 200, {"Cache-Control": "no-store"})


ROUTES = [log_in, signing_keys]
