"""Forms of pages: reading them, knowing that they are ours, and what follows from them (post, redirect, get)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar.types import ASGIApp, Receive, Scope, Send

from answerable.infra.web.cookies import FORM, SAID, cookie_name, form_key, is_form_token, read_cookie, set_cookie
from answerable.infra.web.html import Page
from answerable.infra.web.multiparts import MULTIPART, parts_in
from answerable.infra.web.request import DeskRequest, read_body
from answerable.infra.web.said import Said, Undo, seal
from answerable.infra.web.viewer import viewer_of
from answerable.infra.web.words import text_in
from answerable.kernel.errors import Expired, Invalid, Problem
from answerable.kernel.words import N_

FIELD = "_form"
ONCE = "_once"
HEADER = b"x-form-token"
MOST_FIELDS = 1000
MOST_DIGITS = 18
SAID_SECONDS = 60
STALE = N_(
    "This page was open for too long, or cookies are switched off. Nothing was changed; go back, reload and try again."
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM = "application/x-www-form-urlencoded"


class FormCheck:
    """Middleware of every route outside ``/api``: what changes something carries the token of one of our forms.

    A request with a bearer token is no page's. Raises ``Expired`` for a form without a token that is good for this
    browser.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then go on."""
        if scope.get("method") not in _SAFE and not scope["path"].startswith("/api/"):
            await check_form(scope, receive)
        await self._app(scope, receive, send)


async def check_form(scope: Any, receive: Any) -> None:
    """Raise as :class:`FormCheck` says."""
    state = scope["state"]
    headers: Mapping[bytes, bytes] = state["headers"]
    state["body"] = await read_body(headers, receive, state["database"].settings.server.max_body_bytes)
    key = state.get("form_key")
    if key is None:
        if state.get("actor") is not None and state["actor"].kind == "person":
            return  # by bearer token
        cookie = read_cookie(headers, cookie_name(FORM, state["database"].settings))
        if not cookie:
            raise Expired(STALE)
        key = form_key(cookie)
    token = headers.get(HEADER, b"").decode("latin-1")
    media_type = headers.get(b"content-type", b"").decode("latin-1")
    if not token and media_type.startswith((_FORM, MULTIPART)):
        token = dict(fields_in(state["body"], media_type)).get(FIELD, "")
    if not is_form_token(token, key):
        raise Expired(STALE)


def fields_in(body: bytes, media_type: str = _FORM) -> list[tuple[str, str]]:
    """Read the fields of a form; raises ``Invalid`` for more than a form of ours can have."""
    if media_type.startswith(MULTIPART):
        return parts_in(media_type, body, MOST_FIELDS)
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (ValueError, UnicodeDecodeError) as error:
        raise Invalid("The form cannot be read.") from error


def whole_number(text: str) -> int | None:
    """Return the number that a text of digits writes, ``None`` where it is none or longer than a database holds."""
    return int(text) if len(text) <= MOST_DIGITS and text.isascii() and text.isdigit() else None


class Form:
    """What somebody filled in, and what is wrong with it: complaints by field, and one about all of it."""

    def __init__(self, fields: list[tuple[str, str]] | None = None, problem: Problem | None = None) -> None:
        self._fields = fields or []
        self._values = dict(self._fields)
        self.problem = problem
        self.errors: dict[str, str] = {}
        for error in problem.errors if problem else ():
            field, _, complaint = error.partition(": ")
            self.errors.setdefault(field, complaint)

    def __getitem__(self, name: str) -> str:
        """Return the last value of a field, empty where it is not there."""
        return self._values.get(name, "")

    @property
    def once(self) -> str:
        """Return the one-time key that ``ui.once()`` put into the form with all that it says, empty without a key.

        What a page writes anew each time it is shown, as its token, says nothing of what is wanted.
        """
        return urlencode([field for field in self._fields if field[0] != FIELD]) if self[ONCE] else ""

    def only(self, *names: str) -> "Form":
        """Return the form with its one-time key and these fields alone: what is asked for, and not how a page stood."""
        return Form([field for field in self._fields if field[0] in (ONCE, *names)], self.problem)

    def number(self, name: str) -> int | None:
        """Return the last value of a field as ``whole_number`` reads it."""
        return whole_number(self[name])

    def all(self, name: str) -> list[str]:
        """Return all values of a field, in order: of checkboxes, or of a list."""
        return [value for known, value in self._fields if known == name]

    def __contains__(self, name: str) -> bool:
        """Tell whether a field is there: a checkbox that is not ticked is not."""
        return name in self._values

    def having(self, name: str, value: str) -> "Form":
        """Return the form with another value of a field."""
        return Form([*(each for each in self._fields if each[0] != name), (name, value)], self.problem)

    def refused(self, problem: Problem) -> "Form":
        """Return the form as it goes back to whoever filled it in."""
        return Form(self._fields, problem)


async def form_of(request: DeskRequest) -> Form:
    """Read the form of a request."""
    return Form(fields_in(await request.body(), request.headers.get("content-type", "")))


def go(request: DeskRequest, path: str, said: Said | None = None, *, cookies: tuple[str, ...] = ()) -> Page:
    """Send the browser on after something was done (303), to a path of ours that then says ``said`` once."""
    where, made = local_path(path), list(cookies)
    if said is not None:
        viewer = viewer_of(request.scope)
        value = seal(said, viewer.form_key)
        made.append(set_cookie(request.desk_settings, SAID, value, seconds=SAID_SECONDS))
        if viewer.form_cookie:
            made.append(set_cookie(request.desk_settings, FORM, viewer.form_cookie))
    return Page(b"", 303, {"Location": where}, made)


def words(request: DeskRequest) -> Any:
    """Return what writes a text in the language of whoever asks."""
    return text_in(viewer_of(request.scope).language)


def local_path(path: str, otherwise: str = "/") -> str:
    """Return a path where it leads to a page of this desk, else ``otherwise``: nobody is sent elsewhere."""
    parts = urlsplit(path)
    printable = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
    if not printable or parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//"):
        return otherwise
    return path


__all__ = ["Form", "FormCheck", "Said", "Undo", "check_form", "form_of", "go", "local_path", "words"]
