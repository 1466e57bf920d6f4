"""A request's body that is small and has very many parts is refused before anybody decodes it."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contract import MOST_VALUES, values


class Bodies:
    """ASGI middleware: 400 for a body with more than `MOST_VALUES`. What is beyond `largest` bytes is not looked at."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        heard: list[Message] = []
        size, more = 0, True
        while more and size <= self._largest:
            message = await receive()
            heard.append(message)
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        if MOST_VALUES < size <= self._largest:
            body = b"".join(message.get("body", b"") for message in heard)
            if values(body) > MOST_VALUES:
                text = (
                    f"The request has more than {MOST_VALUES:,} JSON values; nothing was done. Send long text as one."
                )
                error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": text}}
                await JSONResponse(error, 400)(scope, receive, send)
                return
        await self._app(scope, _again(iter(heard), receive), send)


def _again(heard: Iterator[Message], receive: Receive) -> Receive:
    """A `receive` that gives what was heard already, then what comes."""

    async def again() -> Message:
        message = next(heard, None)
        return await receive() if message is None else message

    return again
