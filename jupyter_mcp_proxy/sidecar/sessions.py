"""Sessions of the old era: each belongs to its caller, and a caller has so many and no more."""

from __future__ import annotations

import logging
from collections import Counter

from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contract import CALLER_HEADER

log = logging.getLogger(__name__)

MOST = 100
"""Sessions that a caller may have open: a client that opens one a call must not fill the memory, nor take the place of
others. The SDKs' clients do not open another for one that has ended, so it is the longest unused that ends. The SDK's
own limit (mcp 2.3, `max_sessions`) is one for all callers, and refuses whoever comes next with 503."""

Name = tuple[str, str]
"""A caller and a session of theirs."""


class Sessions:
    """ASGI middleware around the MCP endpoint. Beyond the limit a caller's session that was longest unused ends."""

    def __init__(self, app: ASGIApp, most: int = MOST) -> None:
        self._app = app
        self._most = most
        self._open: dict[str, dict[str, None]] = {}
        """The sessions of each caller, the longest unused first."""
        self._busy: Counter[Name] = Counter()
        """How many requests of a session are under way. Its stream for what the server tells does not count."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        caller = headers.get(CALLER_HEADER, "")
        session = headers.get(MCP_SESSION_ID_HEADER)
        if session is None:
            await self._app(scope, receive, self._noting(caller, scope, send))
            return
        mine = self._open.get(caller, {})
        if session not in mine:  # whoever else's it is: for this caller there is none
            scope = _with_session(scope, "none")
        elif scope["method"] == "DELETE":
            send = self._forgetting(caller, session, send)
        else:
            mine[session] = mine.pop(session)
        busy = scope["method"] == "POST"
        self._busy[caller, session] += busy
        try:
            await self._app(scope, receive, send)
        finally:
            self._busy[caller, session] -= busy
            if not self._busy[caller, session]:
                del self._busy[caller, session]

    def _noting(self, caller: str, scope: Scope, send: Send) -> Send:
        """A `send` that notes the session which the answer opens."""

        async def noting(message: Message) -> None:
            opened = None
            if message["type"] == "http.response.start" and message["status"] < 400:
                opened = Headers(raw=message["headers"]).get(MCP_SESSION_ID_HEADER)
            if opened is not None:
                await self._make_room(caller, scope)
                self._open.setdefault(caller, {})[opened] = None
            await send(message)

        return noting

    def _forgetting(self, caller: str, session: str, send: Send) -> Send:
        """A `send` that notes that the session has ended, if it has."""

        async def forgetting(message: Message) -> None:
            if message["type"] == "http.response.start" and (message["status"] < 400 or message["status"] == 404):
                self._forget(caller, session)
            await send(message)

        return forgetting

    async def _make_room(self, caller: str, scope: Scope) -> None:
        while len(mine := self._open.get(caller, {})) >= self._most:
            idle = (session for session in mine if not self._busy[caller, session])
            session = next(idle, next(iter(mine)))
            self._forget(caller, session)
            log.info("a caller has more than %d sessions open: the one longest unused ends", self._most)
            await self._app({**_with_session(scope, session), "method": "DELETE"}, _nothing, _nowhere)

    def _forget(self, caller: str, session: str) -> None:
        mine = self._open.get(caller, {})
        mine.pop(session, None)
        if not mine:
            self._open.pop(caller, None)


def _with_session(scope: Scope, session: str) -> Scope:
    name = MCP_SESSION_ID_HEADER.encode()
    headers = [header for header in scope["headers"] if header[0] not in (name, b"content-length")]
    return {**scope, "headers": [*headers, (name, session.encode())]}


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nowhere(_: Message) -> None:
    return None
