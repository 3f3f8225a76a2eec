"""What several routes of people answer."""

import msgspec

from answerable.infra.web.request import DeskRequest, Reply
from answerable.users.actions import sessions
from answerable.users.actions.door import Door
from answerable.users.queries import people as queries
from answerable.users.queries.people import PersonView
from answerable.users.rules import Person


class TokenSet(msgspec.Struct, rename="camel"):
    """Tokens; ``expiresIn`` is the access token's life in seconds."""

    token: str
    token_type: str
    expires_in: int
    refresh_token: str


def door_of(request: DeskRequest) -> Door:
    """Return the door of this desk."""
    door: Door = request.parts["door"]
    return door


def tokens(tokens: sessions.Tokens) -> Reply[TokenSet]:
    """Answer tokens; nobody on the way may keep them (RFC 6749, section 5.1)."""
    body = TokenSet(tokens.access, "Bearer", tokens.expires_in, tokens.refresh)
    return Reply(body, 200, {"Cache-Control": "no-store"})


def shown(person: Person) -> Reply[PersonView]:
    """Answer a person."""
    return Reply(queries.view(person))


def nothing(_: object) -> Reply[dict[str, str]]:
    """Answer that it is done."""
    return Reply({})
