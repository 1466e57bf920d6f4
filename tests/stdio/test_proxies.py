"""A company's proxy between this machine and the server: the environment names it, and loopback never goes through."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import TOKEN, JupyterProcess
from harness.piped import Piped, world
from harness.tls import tls_before

from jupyter_mcp_proxy.stdio.http import Address, NotSent, ToServer
from jupyter_mcp_proxy.stdio.proxies import Barred, proxy_for

PROXY = Path(__file__).with_name("forward_proxy.py")
pytestmark = pytest.mark.anyio

ELSEWHERE = "jupyter.example.org"
"""A name that only the proxy knows: it is the test's server."""
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "lines", "version": "1"},
}


class Forward:
    """The proxy as a process, and what it was asked for."""

    def __init__(self, *, password: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROXY), ELSEWHERE, password], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def end(self) -> list[str]:
        """Stop it: a line for each request."""
        self._process.terminate()
        return self._process.communicate(timeout=10)[0].splitlines()


@contextmanager
def forward(password: str = "") -> Iterator[tuple[Forward, list[str]]]:
    proxy, seen = Forward(password=password), []
    try:
        yield proxy, seen
    finally:
        seen += proxy.end()


def greeted(server: JupyterProcess, url: str, **environment: str) -> dict[str, object]:
    """What `stdio --url` answers to a client's greeting."""
    program = Piped(world(server) | {"JUPYTER_MCP_PROXY_TOKEN": TOKEN} | environment, server.root, "--url", url)
    try:
        program.say("initialize", HELLO, id=1)
        return program.answer(1)
    finally:
        program.end()


def test_a_server_elsewhere_is_asked_through_the_proxy(file: JupyterProcess) -> None:
    with forward() as (proxy, seen):
        url = f"http://{ELSEWHERE}:{file.port}/"
        said = greeted(file, url, http_proxy=f"http://127.0.0.1:{proxy.port}")
        assert "result" in said, said
    assert seen[0] == f"POST http://{ELSEWHERE}:{file.port}/mcp-proxy/mcp"


async def test_https_goes_through_a_tunnel_that_the_proxy_cannot_read(file: JupyterProcess, tmp_path: Path) -> None:
    with forward() as (proxy, seen):
        async with tls_before(file.port, tmp_path, keeps_host=False, name=ELSEWHERE) as (port, _):
            trusted = {"SSL_CERT_FILE": str(tmp_path / "certificate.pem")}
            by = {"https_proxy": f"http://127.0.0.1:{proxy.port}"}
            said = await asyncio.to_thread(greeted, file, f"https://{ELSEWHERE}:{port}/", **trusted, **by)
    assert "result" in said, said
    assert seen
    assert set(seen) == {f"CONNECT {ELSEWHERE}:{port}"}


def test_what_is_on_this_machine_never_goes_through_a_proxy(file: JupyterProcess) -> None:
    with forward() as (proxy, seen):
        address = f"http://127.0.0.1:{proxy.port}"
        said = greeted(file, file.url, http_proxy=address, https_proxy=address, all_proxy=address)
        assert "result" in said, said
    assert seen == []


def test_a_name_and_password_in_the_proxys_address_are_given_to_it_alone(file: JupyterProcess) -> None:
    with forward("ada:o/b") as (proxy, seen):
        url = f"http://{ELSEWHERE}:{file.port}/"
        said = greeted(file, url, http_proxy=f"http://ada:o%2Fb@127.0.0.1:{proxy.port}")
        assert "result" in said, said
    assert seen


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_a_password_is_named_with_what_helps(
    file: JupyterProcess, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forward("ada:o/b") as (proxy, _):
        address = f"http://bob:wrong@127.0.0.1:{proxy.port}"
        if scheme == "http":
            said = str(greeted(file, f"http://{ELSEWHERE}:{file.port}/", http_proxy=address))
        else:
            monkeypatch.setenv("https_proxy", address)
            with pytest.raises(NotSent) as refused:
                asyncio.run(ToServer.open(Address(f"https://{ELSEWHERE}:{file.port}/")))
            said = str(refused.value)
    assert f"the proxy 127.0.0.1:{proxy.port} asks for a name and a password" in said
    assert "wrong" not in said


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"])
def test_loopback_is_known_by_each_of_its_names(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert proxy_for(urlsplit(f"http://{host}:8888/")) is None
    assert proxy_for(urlsplit("http://jupyter.example.org/")) is not None


def test_no_proxy_names_what_goes_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", ".example.org,10.1.2.3")
    assert proxy_for(urlsplit("https://hub.example.org/user/ada/")) is None
    assert proxy_for(urlsplit("https://10.1.2.3/")) is None
    proxy = proxy_for(urlsplit("https://hub.example.com/"))
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.authorization) == ("proxy.example.org", 3128, "")


def test_the_password_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "socks5://ada:hunter2@proxy.example.org:1080")
    with pytest.raises(Barred) as barred:
        proxy_for(urlsplit("https://hub.example.com/"))
    assert "socks5" in str(barred.value)
    assert "hunter2" not in str(barred.value)
    monkeypatch.setenv("https_proxy", "http://ada:hunter2@proxy.example.org:3128")
    proxy = proxy_for(urlsplit("https://hub.example.com/"))
    assert proxy is not None
    assert proxy.authorization == "Basic " + base64.b64encode(b"ada:hunter2").decode()
    assert "hunter2" not in proxy.name
