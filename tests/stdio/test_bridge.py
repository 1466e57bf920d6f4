"""The bridge against an endpoint that does on purpose what servers do by accident."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from jupyter_mcp_proxy.stdio.bridge import Bridge
from jupyter_mcp_proxy.stdio.messages import PERHAPS_DONE
from jupyter_mcp_proxy.stdio.ways import Given

pytestmark = pytest.mark.anyio


@dataclass
class Request:
    """A request as the endpoint gets it, and the connection that it is to be answered on."""

    method: str
    headers: dict[str, str]
    said: dict[str, Any]
    writer: asyncio.StreamWriter

    async def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self.writer.drain()

    async def result(self, result: Any = None, **headers: str) -> None:
        said = {"jsonrpc": "2.0", "id": self.said["id"], "result": {} if result is None else result}
        await self.reply(200, json.dumps(said).encode(), **headers)

    async def stream(self, *events: Any, end: bool = True) -> None:
        self.writer.write(b"HTTP/1.1 200 x\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            data = f"event: message\ndata: {json.dumps(event)}\n\n".encode()
            self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.writer.write(b"0\r\n\r\n" if end else b"")
        await self.writer.drain()

    def cut(self) -> None:
        self.writer.transport.abort()


Answer = Callable[[Request], Awaitable[None]]


@dataclass
class Endpoint:
    """Answers each request as the next of its answers does, and remembers them."""

    answers: list[Answer]
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Request(first.split()[0], headers, json.loads(body or b"{}"), writer)
                self.requests.append(request)
                await self.answers.pop(0)(request)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def methods(self) -> list[str]:
        return [request.said.get("method", request.method) for request in self.requests]


class Client:
    """What is said to a bridge, and what it says."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.remarks: list[str] = []

    def say(self, method: str, id: Any = None, **params: Any) -> None:
        said = {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": id} if id is not None else {})
        self.lines.put_nowait(json.dumps(said).encode())

    async def hear(self) -> dict[str, Any]:
        with anyio.fail_after(60):
            return await self.told.get()

    async def read(self) -> AsyncIterator[bytes]:
        while (line := await self.lines.get()) is not None:
            yield line


@asynccontextmanager
async def bridged(endpoint: Endpoint, port: int = 0, token: str = "secret") -> AsyncIterator[Client]:
    """A client whose bridge leads to an endpoint, or to a port where that is not yet."""
    client = Client()
    server = None
    if not port:
        server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
        endpoint.port = port = server.sockets[0].getsockname()[1]
    way = Given(f"http://127.0.0.1:{port}/mcp-proxy/mcp", token)
    bridge = Bridge(way, lambda line: client.told.put_nowait(json.loads(line)), client.remarks.append)
    running = asyncio.create_task(bridge.run(client.read()))
    try:
        yield client
        client.lines.put_nowait(None)
        with anyio.fail_after(30):
            await running
    finally:
        running.cancel()
        if server is not None:
            server.close()


def refusal(reason: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": reason}}).encode()


async def cut(request: Request) -> None:
    request.cut()


async def ok(request: Request) -> None:
    await request.result({"of": request.said["params"]})


async def accepted(request: Request) -> None:
    await request.reply(202)


async def hello(request: Request) -> None:
    await request.result({"protocolVersion": "2025-06-18"}, Mcp_Session_Id=f"session-{request.said['id']}")


async def unknown(request: Request) -> None:
    await request.reply(404, refusal("Session not found"))


async def test_a_call_whose_reply_was_cut_is_not_sent_again() -> None:
    endpoint = Endpoint([cut, ok])
    async with bridged(endpoint) as client:
        client.say("tools/call", 1, name="execute_cell")
        assert (await client.hear())["error"] == {"code": -32001, "message": PERHAPS_DONE}
        client.say("tools/call", 2, name="list_cells")
        assert (await client.hear())["id"] == 2
    assert endpoint.methods == ["tools/call", "tools/call"]


async def test_a_call_whose_stream_ends_without_an_answer_is_told_so() -> None:
    progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}
    endpoint = Endpoint([lambda request: request.stream(progress)])
    async with bridged(endpoint) as client:
        client.say("tools/call", 1, name="execute_cell")
        assert await client.hear() == progress
        assert (await client.hear())["error"]["message"] == PERHAPS_DONE


async def test_what_only_asks_is_asked_again() -> None:
    endpoint = Endpoint([cut, cut, ok])
    async with bridged(endpoint) as client:
        client.say("tools/list", "a", cursor="x")
        assert await client.hear() == {"jsonrpc": "2.0", "id": "a", "result": {"of": {"cursor": "x"}}}
    assert endpoint.methods == ["tools/list"] * 3


async def test_what_finds_no_server_waits_for_one_and_is_sent_once() -> None:
    endpoint = Endpoint([ok])
    first = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    first.close()
    await first.wait_closed()
    async with bridged(endpoint, port) as client:
        client.say("tools/call", 1, name="execute_cell")
        await asyncio.sleep(0.7)
        server = await asyncio.start_server(endpoint.serve, "127.0.0.1", port)
        assert "result" in await client.hear()
        server.close()
    assert len(endpoint.requests) == 1


async def test_a_server_that_is_not_ready_is_asked_again() -> None:
    endpoint = Endpoint([lambda request: request.reply(503, Retry_After="0"), ok])
    async with bridged(endpoint) as client:
        client.say("tools/call", 1, name="execute_cell")
        assert "result" in await client.hear()


async def test_a_call_that_the_relay_has_told_to_come_again_does() -> None:
    async def later(request: Request) -> None:
        await request.reply(200, refusal("The sidecar keeps ending"), Retry_After="1")

    endpoint = Endpoint([later, ok])
    async with bridged(endpoint) as client:
        client.say("tools/call", 1, name="execute_cell")
        assert "result" in await client.hear()
    assert len(endpoint.requests) == 2


async def test_a_session_that_is_unknown_is_opened_as_the_client_had_opened_it() -> None:
    stream: list[Request] = []

    async def listened(request: Request) -> None:
        stream.append(request)
        await request.stream(end=False)

    answers: dict[str, list[Answer]] = {
        "initialize": [hello, hello], "notifications/initialized": [accepted, accepted], "GET": [listened] * 3,
        "resources/subscribe": [ok, ok], "tools/call": [unknown, ok], "DELETE": [lambda r: r.reply(200)],
    }  # fmt: skip

    async def next_of(request: Request) -> None:
        await answers[request.said.get("method", request.method)].pop(0)(request)

    endpoint = Endpoint([next_of] * 100)
    async with bridged(endpoint) as client:
        client.say("initialize", 0, protocolVersion="2025-06-18", clientInfo={"name": "a"})
        await client.hear()
        client.say("notifications/initialized")
        client.say("resources/subscribe", 1, uri="notebook://a")
        await client.hear()
        client.say("tools/call", 2, name="execute_cell")
        assert (await client.hear())["id"] == 2
    opened = [request for request in endpoint.requests if request.said.get("method") == "initialize"]
    assert [request.said["params"] for request in opened] == [opened[0].said["params"]] * 2
    calls = [request for request in endpoint.requests if request.said.get("method") == "tools/call"]
    assert [call.headers["mcp-session-id"] for call in calls] == ["session-0", "session-jupyter-mcp-proxy stdio"]
    assert endpoint.methods.count("resources/subscribe") == 2
    assert "mcp-session-id" not in opened[1].headers
    assert endpoint.methods[-1] == "DELETE"


async def test_a_cancel_of_the_new_era_hangs_up_and_one_of_the_old_era_is_passed_on() -> None:
    gone = anyio.Event()

    async def waits(request: Request) -> None:
        await request.stream(end=False)
        try:
            while True:
                request.writer.write(b"3\r\n:\n\n\r\n")
                await request.writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            gone.set()
            raise

    new = Endpoint([waits])
    async with bridged(new) as client:
        client.say("tools/call", 1, name="x", _meta={"io.modelcontextprotocol/protocolVersion": "2026-07-28"})
        while not new.requests:
            await asyncio.sleep(0.01)
        client.say("notifications/cancelled", requestId=1)
        with anyio.fail_after(30):
            await gone.wait()
    assert new.methods == ["tools/call"]
    assert new.requests[0].headers["mcp-name"] == "x"

    old = Endpoint([hello, waits, accepted])
    async with bridged(old) as client:
        client.say("initialize", 0)
        await client.hear()
        client.say("tools/call", 1, name="x")
        while len(old.requests) < 2:
            await asyncio.sleep(0.01)
        client.say("notifications/cancelled", requestId=1)
        with anyio.fail_after(30):
            while len(old.requests) < 3:
                await asyncio.sleep(0.01)
        old.answers.append(accepted)
    assert old.methods[:3] == ["initialize", "tools/call", "notifications/cancelled"]


async def test_a_refusal_is_told_with_its_reason_and_the_credential_goes_nowhere_else() -> None:
    endpoint = Endpoint([
        lambda r: r.reply(403, refusal("no such token")),
        lambda r: r.reply(302, Location="http://elsewhere.example/login"),
        lambda r: r.reply(404, b"<html>"),
        lambda r: r.reply(403, b"<html>", **{"X-JupyterHub-Version": "6.1.1"}),
    ])  # fmt: skip
    reasons = ("no such token", "http://elsewhere.example/login", "answers 404", "start that server on the Hub's page")
    async with bridged(endpoint) as client:
        for id, reason in enumerate(reasons):
            client.say("tools/list", id)
            told = await client.hear()
            assert told["id"] == id
            assert reason in told["error"]["message"]
    assert len(endpoint.requests) == len(reasons)
    assert endpoint.requests[0].headers["authorization"] == "Bearer secret"


async def test_where_a_token_is_missing_it_is_said_how_this_program_is_given_one() -> None:
    """The server's own advice, to sign in or to send a header, is none for a client that starts a program."""
    endpoint = Endpoint([lambda r: r.reply(401, refusal("A client that can sign in opens a page."))])
    async with bridged(endpoint, token="") as client:
        client.say("tools/list", 1)
        assert "JUPYTER_MCP_PROXY_TOKEN" in (await client.hear())["error"]["message"]


async def test_a_listening_stream_is_begun_again_and_its_client_does_not_notice() -> None:
    acknowledged = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}}
    updated = {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {}}

    async def dies(request: Request) -> None:
        await request.stream(acknowledged, updated, end=False)
        request.cut()

    async def restarts(request: Request) -> None:
        error = {"code": -32001, "message": "The sidecar went away"}
        await request.stream(acknowledged, updated, {"jsonrpc": "2.0", "id": 1, "error": error})

    async def ends(request: Request) -> None:
        await request.stream(acknowledged, updated, {"jsonrpc": "2.0", "id": 1, "result": {}})

    endpoint = Endpoint([dies, restarts, ends])
    async with bridged(endpoint) as client:
        client.say("subscriptions/listen", 1)
        told = [await client.hear() for _ in range(5)]
    assert told == [acknowledged, updated, updated, updated, {"jsonrpc": "2.0", "id": 1, "result": {}}]
