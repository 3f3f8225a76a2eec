"""A real, small OpenID Connect provider on this machine, for tests: it proves who the test says is sitting there."""

import asyncio
import base64
import hashlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import jwt
import msgspec
import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

CLIENT, SECRET = "desk:1", "a secret/of the desk+"


@cache
def key_named(name: str) -> RSAPrivateKey:
    """Return a key, made once a test run."""
    return generate_private_key(65537, 2048)


@dataclass
class Provider:
    """What it says of whoever signs in is ``user``; ``bend`` changes the claims that it is about to sign.

    ``sign`` makes the ID token of claims, as a provider does or as a thief would. Its clock is ``clock``, in seconds.
    """

    user: dict[str, Any]
    clock: Callable[[], float] = time.time
    issuer: str = ""
    kid: str = "k1"
    bend: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    sign: Callable[["Provider", dict[str, Any]], str] | None = None
    published: list[str] = field(default_factory=lambda: ["k1"])
    document: dict[str, Any] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)  # paths that it takes requests for, and never answers
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def id_token(self, asked: Mapping[str, str]) -> str:
        now = int(self.clock())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.user}
        made = self.bend(claims)
        if self.sign is not None:
            return self.sign(self, made)
        return jwt.encode(made, key_named(self.kid), algorithm="RS256", headers={"kid": self.kid})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        path, query = scope["path"], dict(parse_qsl(scope["query_string"].decode()))
        self.asked.append(path)
        while path in self.silent:
            if (await receive())["type"] == "http.disconnect":
                return
        status, body, headers = 404, b"", []
        if path.endswith("/.well-known/openid-configuration"):
            status, body = 200, msgspec.json.encode(self._discovery())
        elif path == "/keys":
            status, body = 200, msgspec.json.encode({"keys": [_public(kid) for kid in self.published]})
        elif path == "/authorize":
            code = f"code{len(self.codes)}"
            self.codes[code] = query
            back = urlencode({"code": code, "state": query["state"], "iss": self.issuer})
            status, headers = 302, [(b"location", f"{query['redirect_uri']}?{back}".encode())]
        elif path == "/token":
            status, body = self._trade(dict(scope["headers"]), (await receive())["body"])
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    *headers,
                    (b"content-length", str(len(body)).encode()),
                    (b"content-type", b"application/json"),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    def _discovery(self) -> dict[str, Any]:
        found = {
            name: f"{self.issuer}/{path}"
            for name, path in (
                ("authorization_endpoint", "authorize"),
                ("token_endpoint", "token"),
                ("jwks_uri", "keys"),
            )
        }
        more = {"issuer": self.issuer, "authorization_response_iss_parameter_supported": True}
        return {**found, **more, **self.document}

    def _trade(self, headers: dict[bytes, bytes], body: bytes) -> tuple[int, bytes]:
        form = dict(parse_qsl(body.decode()))
        pair = base64.b64decode(headers.get(b"authorization", b"").removeprefix(b"Basic ")).decode().split(":")
        asked = self.codes.pop(form.get("code", ""), None)  # each code is good once
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        right = (
            [unquote(part) for part in pair] == [CLIENT, SECRET]
            and asked is not None
            and form["grant_type"] == "authorization_code"
            and form["redirect_uri"] == asked["redirect_uri"]
            and asked["code_challenge_method"] == "S256"
            and challenge.rstrip(b"=").decode() == asked["code_challenge"]
        )
        if not right or asked is None:
            return 400, b'{"error": "invalid_grant"}'
        answer = {
            "access_token": "none of the desk's business",
            "token_type": "Bearer",
            "id_token": self.id_token(asked),
        }
        return 200, msgspec.json.encode(answer)


def _public(kid: str) -> dict[str, Any]:
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key_named(kid).public_key(), as_dict=True)
    return {**jwk, "kid": kid, "use": "sig", "alg": "RS256"}


@asynccontextmanager
async def open_provider(**user: Any) -> AsyncIterator[Provider]:
    """Start a provider on a free port of this machine."""
    provider = Provider(user)
    server = uvicorn.Server(uvicorn.Config(provider, lifespan="off", log_level="error"))
    listener = socket.create_server(("127.0.0.1", 0))  # who comes before it is served waits
    provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = asyncio.create_task(server.serve([listener]))
    try:
        yield provider
    finally:
        server.should_exit = True
        await running
