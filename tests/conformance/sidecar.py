"""The sidecar with what the suite calls beside what it has; started in its place (`MCPProxy.python`)."""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import Context, MCPServer

from conformance import fixtures
from jupyter_mcp_proxy.sidecar.__main__ import main as serve
from jupyter_mcp_proxy.tools import prompts
from jupyter_mcp_proxy.tools import server as ours


def main() -> int:
    """Serve, as the sidecar does."""
    create, call = ours.create_server, ours.NotebookServer.call_tool

    def create_server(state: Any) -> ours.NotebookServer:
        prompts.PROMPTS |= {made.__name__: (made.__name__, made) for made in fixtures.PROMPTS}
        server = create(state)
        fixtures.add(server)
        return server

    async def call_tool(
        self: ours.NotebookServer, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> Any:
        if name in fixtures.TOOLS:
            return await MCPServer.call_tool(self, name, arguments, context)
        return await call(self, name, arguments, context)

    ours.create_server = create_server
    ours.NotebookServer.call_tool = call_tool  # type: ignore[method-assign]
    return serve()
