"""The Python SDK, version 1."""

import asyncio
import sys

from application import Application, show, wanted
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamablehttp_client
from mcp.shared.auth import OAuthClientMetadata


async def main(url):
    application = Application()

    async def called_back():
        answer = await application.answer
        return answer["code"], answer.get("state")

    async with await application.listen():
        metadata = OAuthClientMetadata(redirect_uris=[application.redirect], client_name="Python SDK 1")
        auth = OAuthClientProvider(url, metadata, application, application.browse, called_back)
        async with streamablehttp_client(url, auth=auth) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            result = await session.call_tool("insert_execute_code_cell", wanted())
            show(result.content, result.isError)


asyncio.run(main(sys.argv[1]))
