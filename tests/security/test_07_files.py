"""07: nobody makes the desk store a file where it is run or served, or read one that it does not mean to serve."""

from pathlib import Path

import pytest
from litestar.datastructures import UploadFile

from answerable.infra.web.assets import built_assets
from tests.security.asgi import ask
from tests.security.company import open_company
from tests.security.matrix import read_table, sample_of
from tests.world import World

OUTSIDE = (
    "../pyproject.toml",
    "..%2f..%2fpyproject.toml",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252fetc%252fpasswd",
    "....//....//etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "..\\..\\etc\\passwd",
    "..%5c..%5cetc%5cpasswd",
    "%c0%ae%c0%ae/etc/passwd",
    "desk.css%00.html",
    "file:///etc/passwd",
    "C:%5cWindows%5cwin.ini",
    "CON",
    ".built",
    ".gitignore",
    "",
    ".",
    "..",
    "~root",
)


@pytest.mark.one_engine
@pytest.mark.parametrize("name", OUTSIDE)
async def test_the_static_files_are_those_that_were_built_and_no_others(world: World, name: str) -> None:
    for prefix in ("/static/", "/static//", "/static/./", "/static/x/../"):
        answer = await ask(world, "GET", prefix + name)
        assert answer.status in (400, 404), prefix + name
        assert "root:" not in answer.text
        assert "[project]" not in answer.text


@pytest.mark.one_engine
async def test_what_is_built_is_served_as_what_it_is(world: World) -> None:
    for name in built_assets():
        answer = await ask(world, "GET", f"/static/{name}")
        assert answer.status == 200
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "html" not in answer.headers["content-type"], name


@pytest.mark.one_engine
async def test_no_route_takes_a_file(world: World) -> None:
    """There are no attachments. Whoever adds a route that takes a file writes here what becomes of it."""
    for route in world.desk.litestar.routes:
        for handler in getattr(route, "route_handlers", ()):
            for name, field in handler.parsed_fn_signature.parameters.items():
                assert not field.is_subclass_of(UploadFile), f"{route.path}: {name}"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.one_engine
async def test_a_file_that_is_sent_all_the_same_leaves_no_trace_on_the_disk(tmp_path: Path) -> None:
    evil = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../evil.py"\r\n'
        b"Content-Type: text/x-python\r\n\r\nprint('evil')\r\n--x--\r\n"
    )
    async with open_company(tmp_path) as company:
        before = files_in(tmp_path)
        for row in [row for row in read_table() if row.method in ("POST", "PUT", "PATCH")]:
            sample = await sample_of(company, row)
            headers = company.headers("admin") | {"content-type": "multipart/form-data; boundary=x"}
            answer = await ask(company.world, row.method, sample.target(row.path), headers, evil)
            assert answer.status < 500, row
        assert files_in(tmp_path) == before
