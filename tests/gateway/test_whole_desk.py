"""Live signals with every feature at work, and over a real socket."""

import asyncio
import gc
import socket

import httpx
import uvicorn
from uvicorn.protocols.http import httptools_impl

from answerable.gateway.live import Hub
from tests.apart import serving
from tests.gateway.sse import SseClient, listening
from tests.patience import PATIENCE
from tests.people import make_person
from tests.world import World, json_of

TITLE = "The printer on the third floor is on fire"
DRAFT = {"title": TITLE, "description": "Smoke comes out of it.", "category": "HARDWARE", "priority": "HIGH"}


async def drain(client: SseClient, name: str) -> list[tuple[str, str]]:
    """Return what was heard up to and with the first signal of a name."""
    return [*await client.until(name), (name, "{}")]


async def test_a_ticket_that_is_raised_reaches_the_screens_of_those_it_concerns(world: World) -> None:
    una, otto, abe = await make_person(world), await make_person(world), await make_person(world, "AGENT")
    async with listening(world, una) as unas, listening(world, otto) as ottos, listening(world, abe) as abes:
        answer = await world.http.post("/api/tickets", json=DRAFT, headers=una.headers)
        ticket = ("ticket", f'{{"ticket":"{json_of(answer)["id"]}"}}')
        await world.settle()
        assert ticket in await drain(unas, "bell")
        heard = await drain(abes, "bell")
        assert ticket in heard
        assert ("queue", "{}") in heard
        await world.http.post("/api/tickets", json=DRAFT, headers=otto.headers)
        await world.settle()
        assert ticket not in await drain(ottos, "bell")


async def test_a_deactivated_person_hears_nothing_more(world: World) -> None:
    una, ada = await make_person(world), await make_person(world, "ADMIN")
    async with listening(world, una) as stream:
        answer = await world.http.patch(f"/api/users/admin/{una.id}", json={"active": False}, headers=ada.headers)
        assert answer.status_code == 200
        await world.settle()
        await stream.until_end()
    async with listening(world, una) as stream:
        assert stream.status == 401


async def test_a_server_with_open_streams_stops_at_once(world: World) -> None:
    una = await make_person(world)
    hub: Hub = world.desk.parts["live"]
    server = uvicorn.Server(uvicorn.Config(world.desk.app, log_level="error", lifespan="off"))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[door]))
        url = f"http://127.0.0.1:{door.getsockname()[1]}/api/live"
        async with (
            httpx.AsyncClient(timeout=PATIENCE) as client,
            client.stream("GET", url, headers=una.headers) as answer,
        ):
            assert answer.status_code == 200
            words = answer.aiter_text()
            assert "retry:" in await anext(words)
            hub.close()
            server.should_exit = True
            async with asyncio.timeout(PATIENCE):
                async for _ in words:
                    pass
                await serving
    assert hub.open_streams == 0


async def test_what_a_request_was_is_gone_once_it_is_answered(world: World) -> None:
    una = await make_person(world)

    def cycles() -> list[object]:
        return [one for one in gc.get_objects() if type(one) is httptools_impl.RequestResponseCycle]

    async def work(client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/tickets", json=DRAFT, headers=una.headers)
        assert answer.status_code == 201
        for path in ("/api/tickets/" + json_of(answer)["id"], "/api/tickets", "/api/tickets/unknown", "/login"):
            await client.get(path, headers=una.headers)

    async with serving(world.desk) as url, httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        await work(client)
        gc.collect()
        others = {id(one) for one in cycles()}
        gc.disable()  # its pauses are felt by all, so there should be nothing for it to find
        try:
            for _ in range(3):
                await work(client)
            kept = [one for one in cycles() if id(one) not in others]
        finally:
            gc.enable()
        assert len(kept) <= 1, "one connection knows its last request"
