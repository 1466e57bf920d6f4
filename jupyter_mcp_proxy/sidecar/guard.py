"""The door of the sidecar: who does not know the secret gets in nowhere, and no credential gets past it."""

from __future__ import annotations

import json
from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contract import NONCE_HEADER, PROOF_PATH, SECRET_HEADER, TIER_HEADER, prove, same
from ..tools.call import GONE

_STRIPPED: Final = frozenset({b"authorization", b"cookie", SECRET_HEADER.lower().encode()})

_OURS: Final = b"x-mcp-proxy-"
"""How every header begins by which the two processes talk to each other."""


def refusal(headers: dict[bytes, bytes], secret: str) -> str | None:
    """Why a request is refused, or None. `headers` are ASGI's, with lower-case names."""
    if not same(headers.get(SECRET_HEADER.lower().encode(), b"").decode("latin-1"), secret):
        return "This port serves its own Jupyter server only. Use the endpoint below the server's URL: …/mcp-proxy/mcp"
    origin = headers.get(b"origin")
    if origin is not None and origin.split(b"://")[-1].lower() != headers.get(b"host", b"").lower():
        return "A web page of another origin may not use this endpoint."
    return None


class Guard:
    """ASGI middleware: proof for the parent, 403 for strangers, credentials stripped, disconnects made an event."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["path"] == PROOF_PATH:
            nonce = headers.get(NONCE_HEADER.lower().encode(), b"").decode("latin-1")
            await _answer(send, 200, b"text/plain", prove(self._secret, nonce, _address(scope)).encode())
            return
        message = refusal(headers, self._secret)
        if message is not None:
            error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": message}}
            await _answer(send, 403, b"application/json", json.dumps(error).encode())
            return
        gone = anyio.Event()

        async def watched_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                gone.set()
            return message

        inner = {
            **scope,
            "headers": [(name, value) for name, value in scope["headers"] if name not in _STRIPPED],
            "query_string": b"&".join(
                part for part in scope["query_string"].split(b"&") if not part.startswith(b"token=")
            ),
            GONE: gone,
        }
        await self._app(inner, watched_receive, send)


def _address(scope: Scope) -> str:
    """The port, or the path of the socket, at which a request came in."""
    host, port = scope.get("server") or ("", None)
    return str(host if port is None else port)


class Door:
    """ASGI middleware before the guard where no Jupyter extension is: whoever has the endpoint's token is let in.

    What the extension's relay says of a caller, nobody else may say.
    """

    def __init__(self, guard: Guard, token: str, *, secret: str, tier: str) -> None:
        self._guard = guard
        self._token = token
        said = {SECRET_HEADER: secret, TIER_HEADER: tier}
        self._said = [(name.lower().encode(), value.encode()) for name, value in said.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._guard(scope, receive, send)
            return
        shown = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        scheme, _, token = shown.partition(" ")
        if scheme.lower() not in ("bearer", "token") or not same(token.strip(), self._token):
            message = f"{'That is not' if shown else 'Send'} this endpoint's token (Authorization: Bearer …)."
            error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": message}}
            await _answer(send, 401, b"application/json", json.dumps(error).encode(), (b"www-authenticate", b"Bearer"))
            return
        said = [(name, value) for name, value in scope["headers"] if not name.startswith(_OURS)]
        await self._guard({**scope, "headers": [*said, *self._said]}, receive, send)


async def _answer(send: Send, status: int, media_type: bytes, body: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
