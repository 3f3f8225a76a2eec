"""What several routes of people answer."""

import msgspec

from answerable.infra.web.request import DeskRequest, Reply
from answerable.kernel.times import SECOND
from answerable.users.actions import sessions
from answerable.users.actions.door import Door
from answerable.users.actions.second import Challenge
from answerable.users.queries import people as queries
from answerable.users.queries.people import PersonView
from answerable.users.rules import Person
from answerable.users.rules.second import CHALLENGE_LIFE

NOT_KEPT = {"Cache-Control": "no-store"}


class TokenSet(msgspec.Struct, rename="camel"):
    """Tokens; ``expiresIn`` is the access token's life in seconds."""

    token: str
    token_type: str
    expires_in: int
    refresh_token: str


class NextStep(msgspec.Struct, rename="camel"):
    """A sign-in that is not done: send ``challenge`` with a code to ``/api/auth/login/second`` within ``expiresIn``.

    ``needs`` is ``code``: of the app, or for recovery; or ``setup``: set up a second factor at the desk's sign-in page.
    """

    challenge: str
    needs: str
    expires_in: int


def door_of(request: DeskRequest) -> Door:
    """Return the door of this desk."""
    door: Door = request.parts["door"]
    return door


def step(made: sessions.Tokens | Challenge) -> Reply[TokenSet | NextStep]:
    """Answer tokens, or that a second step is needed."""
    if isinstance(made, sessions.Tokens):
        return Reply(tokens(made).content, 200, NOT_KEPT)
    return Reply(
        NextStep(made.token, "code" if made.purpose == "CODE" else "setup", CHALLENGE_LIFE // SECOND), 202, NOT_KEPT
    )


def tokens(tokens: sessions.Tokens) -> Reply[TokenSet]:
    """Answer tokens; nobody on the way may keep them (RFC 6749, section 5.1)."""
    body = TokenSet(tokens.access, "Bearer", tokens.expires_in, tokens.refresh)
    return Reply(body, 200, NOT_KEPT)


def shown(person: Person) -> Reply[PersonView]:
    """Answer a person."""
    return Reply(queries.view(person))


def nothing(_: object) -> Reply[dict[str, str]]:
    """Answer that it is done."""
    return Reply({})
