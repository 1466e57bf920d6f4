"""Sessions of the old era: each belongs to its caller, a caller has so many and no more, and one outlives its process.

The id that a client gets says what its session was opened with (`session_ids`); inside, the SDK has one of its own. An
id that no session stands behind, since this process is new or the session was the longest unused of too many, is
opened again before the client's request is passed on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, OrderedDict
from weakref import WeakValueDictionary

from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..contract import CALLER_HEADER
from .session_ids import Json, sealed, unsealed

log = logging.getLogger(__name__)

MOST = 100
"""Sessions that a caller may have open: a client that opens one a call must not fill the memory, nor take the place of
others. The SDKs' clients do not open another for one that has ended, so it is the longest unused that ends, and it is
opened again if it is used after all. The SDK's own limit (mcp 2.3, `max_sessions`) is one for all callers, and refuses
whoever comes next with 503."""
ENDED_KEPT = 1000
"""Sessions that their clients have ended, which are not opened again."""
LARGEST_HELLO = 64 * 1024
"""Bytes of a request that are looked at for what it opens a session with."""

Name = tuple[str, str]
"""A caller and a session of theirs."""


class Sessions:
    """ASGI middleware around the MCP endpoint. Beyond the limit a caller's session that was longest unused ends."""

    def __init__(self, app: ASGIApp, secret: str, most: int = MOST) -> None:
        self._app = app
        self._secret = secret
        self._most = most
        self._inner: dict[str, str] = {}
        """For the id that a client has, the SDK's."""
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._opening: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._open: dict[str, dict[str, None]] = {}
        """The sessions of each caller, the longest unused first."""
        self._busy: Counter[Name] = Counter()
        """How many requests of a session are under way. Its stream for what the server tells does not count."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        caller = headers.get(CALLER_HEADER, "")
        session = headers.get(MCP_SESSION_ID_HEADER)
        if session is None:
            hello = _Heard(receive)
            await self._app(scope, hello.receive, self._noting(caller, scope, hello, send))
            return
        if session not in self._open.get(caller, {}) and session not in self._ended:
            await self._open_again(caller, session, scope)
        mine = self._open.get(caller, {})
        if session not in mine:  # whoever else's it is: for this caller there is none
            scope = _with_session(scope, "none")
        else:
            scope = _with_session(scope, self._inner[session])
            send = _as_known(session, send)
            if scope["method"] == "DELETE":
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

    def _noting(self, caller: str, scope: Scope, hello: _Heard, send: Send) -> Send:
        """A `send` that notes the session which the answer opens, and gives it the id that its client gets."""

        async def noting(message: Message) -> None:
            inner = _opened(message)
            if inner is not None:
                parameters = hello.parameters
                session = (sealed(self._secret, caller, parameters) if parameters is not None else None) or inner
                await self._make_room(caller, scope)
                self._note(caller, session, inner)
                message = {**message, "headers": _replaced(message["headers"], session)}
            await send(message)

        return noting

    def _note(self, caller: str, session: str, inner: str) -> None:
        self._open.setdefault(caller, {})[session] = None
        self._inner[session] = inner

    async def _open_again(self, caller: str, session: str, scope: Scope) -> None:
        """Open a session of the caller's as it was opened before, if its id says how; else nothing happens."""
        parameters = unsealed(self._secret, caller, session)
        if parameters is None:
            return
        lock = self._opening.setdefault(session, asyncio.Lock())
        async with lock:  # the requests of a client come at once
            if session in self._open.get(caller, {}):
                return
            inner: list[str] = []

            async def noting(message: Message) -> None:
                opened = _opened(message)
                if opened is not None:
                    inner.append(opened)

            await self._app(*_request(scope, "initialize", None, parameters), noting)
            if not inner:
                return
            await self._app(*_request(scope, "notifications/initialized", inner[0], None), _nowhere)
            await self._make_room(caller, scope)
            self._note(caller, session, inner[0])
            log.info("a session of a process before this one was opened again")

    def _forgetting(self, caller: str, session: str, send: Send) -> Send:
        """A `send` that notes that the session has ended, if it has."""

        async def forgetting(message: Message) -> None:
            if message["type"] == "http.response.start" and (message["status"] < 400 or message["status"] == 404):
                self._forget(caller, session)
                self._ended[session] = None
                if len(self._ended) > ENDED_KEPT:
                    self._ended.popitem(last=False)
            await send(message)

        return forgetting

    async def _make_room(self, caller: str, scope: Scope) -> None:
        while len(mine := self._open.get(caller, {})) >= self._most:
            idle = (session for session in mine if not self._busy[caller, session])
            session = next(idle, next(iter(mine)))
            inner = self._inner[session]
            self._forget(caller, session)
            log.info("a caller has more than %d sessions open: the one longest unused ends", self._most)
            await self._app({**_with_session(scope, inner), "method": "DELETE"}, _nothing, _nowhere)

    def _forget(self, caller: str, session: str) -> None:
        mine = self._open.get(caller, {})
        mine.pop(session, None)
        self._inner.pop(session, None)
        if not mine:
            self._open.pop(caller, None)


