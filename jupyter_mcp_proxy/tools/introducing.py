"""What the server says of itself, where the SDK says too much or too little."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mcp.server.context import ServerRequestContext
from mcp_types import SERVER_INFO_META_KEY, EmptyResult, SetLevelRequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from .. import __version__

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

NAME = "jupyter-mcp-proxy"
BRIEF = {"name": NAME, "version": __version__}
DISCOVER = "server/discover"

Next = Callable[[ServerRequestContext[Any, Any]], Awaitable[Any]]


async def introduce(ctx: ServerRequestContext[Any, Any], call_next: Next) -> Any:
    """A middleware for the new era's results: each is signed in brief, and what is declared is what is sent.

    The SDK signs each with all of the server's description, whose icon alone is longer than most results; only who asks
    for the description gets it. Where subscriptions are served it declares that all lists change: ours of tools and
    prompts never do, and no notice is sent when the one of resources does.
    """
    result = await call_next(ctx)
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS or not isinstance(result, dict):
        return result
    if ctx.method == DISCOVER:
        return {**result, "capabilities": _as_sent(result["capabilities"])}
    if SERVER_INFO_META_KEY in (result.get("_meta") or {}):
        return {**result, "_meta": {**result["_meta"], SERVER_INFO_META_KEY: dict(BRIEF)}}
    return result


def _as_sent(declared: dict[str, Any]) -> dict[str, Any]:
    """Capabilities without those that the new era has no use for."""
    kept = {name: value for name, value in declared.items() if name != "logging"}
    for kind in ("tools", "prompts", "resources"):
        if "listChanged" in kept.get(kind, {}):
            kept[kind] = {**kept[kind], "listChanged": False}
    return kept


async def set_level(ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
    """Take a client's level of logging in the old era. It gets no log: what there is to tell is in the results."""
    return EmptyResult()


def register(server: MCPServer[Any]) -> None:
    """Let clients of the old era set a level: some do so at once, and take an error for a fault of the connection."""
    handlers = server._lowlevel_server  # as in `resources.py`
    handlers.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)
