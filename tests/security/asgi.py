"""Requests as a rude client sends them: httpx would tidy the path, the headers and the body up."""

from collections.abc import AsyncIterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from tests.world import World

JSON = {"content-type": "application/json"}


@dataclass
class Answer:
    """What the desk answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def ask(
    world: World,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    *,
    client: str = "127.0.0.1",
    chunks: AsyncIterable[bytes] | None = None,
) -> Answer:
    """Send ``target`` (raw, with its query) as it stands; ``chunks`` are a body without a length."""
    raw, _, query = target.partition("?")
    sent = dict(headers or {})
    if chunks is None and body:
        sent.setdefault("content-length", str(len(body)))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),  # as uvicorn does
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in sent.items()],
        "client": (client, 40000),
        "server": ("desk.test", 80),
    }
    answer = Answer()
    parts = aiter(chunks) if chunks is not None else None
    finished = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal finished
        if finished:
            return {"type": "http.disconnect"}
        if parts is not None:
            chunk = await anext(parts, None)
            finished = chunk is None
            return {"type": "http.request", "body": chunk or b"", "more_body": not finished}
        finished = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode().lower(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    await world.desk.app(scope, receive, send)
    return answer
