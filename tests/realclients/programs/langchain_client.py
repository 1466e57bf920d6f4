"""LangChain's adapters: the tools as an agent of LangChain has them, in one session."""

import asyncio
import sys

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from lines import serve


async def main(url, token):
    connection = {"transport": "streamable_http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}
    told = []

    async def progress(*given):
        await told[-1](*given[:3])

    async with MultiServerMCPClient({"jupyter": connection}).session("jupyter") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session, callbacks=Callbacks(on_progress=progress))}

        async def call(tool, arguments, progress):
            told.append(progress)
            content = await tools[tool].ainvoke(arguments)
            return ([{"type": "text", "text": content}] if isinstance(content, str) else content), False

        async def names():
            return list(tools)

        await serve(call, names)


asyncio.run(main(*sys.argv[1:3]))
