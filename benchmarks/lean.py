"""An MCP client that costs next to nothing: one keep-alive socket, ready-made bytes, no parsing of results.

It sends what the SDK's client sends, and its clock stops when the response is complete (by Content-Length) or, in an
event stream, when the event with the response has arrived.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

NEW_ERA = "2026-07-28"
OLD_ERA = "2025-11-25"
CLIENT = {"name": "benchmark", "version": "1"}


class LeanClient:
    """One connection to an endpoint, in one era. `era` is `2026-07-28` or anything else for the old one."""

    def __init__(self, url: str, era: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._modern = era == NEW_ERA
        self._headers = {
            "Host": parts.netloc,
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            **headers,
        }
        self._number = 0
        assert parts.hostname is not None
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._modern:
            self._initialize()

    def close(self) -> None:
        """Close the connection; an old-era session stays behind, as with a client that crashed."""
        self._socket.close()

    def _initialize(self) -> None:
        params = {"protocolVersion": OLD_ERA, "capabilities": {}, "clientInfo": CLIENT}
        headers, _, _ = self._exchange(self._request("initialize", params))
        self._headers |= {"Mcp-Session-Id": headers["mcp-session-id"], "Mcp-Protocol-Version": OLD_ERA}
        self._exchange(self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, {}))

    def call(self, tool: str, arguments: dict[str, Any]) -> tuple[bytes, float]:
        """Call a tool: the bytes of the response's body, and the seconds from the first byte sent."""
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        return self._answer(self._request("tools/call", params, tool))

    def list_tools(self) -> tuple[bytes, float]:
        """Ask for the list of tools, likewise."""
        return self._answer(self._request("tools/list", {}))

    def _answer(self, request: bytes) -> tuple[bytes, float]:
        headers, body, seconds = self._exchange(request)
        assert headers["status"] == "200", (headers, body)
        return body, seconds

    def _request(self, method: str, params: dict[str, Any], name: str | None = None) -> bytes:
        self._number += 1
        extra = {}
        if self._modern:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": NEW_ERA,
                "io.modelcontextprotocol/clientInfo": CLIENT,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
            extra = {"Mcp-Protocol-Version": NEW_ERA, "Mcp-Method": method} | ({"Mcp-Name": name} if name else {})
        return self._post({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}, extra)

    def _post(self, message: dict[str, Any], extra: dict[str, str]) -> bytes:
        body = json.dumps(message, separators=(",", ":")).encode()
        lines = [f"{name}: {value}" for name, value in (self._headers | extra).items()]
        head = f"POST {self._path} HTTP/1.1\r\n" + "\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _exchange(self, request: bytes) -> tuple[dict[str, str], bytes, float]:
        started = time.perf_counter()
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, rest = data.partition(b"\r\n\r\n")
        headers = _parse(head)
        if "chunked" in headers.get("transfer-encoding", ""):
            body, seconds = self._chunked(rest, started)
        else:
            length = int(headers.get("content-length", 0))
            while len(rest) < length:
                rest += self._receive()
            body, seconds = rest, time.perf_counter() - started
        return headers, body, seconds

    def _chunked(self, data: bytes, started: float) -> tuple[bytes, float]:
        """The body of a chunked reply. The clock stops at the response; the rest is read off for the next call."""
        seconds = 0.0
        while True:
            if not seconds and (b'"result"' in data or b'"error"' in data) and data.rstrip().endswith(b"}"):
                seconds = time.perf_counter() - started
            if data.endswith(b"0\r\n\r\n"):
                return data, seconds or time.perf_counter() - started
            data += self._receive()

    def _receive(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data


def _parse(head: bytes) -> dict[str, str]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {"status": first.split(" ")[1]}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return headers
