"""A desk as WSGI sees one, for tools that ask from a thread of their own while the desk runs in its loop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from tests.security.asgi import ask
from tests.world import World

T = TypeVar("T")
PATIENCE = 120  # seconds that an answer may take on a busy machine
Around = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    """Stand around an answer and do nothing."""
    yield


class Wsgi:
    """Hands requests over to the loop of a desk; ``around`` is what stands around each answer."""

    def __init__(self, world: World, around: Around = nothing) -> None:
        self._world = world
        self._loop = asyncio.get_running_loop()
        self.around = around

    def in_loop(self, work: Awaitable[T]) -> T:
        """Wait, in another thread, for something that has to happen in the loop."""

        async def done() -> T:
            return await work

        future: Future[T] = asyncio.run_coroutine_threadsafe(done(), self._loop)
        return future.result(PATIENCE)

    def __call__(self, environ: MutableMapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
        }
        body = environ["wsgi.input"].read(length) if length else b""
        query = environ["QUERY_STRING"]
        target = environ["REQUEST_URI"] + (f"?{query}" if query else "")

        async def asked() -> Any:
            async with self.around():
                return await ask(self._world, environ["REQUEST_METHOD"], target, headers, body)

        try:
            answer = self.in_loop(asked())
        except TimeoutError as error:
            raise AssertionError(f"no answer to {environ['REQUEST_METHOD']} {target} {headers} {body!r}") from error
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        return [answer.body]
