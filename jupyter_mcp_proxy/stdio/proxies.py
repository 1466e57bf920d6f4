"""The HTTP proxy that stands between this machine and a server elsewhere, as the environment names it.

A company's proxy is named by `https_proxy`, `http_proxy` and `all_proxy`, and `no_proxy` says what goes past it; on
Windows and macOS the system's settings do. What is on this machine never goes through one.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import h11

from ..contract import is_loopback

LARGEST_ANSWER = 64 * 1024
"""Bytes that a proxy may say before it lets through."""


class Barred(Exception):
    """The proxy cannot be used, or lets nothing through; the text has no password in it."""


@dataclass(frozen=True)
class Proxy:
    """A proxy, and how it knows us."""

    host: str
    port: int
    tls: bool
    authorization: str
    """The value of `Proxy-Authorization`; empty where it asks for none."""

    @property
    def name(self) -> str:
        """How it is called in messages."""
        return f"the proxy {self.host}:{self.port}"


def proxy_for(parts: SplitResult) -> Proxy | None:
    """The proxy by which a URL is reached; None for none. Raises Barred for one that is none of HTTP's."""
    if is_loopback(parts.hostname or ""):
        return None
    from urllib.request import getproxies, proxy_bypass  # 30 ms, which a server on this machine need not wait for

    known = getproxies()
    named = known.get(parts.scheme) or known.get("all")
    if not named or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return _read(named)


def _read(named: str) -> Proxy:
    try:
        found = urlsplit(named if "://" in named else f"http://{named}")
        port = found.port or (443 if found.scheme == "https" else 80)
    except ValueError as error:
        raise Barred("the environment's proxy is no URL such as http://proxy.example.org:3128") from error
    if found.scheme not in ("http", "https") or not found.hostname:
        raise Barred(f"the environment names a proxy of the kind {found.scheme}: only http and https are known here")
    authorization = ""
    if found.username is not None:
        pair = f"{unquote(found.username)}:{unquote(found.password or '')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(found.hostname, port, found.scheme == "https", authorization)


async def tunnel(proxy: Proxy, host: str, port: int) -> socket.socket:
    """A connection to a host through the proxy, for TLS to begin on. Raises Barred and OSError."""
    if proxy.tls:
        raise Barred(f"{proxy.name} speaks TLS itself, and so does the server: name it with http://")
    connection = await _connected(proxy)
    try:
        await _ask(connection, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except BaseException:
        connection.close()
        raise
    return connection


async def _connected(proxy: Proxy) -> socket.socket:
    loop = asyncio.get_running_loop()
    refused: OSError = OSError(f"{proxy.name} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, address)
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            refused = error
        else:
            return connection
    raise refused


async def _ask(connection: socket.socket, proxy: Proxy, target: str) -> None:
    loop = asyncio.get_running_loop()
    http = h11.Connection(h11.CLIENT)
    headers = [("Host", target)]
    headers += [("Proxy-Authorization", proxy.authorization)] if proxy.authorization else []
    await loop.sock_sendall(connection, http.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b"")
    heard = 0
    try:
        while not isinstance(event := http.next_event(), h11.Response):
            if event is h11.NEED_DATA:
                piece = await loop.sock_recv(connection, 4096)
                heard += len(piece)
                if not piece or heard > LARGEST_ANSWER:
                    raise Barred(f"{proxy.name} has closed the connection")
                http.receive_data(piece)
    except h11.RemoteProtocolError as error:
        raise Barred(f"{proxy.name} does not answer in HTTP: {error}") from error
    if not 200 <= event.status_code < 300:
        raise Barred(refusal(proxy, event.status_code))


def refusal(proxy: Proxy, status: int) -> str:
    """What is said of a proxy that lets nothing through."""
    if status == 407:
        return f"{proxy.name} asks for a name and a password: they go into its address, http://<name>:<password>@…"
    return f"{proxy.name} answers {status}; no_proxy names what goes past it"
