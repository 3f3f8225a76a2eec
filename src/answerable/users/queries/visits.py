"""Who comes with a cookie, and where else they are signed in."""

from functools import lru_cache

import msgspec

from answerable.infra.web.wording import ENDED
from answerable.kernel.actor import Actor
from answerable.kernel.errors import Unauthenticated
from answerable.kernel.times import iso
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences, Visit
from answerable.users.rules import grants_of, token_hash
from answerable.users.store import browsers, sessions

KNOWN = 10_000  # actors remembered


class BrowserView(msgspec.Struct, frozen=True):
    """A browser in which somebody is signed in; instants are microseconds."""

    id: str
    device: str
    created_at: int
    seen_at: int


class SessionView(msgspec.Struct, frozen=True, rename="camel"):
    """Where somebody is signed in: a ``browser``, or a ``program`` with a refresh token."""

    id: str
    kind: str
    device: str
    created_at: str
    last_used_at: str
    expires_at: str
    current: bool


async def list_sessions(tx: Tx, current: str = "") -> list[SessionView]:
    """Read where the caller is signed in, browsers first, each kind last used first."""
    found = [("browser", row) for row in await browsers.list_browsers(tx, tx.actor.id)]
    found += [("program", row) for row in await sessions.list_families(tx, tx.actor.id)]
    return [
        SessionView(
            id=row["id"],
            kind=kind,
            device=row["device"],
            created_at=iso(row["created_at"]),
            last_used_at=iso(row["seen_at"]),
            expires_at=iso(row["expires_at"]),
            current=row["id"] == current,
        )
        for kind, row in found
    ]


async def visit(tx: Tx, cookie: str) -> Visit:
    """Return the visit of a cookie.

    Raises ``Unauthenticated`` for anything but one of an active person in the present session version: what an
    administrator changes holds from the next request on.
    """
    row = await browsers.load_visit(tx, token_hash(cookie))
    if row is None or not row["active"] or row["held"] != row["session_version"]:
        raise Unauthenticated(ENDED)
    liked = Preferences()
    if row["theme"] is not None:
        liked = Preferences(row["theme"], row["density"], row["language"], row["zone"], bool(row["keys_on"]))
    return Visit(
        actor=_actor(row["person_id"], row["roles"], row["name"]),
        session_id=row["id"],
        version=row["session_version"],
        seen_at=row["seen_at"],
        expires_at=row["expires_at"],
        preferences=liked,
        browser_zone=row["browser_zone"],
    )


async def list_browsers(tx: Tx) -> list[BrowserView]:
    """Read where the caller is signed in, last used first."""
    return [
        BrowserView(row["id"], row["device"], row["created_at"], row["seen_at"])
        for row in await browsers.list_browsers(tx, tx.actor.id)
    ]


async def list_programs(tx: Tx) -> list[BrowserView]:
    """Read which programs of the caller hold a refresh token, last used first."""
    return [
        BrowserView(row["id"], "", row["created_at"], row["seen_at"])
        for row in await sessions.list_families(tx, tx.actor.id)
    ]


@lru_cache(maxsize=KNOWN)
def _actor(person_id: str, roles: str, name: str) -> Actor:
    names = frozenset(roles.split())
    return Actor(person_id, "person", names, grants_of(names), name)
