"""The Python SDK, version 2, in the era that the last argument names."""

import asyncio
import sys

import httpx2
from application import Application, show, wanted
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata


async def main(url, era):
    application = Application()

    async def called_back():
        answer = await application.answer
        return AuthorizationCodeResult(**{key: answer[key] for key in ("code", "state", "iss") if key in answer})

    async with await application.listen():
        metadata = OAuthClientMetadata(redirect_uris=[application.redirect], client_name="Python SDK 2")
        auth = OAuthClientProvider(url, metadata, application, application.browse, called_back)
        async with (
            httpx2.AsyncClient(auth=auth, timeout=300, trust_env=False) as http,
            Client(streamable_http_client(url, http_client=http), mode=era) as client,
        ):
            result = await client.call_tool("insert_execute_code_cell", wanted())
            show(result.content, result.is_error)


asyncio.run(main(sys.argv[1], sys.argv[4]))