class _Heard:
    """A `receive` that remembers the beginning of a request's body."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._body = bytearray()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and len(self._body) <= LARGEST_HELLO:
            self._body += message.get("body", b"")
        return message

    @property
    def parameters(self) -> Json | None:
        """What the request opens a session with; None where it opens none."""
        try:
            said = json.loads(self._body)
        except (ValueError, RecursionError):
            return None
        parameters = said.get("params") if isinstance(said, dict) and said.get("method") == "initialize" else None
        return parameters if isinstance(parameters, dict) else None


def _opened(message: Message) -> str | None:
    """The SDK's id of the session that an answer opens."""
    if message["type"] != "http.response.start" or message["status"] >= 400:
        return None
    return Headers(raw=message["headers"]).get(MCP_SESSION_ID_HEADER)


def _as_known(session: str, send: Send) -> Send:
    """A `send` by whose answers the session goes by the id that its client has.

    The SDK's server (mcp 2.3) names its own in each answer, and TypeScript 1 takes the latest one that it is told.
    """

    async def known(message: Message) -> None:
        if message["type"] == "http.response.start" and MCP_SESSION_ID_HEADER in Headers(raw=message["headers"]):
            message = {**message, "headers": _replaced(message["headers"], session)}
        await send(message)

    return known


def _replaced(headers: list[tuple[bytes, bytes]], session: str) -> list[tuple[bytes, bytes]]:
    name = MCP_SESSION_ID_HEADER.encode()
    return [*(header for header in headers if header[0].lower() != name), (name, session.encode())]


def _request(scope: Scope, method: str, session: str | None, parameters: Json | None) -> tuple[Scope, Receive]:
    """A request of our own, by whoever sent the one in `scope`."""
    said: Json = {"jsonrpc": "2.0", "method": method}
    if parameters is not None:
        said |= {"id": 0, "params": parameters}
    body = json.dumps(said).encode()
    ours = {b"accept", b"content-type", b"content-length", b"last-event-id", MCP_SESSION_ID_HEADER.encode()}
    headers = [header for header in scope["headers"] if header[0] not in ours]
    headers += [(b"accept", b"application/json, text/event-stream"), (b"content-type", b"application/json")]
    headers += [(MCP_SESSION_ID_HEADER.encode(), session.encode())] if session is not None else []
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # nobody hangs up
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return {**scope, "method": "POST", "headers": headers}, receive


def _with_session(scope: Scope, session: str) -> Scope:
    name = MCP_SESSION_ID_HEADER.encode()
    headers = [header for header in scope["headers"] if header[0] not in (name, b"content-length")]
    return {**scope, "headers": [*headers, (name, session.encode())]}


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nowhere(_: Message) -> None:
    return None
