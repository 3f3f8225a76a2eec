"""Every direct dependency has its reason in writing."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
REASONS = ROOT / "docs" / "decisions" / "0006-dependencies.md"


def test_each_direct_dependency_has_a_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    package = json.loads((ROOT / "assets" / "package.json").read_text())
    names = {re.split(r"[^\w-]", each)[0].lower() for each in wanted}
    names |= {*package.get("dependencies", {}), *package.get("devDependencies", {})}
    assert set(re.findall(r"^\| `([^`]+)` \|", REASONS.read_text(), re.MULTILINE)) == names
