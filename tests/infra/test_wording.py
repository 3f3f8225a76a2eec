"""What is wrong with a body is said in words."""

import re
from zoneinfo import ZoneInfo

import pytest

from answerable.infra.web.html import PACKAGE, environment
from answerable.infra.web.wording import field_error
from answerable.infra.web.words import ago, exact, text_in
from answerable.kernel.errors import Problem
from answerable.kernel.times import SECOND, parse_iso

REFUSAL = re.compile(r"\b(\w+)\(\s*(?:N_\()?\"([^\"]+)\"")


@pytest.mark.parametrize(
    ("key", "message", "words"),
    [
        ("", "Object missing required field `title`", "title: is missing"),
        ("address", "Object missing required field `city`", "address.city: is missing"),
        ("", "Object contains unknown field `foo`", "foo: is not known here"),
        ("title", "Expected `str`, got `int`", "title: must be a text, not a whole number"),
        ("capacity", "Expected `int | null`, got `str`", "capacity: must be a whole number or null, not a text"),
        ("", "Expected `object`, got `array`", "body: must be an object, not a list"),
        ("data", "'data'", "body: is missing"),
        ("size", "must be small", "size: must be small"),
    ],
)
def test_a_decoders_message_becomes_a_sentence(key: str, message: str, words: str) -> None:
    assert field_error(key, message) == words


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("must have 5 to 200 characters, has 3", "muss 5 bis 200 Zeichen haben, hat 3"),
        ("Abe Agnew is not active.", "Abe Agnew ist nicht aktiv."),
        (
            "The ticket is cancelled and cannot be changed.",
            "Das Ticket ist abgebrochen und kann nicht geändert werden.",
        ),
        (
            "Invalid status transition: CREATED → IN_PROGRESS",
            "Der Status kann nicht von Neu auf In Arbeit gesetzt werden.",
        ),
        ("must have 5 to {least} characters", "must have 5 to {least} characters"),
        ("calendar Berlin: new", "Kalender Berlin: neu"),
        ("'Berlin' is not a time zone such as Europe/Berlin", "'Berlin' ist keine Zeitzone wie Europe/Berlin"),
        ("11:00-13:00 overlaps 09:00-12:00", "11:00-13:00 überschneidet sich mit 09:00-12:00"),
        ("There is a calendar 'always' already.", "Einen Kalender 'always' gibt es schon."),
        (
            "never applies: policies[1] (Q) takes every ticket that fits",
            "gilt nie: policies[1] (Q) nimmt jedes Ticket, das passt",
        ),
        ("calendar Berlin 2.0: week, holidays changed", "Kalender Berlin 2.0: Öffnungszeiten, Feiertage geändert"),
        ("policy Net-work: targets changed", "Richtlinie Net-work: Zusagen geändert"),
        ("policies in the order VIP, default", "Richtlinien in der Reihenfolge VIP, default"),
        ("Nobody has translated this.", "Nobody has translated this."),
    ],
)
def test_a_refusal_with_values_is_said_in_german(english: str, german: str) -> None:
    assert text_in("de")(english) == german
    assert text_in("en")(english) == english


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-30, "just now"),
        (-119, "1 minute ago"),
        (-3 * 3600 - 3500, "3 hours ago"),
        (-23 * 3600 - 3500, "23 hours ago"),
        (-3 * 86400 - 70_000, "3 days ago"),
        (2 * 3600 + 3000, "in 2 hours"),
    ],
)
def test_how_long_ago_is_said_in_whole_units_as_the_browser_counts_them(seconds: int, words: str) -> None:
    now = parse_iso("2026-03-02T10:00:00Z")
    assert ago(now + seconds * SECOND, now, ZoneInfo("UTC"), "en") == words


@pytest.mark.parametrize(
    ("at", "zone", "language", "words"),
    [
        ("2026-03-02T10:00:00Z", "Europe/Berlin", "en", "Monday, 2 March 2026, 11:00 CET"),
        ("2026-10-25T00:30:00Z", "Europe/Berlin", "de", "Sonntag, 25. Oktober 2026, 02:30 MESZ"),
        ("2026-10-25T01:30:00Z", "Europe/Berlin", "de", "Sonntag, 25. Oktober 2026, 02:30 MEZ"),
    ],
)
def test_an_exact_time_names_the_time_of_its_zone_also_on_the_day_it_changes(
    at: str, zone: str, language: str, words: str
) -> None:
    assert exact(parse_iso(at), ZoneInfo(zone), language) == words


def test_what_never_changes_is_put_in_when_a_template_is_compiled_and_escaped_once() -> None:
    pages = environment("de")
    template = """{{ _("Status") }}|{{ "<" ~ _("Status") }}|{{ _("100%% of <b>") }}|{{ _("%(n)s open", n="<2>") }}|
        {%- trans name="<i>" %}Message of {{ name }}{% endtrans %}|{{ icon("bell", size=16) }}"""
    shown = pages.from_string(template).render()
    assert shown.startswith("Status|&lt;Status|100% of <b>|&lt;2&gt; offen|Nachricht von &lt;i&gt;|<svg ")
    compiled = str(pages.compile('{{ _("Status") }} {{ icon("bell", size=16) }}', raw=True))
    assert "<svg" in compiled, "nothing is looked up when the page is made"
    assert "context.call" not in compiled


def test_every_refusal_that_a_page_can_show_is_said_in_german() -> None:
    kinds, german = {kind.__name__ for kind in Problem.__subclasses__()}, text_in("de")
    parts = ("actions", "queries", "rules", "pages")
    files = [file for part in parts for form in ("*/{}.py", "*/{}/**/*.py") for file in PACKAGE.glob(form.format(part))]
    said = [found for file in files for found in REFUSAL.findall(file.read_text())]
    assert len(said) > 150
    assert [text for kind, text in said if kind in kinds and german(text) == text] == []
