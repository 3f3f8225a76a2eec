"""The README's tour, run as a new user would: each command in one shell, each answer compared with what is printed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import environment, server

README = Path(__file__).parents[2] / "README.md"
ADDRESS = "http://127.0.0.1:8765"
END_OF_BLOCK = "--- end of block ---"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A block of commands, and what the README says that they print."""

    commands: str
    told: str


def tour() -> Iterator[Step]:
    """Read the steps of the tour."""
    _, _, text = README.read_text().partition("## Five minutes with curl\n")
    blocks = _FENCE.findall(text)
    for place, (language, commands) in enumerate(blocks):
        if language == "sh":
            following, told = blocks[place + 1]
            assert following == "text", f"no output is told for:\n{commands}"
            yield Step(commands, told)


def greeting() -> str:
    """Read what the README says that a new desk prints."""
    blocks = dict(reversed(_FENCE.findall(README.read_text())))
    shown: str = blocks["console"]
    return shown.partition("\n")[2]


def fits(told: str, printed: str) -> bool:
    """Tell whether a text is what was told: ``…`` is anything in its line, and on a line of its own any lines."""
    pattern = ""
    for line in told.strip().splitlines():
        pattern += r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*?") + r"\n"
    return re.fullmatch(pattern, printed.strip() + "\n") is not None


@pytest.mark.slow
@pytest.mark.one_engine
def test_the_tour_goes_as_told(tmp_path: Path) -> None:
    steps = list(tour())
    command = tmp_path / ".venv" / "bin" / "answerable"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m answerable "$@"\n')
    command.chmod(0o755)
    with server(tmp_path / "data") as running:
        assert running.process.stdout is not None
        printed = f"Answerable is at {running.url}\n" + "".join(running.process.stdout.readline() for _ in range(2))
        assert fits(greeting().replace(ADDRESS, running.url), printed), printed
        script = "\n".join(f"{step.commands}\necho; echo '{END_OF_BLOCK}'" for step in steps)
        assert ADDRESS in script
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, running.url)],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=180,
        )
        running.stop()
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    outputs = ran.stdout.split(END_OF_BLOCK)[:-1]
    assert len(outputs) == len(steps)
    for step, output in zip(steps, outputs, strict=True):
        assert fits(step.told, output), f"{step.commands}\ntold:\n{step.told}\nprinted:\n{output}"


def test_what_fits_and_what_does_not() -> None:
    assert fits("one … three\n…\nfive", "one two three\n4\n4\nfive\n")
    assert fits("…\nfive", "five")
    assert not fits("one", "one\ntwo")
    assert not fits("one … three", "one\nthree")
