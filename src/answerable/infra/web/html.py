"""Pages made on the server: Jinja, escaping everything, over the templates of all features.

A feature's templates are named after it: ``users/setup.html`` is ``src/answerable/users/templates/users/setup.html``.
A name without a feature, such as ``frame/sheet.html``, is one of the shared ones beside this file. ``docs/web.md``
is the guide for whoever writes a page.
"""

import gzip
import re
import secrets
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from litestar import Request, Response
from markupsafe import Markup, escape

from answerable.infra.web.assets import asset_url
from answerable.infra.web.compiling import Compiling, quick_texts
from answerable.infra.web.cookies import FORM, SAID, form_token, set_cookie
from answerable.infra.web.icons import icon
from answerable.infra.web.said import said_before
from answerable.infra.web.viewer import Viewer, viewer_of
from answerable.infra.web.words import ago, clock, day, exact, iso_of, moment, span, text_in, translations, worked
from answerable.infra.web.words.numbers import number, percent

PACKAGE = Path(__file__).parents[2]
SHARED = Path(__file__).parent / "templates"
SHARED_FOLDERS = ("frame", "ui")
HEADERS = {
    # Beside the edge's policy, and stricter: what a page uses is named, and nothing of it is written into the page.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}
ALIKE = ("status", "priority")  # macros whose few results are the same for everybody; a list asks for them in every row
SMALLEST_PACKED = 1000  # bytes; less does not get smaller
_viewer: ContextVar[Viewer] = ContextVar("viewer")
_has_form: ContextVar[list[bool]] = ContextVar("has_form")


class Templates(BaseLoader):
    """Finds a template in the folder of the feature that its name begins with."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Any]:
        """Read a template; it does not change while the process runs."""
        feature, slash, name = template.partition("/")
        shared = not slash or feature in SHARED_FOLDERS
        folder = SHARED if shared else PACKAGE / feature / "templates" / feature
        path = folder / (template if shared else name)
        if not path.is_relative_to(folder) or ".." in path.parts:
            raise TemplateNotFound(template)
        try:
            return path.read_text(encoding="utf-8"), str(path), lambda: True
        except OSError as error:
            raise TemplateNotFound(template) from error


class _CurrentViewer:
    """Stands for whoever the page is made for, also in macros, which see no values of the page."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_viewer.get(), name)


@cache
def environment(language: str = "en") -> Environment:
    """Return the environment of all pages in a language, made once."""
    known = translations(language)
    text, plural = quick_texts(known.gettext, known.ngettext)
    made = Compiling(
        {"_": text, "gettext": text, "icon": icon, "asset": asset_url},
        loader=Templates(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.newstyle_gettext = True  # type: ignore[attr-defined]
    made.policies["ext.i18n.trimmed"] = True
    made.globals |= {
        "_": text,
        "gettext": text,
        "ngettext": plural,
        "asset": asset_url,
        "icon": icon,
        "viewer": _CurrentViewer(),
        "form_token": _form_token,
        "once_key": _once,
        "iso": iso_of,
    }
    made.filters |= {
        "prose": prose,
        "ago": lambda at: ago(at, _viewer.get().now, _viewer.get().zone, language),
        "exact": lambda at: exact(at, _viewer.get().zone, language),
        "clock": lambda at: clock(at, _viewer.get().zone),
        "day": lambda at: day(at, _viewer.get().zone, language),
        "iso": iso_of,
        "moment": lambda at: moment(at, _viewer.get().now, _viewer.get().zone, language),
        "span": lambda length: span(length, language),
        "worked": lambda length: worked(length, language),
        "number": lambda value, digits=0: number(value, language, digits),
        "percent": lambda share, digits=0: percent(share, language, digits),
        "said": text_in(language),
        "initials": initials,
        "hue": hue,
    }
    ui = SimpleNamespace()
    made.globals["ui"] = ui
    for path in sorted((SHARED / "ui").glob("*.html")):
        module: Any = made.get_template(f"ui/{path.name}").module
        for name, macro in vars(module).items():
            if not name.startswith("_"):
                setattr(ui, name, lru_cache(maxsize=64, typed=True)(macro) if name in ALIKE else macro)
    return made


def _form_token() -> str:
    _has_form.get().append(True)
    return form_token(_viewer.get().form_key)


def _once() -> str:
    return secrets.token_urlsafe(12)


def prose(text: str) -> Markup:
    """Write plain text as HTML: empty lines part paragraphs, backticks mark code. Everything else is escaped."""
    paragraphs = (re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(part))) for part in text.split("\n\n"))
    return Markup("\n").join(Markup(f"<p>{part}</p>") for part in paragraphs if part.strip())  # noqa: S704


def initials(name: str) -> str:
    """Return one or two letters that stand for a name."""
    words = [word for word in name.split() if word[0].isalnum()] or ["?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def hue(key: str) -> int:
    """Return one of twelve colours for an id; always the same one."""
    return sum(key.encode()[-6:]) % 12


class Page(Response[bytes]):
    """A page as it goes out, with the cookies that go with it."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str], cookies: Sequence[str] = ()) -> None:
        super().__init__(body, status_code=status, headers={**HEADERS, **headers}, media_type="text/html")
        self.set_cookies = list(cookies)

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Return what sends the page."""
        return self._send

    async def _send(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % len(self.content)),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()),
            *((b"set-cookie", cookie.encode("latin-1")) for cookie in self.set_cookies),
        ]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


def render(template: str, /, status_code: int = 200, **values: Any) -> Page:
    """Render a template that says the same to everybody, in English. Raises where a value is missing."""
    text = environment().get_template(template).render(**values)
    return Page(text.encode(), status_code, {})


def show(
    request: Request[Any, Any, Any],
    template: str,
    /,
    status_code: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    sheet: bool = False,
    **values: Any,
) -> Page:
    """Render a page for whoever asks: in their language, zone and theme, in the frame that is theirs.

    The template extends ``layout``. Where htmx asks for a fragment, that is the inside of ``main`` alone; ``sheet``
    asks for the plain layout of people who are not at work here. Raises where a value is missing.
    """
    state = request.scope["state"]
    viewer = viewer_of(request.scope)
    # A page that reads itself again because of a signal must not take what the page after a form is to say.
    quiet = viewer.fragment or b"x-desk-live" in state["headers"]
    said = None if quiet else said_before(request.scope, viewer.form_key)
    forms: list[bool] = []
    token, mark = _viewer.set(viewer), _has_form.set(forms)
    try:
        made = environment(viewer.language).get_template(template)
        body = made.render(layout=layout_of(viewer, sheet=sheet), said=said, **values).encode()
    finally:
        _viewer.reset(token)
        _has_form.reset(mark)
    more = {"Vary": "HX-Request, Accept-Encoding, Cookie", **(headers or {})}
    if len(body) >= SMALLEST_PACKED and b"gzip" in state["headers"].get(b"accept-encoding", b""):
        body, more["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    settings = state["database"].settings
    cookies = [set_cookie(settings, FORM, viewer.form_cookie)] if forms and viewer.form_cookie else []
    if said is not None:
        cookies.append(set_cookie(settings, SAID, "", seconds=0))
    return Page(body, status_code, more, cookies)


def layout_of(viewer: Viewer, *, sheet: bool = False) -> str:
    """Return the layout that a page is shown in."""
    if viewer.fragment:
        return "frame/fragment.html"
    if sheet or not viewer.signed_in:
        return "frame/sheet.html"
    return "frame/desk.html" if viewer.works_here else "frame/requester.html"
