"""pydantic-ai: the server's tools as its agents call them."""

import asyncio
import sys

from lines import serve
from pydantic_ai.mcp import MCPToolset


def block(part):
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image" if getattr(part, "is_image", False) else "other"}


async def main(url, token):
    told = []

    async def reports(*given):
        await told[-1](*given)

    headers = {"Authorization": f"Bearer {token}"}
    async with MCPToolset(url, headers=headers, progress_handler=reports) as server:

        async def call(tool, arguments, progress):
            told.append(progress)
            content = await server.direct_call_tool(tool, arguments)
            return [block(part) for part in (content if isinstance(content, list) else [content])], False

        async def names():
            return [tool.name for tool in await server.list_tools()]

        await serve(call, names)


asyncio.run(main(*sys.argv[1:3]))
