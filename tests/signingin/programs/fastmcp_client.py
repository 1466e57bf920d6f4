"""fastmcp's client, which opens the browser and waits for the answer by itself."""

import asyncio
import sys

from application import show, wanted
from fastmcp import Client


async def main(url):
    async with Client(url, auth="oauth") as client:
        result = await client.call_tool("insert_execute_code_cell", wanted(), raise_on_error=False)
        show(result.content, result.is_error)


asyncio.run(main(sys.argv[1]))
