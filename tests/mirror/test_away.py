"""MongoDB goes away and comes back, the desk does not mind; and what is wrong is told without a secret."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from answerable.commands import build
from answerable.mirror.rules import Document
from tests.mirror.server import OwnServer
from tests.patience import PATIENCE
from tests.people import PASSWORD
from tests.processes import (
    ADMIN,
    ServerProcess,
    answerable,
    environment,
    eventually,
    hire,
    make_admin,
    quickly,
    sign_in,
    warm_server,
)

pytestmark = pytest.mark.slow
SECRET = "hunter2-and-more"
DRAFT = {"title": "Printer on fire", "description": "It burns, I need it.", "category": "HARDWARE", "priority": "HIGH"}


class Reader:
    """Somebody who reads MongoDB."""

    def __init__(self, address: str) -> None:
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(address, serverSelectionTimeoutMS=500)

    async def titles(self) -> set[str]:
        try:
            found = self.client.get_default_database()["tickets"].find({"status": "ASSIGNED"})
            return {document["title"] async for document in found}
        except PyMongoError:
            return set()

    async def sees(self, *titles: str) -> None:
        async def seen() -> bool:
            return set(titles) == await self.titles()

        await eventually(seen)


async def raise_ticket(client: httpx.AsyncClient, who: dict[str, str], title: str) -> None:
    answer = await client.post("/api/tickets", json=DRAFT | {"title": title}, headers=who)
    assert answer.status_code == 201, answer.text


def lines(desk: ServerProcess, words: str) -> int:
    return sum(words in line for line in desk.errors.read_text().splitlines())


async def test_mongodb_is_killed_and_comes_back(tmp_path: Path, own_server: OwnServer) -> None:
    folder = tmp_path / "desk"
    make_admin(folder)
    values = {"ANSWERABLE_MIRROR_TIMEOUT_SECONDS": "0.5"}
    reader = Reader(own_server.address)
    with warm_server(folder, "--mirror", own_server.address, **values) as desk:
        async with httpx.AsyncClient(base_url=desk.url, timeout=PATIENCE) as client:
            admin = await sign_in(client, ADMIN)
            await hire(client, admin, "Abe", "AGENT")
            una = await hire(client, admin, "Una")
            await raise_ticket(client, una, "Before it went")
            await reader.sees("Before it went")

            own_server.kill()
            for number in range(5):
                await raise_ticket(client, una, f"While it was away, number {number}")
            await eventually(lambda: asyncio.to_thread(lines, desk, "mirror is away"))
            assert (await client.get("/readyz")).status_code == 200
            numbers = (await client.get("/metrics")).text
            assert 'answerable_consumer_lag{consumer="mirror"}' in numbers
            titles = {f"While it was away, number {number}" for number in range(5)} | {"Before it went"}

            own_server.start()
            await reader.sees(*titles)
            await eventually(lambda: asyncio.to_thread(lines, desk, "mirror is back"))
            told = re.findall(r"mirror is (away|back)", desk.errors.read_text())
            # Once each, not at every try; where others want the processors, half a second may be too short once more.
            assert told == (["away", "back"] * len(told))[: len(told)]

            desk.kill()  # and now the desk: what it had not noted is read again
        with warm_server(folder, "--mirror", own_server.address, **values) as again:
            async with httpx.AsyncClient(base_url=again.url, timeout=PATIENCE) as client:
                await raise_ticket(client, una, "After the restart")
                await reader.sees(*titles, "After the restart")
            again.stop()
    asked = ["mirror", "verify", "--data-dir", str(folder), "--mirror", own_server.address]
    checked = await asyncio.to_thread(CliRunner().invoke, build(), asked)
    assert "no difference" in checked.stdout
    assert PASSWORD not in repr([each async for each in reader.client.get_default_database()["users"].find({})])
    await reader.client.close()


async def test_a_desk_starts_without_its_mongodb_and_tells_no_secret(tmp_path: Path) -> None:
    address = f"mongodb://bob:{SECRET}@127.0.0.1:1/desk"
    values = {"ANSWERABLE_MIRROR_URL": address, "ANSWERABLE_MIRROR_TIMEOUT_SECONDS": "0.2"}
    folder = str(tmp_path / "desk")
    with warm_server(tmp_path / "desk", **values) as desk:
        await eventually(lambda: asyncio.to_thread(lines, desk, "mirror is away"))
        async with httpx.AsyncClient(base_url=desk.url, timeout=PATIENCE) as client:
            assert (await client.get("/healthz")).status_code == 200
        desk.stop()
    log = desk.errors.read_text()
    assert "127.0.0.1:1/desk cannot be used (ServerSelectionTimeoutError)" in log
    shown = quickly("config", "show", "--data-dir", folder, check=True, typed="", **values)
    assert "mirror.url" in shown.stdout
    told = quickly("mirror", "verify", "--data-dir", folder, check=False, typed="", **values)
    assert told.returncode == 1
    assert told.stderr == "Error: 127.0.0.1:1/desk cannot be used (ServerSelectionTimeoutError).\n"
    for text in (log, shown.stdout, shown.stderr, told.stdout, told.stderr):
        assert SECRET not in text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "No mirror is set."),
        (f"postgresql://bob:{SECRET}@host/desk", "mirror.url: is not an address that can be used."),
        (f"mongodb://bob:{SECRET}@or@host/desk", "mirror.url: is not an address that can be used."),
        (f"mongodb://bob:{SECRET}@host:123456/desk", "mirror.url: is not an address that can be used."),
    ],
)
def test_an_address_that_cannot_be_is_refused_in_a_sentence(tmp_path: Path, address: str, words: str) -> None:
    for command in ("verify", "rebuild"):
        asked = ["mirror", command, "--data-dir", str(tmp_path / "desk")]
        told = CliRunner().invoke(build(), asked, env={"ANSWERABLE_MIRROR_URL": address})
        assert told.exit_code == 1, told.output
        assert words in told.stderr
        assert SECRET not in told.output


def test_a_desk_does_not_start_with_a_mirror_that_cannot_be(tmp_path: Path) -> None:
    asked = ("serve", "--port", "0", "--data-dir", str(tmp_path / "desk"), "--mirror", f"mongodb://a:{SECRET}@b@c")
    told = quickly(*asked, check=False)
    assert told.returncode == 1
    assert "mirror.url: is not an address that can be used." in told.stderr
    assert SECRET not in told.stdout + told.stderr


def test_without_the_extra_the_mirror_says_so_and_the_desk_does_without(tmp_path: Path) -> None:
    """A Python that cannot import PyMongo, as one without the extra."""
    blocked = tmp_path / "blocked" / "pymongo"
    blocked.mkdir(parents=True)
    (blocked / "__init__.py").write_text('raise ModuleNotFoundError("No module named pymongo")\n')
    values = {"PYTHONPATH": str(blocked.parent)}
    folder = str(tmp_path / "desk")
    address = ("--mirror", "mongodb://127.0.0.1:1/x")
    told = answerable("mirror", "verify", "--data-dir", folder, *address, check=False, **values)
    assert told.stderr == "Error: The mirror needs PyMongo, which is not installed. Install answerable[mongodb].\n"


def test_a_desk_without_a_mirror_does_not_load_the_driver() -> None:
    code = "import sys, answerable.commands as c; c.build(); print('pymongo' in sys.modules, 'bson' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment())
    assert ran.stdout == "False False\n"
