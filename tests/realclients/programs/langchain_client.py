"""LangChain's adapters: the tools as an agent of LangChain has them, in one session."""

import asyncio
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from lines import serve


async def main(url, token):
    connection = {"transport": "streamable_http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}
    async with MultiServerMCPClient({"jupyter": connection}).session("jupyter") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}

        async def call(tool, arguments):
            return str(await tools[tool].ainvoke(arguments)), False

        await serve(call)


asyncio.run(main(*sys.argv[1:3]))
