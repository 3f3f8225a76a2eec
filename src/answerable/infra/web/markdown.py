"""Markdown from people, written as HTML that can do no harm.

The parser takes no HTML; what it makes is cleaned once more, by a list of what is allowed. There are no pictures (a
picture of a foreign host tells that host who reads), no classes or ids but our own, and links lead out without a word
about where they come from.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

LONGEST = 20_000  # characters; nothing longer is stored, and nothing longer is worth parsing
_TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_HEADING = "said-heading"


def render(text: str) -> Markup:
    """Write ``text`` as HTML: CommonMark with tables, struck text, line breaks as typed and addresses as links."""
    return _render(text[:LONGEST])


@lru_cache(maxsize=1024)  # what is said does not change, and is read again at every signal; some 20 MB at most
def _render(text: str) -> Markup:
    made = nh3.clean(
        _parser.render(text),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        allowed_classes={"p": {_HEADING}},
        url_schemes={"http", "https", "mailto", "tel"},
        link_rel="nofollow noopener noreferrer",
    )
    return Markup(made)  # noqa: S704  # this is what the module is for


def _parser_of_ours() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "linkify": True, "breaks": True})
    made.enable(["table", "strikethrough", "linkify"])
    if made.linkify is not None:
        made.linkify.set({"fuzzy_link": False})  # report.py is no address
    made.add_render_rule("image", _image)
    # The headings of a page are the page's own: what somebody writes must not disturb their order.
    made.add_render_rule("heading_open", lambda *_: f'<p class="{_HEADING}">')
    made.add_render_rule("heading_close", lambda *_: "</p>\n")
    return made


def _image(_: RendererHTML, tokens: Sequence[Token], index: int, *__: Mapping[str, Any]) -> str:
    """Write a link instead of a picture."""
    address = str(tokens[index].attrs.get("src", ""))
    return str(Markup('<a href="{}">{}</a>').format(address, tokens[index].content or address))


_parser = _parser_of_ours()
