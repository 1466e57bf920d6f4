"""The Python SDK, version 2, in the era that the third argument names."""

import asyncio
import sys

import httpx2
from lines import serve
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url, token, era):
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=300, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):

        async def call(tool, arguments, progress):
            result = await client.call_tool(tool, arguments, progress_callback=progress)
            return result.content, bool(result.is_error)

        async def names():
            return [tool.name for tool in (await client.list_tools()).tools]

        await serve(call, names)


asyncio.run(main(*sys.argv[1:4]))
