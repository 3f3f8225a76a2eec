from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from answerable.infra import probe
from answerable.infra.web import assets
from answerable.infra.web.html import environment
from answerable.messages.users import UserRegistered
from tests.world import TESTER, World, json_of, open_world

PROBLEM = "application/problem+json"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of built assets, whatever was built for real."""
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "desk.css").write_text("body{color:black}")
    (folder / "mark.svg").write_text("<svg/>")
    (folder / "notes.txt").write_text("not for browsers")
    (tmp_path / "secret.css").write_text("outside")
    monkeypatch.setattr(assets, "FOLDER", folder)
    forget_assets()
    yield folder
    forget_assets()


def forget_assets() -> None:
    """Read the folder anew, also where pages name what is in it."""
    assets.built_assets.cache_clear()
    environment.cache_clear()


async def get_from(world: World, address: str, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(world.desk.app, client=(address, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client:
        return await client.get(path, headers=headers)


class TestProbes:
    async def test_alive(self, world: World) -> None:
        answer = await world.http.get("/healthz")
        assert (answer.status_code, json_of(answer)) == (200, {"status": "alive"})

    async def test_ready_once_the_bus_runs(self, world: World) -> None:
        answer = await world.http.get("/readyz")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == PROBLEM
        assert "retry-after" in answer.headers
        assert json_of(answer)["errors"] == ["bus: is not running"]
        await world.desk.bus.start()
        world.clock.now += 2_000_000
        answer = await world.http.get("/readyz")
        assert (answer.status_code, json_of(answer)) == (200, {"status": "ready"})

    async def test_not_ready_while_the_disk_takes_nothing_and_ready_again_after(self, world: World) -> None:
        await world.desk.bus.start()
        async with world.nothing_can_be_written():
            assert json_of(await world.http.get("/readyz"))["errors"] == ["database: cannot be written"]
        world.clock.now += 2_000_000
        assert (await world.http.get("/readyz")).status_code == 200

    async def test_not_ready_when_consumers_are_far_behind(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(probe, "MOST_LAG", 0)

        async def register(tx: Any) -> None:
            tx.publish(UserRegistered(user_id="u", name="U", email="u@desk.test", roles=["USER"], active=True))

        await world.db.write(TESTER, register)
        assert "bus: is far behind" in json_of(await world.http.get("/readyz"))["errors"]

    async def test_asking_often_does_not_wear_the_disk(self, world: World) -> None:
        for _ in range(3):
            await world.http.get("/readyz")
            world.clock.now += 100_000
        first = world.clock.now - 300_000
        assert [row["written_at"] for row in await world.sql("SELECT written_at FROM bus_probe")] == [first]


class TestNumbers:
    async def test_prometheus_reads_counts_by_route_lag_and_parked(self, world: World) -> None:
        await world.settle()
        await world.http.get("/api/tickets/some-id")
        answer = await world.http.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'route="/api/tickets/{ticket_id}",status="401"' in answer.text
        assert "some-id" not in answer.text
        assert 'answerable_consumer_lag{consumer="tickets"} 0.0' in answer.text
        assert "answerable_messages_parked 0.0" in answer.text
        assert "answerable_live_streams" in answer.text

    async def test_neighbours_may_read_and_strangers_find_nothing(self, world: World) -> None:
        for near in ("127.0.0.1", "::ffff:127.0.0.2", "::1"):
            assert (await get_from(world, near, "/metrics")).status_code == 200
        for far in ("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", "not an address"):
            assert (await get_from(world, far, "/metrics")).status_code == 404

    async def test_behind_a_proxy_everybody_is_a_stranger(self, world: World) -> None:
        headers = {"X-Forwarded-For": "127.0.0.1"}
        assert (await get_from(world, "127.0.0.1", "/metrics", **headers)).status_code == 404

    async def test_the_networks_are_a_setting(self, tmp_path: Path) -> None:
        networks = ("203.0.113.0/24",)
        async with open_world(tmp_path / "w", ["gateway", "users"], server__metrics_networks=networks) as world:
            assert (await get_from(world, "203.0.113.9", "/metrics")).status_code == 200
            assert (await get_from(world, "127.0.0.1", "/metrics")).status_code == 404


class TestAssets:
    async def test_a_page_names_its_style_sheet_by_content_and_it_may_be_kept(self, world: World, built: Path) -> None:
        version = assets.built_assets()["desk.css"].version
        page = await world.http.get("/")
        assert f'href="/static/desk.{version}.css"' in page.text
        answer = await world.http.get(f"/static/desk.{version}.css")
        assert answer.text == "body{color:black}"
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" in answer.headers["cache-control"]
        again = await world.http.get("/static/desk.css", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"] == "no-cache"

    async def test_nothing_else_is_served(self, world: World, built: Path) -> None:
        for path in (
            "/static/notes.txt",
            "/static/nothing.css",
            "/static/../secret.css",
            "/static/..%2fsecret.css",
            "/static/%2e%2e/secret.css",
            "/static/..%5csecret.css",
            "/static//etc/passwd",
            "/static/",
        ):
            answer = await world.http.get(path)
            assert answer.status_code == 404, path
            assert "outside" not in answer.text

    async def test_pages_work_without_a_build(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(assets, "FOLDER", Path("/nonexistent"))
        forget_assets()
        page = await world.http.get("/")
        forget_assets()
        assert page.status_code == 200
        assert "/static/" not in page.text
