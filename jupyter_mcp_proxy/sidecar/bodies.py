"""Bodies that the SDK would take long for, or would answer with nothing, are refused before it has them.

That is a small body with very many parts, and a request whose id is none: the SDK (mcp 2.3) takes that for a
notification in the old era, and its sender would wait for an answer that nobody owes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contract import MOST_VALUES, values

_ODD_ID = re.compile(rb'"id"\s*:\s*(?!"|-?\d+\s*[,}])')
"""How an id begins that is no text and no integer; what else is named so is looked at, too."""


class Bodies:
    """ASGI middleware: 400 for a body with more than `MOST_VALUES`, and for a request whose id is no text or integer.

    What is beyond `largest` bytes is not looked at.
    """

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
        if size <= self._largest and (text := _wrong_with(b"".join(each.get("body", b"") for each in heard))):
            error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": text}}
            await JSONResponse(error, 400)(scope, receive, send)
            return
        await self._app(scope, _again(iter(heard), receive), send)


def _wrong_with(body: bytes) -> str:
    """Why a body is refused; empty where it is not."""
    if len(body) > MOST_VALUES and values(body) > MOST_VALUES:
        return f"The request has more than {MOST_VALUES:,} JSON values; nothing was done. Send long text as one."
    if _ODD_ID.search(body) and _is_request_without_id(body):
        return "A request's `id` is a text or an integer, as MCP has it; nothing was done. Send it with one."
    return ""


def _is_request_without_id(body: bytes) -> bool:
    """Whether it asks for an answer under an id that is none. What has no id at all asks for none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(said, dict) or "method" not in said or "id" not in said:
        return False
    return isinstance(said["id"], bool) or not isinstance(said["id"], str | int)


def _again(heard: Iterator[Message], receive: Receive) -> Receive:
    """A `receive` that gives what was heard already, then what comes."""

    async def again() -> Message:
        message = next(heard, None)
        return await receive() if message is None else message

    return again
