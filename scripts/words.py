"""Collect the texts of the web desk into the catalogues of ``src/answerable/locale``; ``--check`` only looks.

Each feature has a catalogue of its own in each language; what the house itself says is in ``desk.po``, once.
A text that a language lacks is written down without a translation; whoever knows the language fills it in.
"""

import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from answerable.settings.effective import about
from answerable.settings.sections import sections

ROOT = Path(__file__).parent.parent / "src" / "answerable"
LOCALE = ROOT / "locale"
HOUSE = "desk"
METHODS = [("**/templates/**.html", "jinja2.ext.babel_extract"), ("**.py", "python")]
OPTIONS = {
    "**/templates/**.html": {"extensions": "jinja2.ext.i18n,jinja2.ext.do", "trimmed": "true", "silent": "false"}
}
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
HEADER = "# Texts of the web desk. `make words` adds what the code says; translate what is empty."
BY_ITSELF = ("POT-Creation-Date", "PO-Revision-Date", "Generated-By", "Project-Id-Version", "Report-Msgid", "Last-Tr")


def said() -> dict[str, Catalog]:
    """Return every text of the code and the templates, by who says it."""
    found: dict[str, Catalog] = {HOUSE: Catalog(header_comment=HEADER)}
    features = {path.parent.name for path in ROOT.glob("*/feature.py")}
    texts = list(extract_from_dir(ROOT, METHODS, OPTIONS, KEYWORDS))
    for house_first in (True, False):
        for file, _, message, _, context in texts:
            owner = Path(file).parts[0] if Path(file).parts[0] in features else HOUSE
            if (owner == HOUSE) == house_first and message not in found[HOUSE]:
                found.setdefault(owner, Catalog(header_comment=HEADER)).add(message, context=context)
    for text in texts_of_settings():
        found[HOUSE].add(text)
    return found


def texts_of_settings() -> Iterator[str]:
    """Return what is said of each section and setting where they are declared; their page says it in any language."""
    for section in sections().values():
        yield about(section)
        yield from (field.metadata["doc"] for field in fields(section))


def updated(path: Path, texts: Catalog, language: str) -> tuple[str, list[str]]:
    """Return a catalogue of a language as it should be, and the texts that it lacks."""
    known = read_po(path.open("rb"), locale=language) if path.is_file() else Catalog(language)
    known.header_comment = HEADER
    known.update(texts, no_fuzzy_matching=True)
    known.obsolete.clear()
    out = io.BytesIO()
    write_po(out, known, width=120, no_location=True, sort_output=True, ignore_obsolete=True)
    mine = tuple(f'"{name}' for name in BY_ITSELF)  # what changes by itself has no place in what is compared
    lines = [line for line in out.getvalue().decode().splitlines() if not line.startswith(mine)]
    lacking = [str(message.id) for message in known if message.id and not all(_parts(message.string))]
    return "\n".join(lines).strip() + "\n", lacking


def _parts(text: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...] | list[str]:
    return (text,) if isinstance(text, str) else text or ("",)


def catalogues() -> list[tuple[Path, str, list[str]]]:
    """Return each catalogue: where it is, what should be in it, and the texts that it lacks."""
    found = []
    everything = said()
    for folder in sorted(path for path in LOCALE.iterdir() if path.is_dir()):
        for owner, texts in everything.items():
            path = folder / f"{owner}.po"
            found.append((path, *updated(path, texts, folder.name)))
    return found


def doubled(folders: Iterable[Path]) -> Iterator[tuple[str, set[str]]]:
    """Return the texts that several catalogues of a language translate differently: a page would show the first."""
    for folder in folders:
        ways: dict[str, set[str]] = {}
        for path in folder.glob("*.po"):
            for message in read_po(path.open("rb"), locale=folder.name):
                if isinstance(message.id, str) and message.id and message.string:
                    ways.setdefault(message.id, set()).add(str(message.string))
        yield from ((text, found) for text, found in sorted(ways.items()) if len(found) > 1)


def main() -> None:
    """Write the catalogues, or say which are stale."""
    wrong = False
    for path, text, lacking in catalogues():
        name = f"{path.parent.name}/{path.name}"
        stale = not path.is_file() or path.read_text() != text
        if "--check" not in sys.argv:
            path.write_text(text)
        elif stale:
            print(f"{name}: is stale; run make words.")
        wrong |= stale or bool(lacking)
        for missing in lacking:
            print(f"{name} lacks: {missing[:110]}")
    for text, ways in doubled(folder for folder in LOCALE.iterdir() if folder.is_dir()):
        wrong = True
        print(f"{text[:60]!r} is said in more than one way: {', '.join(sorted(ways))}")
    sys.exit(wrong and "--check" in sys.argv)


if __name__ == "__main__":
    main()
