"""What people write as Markdown: it looks as they meant it, and can do no harm."""

import re
import time

import pytest

from answerable.infra.web.markdown import render


def test_it_looks_as_it_was_meant() -> None:
    html = render(
        "Hello **Abe**,\nsecond line\n\n* one\n* two\n\n`code` and ~~gone~~\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    assert "<strong>Abe</strong>,<br>" in html
    assert "<li>one</li>" in html
    assert "<code>code</code>" in html
    assert "<s>gone</s>" in html
    assert "<td>1</td>" in html


def test_headings_do_not_disturb_those_of_the_page() -> None:
    assert render("# Big") == '<p class="said-heading">Big</p>\n'


def test_addresses_become_links_that_say_nothing_about_us() -> None:
    html = render("See https://example.test/a?b=1&c=2 or mail <una@example.test>, not report.py")
    assert '<a href="https://example.test/a?b=1&amp;c=2" rel="nofollow noopener noreferrer">' in html
    assert '<a href="mailto:una@example.test"' in html
    assert html.count("<a ") == 2


def test_there_are_no_pictures() -> None:
    html = render("![a cat](https://spy.test/cat.png) ![](//spy.test/x.png)")
    assert "<img" not in html
    assert '<a href="https://spy.test/cat.png" rel="nofollow noopener noreferrer">a cat</a>' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&#58;alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:x)",
        "![x](javascript:alert(1))",
        '![" onerror="alert(1)](https://x.test/"onerror=alert(1))',
        "<https://x.test/\"onmouseover='alert(1)'>",
        '[x](https://x.test "title\\" onclick=\\"alert(1)")',
        "```<b onclick=alert(1)>\nx\n```",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        '<p class="toast" id="main" style="position:fixed">x</p>',
        "&lt;script&gt;alert(1)&lt;/script&gt;",
    ],
)
def test_it_can_do_no_harm(text: str) -> None:
    html = render(text)
    tags = re.findall(r"<[^>]*>", re.sub(r'"[^"]*"', '""', html))
    assert all(re.fullmatch(r"</?(p|a|code|pre|br|em|strong)( (href|rel|title)=\"\")*>", tag) for tag in tags), html
    assert not re.search(r'href="(?!https?:|mailto:)', html), html


@pytest.mark.parametrize(
    "piece", ["[", "![", "*", "_a ", "`", "<", "> ", "- ", "|", "~~a", "&", "(", "[a](", "http://"]
)
def test_nobody_keeps_the_desk_busy_with_it(piece: str) -> None:
    began = time.process_time()
    render((piece * 20_000)[:20_000])
    assert time.process_time() - began < 1.5
