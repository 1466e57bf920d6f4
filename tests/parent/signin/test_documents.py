"""Fetching a client's document: small, quick, from where it says, and from public addresses only."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from harness import StartJupyter, until
from harness.signing_in import Browser, authorize_url
from tornado.netutil import DefaultLoopResolver

from jupyter_mcp_proxy.parent.signin.clients import Invalid
from jupyter_mcp_proxy.parent.signin.documents import LARGEST, MOST_KEPT, TIME, Documents

pytestmark = pytest.mark.anyio


class Site(ThreadingHTTPServer):
    """A web site on this machine that counts who asks."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind == "slow":
            time.sleep(7)
        body = {"large": b'"' + b"x" * LARGEST + b'"', "html": b"<html>", "deep": b"[" * 5_000}.get(kind, b'{"a": 1}')
        self.send_response({"redirect": 302, "missing": 404, "broken": 500}.get(kind, 200))
        self.send_header("Location", "/good")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def site() -> Iterator[Site]:
    server = Site()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


async def test_a_document_is_fetched_once_in_ten_minutes() -> None:
    now = [0.0]
    with site() as there:
        documents = Documents(lambda: now[0], DefaultLoopResolver())
        for _ in range(3):
            assert await documents.get(there.url("good")) == {"a": 1}
        assert len(there.asked) == 1
        now[0] = 601
        await documents.get(there.url("good"))
        assert len(there.asked) == 2
        for number in range(2 * MOST_KEPT):
            await documents.get(there.url(f"good/{number}"))
        assert len(documents._kept) == MOST_KEPT


@pytest.mark.parametrize("kind", ["redirect", "missing", "broken", "large", "html", "deep"])
async def test_what_is_none_is_refused_and_no_redirect_followed(kind: str) -> None:
    with site() as there:
        with pytest.raises(Invalid):
            await Documents(resolver=DefaultLoopResolver()).get(there.url(kind))
        assert there.asked == [f"/{kind}"]


async def test_a_site_that_does_not_answer_holds_nobody_up() -> None:
    with site() as there:
        begun = time.monotonic()
        with pytest.raises(Invalid):
            await Documents(resolver=DefaultLoopResolver()).get(there.url("slow"))
        assert time.monotonic() - begun < 6.5


async def test_a_slow_host_holds_up_its_own_documents_only() -> None:
    with site() as slow, site() as quick:
        documents = Documents(resolver=DefaultLoopResolver())
        waiting = [asyncio.ensure_future(documents.get(slow.url(f"slow/{number}"))) for number in range(6)]
        await until(lambda: len(slow.asked) == 2)
        assert await documents.get(quick.url("good")) == {"a": 1}
        assert not any(each.done() for each in waiting)
        begun = time.monotonic()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, Invalid) for each in answers), answers
        assert time.monotonic() - begun < 2 * TIME + 5, "however many wait"


async def test_a_site_on_this_machine_is_not_even_asked() -> None:
    with site() as there:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(Invalid, match="public internet"):
                await Documents().get(f"http://{host}:{there.server_port}/good")
        assert there.asked == []


def test_no_request_of_a_strangers_reaches_a_private_address(start_jupyter: StartJupyter) -> None:
    """Whatever the setting admits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        server = start_jupyter(rtc=False, arguments=("--MCPProxy.signin_hosts=*",))
        browser, port = Browser(server), listener.getsockname()[1]
        for document in (
            f"https://127.0.0.1:{port}/x", f"https://localhost:{port}/x", "https://127.0.0.1/x", "https://localhost/x",
            "https://169.254.169.254/latest/meta-data", "https://[::1]/x", "https://0x7f000001/x", "https://10.0.0.1/x",
        ):  # fmt: skip
            assert browser.open(authorize_url(server, document))[0] == 400
        with pytest.raises(TimeoutError):
            listener.accept()
