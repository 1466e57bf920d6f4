"""MCP clients in both eras, as an agent uses them."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation

from harness.servers import JupyterProcess

ERAS = ("2026-07-28", "legacy")
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(60)"
"""Code that runs until it is stopped, and shows that it does."""


class Agent:
    """An MCP client as an agent uses it: calls that return text, and the images apart."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, progress: Any = None, **arguments: Any) -> CallToolResult:
        result = await self.client.call_tool(tool, arguments, progress_callback=progress)
        assert isinstance(result, CallToolResult)
        return result

    async def ok(self, tool: str, progress: Any = None, **arguments: Any) -> str:
        """The text of a call that must succeed."""
        result = await self.call(tool, progress, **arguments)
        assert not result.is_error, text(result)
        return text(result)

    async def fails(self, tool: str, **arguments: Any) -> str:
        """The text of a call that must fail."""
        result = await self.call(tool, **arguments)
        assert result.is_error, text(result)
        return text(result)


async def shows(agent: Agent, told: str, words: str, seconds: float = 60) -> str:
    """Follow a run that goes on until it has printed these words; its id. A kernel may take its time to start."""
    execution = told.split(" · ")[0].split("\n")[-1]
    with anyio.fail_after(seconds):
        while words not in told:
            told += await agent.ok("wait_execution", execution=execution, wait=0.5)
    return execution


def text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if block.type == "text")


@asynccontextmanager
async def connect(
    server: JupyterProcess,
    era: str = ERAS[0],
    *,
    name: str | None = None,
    token: str | None = None,
    verify: Any = True,
    elicitation: Any = None,
) -> AsyncIterator[Agent]:
    """A real client of the server's endpoint, in one of the protocol's eras; without a name one that is new.

    With `elicitation`, a callback, it can be asked for input.
    """
    headers = {}
    credential = server.token if token is None else token
    if credential:
        headers["Authorization"] = f"Bearer {credential}"
    async with httpx2.AsyncClient(headers=headers, timeout=600, verify=verify, trust_env=False) as http:
        transport = streamable_http_client(server.endpoint, http_client=http)
        client_info = Implementation(name=name or f"pytest {secrets.token_hex(4)}", version="1")
        async with Client(transport, mode=era, client_info=client_info, elicitation_callback=elicitation) as client:
            yield Agent(client)


def sample_arguments(tool: str, notebook: str = "a.ipynb") -> dict[str, Any]:
    """Arguments with which a tool can be called, as far as its schema goes."""
    from jupyter_mcp_proxy.tools.server import CATALOGUE

    schema = CATALOGUE[tool].parameters
    examples = {"string": notebook, "integer": 0, "number": 0}
    return {name: examples.get(str(schema["properties"][name].get("type")), 0) for name in schema.get("required", [])}
