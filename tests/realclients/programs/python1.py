"""The Python SDK, version 1."""

import asyncio
import sys

from lines import serve, text_of
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def main(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with streamablehttp_client(url, headers=headers) as (read, write, _), ClientSession(read, write) as session:
        await session.initialize()

        async def call(tool, arguments):
            result = await session.call_tool(tool, arguments)
            return text_of(result.content), bool(result.isError)

        await serve(call)


asyncio.run(main(*sys.argv[1:3]))
