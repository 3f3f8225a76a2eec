"""Print the part of requirements.lock that some packages need, with its hashes: ``locked.py [PACKAGE]...``.

Without names: what the program needs when it runs, and its extras but ``dev``. So that an image has no test tools in
it, and there is still one lock file. Standard library only, because it runs before anything is installed.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_VIA = re.compile(r"^    #(?: via)?\s+(?!via$)(\S+)$")


def name_of(requirement: str) -> str:
    """Return a package's name as registries compare it."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0] if found else "").lower()


def blocks(lock: str) -> dict[str, str]:
    """Return the lines of the lock file for each package."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line[0].isalnum():
            name = name_of(line)
        if name:
            found[name] = found.get(name, "") + line
    return found


def wanted_by(block: str) -> set[str]:
    """Return the packages for whose sake a package is in the lock file."""
    return {name_of(match[1]) for line in block.splitlines() if (match := _VIA.match(line))}


def needed(found: dict[str, str], names: set[str]) -> set[str]:
    """Return some packages and, over and over, what is there for their sake."""
    while more := {name for name, block in found.items() if wanted_by(block) & names} - names:
        names = names | more
    return names


def wanted_to_run() -> set[str]:
    """Return the program's direct dependencies and those of its extras, without the tools of developers."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for name, extra in project["optional-dependencies"].items() if name != "dev" for each in extra]
    return {name_of(each) for each in [*project["dependencies"], *extras]}


def main() -> None:
    """Print the part; fails where a package is not in the lock file."""
    found = blocks((ROOT / "requirements.lock").read_text())
    names = {name_of(each) for each in sys.argv[1:]} or wanted_to_run()
    if missing := names - found.keys():
        raise SystemExit(f"Not in requirements.lock: {', '.join(sorted(missing))}. Run make lock.")
    for name in sorted(needed(found, names)):
        print(found[name], end="")


if __name__ == "__main__":
    main()
