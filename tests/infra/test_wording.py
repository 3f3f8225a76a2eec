"""What is wrong with a body is said in words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from babel.numbers import format_decimal, format_percent

from answerable.infra.web.html import PACKAGE, environment
from answerable.infra.web.wording import field_error
from answerable.infra.web.words import ago, exact, text_in
from answerable.infra.web.words.numbers import number, percent
from answerable.kernel.errors import Problem
from answerable.kernel.times import SECOND, parse_iso
from answerable.settings import Settings
from answerable.settings.effective import about, effective
from answerable.settings.sections import sections

KINDS = {kind.__name__ for kind in Problem.__subclasses__()}
SAMPLES = ("7", "open", "CREATED")  # a value of each shape that templates know
MADE_ELSEWHERE = {"told", "refusal", "complaint", "known", "why", "hint", "_named"}
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
        (
            "line 7: policies[0].levels[1].at: '8x' is not a share such as 75%",
            "Zeile 7: policies[0].levels[1].at: '8x' ist kein Anteil wie 75%",
        ),
        (
            "calendars[1].holidays.2026-12-99: has too many events",
            "calendars[1].holidays.2026-12-99: hat zu viele Termine",
        ),
        ("policies: at least one is needed.", "policies: mindestens eine wird gebraucht."),
        (
            "'Fair' on 2026-03-02 is longer than 60 days (line 4).",
            "'Fair' on 2026-03-02 dauert länger als 60 Tage (Zeile 4).",
        ),
        ("told by TICKET_ASSIGNED", "schon durch TICKET_ASSIGNED gemeldet"),
        ("not active at the time", "damals nicht aktiv"),
        ("answered 503", "antwortete mit 503"),
        ("Nobody has translated this.", "Nobody has translated this."),
        ("name: Nobody has translated this.", "name: Nobody has translated this."),
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
    german = text_in("de")
    said = [found for file in pages_and_below() for found in REFUSAL.findall(file.read_text())]
    assert len(said) > 150
    assert [text for kind, text in said if kind in KINDS and german(text) == text] == []


def test_every_refusal_with_values_in_it_is_said_in_german() -> None:
    german = text_in("de")
    said = [text for file in pages_and_below() if file.stem != "vectors" for text in filled_in(file)]  # a tool's words
    assert len(said) > 50
    assert [texts[0] for texts in said if all(german(text) == text for text in texts)] == []


def test_what_is_said_of_each_setting_is_said_in_german() -> None:
    said = [row["doc"] for row in effective(Settings())] + [about(section) for section in sections().values()]
    assert [text for text in said if text_in("de")(text) == text] == []


def pages_and_below() -> list[Path]:
    parts = ("actions", "queries", "rules", "pages")
    return [file for part in parts for form in ("*/{}.py", "*/{}/**/*.py") for file in PACKAGE.glob(form.format(part))]


def filled_in(file: Path) -> Iterator[list[str]]:
    """Give the texts with values that a file's refusals have, each with a sample of every shape in its gaps."""
    for call in ast.walk(ast.parse(file.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        if name in KINDS | {"note", "_wrong", "ValueError"}:
            given = call.args[1:] if name == "note" else call.args + [word.value for word in call.keywords]
            texts = [each for part in given for each in ast.walk(part) if isinstance(each, ast.JoinedStr)]
            end = " (line 7)" if name == "_wrong" else ""
            yield from ([_with(text, sample) + end for sample in SAMPLES] for text in texts if _has_words(text))


def _has_words(text: ast.JoinedStr) -> bool:
    """Tell whether a text has words of its own, and none that are made elsewhere."""
    gaps = {each.id for each in ast.walk(text) if isinstance(each, ast.Name)}
    words = _with(text, "").rpartition(": ")[2]
    return len(words) > 3 and not gaps & MADE_ELSEWHERE


def _with(text: ast.JoinedStr, sample: str) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else sample for part in text.values)


@pytest.mark.parametrize(("language", "locale", "sign"), [("en", "en_GB", "%"), ("de", "de", "\u00a0%")])
def test_numbers_are_written_as_the_library_of_languages_writes_them(language: str, locale: str, sign: str) -> None:
    random = Random(1)
    some = [random.choice((1, 10**3, 10**9)) * random.uniform(-1, 1) for _ in range(100)]
    halves = [0.005, 0.015, 0.125, 0.5, 1.5, 2.5, 2.675, 1.0005, -0.004]
    for value in (0, 7, 999, 1000, -1_234_567, 10**15, 1e22, 1e-7, *halves, *some, *(round(each, 1) for each in some)):
        for digits in (0, 1, 2):
            pattern = "#,##0" + "." * bool(digits) + "0" * digits
            assert number(value, language, digits) == format_decimal(value, pattern, locale=locale)
            assert percent(value, language, digits) == format_percent(value, pattern + sign, locale=locale)
