"""Where values come from: a TOML document with a part for each service, the environment, and files with secrets."""

import os
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from answerable.kernel.errors import Invalid
from answerable.settings.sections import PREFIX, SHORT_NAMES, Settings, checked, holds_secret, may_hold_secret, sections

# What is known before there are settings. Read by the command line.
SOURCES = {
    "ANSWERABLE_CONFIG": "The same as `--config`: a file, or an https address.",
    "ANSWERABLE_CONFIG_CA": "PEM file of the authorities that may vouch for that address; empty: the system's.",
    "ANSWERABLE_CONFIG_SHA256": "What the document must be, as 64 hexadecimal digits; another one is refused.",
    "ANSWERABLE_SERVICE": "The same as `--service`: whose part of the document counts, where a command has no service.",
}
PARTS = "service"
LONGEST_SECRET = 65_536
SHARED = "secrets come only from the environment or from files"
OPEN_FILE = "everybody on this machine may read the file (chmod o-r ends that)"


@dataclass(frozen=True)
class Document:
    """A TOML document. ``origin`` names it in errors and in ``config show``.

    ``no_secrets`` is the reason why it must not hold secrets, if there is one.
    """

    origin: str
    text: str
    no_secrets: str = ""


def read_file(path: Path) -> Document:
    """Read a document from a file. Raises ``Invalid`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            open_to_all = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IROTH
            text = file.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path}: cannot be read ({_why(error)}).") from error
    return Document(str(path), text, OPEN_FILE if open_to_all else "")


def load_settings(
    document: Document | None = None,
    environment: Mapping[str, str] | None = None,
    service: str = "",
    services: Collection[str] = (),
) -> Settings:
    """Read ``document`` (if any) with its part for ``service`` (if one runs alone), then the environment.

    ``services`` are those that may have a part. Raises ``Invalid`` naming the document and the setting for an unknown
    section, an unknown name, a wrong type, or a secret where none may be.
    """
    settings = Settings()
    if document is not None:
        settings = _from_document(settings, document, service, services)
    return checked(_from_environment(settings, os.environ if environment is None else environment))


def _from_document(settings: Settings, document: Document, service: str, services: Collection[str]) -> Settings:
    try:
        table = tomllib.loads(document.text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{document.origin}: {error}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, brackets without end
        raise Invalid(f"{document.origin}: has a number that is too long, or too many brackets.") from error
    parts = _table(table.pop(PARTS, {}), PARTS, document)
    for_all = _with_table(settings, document, table, "")
    found = for_all
    for name, part in parts.items():
        where = f"{PARTS}.{name}"
        if name not in services:
            raise Invalid(f"{document.origin}: unknown service [{where}]. Known: {', '.join(services)}.")
        # Each part is read, whoever starts: a slip in one is found by the first service, not by the last.
        read = _with_table(for_all, document, _table(part, where, document), where)
        found = read if name == service else found
    return found


def _with_table(settings: Settings, document: Document, table: Mapping[str, Any], part: str) -> Settings:
    origin = f"{document.origin} [{part}]" if part else document.origin
    for section, values in table.items():
        if section not in sections():
            raise Invalid(f"{origin}: unknown section [{section}]. Known: {', '.join(sections())}.")
        for name, value in _table(values, section, document).items():
            known = _field(section, name)
            if known is None:
                raise _unknown(f"{origin}: no such setting: {section}.{name}.")
            typed = _typed(known, value, f"{origin}: {section}.{name}")
            if document.no_secrets and holds_secret(known, typed):
                raise Invalid(
                    f"{origin}: {section}.{name} is a secret, and {document.no_secrets}. "
                    f"Set {_variable(section, name)} or {_variable(section, name)}_FILE instead."
                )
            settings = settings.with_values(origin, **{f"{section}__{name}": typed})
    return settings


def _table(value: Any, name: str, document: Document) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise Invalid(f"{document.origin}: [{name}] must be a section.")


def _from_environment(settings: Settings, environment: Mapping[str, str]) -> Settings:
    given: dict[str, str] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX + "_") or variable in SOURCES:
            continue
        section, _, name = SHORT_NAMES.get(variable, variable).removeprefix(PREFIX + "_").lower().partition("_")
        known, origin = _field(section, name), variable
        if known is None and name.endswith("_file"):
            name = name.removesuffix("_file")
            known = _field(section, name)
            if known is not None:
                text, origin = _secret_in(known, variable, text), f"{variable} ({text})"
        if known is None:
            raise _unknown(f"{variable}: no such setting.")
        twin = given.setdefault(f"{section}__{name}", variable)
        if twin != variable:
            raise Invalid(f"{twin} and {variable} are both set. Keep one of them.")
        settings = settings.with_values(origin, **{f"{section}__{name}": _parsed(known.default, text, variable)})
    return settings


def _why(error: Exception) -> str | None:
    return error.strerror if isinstance(error, OSError) else "it is not text"


def _secret_in(known: Any, variable: str, path: str) -> str:
    """Read a secret from the file that a variable names; its last line end is not part of it."""
    if not may_hold_secret(known):
        raise Invalid(f"{variable}: only secrets are read from files. Set {variable.removesuffix('_FILE')}.")
    try:
        with open(path, "rb") as file:
            text = file.read(LONGEST_SECRET + 1).decode()
    except (OSError, ValueError) as error:
        raise Invalid(f"{variable}: {path} cannot be read ({_why(error)}).") from error
    secret = text.rstrip("\r\n")
    if not secret or len(text) > LONGEST_SECRET:
        raise Invalid(f"{variable}: {path} is {'too large for a secret' if secret else 'empty'}.")
    return secret


def _variable(section: str, name: str) -> str:
    return f"{PREFIX}_{section}_{name}".upper()


def _field(section: str, name: str) -> Any:
    known = sections().get(section)
    return known and next((each for each in fields(known) if each.name == name), None)


def _unknown(complaint: str) -> Invalid:
    return Invalid(f"{complaint} Run 'answerable config show' for the list.")


def _typed(known: Any, value: Any, where: str) -> Any:
    default = known.default
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise Invalid(f"{where}: must be a list of texts.")
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        # A password of digits alone, without quotes, is still a password.
        given = "" if may_hold_secret(known) else f", not {value!r}"
        raise Invalid(f"{where}: must be {_kind(default)}{given}.")
    return value


def _parsed(default: Any, text: str, where: str) -> Any:
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise Invalid(f"{where}: must be true or false.")
    try:
        return type(default)(text)
    except ValueError as error:
        raise Invalid(f"{where}: must be {_kind(default)}.") from error


def _kind(default: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(default)]
