"""The files that put the desk into containers, parsed."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCUMENT = DEPLOY / "answerable.toml"
DOCKERFILE = ROOT / "Dockerfile"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
TRYING_OUT = sorted((DEPLOY / "kubernetes" / "trying-out").glob("*.yaml"))
EXAMPLE = DEPLOY / "kubernetes" / "secret.yaml.example"

Yaml = dict[str, Any]


def documents(path: Path) -> list[Yaml]:
    """Parse a YAML file with one or more documents (msgspec reads with PyYAML, one at a time)."""
    return [msgspec.yaml.decode(text.encode()) for text in re.split(r"^---$", path.read_text(), flags=re.MULTILINE)]


def compose(name: str) -> Yaml:
    """Parse a compose file."""
    [document] = documents(DEPLOY / name)
    return document


def manifests(kind: str, *paths: Path) -> dict[str, Yaml]:
    """Return the objects of a kind by their names, of all manifests or of some files."""
    found = [each for path in paths or (*MANIFESTS, *TRYING_OUT) for each in documents(path) if each["kind"] == kind]
    named = {each["metadata"]["name"]: each for each in found}
    assert len(named) == len(found), f"two of kind {kind} have one name"
    return named


@dataclass(frozen=True)
class Instruction:
    """One line of a Dockerfile, continued lines and all."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Return the arguments: a JSON list, or words."""
        return msgspec.json.decode(self.rest, type=list[str]) if self.rest.startswith("[") else self.rest.split()


@dataclass(frozen=True)
class Stage:
    """A stage of a Dockerfile."""

    image: str
    name: str
    instructions: list[Instruction]

    def all(self, word: str) -> list[Instruction]:
        """Return the instructions of one kind."""
        return [each for each in self.instructions if each.word == word]

    def last(self, word: str) -> Instruction:
        """Return the instruction of a kind that counts."""
        return self.all(word)[-1]


def stages() -> list[Stage]:
    """Parse the Dockerfile."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            found.append(Stage(image, name, []))
        else:
            found[-1].instructions.append(Instruction(word, rest.strip()))
    return found
