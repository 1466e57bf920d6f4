"""A tool that does nothing and a tool that computes `1+1`, by every way there is to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Implementation

from jupyter_mcp_proxy.store.signins import SignIns

from .bare import bare_round_trip
from .lean import CLIENT, NEW_ERA, LeanClient
from .parts import JupyterProcess, SidecarByHand, place_of, store_of
from .timing import Sample, timed

ERAS = {"new": NEW_ERA, "old": "legacy"}
CLIENTS = ("lean", "sdk")
NO_OP = ("wait_execution", {"execution": "x0"})
"""An execution that there is not: the call passes all of the MCP server and asks nothing of Jupyter."""
NO_OP_SAYS = "x0"
NOTEBOOK = "benchmark.ipynb"
ONE_PLUS_ONE = ("execute_ipython", {"notebook": NOTEBOOK, "code": "1+1"})
ONE_PLUS_ONE_SAYS = "2"
ONE_PLUS_ONE_CELL = ("execute_cell", {"notebook": NOTEBOOK, "cell": 0})

SCOPED, SIGNED_IN = "our relay, a scoped token", "our relay, signed in"
BARE = "execute · bare websocket, TCP_QUICKACK"
BARE_SLOW = "execute · bare websocket"


def no_op(way: str, era: str, client: str) -> str:
    """The name of a variant of the tool that does nothing."""
    return f"no-op · {way} · {era} era · {client} client"


def execution(era: str, client: str) -> str:
    """The name of a variant of `1+1` through the proxy."""
    return f"execute · through the proxy · {era} era · {client} client"


def cell(era: str, client: str) -> str:
    """The name of a variant of a cell with `1+1`, whose output is in the shared notebook when the result comes."""
    return f"execute_cell · through the proxy · {era} era · {client} client"


@dataclass(frozen=True)
class Way:
    """An endpoint and what it asks of a client."""

    name: str
    url: str
    headers: dict[str, str]


def ways(relay: JupyterProcess, stock: JupyterProcess, direct: SidecarByHand) -> list[Way]:
    """The three ways to a sidecar."""
    return [
        Way("our relay", relay.endpoint, {"Authorization": f"Bearer {relay.token}"}),
        Way("stock jupyter-server-proxy", stock.endpoint, {"Authorization": f"Bearer {stock.token}"}),
        Way("direct", direct.url, direct.headers),
    ]


def callers(relay: JupyterProcess) -> list[Way]:
    """Our relay with a token that a person has made, and with one that a sign-in gave."""
    place, store = place_of(relay), store_of(relay)
    made, _ = store.create(place, "benchmark")
    given = SignIns(store).begin(place, "benchmark", "run", 1, "", "benchmark", 3600).access
    tokens = {SCOPED: made, SIGNED_IN: given}
    return [Way(name, relay.endpoint, {"Authorization": f"Bearer {token}"}) for name, token in tokens.items()]


@asynccontextmanager
async def all_variants(all_ways: list[Way], server: JupyterProcess) -> AsyncIterator[dict[str, Sample]]:
    """Every variant, connected: its name and how to take a sample of it."""
    async with AsyncExitStack() as stack:
        variants: dict[str, Sample] = {}
        for era, version in ERAS.items():
            for way in all_ways:
                lean = LeanClient(way.url, version, way.headers)
                stack.callback(lean.close)
                client = await stack.enter_async_context(sdk_client(way, version))
                variants[no_op(way.name, era, "lean")] = _lean(lean, *NO_OP, NO_OP_SAYS)
                variants[no_op(way.name, era, "sdk")] = sdk_sample(client, *NO_OP, NO_OP_SAYS)
                if way is all_ways[0]:
                    await client.call_tool("use_notebook", {"notebook": NOTEBOOK, "create": True})
                    if era == "new":  # the notebook is the same for all
                        await client.call_tool("insert_cell", {"notebook": NOTEBOOK, "source": "1+1", "index": 0})
                    variants[execution(era, "lean")] = _lean(lean, *ONE_PLUS_ONE, ONE_PLUS_ONE_SAYS)
                    variants[execution(era, "sdk")] = sdk_sample(client, *ONE_PLUS_ONE, ONE_PLUS_ONE_SAYS)
                    variants[cell(era, "lean")] = _lean(lean, *ONE_PLUS_ONE_CELL, ONE_PLUS_ONE_SAYS)
                    variants[cell(era, "sdk")] = sdk_sample(client, *ONE_PLUS_ONE_CELL, ONE_PLUS_ONE_SAYS)
        for way in callers(server):
            lean = LeanClient(way.url, NEW_ERA, way.headers)
            stack.callback(lean.close)
            variants[no_op(way.name, "new", "lean")] = _lean(lean, *NO_OP, NO_OP_SAYS)
        variants[BARE] = await stack.enter_async_context(bare_round_trip(server, "quick", quickack=True))
        variants[BARE_SLOW] = await stack.enter_async_context(bare_round_trip(server, "plain", quickack=False))
        yield variants


@asynccontextmanager
async def sdk_client(way: Way, era: str) -> AsyncIterator[Client]:
    """The SDK's client of an endpoint, connected."""
    async with httpx2.AsyncClient(headers=way.headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(way.url, http_client=http)
        async with Client(transport, mode=era, client_info=Implementation(**CLIENT)) as client:
            yield client


def _lean(client: LeanClient, tool: str, arguments: dict[str, Any], says: str) -> Sample:
    async def sample() -> float:
        body, seconds = client.call(tool, arguments)
        assert says.encode() in body, body
        return seconds

    return sample


def sdk_sample(client: Client, tool: str, arguments: dict[str, Any], says: str) -> Sample:
    """A call by the SDK's client, whose result `says` something."""

    async def call() -> None:
        result = await client.call_tool(tool, arguments)
        assert isinstance(result, CallToolResult)
        block = result.content[0]
        assert block.type == "text" and says in block.text, result

    async def sample() -> float:
        return await timed(call)

    return sample
