"""``answerable create-admin``."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from answerable.kernel.errors import Invalid
from answerable.runtime import Desk, with_desk
from answerable.users.cli import create_admin
from tests.people import PASSWORD
from tests.world import open_world, settings_for


class Opener:
    """Opens the desk of a folder for one piece of work."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, work: Callable[[Desk], Awaitable[Any]], *, existing: bool = False) -> Any:
        return asyncio.run(with_desk(settings_for(self.folder), work))


def run(folder: Path, *options: str, typed: str) -> Result:
    return CliRunner().invoke(create_admin, options, input=typed, obj=Opener(folder))


def test_an_administrator_is_made_at_a_prompt(tmp_path: Path) -> None:
    result = run(tmp_path, "--email", "ada@desk.test", "--name", "Ada Admin", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert "Ada Admin <ada@desk.test> is an administrator now." in result.output
    assert PASSWORD not in result.output


def test_two_different_passwords_are_asked_for_again(tmp_path: Path) -> None:
    typed = f"{PASSWORD}\nsomething else\n{PASSWORD}\n{PASSWORD}\n"
    result = run(tmp_path, "--email", "ada@desk.test", "--name", "Ada Admin", typed=typed)
    assert result.exit_code == 0, result.output


def test_a_script_makes_an_administrator(tmp_path: Path) -> None:
    options = ["--email", "ada@desk.test", "--name", "Ada Admin", "--password-stdin", "--json"]
    result = run(tmp_path, *options, typed=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    made = json.loads(result.output)
    assert made["roles"] == ["ADMIN"]
    again = run(tmp_path, *options, typed=f"{PASSWORD}\n")
    assert isinstance(again.exception, Invalid)
    assert again.exception.message == "Email already exists"


@pytest.mark.parametrize(
    ("email", "name", "password", "field"),
    [
        ("adadesk.test", "Ada Admin", PASSWORD, "email"),
        ("ada@desk.test", "A", PASSWORD, "name"),
        ("ada@desk.test", "Ada Admin", "short", "password"),
        ("ada@desk.test", "Ada Admin", "", "password"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, email: str, name: str, password: str, field: str) -> None:
    result = run(tmp_path, "--email", email, "--name", name, "--password-stdin", typed=f"{password}\n")
    assert isinstance(result.exception, Invalid)
    assert result.exception.errors[0].startswith(f"{field}: ")


async def test_it_works_beside_a_running_server(tmp_path: Path) -> None:
    async with open_world(tmp_path, ("users",)) as world:
        options = ["--email", "ada@desk.test", "--name", "Ada Admin", "--password-stdin"]
        result = await asyncio.to_thread(run, tmp_path, *options, typed=f"{PASSWORD}\n")
        assert result.exit_code == 0, result.output
        answer = await world.http.post("/api/auth/login", json={"email": "ada@desk.test", "password": PASSWORD})
        assert answer.status_code == 200
