"""What the program knows, as the files of ``deploy/`` are held against it: settings, variables, commands, services."""

from dataclasses import fields
from functools import cache
from importlib.util import find_spec

import click

from answerable.commands import build
from answerable.services import SERVICES
from answerable.settings import PREFIX, SOURCES, Document, Settings, load_settings, may_hold_secret, sections
from tests.deploy.files import DOCUMENT

# The mirror is for desks that have readers of MongoDB; nothing else needs it.
OPTIONAL = {"mirror"}
APART = [name for name in SERVICES if name not in OPTIONAL]


@cache
def program() -> dict[str, bool]:
    """Return every setting of the program, ``section.name``, and whether it may hold a secret."""
    return {f"{s}.{each.name}": may_hold_secret(each) for s, cls in sections().items() for each in fields(cls)}


def setting_of(variable: str) -> str:
    """Return the setting that a variable sets or whose file it names; fails where there is none."""
    name = variable.removeprefix(f"{PREFIX}_").lower().replace("_", ".", 1)
    if name in program():
        return name
    secret = name.removesuffix("_file")
    assert secret != name, f"{variable} sets nothing"
    assert program().get(secret), f"{variable} names a file for what is no secret"
    return secret


def check_variables(variables: dict[str, str]) -> None:
    """Fail where a variable of ours does not exist, or where a secret is given by value."""
    for variable in variables:
        if variable.startswith(f"{PREFIX}_") and variable not in SOURCES:
            setting = setting_of(variable)
            assert not program()[setting] or variable.endswith("_FILE"), f"{variable} gives a secret by value"


def check_command(words: list[str]) -> None:
    """Fail where a command line does not exist."""
    if words[:2] == ["python", "-m"]:
        assert find_spec(words[2]) is not None, words
        return
    name, *arguments = words
    group = build()
    command = group.get_command(click.Context(group), name)
    assert command is not None, f"answerable {name} does not exist"
    command.make_context(name, list(arguments), resilient_parsing=False, parent=None, obj=None)
    if name == "serve":
        assert set(arguments) <= set(SERVICES), f"no such service: {arguments}"


def settings_for(service: str, environment: dict[str, str] | None = None) -> Settings:
    """Read the shared document as a service does."""
    document = Document(DOCUMENT.name, DOCUMENT.read_text(), "it is shared")
    return load_settings(document, environment or {}, service, SERVICES)


def ports() -> dict[str, int]:
    """Return the port of each service, as the shared document says."""
    return {name: settings_for(name).server.port for name in APART}
