"""The image: small, not root, from locked packages, and it says itself whether it is well."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

from answerable import __version__
from tests.deploy.files import DOCKERFILE, ROOT, Instruction, Stage, stages
from tests.deploy.program import check_command, check_variables, ports
from tests.patience import PATIENCE

STAGES = stages()
FINAL = STAGES[-1]


def variables(stage: Stage) -> dict[str, str]:
    return dict(pair.split("=", 1) for each in stage.all("ENV") for pair in each.words)


def test_there_are_two_stages_that_build_and_one_that_runs() -> None:
    assert [(stage.image, stage.name) for stage in STAGES] == [
        ("node:20-slim", "assets"),
        ("python:3.11-slim", "build"),
        ("python:3.11-slim", ""),
    ]
    package = json.loads((ROOT / "assets" / "package.json").read_text())
    assert package["engines"]["node"] == ">=20"
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"] == ">=3.11"
    assert f"answerable:{__version__} " in DOCKERFILE.read_text().splitlines()[0] + " "


def test_it_is_not_root_and_stops_when_told() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", FINAL.last("USER").rest)
    uid = FINAL.last("USER").rest.split(":")[0]
    assert f"--uid {uid}" in FINAL.all("RUN")[0].rest
    assert FINAL.last("STOPSIGNAL").rest == "SIGTERM"
    assert variables(FINAL)["ANSWERABLE_STORAGE_DATA_DIR"] == "/data"
    assert f"--owner={uid} --group={uid} --mode=0700 /data" in FINAL.all("RUN")[0].rest


def test_nothing_is_installed_without_a_hash() -> None:
    commands = [one for stage in STAGES for each in stage.all("RUN") for one in each.rest.split(" && ")]
    for command in commands:
        if re.search(r"pip .*\binstall\b", command):
            assert "--require-hashes -r" in command or "--no-index" in command, command
        if command.startswith("npm") and "run" not in command:
            assert re.match(r"npm ci .*--ignore-scripts", command), command
        assert not re.search(r"\b(curl|wget|apt-get|git)\b", command)


def test_what_runs_has_nothing_to_build_with() -> None:
    run = " ".join(each.rest for each in FINAL.all("RUN"))
    assert "pip uninstall --yes" in run
    assert "install --require" not in run
    assert "npm" not in run
    assert [each.rest for each in FINAL.all("COPY")] == ["--from=build /opt/answerable /opt/answerable"]
    assert "--without-pip /opt/answerable" in " ".join(each.rest for each in STAGES[1].all("RUN"))


def copied(stage: Stage) -> list[Instruction]:
    return [each for each in stage.all("COPY") if not each.rest.startswith("--")]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name or "final")
def test_what_is_copied_exists_and_reaches_the_builder(stage: Stage) -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in (word for each in copied(stage) for word in each.words[:-1]):
        assert (ROOT / source).exists(), source
        assert any(name == source or (name.endswith("/") and source.startswith(name)) for name in let_in) or any(
            name.startswith(source) for name in let_in
        ), f"{source} is kept from the builder by .dockerignore"
    earlier = [each.name for each in STAGES[: STAGES.index(stage)]]
    for each in stage.all("COPY"):
        if match := re.match(r"--from=(\w+)", each.rest):
            assert match[1] in earlier


def test_it_starts_the_desk_and_asks_it_whether_it_is_ready() -> None:
    assert FINAL.last("ENTRYPOINT").words == ["answerable"]
    check_command(FINAL.last("CMD").words)
    health = FINAL.last("HEALTHCHECK").rest
    words = json.loads(health[health.index("[") :])
    assert "CMD [" in health
    check_command(words)
    assert words[-1] == "answerable.infra.ready"
    assert FINAL.last("EXPOSE").rest == str(ports()["gateway"])
    for stage in STAGES:
        check_variables(variables(stage))


def locked(*names: str) -> set[str]:
    script = str(ROOT / "scripts" / "locked.py")
    ran = subprocess.run([sys.executable, script, *names], check=True, capture_output=True, text=True, timeout=PATIENCE)
    blocks = re.findall(r"^([\w.-]+)==.*\n((?:    --hash=.*\n)+)", ran.stdout, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^\S+==", ran.stdout, re.MULTILINE))
    return {name for name, _ in blocks}


def named(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def needs_of(package: str) -> list[str]:
    """Return what an installed package asks for; nothing for one that this system does without."""
    try:
        return requires(package) or []
    except PackageNotFoundError:
        return []


def test_the_image_gets_what_runs_and_no_tools() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    direct = {named(each) for each in project["dependencies"]}
    found = locked()
    assert direct <= found
    for name in found & {named(each) for each in project["optional-dependencies"]["dev"]}:
        # A tool of ours that is there is there because the program's own packages need it.
        assert any(name in map(named, needs_of(other)) for other in found - {name}), name
    assert not found & {"pytest", "mypy", "ruff", "pip", "pip-audit", "hypothesis", "setuptools"}
    # And nothing is missing of what those need without a condition.
    for name in found:
        needs = {named(each) for each in needs_of(name) if ";" not in each}
        assert needs <= found, f"{name} needs {needs - found}"


def test_a_name_that_is_not_locked_is_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    command = [sys.executable, str(tmp_path / "scripts" / "locked.py"), "no-such-package"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1
    assert ran.stderr == "Not in requirements.lock: no-such-package. Run make lock.\n"
    assert locked("setuptools") == {"setuptools"}
