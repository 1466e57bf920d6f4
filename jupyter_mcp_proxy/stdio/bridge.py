"""Each message from the client to the server, and what comes back.

Where the server or its sidecar goes and comes again, what has not left, or changes nothing, is sent (again) when it is
there; a call that may have been carried out is answered with an error that says so. A session of the old era that the
new server does not know is opened anew, as the client had opened it; clients do not do that themselves.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from .http import LARGEST_REFUSAL, Address, Cut, Http, NotSent, Reply
from .messages import (
    ACKNOWLEDGED,
    CANCELLED,
    INITIALIZED,
    LISTEN,
    NOT_JSON,
    PERHAPS_DONE,
    REFUSED,
    Events,
    Id,
    Message,
    answered_id,
    error,
    one_line,
    told_by,
)
from .ways import Unreachable, Way, not_taken, without_token

PATIENCE = 45.0
"""Seconds that a request waits for a server that is gone: a restart of Jupyter takes some, a client waits a minute."""
PAUSE, LONGEST_PAUSE = 0.3, 5.0
"""Seconds between two looks for it."""
RENEWALS = 3
"""How often a request may find that its session is unknown, before its client is told."""
GRACE, FAREWELL, CLEARING = 0.5, 0.2, 0.8
"""Seconds that what is asked may still be answered in once stdin has ended, that saying goodbye may take, and leaving
nothing behind. Clients (Python SDK 2) end a process 2 s after they have closed its stdin."""


class Again(Exception):
    """Not done, or harmless: it may be sent again after a pause. The text is for when there is no more time.

    Without a pause something has been mended, such as the session, which is done so often and no oftener.
    """

    def __init__(self, text: str, pause: float = PAUSE) -> None:
        super().__init__(text)
        self.pause = pause


class Asked:
    """A message on its way."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.task: asyncio.Task[None] | None = None
        self.sent = False
        self.cancelled = False
        self.answered = False
        self.acknowledged = False
        """Whether this is a stream of the new era that the server has begun."""
        self.renewals = 0


