"""What a page of JupyterLab with the panel in it does, without a browser."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2

from harness import TOKEN, JupyterProcess, post


class Stream:
    """The events of one stream, as a page reads them."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.head: list[str] = []

    async def event(self) -> tuple[str, Any]:
        name = ""
        async for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
            elif line:
                self.head.append(line)
        raise AssertionError("the stream has ended")

    async def until(self, kind: str, found: Any) -> Any:
        """The next event of a kind for which `found` holds."""
        with anyio.fail_after(20):
            while True:
                name, data = await self.event()
                if name == kind and found(data):
                    return data

    async def call(self, tool: str, *outcomes: str) -> Any:
        """The next event of a call of that tool, with one of these outcomes."""
        return await self.until("call", lambda call: call["tool"] == tool and call["outcome"] in outcomes)


@asynccontextmanager
async def watching(server: JupyterProcess) -> AsyncIterator[Stream]:
    """The stream of activity, after nothing of it has been read."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        http.stream("GET", f"{server.url}mcp-proxy/api/activity") as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response.aiter_lines())


def ask(server: JupyterProcess, method: str, what: str, body: Any = None) -> Any:
    """An answer of the API to somebody with Jupyter's own token."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "application/json"}
    status, _, answer = post(server, body, f"mcp-proxy/api/{what}", method, **headers)
    assert status == 200, answer
    return json.loads(answer)
