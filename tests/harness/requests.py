"""Requests as anybody on the network can make them, and how they are refused."""

from __future__ import annotations

import http.client
import json
from typing import Any

from harness.servers import TOKEN, JupyterProcess

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}},
}


def post(
    server: JupyterProcess, body: Any = None, path: str = "mcp-proxy/mcp", method: str = "POST", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request as anybody on the network can make it; no header but those given."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    connection.request(method, server.base_url + path, data, sent)
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer


def as_client(token: str | None = TOKEN, **headers: str) -> dict[str, str]:
    sent = {"Content_Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
    return sent | ({"Authorization": f"Bearer {token}"} if token else {})


def refused(answer: tuple[int, dict[str, str], bytes], *words: str, status: int = 403) -> None:
    assert answer[0] == status, answer
    assert answer[1]["content-type"].startswith("application/json")
    message = json.loads(answer[2])
    assert message["jsonrpc"] == "2.0"
    assert message["id"] is None
    for word in words:
        assert word in message["error"]["message"]


def login_cookie(server: JupyterProcess) -> str:
    """The cookie of a person who has logged in, with Jupyter's XSRF token beside it as a browser has it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"{server.base_url}tree?token={TOKEN}")
    response = connection.getresponse()
    response.read()
    cookies = [value.split(";")[0] for name, value in response.getheaders() if name.lower() == "set-cookie"]
    connection.close()
    assert any(cookie.startswith("username-") for cookie in cookies), cookies
    return "; ".join(cookies)
