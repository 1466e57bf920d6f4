"""The Python SDK, version 1, over HTTP or with `stdio`."""

import asyncio
import sys

from lines import program, serve
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


async def main(url, token, way="http"):
    headers = {"Authorization": f"Bearer {token}"}
    opened = (
        stdio_client(StdioServerParameters(**program()))
        if way == "stdio"
        else streamablehttp_client(url, headers=headers)
    )
    async with opened as (read, write, *_), ClientSession(read, write) as session:
        await session.initialize()

        async def call(tool, arguments, progress):
            result = await session.call_tool(tool, arguments, progress_callback=progress)
            return result.content, bool(result.isError)

        async def names():
            return [tool.name for tool in (await session.list_tools()).tools]

        await serve(call, names)


asyncio.run(main(*sys.argv[1:]))
