"""The laws of the house that imports alone cannot show."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerable.messages import CATALOGUE
from answerable.messages.base import Command, Event, Message
from answerable.messages.tickets import TicketErased, TicketEvent
from answerable.messages.users import PersonErased, UserChanged, UserRegistered
from answerable.services import SERVICES, features_of

ROOT = Path(__file__).parent.parent.parent
SOURCE = ROOT / "src" / "answerable"
FEATURES = [make().name for features in SERVICES.values() for make in features]
FILES = sorted(path for path in SOURCE.rglob("*.py") if "static" not in path.parts)
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
SQL = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET)\b", re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def texts_in(path: Path) -> Iterator[str]:
    """Every string of a file that is not a docstring, with the constant parts of f-strings joined."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else " x " for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_stay_small_and_have_honest_names(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST_FILE, f"{name_of(path)} has {lines} lines: make it a folder of the same name"
    assert path.stem not in FORBIDDEN_NAMES
    assert path.stem != "base" or path == SOURCE / "messages" / "base.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{name_of(path)}:{node.name} has {length} lines"


def allowed_to_hold_sql(path: Path) -> bool:
    parts = path.relative_to(SOURCE).parts
    if parts[0] == "infra" and parts[1] in ("database", "bus"):
        return True
    if parts[0] in FEATURES and (parts[1] == "store.py" or parts[1] == "store"):
        return True
    # The edges of the bus's own tables, and the proof of a replay, which reads what it compares.
    return parts in {("infra", "pruning.py"), ("infra", "web", "idempotency.py"), ("commands", "replay", "proof.py")}


@pytest.mark.parametrize("path", [path for path in FILES if not allowed_to_hold_sql(path)], ids=name_of)
def test_sql_is_only_in_stores_and_the_database(path: Path) -> None:
    found = [text for text in texts_in(path) if SQL.search(text)]
    assert found == [], f"{name_of(path)} holds SQL"


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_names_only_its_own_tables(feature: str) -> None:
    owners = "|".join([*FEATURES, "bus"])
    tables = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ON|REFERENCES)\s+((?:{owners})_[a-z_]+)")
    files = [path for path in (SOURCE / feature).rglob("*.py") if allowed_to_hold_sql(path)]
    files += list((SOURCE / feature / "migrations").glob("*.sql"))
    for path in files:
        texts = [path.read_text()] if path.suffix == ".sql" else [t for t in texts_in(path) if SQL.search(t)]
        foreign = {name for text in texts for name in tables.findall(text) if not name.startswith(feature + "_")}
        assert not foreign, f"{name_of(path)} names {foreign}"


def test_the_catalogue_is_complete() -> None:
    def leaves(cls: type[Message]) -> Iterator[type[Message]]:
        for child in cls.__subclasses__():
            if child.__module__.startswith("answerable."):
                if child.TYPE:
                    yield child
                yield from leaves(child)

    assert {cls.__name__ for cls in leaves(Message)} == {cls.__name__ for cls in CATALOGUE.values()}
    assert all(name == cls.TYPE for name, cls in CATALOGUE.items())
    assert len({cls.TYPE for cls in leaves(Message)}) == len(CATALOGUE)


def test_every_message_is_said_somewhere() -> None:
    everything = {path: path.read_text() for path in FILES if "messages" not in path.relative_to(SOURCE).parts[:1]}
    for name, cls in CATALOGUE.items():
        said = [path for path, text in everything.items() if re.search(rf"\b{cls.__name__}\(", text)]
        assert said, f"nobody says {name}"


def test_every_subscription_is_in_the_catalogue_and_commands_have_one_addressee() -> None:
    heard: dict[str, list[str]] = {}
    for feature in features_of():
        assert {*feature.consumers, *feature.listeners} <= set(CATALOGUE.values())
        for cls in feature.consumers:
            heard.setdefault(cls.TYPE, []).append(feature.name)
        assert all(issubclass(cls, Event) for cls in feature.listeners)
    for name, cls in CATALOGUE.items():
        if issubclass(cls, Command):
            assert len(heard.get(name, [])) == 1, f"{name} has the addressees {heard.get(name)}"


def test_whoever_knows_people_or_tickets_hears_that_they_are_erased() -> None:
    for feature in features_of():
        heard = set(feature.consumers)
        if UserRegistered in heard or UserChanged in heard:
            assert PersonErased in heard, f"{feature.name} keeps people: let it hear PERSON_ERASED"
        if any(issubclass(each, TicketEvent) for each in heard):
            assert TicketErased in heard, f"{feature.name} keeps tickets: let it hear TICKET_ERASED"


def test_every_administrative_act_has_words_for_the_audit_log() -> None:
    known = {act for feature in features_of() for act in feature.acts}
    pattern = re.compile(r'(?:RecordAct\(\s*act=|\brecord(?:_person)?\(\s*tx,\s*|_act\()"([A-Z_]+)"')
    said = {act for path in FILES for act in pattern.findall(path.read_text())}
    assert len(said) >= 10
    assert said <= known, "put these into the feature's acts"


CLOCKS = re.compile(
    r"\b(time\.time|time\.time_ns|datetime\.now|datetime\.utcnow|date\.today|uuid\.|uuid1|uuid4|random\.random)\b"
)


@pytest.mark.parametrize("path", [p for p in FILES if p.relative_to(SOURCE).parts[0] in FEATURES], ids=name_of)
def test_features_have_one_clock_and_make_no_ids(path: Path) -> None:
    assert not CLOCKS.search(path.read_text())


@pytest.mark.parametrize("feature", FEATURES)
def test_verbs_take_no_booleans(feature: str) -> None:
    files = [SOURCE / feature / "actions.py", *(SOURCE / feature / "actions").glob("*.py")]
    for path in (p for p in files if p.exists()):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                arguments = [*node.args.args, *node.args.kwonlyargs]
                flags = [a.arg for a in arguments if isinstance(a.annotation, ast.Name) and a.annotation.id == "bool"]
                assert not flags, f"{feature}.{node.name}({', '.join(flags)}): make it two verbs"


def test_no_machine_path_or_registry_address_is_committed() -> None:
    home = "/" + "root/"
    for name in ("requirements.lock", "assets/package-lock.json", "pyproject.toml", "Makefile"):
        assert home not in (ROOT / name).read_text(), name
    assert "://" not in (ROOT / "requirements.lock").read_text()
    assert '"resolved"' not in (ROOT / "assets/package-lock.json").read_text()
