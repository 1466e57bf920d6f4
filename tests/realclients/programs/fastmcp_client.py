"""fastmcp's client."""

import asyncio
import sys

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from lines import serve, text_of


async def main(url, token):
    transport = StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})
    async with Client(transport) as client:

        async def call(tool, arguments):
            result = await client.call_tool(tool, arguments, raise_on_error=False)
            return text_of(result.content), bool(result.is_error)

        await serve(call)


asyncio.run(main(*sys.argv[1:3]))
