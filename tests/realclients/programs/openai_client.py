"""openai-agents, with the limits that docs/connect.md has for it."""

import asyncio
import sys

from agents.mcp import MCPServerStreamableHttp
from lines import serve


async def main(url, token):
    params = {"url": url, "headers": {"Authorization": f"Bearer {token}"}, "timeout": 120}
    async with MCPServerStreamableHttp(params, client_session_timeout_seconds=120) as server:

        async def call(tool, arguments, progress):
            result = await server.call_tool(tool, arguments)
            return result.content, bool(getattr(result, "isError", False) or getattr(result, "is_error", False))

        async def names():
            return [tool.name for tool in await server.list_tools()]

        await serve(call, names)


asyncio.run(main(*sys.argv[1:3]))
