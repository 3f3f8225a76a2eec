"""Pages made on the server: one Jinja environment, escaping everything, over the templates of all features.

A feature's templates are named after it: ``users/setup.html`` is ``src/answerable/users/templates/users/setup.html``.
A name without a folder, such as ``base.html``, is one of the shared ones beside this file.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from litestar import Response
from markupsafe import Markup, escape

from answerable.infra.web.assets import asset_url

PACKAGE = Path(__file__).parents[2]
SHARED = Path(__file__).parent / "templates"
HEADERS = {
    # Beside the edge's policy, and stricter: these pages need no script at all.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
}


class FeatureTemplates(BaseLoader):
    """Finds a template in the folder of the feature that its name begins with."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Any]:
        """Read a template; it does not change while the process runs."""
        feature, slash, name = template.partition("/")
        folder = PACKAGE / feature / "templates" / feature if slash else SHARED
        path = folder / (name or feature)
        if not path.is_relative_to(folder) or ".." in path.parts:
            raise TemplateNotFound(template)
        try:
            return path.read_text(encoding="utf-8"), str(path), lambda: True
        except OSError as error:
            raise TemplateNotFound(template) from error


@cache
def environment() -> Environment:
    """Return the environment of all pages, made once."""
    made = Environment(
        loader=FeatureTemplates(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals["asset"] = asset_url
    made.filters["prose"] = prose
    return made


def prose(text: str) -> Markup:
    """Write plain text as HTML: empty lines part paragraphs, backticks mark code. Everything else is escaped."""
    paragraphs = (re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(part))) for part in text.split("\n\n"))
    return Markup("\n").join(Markup(f"<p>{part}</p>") for part in paragraphs if part.strip())  # noqa: S704


def render(template: str, /, status_code: int = 200, **values: Any) -> Response[bytes]:
    """Render a template as an HTML answer that no cache keeps. Raises where a value is missing."""
    text = environment().get_template(template).render(**values)
    return Response(text.encode(), status_code=status_code, headers=HEADERS, media_type="text/html")