class Bridge:
    """One client's conversation."""

    def __init__(self, way: Way, write: Callable[[bytes], None], say: Callable[[str], None]) -> None:
        self._way = way
        self._write = write
        self._say = say
        self._http = Http()
        self._address: Address | None = None
        self._accepted: Address | None = None
        self._finding: asyncio.Task[Address] | None = None
        self._asked: dict[str, Asked] = {}
        self._last_note: asyncio.Task[None] | None = None
        """The last message that is no request: these keep their order, and what comes after waits for them."""
        self._listening: asyncio.Task[None] | None = None
        # What there is to know of a session of the old era.
        self._hello: Message | None = None
        self._session = ""
        self._version = ""
        self._opening = asyncio.Lock()
        self._kept: dict[str, Message] = {}
        """What the client has told a session to do, such as to subscribe it: a new session has to be told too."""

    async def run(self, lines: AsyncIterator[bytes]) -> None:
        """Pass on what comes until that ends."""
        try:
            async for line in lines:
                try:
                    message = Message.of(line)
                except (ValueError, RecursionError):
                    self._write(error(None, "This line is no message of JSON-RPC: each is one JSON object.", NOT_JSON))
                else:
                    self._take(message)
        finally:
            await self._end()

    def _take(self, message: Message) -> None:
        asked = Asked(message)
        if message.is_request:
            asked.task = asyncio.create_task(self._carry(asked, self._last_note))
            self._asked[_key(message.id)] = asked
        elif message.method != CANCELLED or self._is_for_server(message):
            self._last_note = asked.task = asyncio.create_task(self._carry(asked, self._last_note))

    def _is_for_server(self, cancel: Message) -> bool:
        """Whether the server is told of a cancel. In the new era it is told by hanging up: HTTP has nothing else."""
        asked = self._asked.get(_key(cancel.params.get("requestId")))
        if asked is None:
            return bool(self._session)
        asked.cancelled = True
        if asked.message.version or not asked.sent:
            assert asked.task is not None
            asked.task.cancel()
            return False
        return True

    # -- there ----------------------------------------------------------------------------------------

    async def _carry(self, asked: Asked, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        pause, deadline = PAUSE, time.monotonic() + PATIENCE
        try:
            while True:
                try:
                    await self._carry_once(asked)
                    break
                except Again as again:
                    if asked.acknowledged:  # a stream is wanted for as long as its client wants it
                        pause = min(pause * 1.5, LONGEST_PAUSE)
                    elif again.pause and time.monotonic() + again.pause > deadline:
                        self._fail(asked, str(again))
                        break
                    await asyncio.sleep(pause if asked.acknowledged else again.pause)
        finally:
            if self._asked.get(_key(asked.message.id)) is asked:
                del self._asked[_key(asked.message.id)]
        if asked.message.method == INITIALIZED and self._session and self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def _carry_once(self, asked: Asked) -> None:
        """Send a message, and pass on what comes back. Raises Again."""
        message = asked.message
        if message.method == "initialize":
            self._hello, self._session, self._version = message, "", ""
        try:
            address = await self._where()
        except Unreachable as unreachable:
            if unreachable.lasting:
                self._fail(asked, str(unreachable))
                return
            raise Again(str(unreachable)) from unreachable
        session = "" if message.version else self._session
        asked.sent = True
        try:
            async with self._http.asked("POST", address, self._headers(message, session), message.body) as reply:
                # The relay answers 200 for a sidecar that is not there, and when to come again (Python SDK 1 takes 503
                # for the end of its connection): the call did not leave.
                if reply.status in (200, 202) and not (reply.header("retry-after") and message.method):
                    await self._pass(asked, address, reply)
                    if message.is_request and not asked.answered and not asked.cancelled:
                        raise Cut("the reply ended without an answer")
                    return
                body = await reply.whole(LARGEST_REFUSAL)
        except NotSent as not_sent:
            asked.sent = False
            self._address = None
            raise Again(f"No Jupyter server answers at {address.url}: {not_sent}") from not_sent
        except Cut as cut:
            self._address = None
            if asked.answered or asked.cancelled:
                return
            if message.may_change_something:
                self._fail(asked, PERHAPS_DONE)
                return
            raise Again(f"The connection to {address.url} was lost: {cut}") from cut
        await self._refused(asked, address, session, reply, body)

    async def _refused(self, asked: Asked, address: Address, session: str, reply: Reply, body: bytes) -> None:
        """Deal with an answer that is none. Raises Again where the message was not taken and may be later."""
        status, fault = reply.status, told_by(body)
        hub = bool(reply.header("x-jupyterhub-version")) and not fault
        text = str(fault.get("message") or not_taken(address, status, hub=hub))
        if status in (401, 403) and not (address.token or hub):
            text = without_token(address, text if status == 403 else "")
        if status == 404 and session and not hub and asked.renewals < RENEWALS:
            asked.renewals += 1
            await self._renew(address, session)
            raise Again(text, 0)
        if status in (401, 403) and await asyncio.to_thread(self._way.refused, address, status):
            self._address = None
            raise Again(text, 0)
        if status in (200, 202, 429, 503):
            raise Again(text, _seconds(reply.header("retry-after")))
        if status in (502, 504):
            if not asked.message.may_change_something:
                raise Again(text, 1)
            text = str(fault.get("message") or PERHAPS_DONE)
        elif 300 <= status < 400:
            text = (
                f"{address.url} sends to {reply.header('location')} ({status}). Is a login missing, or is that the URL?"
            )
        self._fail(asked, text, fault)

    async def _where(self) -> Address:
        """Where the server is; looked for where it was lost. Raises Unreachable."""
        if self._address is not None:
            return self._address
        if self._finding is None:
            self._finding = asyncio.create_task(self._find())
            self._finding.add_done_callback(lambda found: found.cancelled() or found.exception())
        return await asyncio.shield(self._finding)  # a person may be signing in: who gives up ends that for nobody else

    async def _find(self) -> Address:
        try:
            self._address = found = await asyncio.to_thread(self._way.find)
            return found
        finally:
            self._finding = None

    def _headers(self, message: Message | None, session: str) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream" if message else "text/event-stream"}
        if message is not None:
            headers["Content-Type"] = "application/json"
            headers |= message.headers()
        if session:
            headers["Mcp-Session-Id"] = session
        if self._version and "MCP-Protocol-Version" not in headers:
            headers["MCP-Protocol-Version"] = self._version
        return headers

    # -- and back -------------------------------------------------------------------------------------

    async def _pass(self, asked: Asked, address: Address, reply: Reply) -> None:
        await self._note_accepted(address)
        if asked.message.method == "initialize":
            self._session = reply.header("mcp-session-id")
        if not reply.is_stream:
            body = await reply.whole()
            if body.strip():
                self._hear(asked, body)
            return
        events = Events()
        async for piece in reply.pieces():
            for data in events.feed(piece):
                self._hear(asked, data)

    def _hear(self, asked: Asked, data: bytes) -> None:
        """Pass on one message of the server's, which came in answer to a message of the client's. May raise Cut."""
        is_answer, id, fault = answered_id(data)
        is_mine = is_answer and _key(id) == _key(asked.message.id)
        if asked.message.method == LISTEN:
            if is_mine and asked.acknowledged and fault.get("code") == REFUSED:
                raise Cut(str(fault.get("message")))
            if ACKNOWLEDGED.encode() in data and json.loads(data).get("method") == ACKNOWLEDGED:
                if asked.acknowledged:
                    return  # of a stream that was begun again; the client has not noticed
                asked.acknowledged = True
        if is_mine:
            asked.answered = True
            if not fault:
                self._remember(asked.message, data)
        self._write(one_line(data))

    def _remember(self, message: Message, answer: bytes) -> None:
        """What of an answered request a new session has to be told."""
        if message.method == "initialize":
            result = json.loads(answer)["result"]
            self._version = str(result.get("protocolVersion", "")) if isinstance(result, dict) else ""
            self._kept.clear()
        elif message.method == "resources/subscribe":
            self._kept[str(message.params.get("uri"))] = message
        elif message.method == "resources/unsubscribe":
            self._kept.pop(str(message.params.get("uri")), None)
        elif message.method == "logging/setLevel":
            self._kept[message.method] = message

    def _fail(self, asked: Asked, text: str, fault: dict[str, Any] | None = None) -> None:
        """Tell whoever waits why there is no answer; on stderr, where nobody does."""
        if not asked.message.is_request:
            self._say(f"{asked.message.method or 'an answer'} did not reach the server: {text}")
        elif not asked.cancelled:
            asked.answered = True
            whole = {"code": REFUSED, **(fault or {}), "message": text}
            self._write(json.dumps({"jsonrpc": "2.0", "id": asked.message.id, "error": whole}).encode())

    async def _note_accepted(self, address: Address) -> None:
        if address != self._accepted:
            self._accepted = address
            await asyncio.to_thread(self._way.accepted, address)

    # -- sessions of the old era ----------------------------------------------------------------------

    async def _listen(self) -> None:
        """Pass on what the server says by itself, whichever of its lives it is in."""
        pause, lost = PAUSE, False
        while self._session:
            session = self._session
            try:
                address = await self._where()
                async with self._http.asked("GET", address, self._headers(None, session)) as reply:
                    if reply.status == 404:
                        await self._renew(address, session)
                    elif reply.status == 200 and reply.is_stream:
                        if lost:
                            await self._tell_again(address)
                        pause = PAUSE
                        events = Events()
                        async for piece in reply.pieces():
                            for data in events.feed(piece):
                                self._write(one_line(data))
                    elif reply.status == 405:
                        return  # a server that says nothing by itself
                    elif reply.status in (401, 403):
                        if not await asyncio.to_thread(self._way.refused, address, reply.status):
                            return
                        self._address = None
            except (Again, NotSent, Cut, Unreachable):
                self._address = None
            lost = True
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _renew(self, address: Address, stale: str) -> None:
        """Open a session as the client has opened one that is unknown by now. Raises Again."""
        async with self._opening:
            if self._session != stale or self._hello is None:
                return
            hello = Message.made("initialize", self._hello.params, id="jupyter-mcp-proxy stdio")
            session = await self._post(address, hello, "")
            self._session = session
            await self._post(address, Message.made(INITIALIZED, None), session)
            await self._tell_again(address)
        self._say("The server does not know the session any more: another was opened in its place.")

    async def _tell_again(self, address: Address) -> None:
        for message in list(self._kept.values()):
            made = Message.made(message.method, message.params, id="jupyter-mcp-proxy stdio")
            await self._post(address, made, self._session)

    async def _post(self, address: Address, message: Message, session: str) -> str:
        """Send a message of our own; the session that the reply names. Raises Again."""
        try:
            async with self._http.asked("POST", address, self._headers(message, session), message.body) as reply:
                if reply.status not in (200, 202):
                    raise Again(f"{address.url} answers {reply.status} to {message.method}.", 1)
                await reply.whole()
                return reply.header("mcp-session-id")
        except (NotSent, Cut) as lost:
            self._address = None
            raise Again(f"No Jupyter server answers at {address.url}: {lost}") from lost

    # -- the end --------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Let what is asked be answered for a moment, hang up, end the session, leave nothing behind."""
        due = [a.task for a in self._asked.values() if a.task and not a.answered and a.message.method != LISTEN]
        if due:
            await asyncio.wait(due, timeout=GRACE)
        left = [a.task for a in self._asked.values() if a.task]
        left += [task for task in (self._listening, self._last_note) if task is not None]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=FAREWELL)
        with suppress(asyncio.TimeoutError, NotSent, Cut):
            await asyncio.wait_for(self._end_session(), FAREWELL)
        self._http.close()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._way.close), CLEARING)

    async def _end_session(self) -> None:
        if self._session and self._address is not None:
            async with self._http.asked("DELETE", self._address, self._headers(None, self._session)):
                pass


def _key(id: Id) -> str:
    """An id as JSON has it: 1 and "1" are two."""
    return json.dumps(id)


def _seconds(retry_after: str) -> float:
    """What `Retry-After` says, within reason."""
    try:
        return min(max(float(retry_after), PAUSE), LONGEST_PAUSE)
    except ValueError:
        return 1.0
