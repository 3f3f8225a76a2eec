"""The health check of a container: it finds the server by the data folder, and believes nobody but ``/readyz``."""

import subprocess
import sys
from pathlib import Path

import pytest

from answerable.infra.ready import LOCK, trouble
from tests.https import https_source
from tests.patience import PATIENCE
from tests.processes import server

TRIES = 5  # as a container's supervisor asks again, where a busy machine answers late


def probe(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "answerable.infra.ready", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_desk_is_found_by_its_data_folder(tmp_path: Path, host: str) -> None:
    folder = tmp_path / "desk"
    assert probe(folder).stderr == f"Nobody serves {folder}.\n"
    with server(folder, ANSWERABLE_SERVER_HOST=host) as running:
        for _ in range(TRIES):
            if (ran := probe(folder)).returncode == 0:
                break
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
        running.stop()
    ran = probe(folder)
    assert ran.returncode == 1
    assert "/readyz does not answer" in ran.stderr


def test_a_desk_that_is_not_ready_says_why(tmp_path: Path) -> None:
    with https_source(tmp_path, "http") as source:
        (tmp_path / LOCK).write_text(source.url.removeprefix("http://").removesuffix("/desk.toml"))
        source.respond = lambda exchange: exchange.say(b"the disk is full", 503)
        assert trouble(tmp_path) == "/readyz answers 503: the disk is full"
        source.respond = lambda exchange: exchange.say(b"", 200)
        assert trouble(tmp_path) == ""
        assert source.asked[-1]["path"] == "/readyz"
