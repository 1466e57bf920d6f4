"""fastmcp's client, over HTTP or with `stdio`."""

import asyncio
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from lines import program, serve


async def main(url, token, way="http"):
    headers = {"Authorization": f"Bearer {token}"}
    transport = StdioTransport(**program()) if way == "stdio" else StreamableHttpTransport(url, headers=headers)
    async with Client(transport) as client:

        async def call(tool, arguments, progress):
            result = await client.call_tool(tool, arguments, raise_on_error=False, progress_handler=progress)
            return result.content, bool(result.is_error)

        async def names():
            return [tool.name for tool in await client.list_tools()]

        await serve(call, names)


asyncio.run(main(*sys.argv[1:]))
